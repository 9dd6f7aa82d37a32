"""Sweeps in the store: planned as rows first, then taken from state to state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select, update

from labbench.errors import NotFoundError, StoreError
from labbench.store import places, schema
from labbench.store.document import document_sha256
from labbench.store.process import Process, is_gone
from labbench.store.records import PointRecord, SweepRecord
from labbench.store.states import POINT_TRANSITIONS, sources
from labbench.store.write import add_row, now

# Rows that one statement of SQLAlchemy takes at once.
_AT_ONCE = 1000


@dataclass(frozen=True)
class Site:
    """A device on a wafer: name, kind, die, and which device of its die.

    Attributes
    ----------
    x, y : int
        Die, counted from the one that the map calls 0, 0.
    site : int
        From zero.
    """

    name: str
    kind: str
    x: int
    y: int
    site: int = 0


def add_sites(connection: Connection, wafer: str, sites: Iterable[Site]) -> dict[str, int]:
    """See `SweepBook.add_sites`."""
    return {
        each.name: places.add_device(
            connection,
            each.name,
            each.kind,
            places.add_die(connection, wafer, each.x, each.y),
            {"site": each.site},
        )
        for each in sites
    }


def plan(
    connection: Connection,
    wafer: str,
    name: str,
    document: Mapping[str, object],
    points: Sequence[tuple[int, str, Mapping[str, object]]],
) -> int:
    """See `SweepBook.plan_sweep`."""
    if not points:
        raise StoreError(f"The sweep {name!r} has no point: nothing would be measured.")
    asked = select(schema.sweep.c.id).where(schema.sweep.c.name == name)
    if connection.execute(asked).first() is not None:
        raise StoreError(
            f"There is a sweep {name!r} in this database already: resume it, or name another."
        )
    sweep_id = add_row(
        connection,
        schema.sweep,
        wafer_id=places.find_wafer(connection, wafer),
        name=name,
        plan=document,
        plan_sha256=document_sha256(document),
        owner=None,
        created_at=now(),
    )
    rows = [_row(sweep_id, ordinal, 0, *point) for ordinal, point in enumerate(points)]
    for start in range(0, len(rows), _AT_ONCE):
        connection.execute(insert(schema.sweep_point), rows[start : start + _AT_ONCE])
    return sweep_id


def claim(
    connection: Connection, sweep_id: int, owner: Process | None, take_over: bool = False
) -> None:
    """See `SweepBook.claim_sweep`; None gives it back."""
    table = schema.sweep
    found = connection.execute(select(table.c.owner).where(table.c.id == int(sweep_id))).one()
    before = None if found.owner is None else Process(**found.owner)
    if owner and before and before != owner and not is_gone(before):
        # Only of another computer can nobody here tell.
        here = before.host == owner.host
        if here or not take_over:
            raise StoreError(
                f"Sweep {sweep_id} is at work in process {before.pid} of {before.host}: wait for "
                "its end, or stop it. If that is another computer and certainly off, --take-over."
            )
    given = None if owner is None else asdict(owner)
    connection.execute(update(table).where(table.c.id == int(sweep_id)).values(owner=given))


def change(
    connection: Connection, point_id: int, state: str, run_id: int | None, note: str
) -> None:
    """See `SweepBook.change_point`."""
    table = schema.sweep_point
    if state == "planned":
        _require_untouched(connection, point_id)
    values: dict[str, object] = {"state": state, "note": note, "changed_at": now()}
    if run_id is not None or state == "planned":
        values["run_id"] = None if run_id is None else int(run_id)
    allowed = sources(state, POINT_TRANSITIONS)
    one = table.c.id == int(point_id)
    changed = connection.execute(
        update(table).where(one, table.c.state.in_(allowed)).values(**values)
    )
    if changed.rowcount != 1:
        found = connection.execute(select(table.c.state).where(one)).scalar()
        raise StoreError(
            f"Point {point_id} of a sweep is {found} and cannot become {state}, only one that is "
            f"{' or '.join(allowed)} can."
        )


def _require_untouched(connection: Connection, point_id: int) -> None:
    """Refuse to plan a point anew whose run has anything in the ledger."""
    point, dose = schema.sweep_point, schema.dose
    asked = (
        select(func.count(dose.c.id))
        .join_from(point, dose, dose.c.run_id == point.c.run_id)
        .where(point.c.id == int(point_id))
    )
    if connection.execute(asked).scalar_one():
        raise StoreError(
            f"Point {point_id} cannot be planned anew: its stimuli may have been applied."
        )


def repeat(connection: Connection, point_id: int, note: str) -> int:
    """See `SweepBook.repeat_point`."""
    table = schema.sweep_point
    found = connection.execute(select(table).where(table.c.id == int(point_id))).one_or_none()
    if found is None:
        raise NotFoundError(f"There is no point {point_id} of a sweep in this database.")
    last = select(func.max(table.c.attempt)).where(
        table.c.sweep_id == found.sweep_id, table.c.ordinal == found.ordinal
    )
    attempt = connection.execute(last).scalar_one() + 1
    row = _row(
        found.sweep_id, found.ordinal, attempt, found.device_id, found.procedure, found.settings
    )
    return add_row(connection, table, **{**row, "note": note})


def find(connection: Connection, name: str) -> SweepRecord:
    """See `SweepBook.sweep`."""
    known = {each.name: each for each in records(connection)}
    if name not in known:
        names = f"it has {', '.join(known)}" if known else "it has none yet"
        raise NotFoundError(f"There is no sweep {name!r} in this database; {names}.")
    return known[name]


def records(connection: Connection) -> list[SweepRecord]:
    """See `SweepBook.sweeps`."""
    asked = (
        select(*(c for c in schema.sweep.c if c.name != "wafer_id"), schema.wafer.c.label)
        .join_from(schema.sweep, schema.wafer)
        .order_by(schema.sweep.c.id)
    )
    rows = [dict(row) for row in connection.execute(asked).mappings()]
    return [SweepRecord(wafer=row.pop("label"), **row) for row in rows]


def points(
    connection: Connection, sweep_id: int, device_id: int | None = None
) -> list[PointRecord]:
    """See `SweepBook.sweep_points`."""
    point = schema.sweep_point.c
    asked: Select[tuple[object, ...]] = (
        select(*schema.sweep_point.c, schema.device.c.name.label("device"))
        .join_from(schema.sweep_point, schema.device)
        .where(point.sweep_id == int(sweep_id))
        .order_by(point.ordinal, point.attempt)
    )
    if device_id is not None:
        asked = asked.where(point.device_id == int(device_id))
    return [PointRecord(**row) for row in connection.execute(asked).mappings()]


def fits(connection: Connection, wafer: str) -> dict[str, dict[str, Any]]:
    """See `SweepBook.wafer_fits`."""
    fit, device = schema.fit, schema.device
    asked = (
        select(device.c.name, fit.c.id, fit.c.document)
        .distinct()
        .join_from(fit, schema.fit_input)
        .join(schema.run)
        .join(device)
        .join(schema.die)
        .where(schema.die.c.wafer_id == places.find_wafer(connection, wafer))
        .order_by(fit.c.id)
    )
    return {row.name: row.document for row in connection.execute(asked)}


def _row(
    sweep_id: int,
    ordinal: int,
    attempt: int,
    device_id: int,
    procedure: str,
    settings: Mapping[str, object],
) -> dict[str, object]:
    return {
        "sweep_id": sweep_id,
        "ordinal": ordinal,
        "attempt": attempt,
        "device_id": device_id,
        "procedure": procedure,
        "settings": settings,
        "state": "planned",
        "run_id": None,
        "note": "",
        "changed_at": now(),
    }
