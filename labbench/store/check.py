"""Look a whole database over for damage."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from sqlalchemy import select

from labbench.errors import StoreError
from labbench.store import schema
from labbench.store.engine import is_file, reading
from labbench.store.postgres import broken_references
from labbench.store.responses import waveform_label
from labbench.store.store import Store


def check(store: Store) -> list[str]:
    """Find what is damaged in a database.

    Returns
    -------
    list of str
        One line a problem: pages that SQLite cannot read, references to nothing, samples that do
        not fit their checksum, stimuli that the ledger has not. Empty if all is well.
    """
    problems = []
    for look in (_pages, _references, _samples, _ledger):
        try:
            problems += look(store)
        except StoreError as error:
            problems.append(str(error))
    return problems


def _pages(store: Store) -> list[str]:
    if not is_file(store.engine):
        return []  # pages are the server's own affair
    with reading(store.engine) as connection:
        found = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
    return [] if found == ["ok"] else [f"SQLite finds: {line}." for line in found]


def _references(store: Store) -> list[str]:
    with reading(store.engine) as connection:
        found: Sequence[Sequence[object]]
        if is_file(store.engine):
            found = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        else:
            found = broken_references(connection)
    return [f"Row {row[1]} of table {row[0]} refers to a missing {row[2]}." for row in found]


def _samples(store: Store) -> list[str]:
    table, stimulus, data = schema.waveform, schema.stimulus.c, schema.waveform_data.c
    asked = (
        select(table.c.id, table.c.channel, table.c.crc32, stimulus.ordinal, stimulus.run_id)
        .join_from(table, schema.stimulus)
        .order_by(table.c.id)
    )
    problems = []
    with reading(store.engine) as connection:
        for row in connection.execute(asked).all():
            blob = connection.scalar(select(data.data).where(data.waveform_id == row.id))
            label = waveform_label(row.id, row.channel, row.ordinal, row.run_id)
            if blob is None:
                problems.append(f"{label} has lost its samples.")
            elif zlib.crc32(blob) != row.crc32:
                problems.append(f"{label} does not fit its checksum.")
    return problems


def _ledger(store: Store) -> list[str]:
    stimulus, dose = schema.stimulus.c, schema.dose.c
    same = (dose.run_id == stimulus.run_id) & (dose.ordinal == stimulus.ordinal)
    asked = (
        select(stimulus.run_id, stimulus.ordinal)
        .join_from(schema.stimulus, schema.dose, same, isouter=True)
        .where(dose.recorded.is_not(True))
        .order_by(stimulus.id)
    )
    with reading(store.engine) as connection:
        missing = connection.execute(asked).all()
    return [f"Response {row[1]} of run {row[0]} is not in the ledger of doses." for row in missing]
