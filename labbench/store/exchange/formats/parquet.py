"""An export as a folder of Parquet files: one a table, one for all samples, and a manifest."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from labbench.errors import ImportFileError
from labbench.store.exchange.cells import Cells
from labbench.store.exchange.formats.layout import (
    AT_ONCE,
    MANIFEST,
    Samples,
    read_json,
    require_rows,
)
from labbench.store.exchange.formats.seal import seal_folder

_SAMPLES = "samples.parquet"
_TYPES = {
    "flag": pa.bool_(),
    "whole": pa.int64(),
    "real": pa.float64(),
    "bytes": pa.binary(),
    "moment": pa.string(),
    "document": pa.string(),
    "text": pa.string(),
}
_SAMPLES_SCHEMA = pa.schema(
    [
        pa.field("waveform_id", pa.int64(), metadata={"refers_to": "id of waveform"}),
        pa.field("run_id", pa.int64(), metadata={"refers_to": "id of run"}),
        pa.field("ordinal", pa.int64(), metadata={"meaning": "place of the response in its run"}),
        pa.field("channel", pa.string()),
        pa.field("quantity", pa.string()),
        pa.field("unit", pa.string(), metadata={"meaning": "of values"}),
        pa.field("scale", pa.float64(), metadata={"unit": "unit of this row per count"}),
        pa.field("offset", pa.float64(), metadata={"unit": "unit of this row"}),
        pa.field("start_s", pa.float64(), metadata={"unit": "s"}),
        pa.field("interval_s", pa.float64(), metadata={"unit": "s"}),
        pa.field("time_axis", pa.string()),
        pa.field("sha256", pa.string(), metadata={"meaning": "of the raw samples, little-endian"}),
        pa.field("counts", pa.list_(pa.int16()), metadata={"meaning": "raw, of an ADC"}),
        pa.field("raw", pa.list_(pa.float64()), metadata={"meaning": "raw, where not counts"}),
        pa.field("values", pa.list_(pa.float64()), metadata={"unit": "unit of this row"}),
    ]
)
# A dictionary packs values that come from counts well; it takes all NaN for one, and would lose the
# bits of raw ones.
_EXACT = {
    "compression": "zstd",
    "use_dictionary": ["channel", "quantity", "unit", "time_axis", "values.list.element"],
    "column_encoding": {
        "counts.list.element": "DELTA_BINARY_PACKED",
        "raw.list.element": "BYTE_STREAM_SPLIT",
    },
}
_SAMPLES_AT_ONCE = 500_000


class Writer:
    """Writes an export as Parquet."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        path.mkdir()
        self._path = path
        self._about = about
        self._rows: dict[str, list[Cells]] = {name: [] for name in about["tables"]}
        self._samples: list[dict[str, Any]] = []
        self._n_samples = 0
        said = {b"labbench": json.dumps(about).encode()}
        self._schemas = {
            name: _schema(columns).with_metadata(said) for name, columns in about["tables"].items()
        }
        self._files = {
            name: pq.ParquetWriter(
                path / f"{name}.parquet", schema, compression="zstd", use_dictionary=_words(schema)
            )
            for name, schema in self._schemas.items()
        }
        self._samples_file = pq.ParquetWriter(
            path / _SAMPLES, _SAMPLES_SCHEMA.with_metadata(said), **_EXACT
        )

    def rows(self, table: str, rows: Sequence[Cells]) -> None:
        """Append rows to a table."""
        self._rows[table] += rows
        if len(self._rows[table]) >= AT_ONCE:
            self._flush(table)

    def samples(self, samples: Samples) -> str:
        """Write the samples of a waveform and return the name of the file."""
        row = {name: getattr(samples, name) for name in _SAMPLES_SCHEMA.names[:12]}
        is_count = samples.raw.dtype.kind == "i"
        row["counts"] = samples.raw.astype(np.int16) if is_count else None
        row["raw"] = None if is_count else samples.raw
        row["values"] = samples.values
        self._samples.append(row)
        self._n_samples += samples.raw.size
        if self._n_samples >= _SAMPLES_AT_ONCE or len(self._samples) >= AT_ONCE:
            self._flush_samples()
        return _SAMPLES

    def finish(self, manifest: dict[str, Any]) -> None:
        """Write the manifest and seal the folder."""
        for table in self._rows:
            self._flush(table)
        self._flush_samples()
        self.abandon()
        text = json.dumps({**self._about, **manifest}, indent=1)
        (self._path / MANIFEST).write_text(text, encoding="utf-8")
        seal_folder(self._path)

    def abandon(self) -> None:
        """Close what is open."""
        for file in (*self._files.values(), self._samples_file):
            file.close()

    def _flush(self, table: str) -> None:
        if self._rows[table]:
            made = pa.Table.from_pylist(self._rows[table], schema=self._schemas[table])
            self._files[table].write_table(made)
            self._rows[table] = []

    def _flush_samples(self) -> None:
        if self._samples:
            arrays = [
                pa.array([row[field.name] for row in self._samples], type=field.type)
                for field in _SAMPLES_SCHEMA
            ]
            self._samples_file.write_table(
                pa.Table.from_arrays(arrays, schema=self._samples_file.schema)
            )
        self._samples, self._n_samples = [], 0


class Reader:
    """Reads an export written as Parquet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.manifest = read_json(path / MANIFEST)
        self._files: list[pq.ParquetFile] = []
        self._batches: dict[str, Iterator[pa.RecordBatch]] = {}
        self._waiting: dict[str, deque[Cells]] = {}
        self._samples: Iterator[tuple[int, NDArray[Any]]] | None = None

    def rows(self, table: str, n: int) -> list[Cells]:
        """Return the next rows of a table."""
        if table not in self._batches:
            self._batches[table] = self._file(f"{table}.parquet").iter_batches(AT_ONCE)
            self._waiting[table] = deque()
        waiting = self._waiting[table]
        while len(waiting) < n and (batch := next(self._batches[table], None)) is not None:
            waiting.extend(batch.to_pylist())
        return require_rows([waiting.popleft() for _ in range(min(n, len(waiting)))], n, table)

    def samples(self, waveform: Cells) -> NDArray[Any]:
        """Return the raw samples of a waveform."""
        if self._samples is None:
            self._samples = self._all_samples()
        for waveform_id, raw in self._samples:
            if waveform_id == waveform["id"]:
                return raw.astype(str(waveform["dtype"]), copy=False)
        raise ImportFileError(
            f"The export {self._path} has no samples of waveform {waveform['id']!r}: "
            "get a new copy."
        )

    def close(self) -> None:
        """Close what is open."""
        for file in self._files:
            file.close()

    def _file(self, name: str) -> pq.ParquetFile:
        self._files.append(pq.ParquetFile(self._path / name))
        return self._files[-1]

    def _all_samples(self) -> Iterator[tuple[int, NDArray[Any]]]:
        file = self._file(_SAMPLES)
        for group in range(file.num_row_groups):
            found = file.read_row_group(group, ["waveform_id", "counts", "raw"])
            for place, waveform_id in enumerate(found["waveform_id"].to_pylist()):
                cells = (found[name][place] for name in ("counts", "raw"))
                raw = next(cell for cell in cells if cell.is_valid)
                yield waveform_id, raw.values.to_numpy(zero_copy_only=False)


def _schema(columns: dict[str, dict[str, Any]]) -> pa.Schema:
    return pa.schema(
        [
            pa.field(
                name,
                _TYPES[column["kind"]],
                metadata={key: str(said) for key, said in column.items()},
            )
            for name, column in columns.items()
        ]
    )


def _words(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if field.type == pa.string()]
