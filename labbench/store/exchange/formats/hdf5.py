"""An export as one HDF5 file: a group a table with a dataset a column, and a dataset a waveform."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from labbench.errors import OutputError
from labbench.store.exchange.cells import Cell, Cells
from labbench.store.exchange.formats.layout import AT_ONCE, Samples, require_rows
from labbench.store.exchange.formats.seal import BLOCK, require_sealed_file, seal_file

_MANIFEST = "manifest"
# Beside a column that may be empty: where it is.
_EMPTY = "{}.is_empty"
_TYPES = {"flag": np.bool_, "whole": np.int64, "real": np.float64}
_FILL: dict[str, Cell] = {"flag": False, "whole": 0, "real": float("nan")}
_CHUNK = 1024


class Writer:
    """Writes an export as HDF5."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self._path = path
        self._about = about
        self._waiting: dict[str, list[Cells]] = {name: [] for name in about["tables"]}
        self._file = h5py.File(path, "x", userblock_size=BLOCK, libver="latest")
        for name, said in about.items():
            if isinstance(said, str):
                self._file.attrs[name] = said
        for table, columns in about["tables"].items():
            for name, column in columns.items():
                self._add_column(f"tables/{table}/{name}", column)

    def _add_column(self, place: str, column: dict[str, Any]) -> None:
        text = h5py.vlen_dtype(np.uint8) if column["kind"] == "bytes" else h5py.string_dtype()
        dtype = _TYPES.get(column["kind"], text)
        made = self._file.create_dataset(place, (0,), dtype, maxshape=(None,), chunks=(_CHUNK,))
        for key, said in column.items():
            made.attrs[key] = said
        if column["nullable"]:
            self._file.create_dataset(
                _EMPTY.format(place), (0,), np.bool_, maxshape=(None,), chunks=(_CHUNK,)
            )

    def rows(self, table: str, rows: Sequence[Cells]) -> None:
        """Append rows to a table."""
        self._waiting[table] += rows
        if len(self._waiting[table]) >= AT_ONCE:
            self._flush(table)

    def _flush(self, table: str) -> None:
        rows, self._waiting[table] = self._waiting[table], []
        if not rows:
            return
        for name, column in self._about["tables"][table].items():
            place = f"tables/{table}/{name}"
            cells = [row[name] for row in rows]
            self._append(place, [_stored(column["kind"], cell, table, name) for cell in cells])
            if column["nullable"]:
                self._append(_EMPTY.format(place), [cell is None for cell in cells])

    def _append(self, place: str, values: list[Any]) -> None:
        dataset = self._file[place]
        n = dataset.shape[0]
        dataset.resize((n + len(values),))
        if dataset.dtype == object:
            made = np.empty(len(values), dtype=object)
            made[:] = values
            dataset[n:] = made
        else:
            dataset[n:] = np.array(values, dtype=dataset.dtype)

    def samples(self, samples: Samples) -> str:
        """Write the samples of a waveform and return the name of the dataset."""
        name = f"samples/{samples.name}"
        packed = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
        raw = samples.raw.astype(samples.raw.dtype.newbyteorder("<"), copy=False)
        made = self._file.create_dataset(name, data=raw, **(packed if raw.size else {}))
        said = ("waveform_id", "run_id", "ordinal", "channel", "quantity", "unit", "scale")
        for key in (*said, "offset", "start_s", "interval_s", "time_axis", "sha256"):
            if getattr(samples, key) is not None:
                made.attrs[key] = getattr(samples, key)
        made.attrs["value"] = "raw * scale + offset, in unit"
        return name

    def finish(self, manifest: dict[str, Any]) -> None:
        """Write the manifest and seal the file."""
        for table in self._waiting:
            self._flush(table)
        text = json.dumps({**self._about, **manifest}, indent=1)
        self._file.create_dataset(_MANIFEST, data=text, dtype=h5py.string_dtype())
        self._file.close()
        seal_file(self._path)

    def abandon(self) -> None:
        """Close the file."""
        self._file.close()


class Reader:
    """Reads an export written as HDF5."""

    def __init__(self, path: Path) -> None:
        require_sealed_file(path)
        self._file = h5py.File(path, "r")
        self.manifest: dict[str, Any] = json.loads(self._file[_MANIFEST].asstr()[()])
        self._read: dict[str, int] = {}

    def rows(self, table: str, n: int) -> list[Cells]:
        """Return the next rows of a table."""
        start = self._read.get(table, 0)
        self._read[table] = start + n
        columns: dict[str, list[Cell]] = {}
        for name, column in self.manifest["tables"][table].items():
            place = f"tables/{table}/{name}"
            columns[name] = self._column(place, column, start, n)
        found = [
            dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
        ]
        return require_rows(found, n, table)

    def _column(self, place: str, column: dict[str, Any], start: int, n: int) -> list[Cell]:
        dataset = self._file[place]
        if column["kind"] == "bytes":
            cells = [part.tobytes() for part in dataset[start : start + n]]
        elif column["kind"] in _TYPES:
            cells = dataset[start : start + n].tolist()
        else:
            cells = dataset.asstr()[start : start + n].tolist()
        if not column["nullable"]:
            return list(cells)
        empty = self._file[_EMPTY.format(place)][start : start + n]
        return [None if is_empty else cell for cell, is_empty in zip(cells, empty, strict=True)]

    def samples(self, waveform: Cells) -> NDArray[Any]:
        """Return the raw samples of a waveform."""
        found = self._file[str(waveform["samples"])][()]
        made: NDArray[Any] = found.astype(str(waveform["dtype"]), copy=False)
        return made

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _stored(kind: str, cell: Cell, table: str, name: str) -> Any:
    match kind:
        case "bytes":
            return np.frombuffer(cell if isinstance(cell, bytes) else b"", dtype=np.uint8)
        case "flag" | "whole" | "real":
            return _FILL[kind] if cell is None else cell
    text = "" if cell is None else str(cell)
    if "\0" in text:
        raise OutputError(
            f"Column {name} of a {table} holds a character of code zero, which HDF5 takes for the "
            "end of a text: export it as parquet or csv."
        )
    return text
