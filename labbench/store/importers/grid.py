"""Lines of numbers, read strictly: every cell is a number or accounted for, or nothing is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np
from numpy.typing import NDArray

from labbench.store.importers.options import ReadOptions
from labbench.store.importers.text import SourceText

FloatArray = NDArray[np.float64]

# What SCPI instruments send for "not a number" and for an overflow of their range.
OVERFLOWS = (9.9e37, 9.91e37)
_DELIMITERS = ("\t", ";", ",")
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class Grid:
    """Numbers of a file.

    Attributes
    ----------
    values : (n, k) float64 array
        In the units of the file; NaN where a cell is missing.
    line_numbers : (n,) intp array
        The line, from 1, that each row stands on.
    notes : tuple of str
    """

    values: FloatArray
    line_numbers: NDArray[np.intp]
    notes: tuple[str, ...]


def find_delimiter(line: str) -> str | None:
    """Return what separates the fields of a line: tab, semicolon or comma; None for blanks."""
    return next((delimiter for delimiter in _DELIMITERS if delimiter in line), None)


def split_fields(line: str, delimiter: str | None) -> list[str]:
    """Return the fields of a line without blanks and quotes around them; an empty last one goes."""
    fields = [field.strip().strip('"').strip() for field in line.split(delimiter)] or [""]
    return fields[:-1] if len(fields) > 1 and not fields[-1] else fields


def parse_number(field: str) -> float | None:
    """Return a number, with a decimal point or a decimal comma, None if it is none."""
    try:
        return None if "_" in field else float(field.replace(",", "."))
    except ValueError:
        return None


def read_grid(
    source: SourceText,
    names: Sequence[str],
    lines: range,
    delimiter: str | None,
    options: ReadOptions,
    *,
    may_end_open: bool = False,
) -> Grid:
    """Read the numbers of some lines.

    Parameters
    ----------
    source : SourceText
    names : sequence of str
        One for each column, for messages.
    lines : range
        Indices into ``source.lines``.
    delimiter : str or None
        None for blanks.
    options : ReadOptions
        Which cells count as missing, and whether unreadable rows are left out.
    may_end_open : bool
        Whether this kind of file never has an end of its last line.

    Raises
    ------
    ImportFileError
        If there is no line, or one is cut, ragged or blank, or a cell is not a finite number.
    """
    chosen = [source.lines[index] for index in lines]
    if not chosen:
        raise source.error(lines.start, "there is no data below this line; export it again.")
    notes = []
    is_cut = lines.stop == len(source.lines) and not (source.is_ended or may_end_open)
    if is_cut:
        # "1.2e-9" cut to "1.2" is still a number, so only the missing line end can tell.
        if not options.lenient:
            raise source.error(
                lines.stop,
                "the last line has no line end, so its last number may be cut; complete the line "
                "and end it, remove it, or give --lenient to take it as it is.",
            )
        notes.append(f"line {lines.stop}, the last, has no line end: its last number may be cut")
    chosen, trailing = _strip_trailing(chosen, len(names), delimiter)
    if trailing:
        notes.append("every line ends with a delimiter: the empty column after it is not read")
    if delimiter != "," and any("," in line for line in chosen):
        notes.append("decimal commas")
        chosen = _decimal_points(source, chosen, lines)
    values, line_numbers, skipped = _read_values(source, names, chosen, lines, delimiter, options)
    notes += skipped
    is_overflow = np.isin(np.abs(values), OVERFLOWS)
    values[is_overflow] = nan
    for name, n in zip(names, is_overflow.sum(axis=0), strict=True):
        if n:
            notes.append(f"{n} of column {name!r} are overflow marks (9.9e37): kept as missing")
    return Grid(values, line_numbers, tuple(notes))


def _strip_trailing(
    lines: list[str], n_columns: int, delimiter: str | None
) -> tuple[list[str], bool]:
    if delimiter is None:
        return lines, False
    stripped = [line.rstrip(" ") for line in lines]
    if all(s.endswith(delimiter) and s.count(delimiter) == n_columns for s in stripped):
        return [s[: -len(delimiter)] for s in stripped], True
    return lines, False


def _decimal_points(source: SourceText, chosen: list[str], lines: range) -> list[str]:
    for index, line in zip(lines, chosen, strict=True):
        if "." in line:
            raise source.error(
                index + 1,
                f"found both points and commas in the numbers of this file, {line[:40]!r}; export "
                f"it again with one decimal sign and no thousands separators.",
            )
    return [line.replace(",", ".") for line in chosen]


def _read_values(
    source: SourceText,
    names: Sequence[str],
    chosen: list[str],
    lines: range,
    delimiter: str | None,
    options: ReadOptions,
) -> tuple[FloatArray, NDArray[np.intp], list[str]]:
    try:
        # Blank lines are skipped and cut fields filled by more lenient parsers; loadtxt refuses
        # ragged rows and text, and the two checks refuse the rest.
        values = np.loadtxt(chosen, delimiter=delimiter, comments=None, ndmin=2, dtype=np.float64)
        if values.shape == (len(chosen), len(names)) and bool(np.isfinite(values).all()):
            return values, np.arange(lines.start + 1, lines.stop + 1), []
    except ValueError:
        pass
    rows, line_numbers, left_out = [], [], []
    n_missing: Counter[str] = Counter()
    for index, line in zip(lines, chosen, strict=True):
        row, found = _read_row(line, names, delimiter, options)
        if row is None and not options.lenient:
            raise source.error(index + 1, found)
        if row is None:
            left_out.append(index + 1)
            continue
        n_missing.update(name for name, value in zip(names, row, strict=True) if value != value)
        rows.append(row)
        line_numbers.append(index + 1)
    if not rows:
        raise source.error(lines.start + 1, "no row from here on can be read; export it again.")
    notes = [f"{n} cells of column {name!r} are missing" for name, n in n_missing.items()]
    if left_out:
        shown = ", ".join(map(str, left_out[:_SHOWN])) + (", ..." if left_out[_SHOWN:] else "")
        notes.append(f"{len(left_out)} rows cannot be read and are left out: lines {shown}")
    return np.array(rows), np.array(line_numbers, dtype=np.intp), notes


def _read_row(
    line: str, names: Sequence[str], delimiter: str | None, options: ReadOptions
) -> tuple[list[float] | None, str]:
    fields = [field.strip().strip('"').strip() for field in line.split(delimiter)]
    if len(fields) == len(names) + 1 and not fields[-1]:
        fields.pop()
    if len(fields) != len(names) or not line.strip():
        n_fields = len(fields) if line.strip() else 0
        return None, (
            f"found {n_fields} fields, but there are {len(names)} columns; complete the line or "
            f"remove it, or give --lenient to leave such rows out and count them."
        )
    row = []
    for name, field in zip(names, fields, strict=True):
        value = nan if field in options.missing else parse_number(field)
        if value is None or not (isfinite(value) or field in options.missing):
            return None, (
                f"column {name!r}: found {field[:40]!r}, not a finite number; mend or remove the "
                f"line, give --missing {field[:40]!r} to keep such cells as missing, or --lenient "
                f"to leave such rows out and count them."
            )
        row.append(value)
    return row, ""
