"""An export as a folder of CSV files: one a table, one a waveform, and a manifest.

An empty cell is nothing; a text that is empty or begins with a backslash has one more in front.
Numbers are written so that reading restores every bit.
"""

from __future__ import annotations

import csv
import json
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labbench.errors import ImportFileError
from labbench.store.exchange.cells import Cell, Cells
from labbench.store.exchange.formats.layout import MANIFEST, Samples, read_json, require_rows
from labbench.store.exchange.formats.seal import seal_folder

_NAN_BITS = 0x7FF8000000000000
# The writer quotes only what is in it, and a reader ends a row at either of both.
_LINE_END = "\r\n"
_RAW, _COUNTS = "raw", "counts"


class Writer:
    """Writes an export as CSV."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        path.mkdir()
        self._path = path
        self._about = about
        self._open = ExitStack()
        self._columns = {name: list(columns) for name, columns in about["tables"].items()}
        self._tables = {}
        for name, columns in self._columns.items():
            file = self._open.enter_context(_create(path / f"{name}.csv"))
            self._tables[name] = csv.writer(file, lineterminator=_LINE_END)
            self._tables[name].writerow(columns)

    def rows(self, table: str, rows: Sequence[Cells]) -> None:
        """Append rows to a table."""
        columns = self._columns[table]
        self._tables[table].writerows([_text(row[name]) for name in columns] for row in rows)

    def samples(self, samples: Samples) -> str:
        """Write the samples of a waveform and return the name of the file."""
        name = f"samples/{samples.name}.csv"
        path = self._path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        columns: dict[str, list[str]] = {}
        if samples.time_s is not None:
            columns["time_s"] = list(map(repr, samples.time_s.tolist()))
        if samples.raw.dtype.kind == "i":
            columns[_COUNTS] = list(map(str, samples.raw.tolist()))
        elif not samples.is_physical or _odd_nan(samples.raw).any():
            columns[_RAW] = [_bits(value) for value in samples.raw.tolist()]
        # After the times, so that in a file of times the column does not come twice.
        value = f"{samples.quantity}_{samples.unit}"
        columns["value" if value in columns else value] = list(map(repr, samples.values.tolist()))
        with _create(path) as file:
            writer = csv.writer(file, lineterminator=_LINE_END)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
        return name

    def finish(self, manifest: dict[str, Any]) -> None:
        """Write the manifest and seal the folder."""
        self._open.close()
        with _create(self._path / MANIFEST) as file:
            json.dump({**self._about, **manifest}, file, indent=1)
        seal_folder(self._path)

    def abandon(self) -> None:
        """Close what is open."""
        self._open.close()


class Reader:
    """Reads an export written as CSV."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open = ExitStack()
        self._tables: dict[str, Iterator[list[str]]] = {}
        self.manifest = read_json(path / MANIFEST)
        # A cell may hold a whole imported file.
        csv.field_size_limit(min(sys.maxsize, 2**31 - 1))

    def rows(self, table: str, n: int) -> list[Cells]:
        """Return the next rows of a table."""
        columns = self.manifest["tables"][table]
        if table not in self._tables:
            file = self._open.enter_context(_read(self._path / f"{table}.csv"))
            self._tables[table] = csv.reader(file)
            if next(self._tables[table], None) != list(columns):
                raise ImportFileError(f"{table}.csv of {self._path} has other columns.")
        kinds = {name: column["kind"] for name, column in columns.items()}
        found = [
            {name: _cell(kinds[name], text) for name, text in zip(columns, row, strict=True)}
            for row in islice(self._tables[table], n)
        ]
        return require_rows(found, n, table)

    def samples(self, waveform: Cells) -> NDArray[Any]:
        """Return the raw samples of a waveform."""
        with _read(self._path / str(waveform["samples"])) as file:
            rows = csv.reader(file)
            header = next(rows)
            place = next(
                (header.index(name) for name in (_COUNTS, _RAW) if name in header),
                len(header) - 1,
            )
            texts = [row[place] for row in rows]
        if waveform["dtype"] == "float64":
            return np.array([_value(text) for text in texts], dtype=np.float64)
        return np.array([int(text) for text in texts], dtype=str(waveform["dtype"]))

    def close(self) -> None:
        """Close what is open."""
        self._open.close()


def _create(path: Path) -> Any:
    return path.open("x", encoding="utf-8", newline="")


def _read(path: Path) -> Any:
    return path.open(encoding="utf-8", newline="")


def _text(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case bytes():
            return cell.hex()
        case float():
            return _bits(cell)
        case str():
            return "\\" + cell if cell == "" or cell.startswith("\\") else cell
    return str(cell)


def _cell(kind: str, text: str) -> Cell:
    if text == "":
        return None
    match kind:
        case "flag":
            return text == "true"
        case "whole":
            return int(text)
        case "real":
            return _value(text)
        case "bytes":
            return bytes.fromhex(text)
    return text.removeprefix("\\")


def _odd_nan(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    odd: NDArray[np.bool_] = np.isnan(values) & (values.view(np.uint64) != _NAN_BITS)
    return odd


def _bits(value: float) -> str:
    """Return the shortest text that restores a number; an odd NaN says its bits."""
    if value == value:
        return repr(float(value))
    (bits,) = struct.unpack(">Q", struct.pack(">d", value))
    return "nan" if bits == _NAN_BITS else f"nan:{bits:016x}"


def _value(text: str) -> float:
    name, _, bits = text.partition(":")
    if not bits:
        return float(name)
    (value,) = struct.unpack(">d", bytes.fromhex(bits))
    return float(value)
