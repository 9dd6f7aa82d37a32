"""Find runs by what is known of them, without opening one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Table, Text, func, select, type_coerce

from labbench.errors import StoreError
from labbench.store import schema
from labbench.store.filters import RunFilter
from labbench.store.read import devices, exclusions
from labbench.store.summary import RunList, RunSummary


def runs(
    connection: Connection, wanted: RunFilter, limit: int | None, newest_first: bool
) -> RunList:
    """See `Store.find_runs`."""
    if limit is not None and limit < 0:
        raise StoreError(f"At most {limit} runs cannot be found: give a limit of zero or more.")
    run = schema.run.c
    moments = [type_coerce(moment, Text) for moment in (run.started_at, run.ended_at)]
    asked = select(
        run.id,
        run.device_id,
        run.session_id,
        run.procedure,
        run.procedure_version,
        run.state,
        *moments,
    )
    conditions = list(wanted.conditions())
    asked = asked.where(*conditions).limit(limit)
    asked = asked.order_by(run.id.desc() if newest_first else run.id)
    rows = connection.execute(asked).all()
    if not rows and limit != 0:
        wanted.require_known(connection)
    ids = None if limit is None and not conditions else asked.with_only_columns(run.id)
    return RunList(_summaries(connection, rows, ids))


def _summaries(
    connection: Connection, rows: Sequence[Any], ids: Select[Any] | None
) -> list[RunSummary]:
    # A dictionary each for what is small: to join it costs more than to look it up here.
    of_device = {d.id: (d.name, d.wafer, d.x, d.y) for d in devices(connection)}
    session = schema.session.c
    simulated = _pairs(connection, select(session.id, session.simulated))
    excluded = _pairs(connection, select(exclusions()))
    responses = _counts(connection, schema.stimulus, ids)
    features = _counts(connection, schema.feature, ids)
    return [
        RunSummary(
            run_id,
            *of_device[device_id],
            procedure,
            version,
            state,
            started and datetime.fromisoformat(started),
            ended and datetime.fromisoformat(ended),
            simulated[session_id],
            session_id,
            excluded.get(run_id),
            responses.get(run_id, 0),
            features.get(run_id, 0),
        )
        for run_id, device_id, session_id, procedure, version, state, started, ended in rows
    ]


def _counts(connection: Connection, table: Table, ids: Select[Any] | None) -> dict[int, int]:
    """Return how many rows of a table each of some runs has (of all for None)."""
    counting = select(table.c.run_id, func.count()).group_by(table.c.run_id)
    if ids is not None:
        counting = counting.where(table.c.run_id.in_(ids))
    return _pairs(connection, counting)


def _pairs(connection: Connection, asked: Select[Any]) -> dict[int, Any]:
    rows: Any = connection.execute(asked).all()
    return dict(rows)
