"""A CSV file with named columns, read strictly: every sample is a number, or nothing is read."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labbench.errors import ImportFileError

# Line 1 is the header; line numbers in messages are those an editor shows.
FIRST_DATA_LINE = 2


@dataclass(frozen=True, eq=False)
class Table:
    """The numbers of a file.

    Attributes
    ----------
    file_name : str
    source : str
        The whole file as it stands, byte order mark and line ends included.
    header : tuple of str
        Column names as written.
    values : (n, k) float64 array
        Finite, in the units of the file; row i stands on line i + `FIRST_DATA_LINE`.
    """

    file_name: str
    source: str
    header: tuple[str, ...]
    values: NDArray[np.float64]

    def error(self, row: int, found: str) -> ImportFileError:
        """Return an error that names the line of a row."""
        return ImportFileError(f"{self.file_name}, line {row + FIRST_DATA_LINE}: {found}")


def read_table(path: Path) -> Table:
    """Read a comma separated file with one header line.

    Raises
    ------
    ImportFileError
        If the file is unreadable, empty or binary, has no header, or any line is cut, ragged,
        blank, or holds anything but finite numbers. The message names the line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ImportFileError(
            f"{path.name}: cannot be read ({error.strerror}); check the path."
        ) from error
    header, lines = _split(content, path.name)
    try:
        # Blank lines are skipped and cut fields filled by more lenient parsers; loadtxt refuses
        # ragged rows and text, and the two checks refuse the rest.
        values = np.loadtxt(lines, delimiter=",", comments=None, ndmin=2, dtype=np.float64)
        is_sound = values.shape == (len(lines), len(header)) and bool(np.isfinite(values).all())
    except ValueError:
        is_sound = False
    if not is_sound:
        raise ImportFileError(f"{path.name}, {_first_fault(header, lines)}")
    return Table(path.name, content.decode("utf-8"), header, values)


def _split(content: bytes, name: str) -> tuple[tuple[str, ...], list[str]]:
    if not content.strip():
        raise ImportFileError(f"{name}: the file is empty; export it again.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ImportFileError(f"{name}: is not UTF-8 text; export it as CSV, not as a binary file.")
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[-1]:
        # "1.2e-9" cut to "1.2" is still a number, so only the missing line end can tell.
        raise ImportFileError(
            f"{name}, line {len(lines)}: the last line has no line end, so its last number may be "
            f"cut; complete the line and end it, or remove it."
        )
    header = tuple(field.strip().strip('"') for field in lines[0].split(","))
    if len(header) < 2:
        raise ImportFileError(
            f"{name}, line 1: found one column, {lines[0][:40]!r}; separate columns with commas."
        )
    if len(lines) == FIRST_DATA_LINE:
        raise ImportFileError(f"{name}: there is no data below line 1; export it again.")
    if any(_number(field) is not None for field in header):
        raise ImportFileError(
            f"{name}, line 1: found numbers, not column names; add a line of names with units, "
            f"such as time_s,voltage_V,current_A."
        )
    return header, lines[1:-1]


def _first_fault(header: tuple[str, ...], lines: list[str]) -> str:
    for number, line in enumerate(lines, FIRST_DATA_LINE):
        fields = line.split(",")
        if len(fields) != len(header) or not line.strip():
            n_fields = len(fields) if line.strip() else 0
            return (
                f"line {number}: found {n_fields} fields, but line 1 names {len(header)} columns; "
                f"complete the line or remove it."
            )
        for name, field in zip(header, fields, strict=True):
            value = _number(field)
            if value is None or not isfinite(value):
                return (
                    f"line {number}, column {name!r}: found {field.strip()[:40]!r}, not a finite "
                    f"number; mend or remove the line (nothing is left out unasked)."
                )
    return f"line {FIRST_DATA_LINE}: the numbers cannot be read; write them like -1.5e-9."


def _number(field: str) -> float | None:
    try:
        return float(field)
    except ValueError:
        return None
