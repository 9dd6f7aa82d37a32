"""Export: everything of some runs, in files that a stranger can read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Table, select

from labbench.errors import NotFoundError, StoreError
from labbench.store import schema
from labbench.store.engine import is_file, reading
from labbench.store.exchange.cells import Cells, describe, to_cells
from labbench.store.exchange.formats import make_writer
from labbench.store.exchange.formats.layout import AT_ONCE, ExportWriter, Samples
from labbench.store.exchange.identity import Identity, read_samples, samples_sha256
from labbench.store.exchange.place import whole
from labbench.store.exchange.scope import Scope
from labbench.store.exchange.select import Row, Selection
from labbench.store.migrate import found_revision
from labbench.store.provenance import programme, user
from labbench.store.reader import Reader

VERSION = 1
_ABOUT = (
    "Runs of a lab database of labbench (bench application for 1M1T1R neurons): what was applied "
    "to devices, what came back, and what was made of it. All values are in SI base units; the "
    "unit of a column stands in its name (_v, _a, _s, _ohm, ...) or beside it. Ids tie the tables "
    "together: a run is one execution of a procedure on one device; its stimuli are what was "
    "applied, with the waveforms that came back; the value of a sample is raw * scale + offset. "
    "`labbench db import` restores all of it, bit by bit."
)
# What an export adds to a table: where the samples are, and their hash.
ADDED = {
    "waveform": {
        "samples": {"kind": "text", "nullable": False, "meaning": "where the samples are"},
        "sha256": {"kind": "text", "nullable": False, "meaning": "of the raw samples"},
    }
}


@dataclass(frozen=True)
class Exported:
    """What an export holds.

    Attributes
    ----------
    run_ids : tuple of int
    n_waveforms : int
    notes : tuple of str
        What is not in it, or only in part, and why.
    """

    run_ids: tuple[int, ...]
    n_waveforms: int
    notes: tuple[str, ...]


def export(
    store: Reader,
    path: Path,
    format_name: str,
    run_ids: Sequence[int] = (),
    device: str | None = None,
) -> Exported:
    """Write everything of some runs, or of all runs of a device.

    One run is held in memory at a time. Nothing is at `path` unless all of it is.

    Parameters
    ----------
    store : Reader
    path : Path
        Where nothing is yet: a folder is made, or for "hdf5" a file.
    format_name : {"parquet", "hdf5", "csv"}
    run_ids : sequence of int
        Either these,
    device : str, optional
        or the device whose runs are meant.

    Raises
    ------
    NotFoundError
        If a run or the device is not there.
    StoreError
        If a run that is named is still running, or is damaged.
    OutputError
        If it cannot be written.
    """
    scope = Scope()
    chosen, notes = _choose(store, run_ids, device)
    tables = {t.name: describe(t) for t in dict.fromkeys(scope.shared + scope.run + scope.results)}
    for name, columns in ADDED.items():
        tables[name] = {**tables[name], **columns}
    with whole(path) as partial:
        writer = make_writer(format_name, partial, _about(store, format_name, tables))
        try:
            with reading(store.engine) as connection:
                selection = Selection(connection, scope, chosen)
            shared = _write_group(writer, scope.shared, selection.rows)
            runs, n_waveforms = [], 0
            for run_id in chosen:
                with reading(store.engine) as connection:
                    runs.append(_write_run(writer, scope, connection, run_id))
                n_waveforms += runs[-1]["rows"]["waveform"]
            results = _write_group(writer, scope.results, selection.rows)
            notes += _incomplete(selection)
            writer.finish(
                {
                    "shared": shared,
                    "runs": runs,
                    "results": results,
                    "incomplete": selection.incomplete,
                    "notes": notes,
                }
            )
        except BaseException:
            writer.abandon()
            raise
    return Exported(tuple(chosen), n_waveforms, tuple(notes))


def _choose(
    store: Reader, run_ids: Sequence[int], device: str | None
) -> tuple[list[int], list[str]]:
    if bool(run_ids) == (device is not None):
        raise StoreError("An export is of some runs or of one device: name one of both.")
    runs = {run.id: run for run in store.runs(device=device)}
    for run_id in run_ids:
        if run_id not in runs:
            raise NotFoundError(f"There is no run {run_id} in this database.")
    if not runs:
        raise NotFoundError(f"The device {device!r} has no runs yet: there is nothing to export.")
    wanted = sorted(set(run_ids) or runs)
    running = [run_id for run_id in wanted if runs[run_id].state == "running"]
    if running and (run_ids or running == wanted):
        raise StoreError(f"Run {running[0]} is still running: export it when it has ended.")
    notes = [f"Run {run_id} is left out: it is still running." for run_id in running]
    return [run_id for run_id in wanted if run_id not in running], notes


def _about(store: Reader, format_name: str, tables: dict[str, Any]) -> dict[str, Any]:
    made = programme()
    return {
        "about": _ABOUT,
        "kind": "labbench export",
        "version": VERSION,
        "format": format_name,
        "database": str(store.path.absolute()) if is_file(store.engine) else store.name,
        "schema_revision": found_revision(store.engine),
        "labbench_version": made["labbench_version"],
        "git_commit": made["git_commit"] or "not known",
        "host": made["host"],
        "operator": user(),
        "exported_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "tables": tables,
    }


def _write_group(
    writer: ExportWriter, tables: Sequence[Table], rows: dict[str, list[Row]]
) -> dict[str, int]:
    for table in tables:
        writer.rows(table.name, [to_cells(table, row) for row in rows[table.name]])
    return {table.name: len(rows[table.name]) for table in tables}


def _write_run(
    writer: ExportWriter, scope: Scope, connection: Connection, run_id: int
) -> dict[str, Any]:
    asked = select(schema.run).where(schema.run.c.id == run_id)
    run = dict(connection.execute(asked).mappings().one())
    named = select(schema.device.c.name).where(schema.device.c.id == run["device_id"])
    device = connection.execute(named).scalar_one()
    cells = to_cells(schema.run, run)
    identity = Identity(device, cells)
    stimuli: dict[int, Row] = {}
    counts = {}
    for table in scope.run:
        counts[table.name] = 0
        for rows in _in_parts(connection, scope, table, run_id):
            if table is schema.stimulus:
                stimuli.update({row["id"]: row for row in rows})
            made = [to_cells(table, row) for row in rows]
            if table is schema.stimulus:
                for stimulus in made:
                    identity.stimulus(stimulus)
            if table is schema.waveform:
                for row, waveform in zip(rows, made, strict=True):
                    to = stimuli[row["stimulus_id"]]
                    waveform |= _write_samples(writer, connection, row, to)
                    identity.waveform(waveform, str(waveform["sha256"]))
            writer.rows(table.name, made)
            counts[table.name] += len(made)
    said = {"id": run_id, "device": device, "procedure": cells["procedure"]}
    return {**said, "content_sha256": identity.sha256(), "rows": counts}


def _in_parts(
    connection: Connection, scope: Scope, table: Table, run_id: int
) -> Iterator[Sequence[Row]]:
    asked = scope.of_run(table, run_id)
    for rows in connection.execute(asked).mappings().partitions(AT_ONCE):
        yield [dict(row) for row in rows]


def _write_samples(writer: ExportWriter, connection: Connection, row: Row, stimulus: Row) -> Cells:
    raw = read_samples(connection, row, stimulus["ordinal"], stimulus["run_id"])
    samples = Samples(
        waveform_id=row["id"],
        run_id=stimulus["run_id"],
        ordinal=stimulus["ordinal"],
        channel=row["channel"],
        quantity=row["quantity"],
        unit=row["unit"],
        scale=row["scale"],
        offset=row["offset"],
        raw=raw,
        start_s=stimulus["start_s"],
        interval_s=stimulus["interval_s"],
        time_s=raw if row["channel"] == "time" else _times(connection, stimulus, raw.size),
        sha256=samples_sha256(raw),
    )
    return {"samples": writer.samples(samples), "sha256": samples.sha256}


def _times(connection: Connection, stimulus: Row, n: int) -> NDArray[np.float64] | None:
    if stimulus["interval_s"] is not None:
        times = np.arange(n, dtype=np.float64) * float(stimulus["interval_s"])
        return np.asarray(times + float(stimulus["start_s"]), dtype=np.float64)
    table = schema.waveform
    asked = select(table).where(table.c.stimulus_id == stimulus["id"], table.c.channel == "time")
    found = connection.execute(asked).mappings().one_or_none()
    if found is None:
        return None
    return read_samples(connection, found, stimulus["ordinal"], stimulus["run_id"])


def _incomplete(selection: Selection) -> list[str]:
    return [
        f"The {table} {result} was also made of run {', '.join(map(str, others))}, not exported: "
        "it is in the files, but is not restored from them alone."
        for table, results in selection.incomplete.items()
        for result, others in results.items()
    ]
