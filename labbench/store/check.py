"""Look a whole database over: what is damaged, what was left unfinished, and what it is."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Row, Select, func, select

from labbench.errors import StimulusError, StoreError
from labbench.stimulus import stimulus_from_spec
from labbench.store import schema
from labbench.store.archive import ARCHIVED
from labbench.store.codec import Encoded, decode
from labbench.store.engine import APPLICATION_ID, is_file, reading
from labbench.store.migrate import found_revision
from labbench.store.place import file_system
from labbench.store.postgres import broken_references
from labbench.store.responses import waveform_label
from labbench.store.store import Store

# Rows looked at in one snapshot: a long one keeps the log of a running bench from ending.
_AT_ONCE = 200
_BACKUP = "restore it from a backup, or repeat the run"


@dataclass
class Findings:
    """What a look at a database has found.

    Attributes
    ----------
    problems : list of str
        What is damaged, a line each with what to do; empty if the database is sound.
    notes : list of str
        What was left unfinished, and is no damage: interrupted runs, stimuli not recorded.
    facts : dict
        What the database is: size, schema, journal, place.
    """

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)


def check(store: Store) -> list[str]:
    """Find what is damaged in a database.

    Returns
    -------
    list of str
        One line a problem: pages that SQLite cannot read, references to nothing, samples that do
        not fit their checksum or number, trains that are not whole, a ledger that does not agree.
        Empty if all is well.
    """
    problems: list[str] = []
    for what, look in _LOOKS.items():
        problems += _all_of(what, look(store))
    return problems


def examine(path_or_url: str | Path) -> Findings:
    """Look a database over: what `check` finds, what was left unfinished, and what it is.

    Raises
    ------
    StoreError
        If it is too damaged to be opened, or no lab database.
    """
    with Store.open(path_or_url) as store:
        findings = Findings(check(store), _all_of("unfinished runs", _unfinished(store)))
        try:
            findings.facts |= _facts(store)
        except StoreError as error:
            findings.problems.append(str(error))
    return findings


def _all_of(what: str, lines: Iterator[str]) -> list[str]:
    """Return the lines of a look, and what ended it: after damage, that can be anything."""
    found: list[str] = []
    try:
        for line in lines:
            found.append(line)
    except StoreError as error:
        found.append(f"The {what} could not be looked at to their end. {error}")
    except Exception as error:  # noqa: BLE001
        said = " ".join(f"{type(error).__name__}: {error}".split())
        found.append(f"The {what} make no sense ({said}): {_BACKUP}.")
    return found


def _pages(store: Store) -> Iterator[str]:
    if not is_file(store.engine):
        return  # pages are the server's own affair
    with reading(store.engine) as connection:
        for line in connection.exec_driver_sql("PRAGMA integrity_check").scalars():
            if line != "ok":
                said = " ".join(str(line).split())
                yield f"SQLite finds: {said}; restore the file from a backup."


def _marks(store: Store) -> Iterator[str]:
    if not is_file(store.engine):
        return
    marks, revision = _pragmas(store), int(found_revision(store.engine) or 0)
    if marks["application_id"] != APPLICATION_ID:
        yield (
            f"The application_id is {marks['application_id']}, not {APPLICATION_ID}: another "
            "programme changed the file; restore it from a backup."
        )
    # Zero before it was kept.
    if marks["user_version"] not in (0, revision, ARCHIVED):
        yield (
            f"The user_version is {marks['user_version']} in a schema of revision {revision}: "
            "another programme changed the file; restore it from a backup."
        )


def _references(store: Store) -> Iterator[str]:
    with reading(store.engine) as connection:
        found: Sequence[Sequence[object]]
        if is_file(store.engine):
            found = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        else:
            found = broken_references(connection)
    for row in found:
        yield f"Row {row[1]} of table {row[0]} refers to a missing {row[2]}: {_BACKUP}."


def _in_parts(store: Store, asked: Select[Any], key: Column[int]) -> Iterator[Row[Any]]:
    """Return rows that are too many for one snapshot, in the order of a key."""
    last: int | None = -1
    while last is not None:
        with reading(store.engine) as connection:
            part = asked.where(key > last).order_by(key).limit(_AT_ONCE)
            rows = connection.execute(part).all()
        last = rows[-1].id if rows else None
        yield from rows


def _samples(store: Store) -> Iterator[str]:
    table, stimulus, data = schema.waveform, schema.stimulus.c, schema.waveform_data.c
    asked = select(table, stimulus.ordinal, stimulus.run_id).join_from(table, schema.stimulus)
    for row in _in_parts(store, asked, table.c.id):
        label = waveform_label(row.id, row.channel, row.ordinal, row.run_id)
        try:
            with reading(store.engine) as connection:
                blob = connection.scalar(select(data.data).where(data.waveform_id == row.id))
        except StoreError as error:
            yield f"{label} cannot be read: {error}"
        else:
            yield from _faults(row, blob, label)


def _faults(row: Row[Any], blob: bytes | None, label: str) -> Iterator[str]:
    if blob is None:
        yield f"{label} has lost its samples: {_BACKUP}."
    elif zlib.crc32(blob) != row.crc32:
        yield f"{label} does not fit its checksum: {_BACKUP}."
    else:
        try:
            decode(Encoded(row.dtype, row.codec, row.crc32, blob), row.n, label)
        except StoreError as error:
            yield str(error)


def _trains(store: Store) -> Iterator[str]:
    stimulus = schema.stimulus
    waveforms, pulses = schema.waveform.c.stimulus_id, schema.pulse.c.stimulus_id
    n_waveforms = select(func.count()).where(waveforms == stimulus.c.id).scalar_subquery()
    n_pulses = select(func.count()).where(pulses == stimulus.c.id).scalar_subquery()
    asked = select(stimulus, n_waveforms.label("waveforms"), n_pulses.label("found"))
    for row in _in_parts(store, asked, stimulus.c.id):
        label = f"Response {row.ordinal} of run {row.run_id}"
        try:
            stimulus_from_spec(row.spec)
        except StimulusError as error:
            yield f"{label} has a damaged stimulus ({error}): {_BACKUP}."
        if row.waveforms == 0:
            yield f"{label} has no waveforms: {_BACKUP}."
        # None at all is a recording of another programme.
        if row.found not in (0, row.n_pulses):
            yield f"{label} has {row.found} of its {row.n_pulses} pulses: {_BACKUP}."


def _ledger(store: Store) -> Iterator[str]:
    stimulus, dose = schema.stimulus, schema.dose
    same = (dose.c.run_id == stimulus.c.run_id) & (dose.c.ordinal == stimulus.c.ordinal)
    unmarked = (
        select(stimulus.c.run_id, stimulus.c.ordinal)
        .join_from(stimulus, dose, same, isouter=True)
        .where(dose.c.recorded.is_not(True))
        .order_by(stimulus.c.id)
    )
    lost = (
        select(dose.c.run_id, dose.c.ordinal)
        .join_from(dose, stimulus, same, isouter=True)
        .where(dose.c.recorded.is_(True), stimulus.c.id.is_(None))
        .order_by(dose.c.id)
    )
    with reading(store.engine) as connection:
        without_dose = connection.execute(unmarked).all()
        without_response = connection.execute(lost).all()
    for run_id, ordinal in without_dose:
        yield f"Response {ordinal} of run {run_id} is not in the ledger of doses: {_BACKUP}."
    for run_id, ordinal in without_response:
        yield (
            f"Response {ordinal} of run {run_id} is lost; the ledger of doses says that it was "
            f"recorded: {_BACKUP}."
        )


_LOOKS = {
    "pages": _pages,
    "marks of the file": _marks,
    "references": _references,
    "waveforms": _samples,
    "trains": _trains,
    "doses": _ledger,
}


def _unfinished(store: Store) -> Iterator[str]:
    for run in store.abandoned_runs():
        yield (
            f"Run {run.id} ({run.procedure} on device {run.device!r}) was interrupted: its process "
            "has ended. The next run on its bench makes that safe and marks it."
        )
    dose = schema.dose.c
    asked = (
        select(dose.run_id, func.count().label("n"))
        .join_from(schema.dose, schema.run)
        .where(dose.recorded.is_(False), schema.run.c.id.not_in(_alive(store)))
        .group_by(dose.run_id)
    )
    with reading(store.engine) as connection:
        rows = connection.execute(asked).all()
    for run_id, n in rows:
        yield (
            f"Of run {run_id}, {n} stimuli were applied, or were about to be, and not recorded: "
            "they count in the ledger."
        )
    for sweep in store.sweeps():
        n = sum(p.state == "interrupted" for p in store.sweep_points(sweep.id))
        if n:
            yield (
                f"Of sweep {sweep.name!r}, {n} points are interrupted and may have been applied: "
                "look at those devices, and have them repeated, or leave them."
            )


def _alive(store: Store) -> Sequence[int]:
    """Return the runs that a process may be busy with; of those nothing is unfinished."""
    abandoned = {run.id for run in store.abandoned_runs()}
    return [run.id for run in store.runs(state="running") if run.id not in abandoned]


def _pragmas(store: Store) -> dict[str, object]:
    names = ("application_id", "user_version", "journal_mode", "page_size", "page_count")
    with reading(store.engine) as connection:
        return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}


def _facts(store: Store) -> dict[str, object]:
    counted = (schema.run, schema.stimulus, schema.waveform)
    with reading(store.engine) as connection:
        counts = {
            f"{table.name}_count": connection.scalar(select(func.count()).select_from(table))
            for table in counted
        }
    common: dict[str, object] = {"schema_revision": found_revision(store.engine), **counts}
    if not is_file(store.engine):
        return common
    return {
        **common,
        **_pragmas(store),
        "size_bytes": store.path.stat().st_size,
        "file_system": file_system(store.path) or "unknown",
        "sqlite_version": sqlite3.sqlite_version,
    }
