"""Planned runs: the queue of a bench, kept where a killed programme finds it again.

They are started by ascending number. A run that was never started may still be changed and
forgotten; nothing was applied for it, and nothing refers to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, select, update

from labbench.errors import StoreError
from labbench.store import schema
from labbench.store.setting_rows import setting_rows
from labbench.store.write import inserting, run_state

# All of a planned run that says what is to be done.
_PLAN = (
    "session_id",
    "device_id",
    "procedure",
    "procedure_version",
    "settings",
    "seed",
    "procedure_sha256",
)


def order(connection: Connection, run_ids: Sequence[int]) -> None:
    """See `Recorder.order_planned`."""
    wanted = _distinct(run_ids)
    plans = [_plan(connection, run_id) for run_id in wanted]
    for run_id, plan in zip(sorted(wanted), plans, strict=True):
        of_run = update(schema.run).where(schema.run.c.id == run_id)
        connection.execute(of_run.values(**plan))
        _forget_settings(connection, run_id)
        rows = setting_rows(run_id, plan["settings"])
        if rows:
            connection.execute(inserting(schema.setting), rows)


def remove(connection: Connection, run_ids: Sequence[int]) -> None:
    """See `Recorder.remove_planned`."""
    for run_id in _distinct(run_ids):
        _require_planned(connection, run_id)
        _forget_settings(connection, run_id)
        connection.execute(delete(schema.run).where(schema.run.c.id == run_id))


def _distinct(run_ids: Sequence[int]) -> list[int]:
    wanted = [int(run_id) for run_id in run_ids]
    if len(set(wanted)) < len(wanted):
        raise StoreError(f"Planned runs are named once each: got {wanted}.")
    return wanted


def _plan(connection: Connection, run_id: int) -> Mapping[str, Any]:
    _require_planned(connection, run_id)
    columns = [schema.run.c[name] for name in _PLAN]
    found = connection.execute(select(*columns).where(schema.run.c.id == run_id))
    return dict(found.mappings().one())


def _require_planned(connection: Connection, run_id: int) -> None:
    state = run_state(connection, run_id)
    if state != "planned":
        raise StoreError(
            f"Run {run_id} is {state}, and only a planned one can be moved or forgotten: leave it "
            "where it is, or exclude it with a reason."
        )


def _forget_settings(connection: Connection, run_id: int) -> None:
    connection.execute(delete(schema.setting).where(schema.setting.c.run_id == run_id))
