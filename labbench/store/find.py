"""Find runs by what is known of them, without opening one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, TypedDict

from sqlalchemy import ColumnElement, Connection, Select, func, select

from labbench.errors import StoreError
from labbench.store import schema
from labbench.store.read import require, require_device, run_row
from labbench.store.states import RUN_STATES
from labbench.store.summary import RunList, RunSummary

Moment = datetime | date | str


class Filters(TypedDict, total=False):
    """What runs are found by; all that are given must hold. See `Store.find_runs`."""

    run_id: int | None
    device: str | None
    procedure: str | None
    state: str | None
    since: Moment | None
    until: Moment | None
    session: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """`Filters`, checked as far as that goes without the database."""

    run_id: int | None = None
    device: str | None = None
    procedure: str | None = None
    state: str | None = None
    since: Moment | None = None
    until: Moment | None = None
    session: int | None = None

    def __post_init__(self) -> None:
        if self.state is not None and self.state not in RUN_STATES:
            raise StoreError(f"A run is never {self.state!r}: it is {', '.join(RUN_STATES)}.")
        for name in ("since", "until"):
            object.__setattr__(self, name, _moment(name, getattr(self, name)))

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return what must hold of `run` and the `device` that is joined to it."""
        run = schema.run.c
        found: list[ColumnElement[bool]] = []
        for column, wanted in (
            (run.id, self.run_id),
            (schema.device.c.name, self.device),
            (run.procedure, self.procedure),
            (run.state, self.state),
            (run.session_id, self.session),
        ):
            if wanted is not None:
                found.append(column == wanted)
        if self.since is not None:
            found.append(run.started_at >= self.since)
        if self.until is not None:
            found.append(run.started_at < self.until)
        return found

    def require_known(self, connection: Connection) -> None:
        """Raise NotFoundError if something that is asked for is nowhere in the database.

        To be asked where nothing was found: it costs more than finding.
        """
        if self.run_id is not None:
            run_row(connection, self.run_id)
        if self.device is not None:
            require_device(connection, self.device)
        if self.procedure is not None:
            known = select(schema.run.c.procedure).distinct()
            require(connection, known, "procedure", self.procedure)
        if self.session is not None:
            require(connection, select(schema.session.c.id), "session", self.session)


def runs(
    connection: Connection, wanted: RunFilter, limit: int | None, newest_first: bool
) -> RunList:
    """See `Store.find_runs`."""
    if limit is not None and limit < 0:
        raise StoreError(f"At most {limit} runs cannot be found: give a limit of zero or more.")
    key = schema.run.c.id
    asked = _summaries().where(*wanted.conditions()).order_by(key.desc() if newest_first else key)
    found = RunList(map(RunSummary._make, connection.execute(asked.limit(limit))))
    if not found and limit != 0:
        wanted.require_known(connection)
    return found


def _summaries() -> Select[Any]:
    run = schema.run.c
    return (
        select(
            run.id,
            schema.device.c.name,
            run.procedure,
            run.procedure_version,
            run.state,
            run.started_at,
            run.ended_at,
            schema.session.c.simulated,
            run.session_id,
            _count(schema.stimulus),
            _count(schema.feature),
        )
        .join_from(schema.run, schema.device)
        .join(schema.session)
    )


def _count(table: Any) -> ColumnElement[int]:
    of_run = table.c.run_id == schema.run.c.id
    return select(func.count()).select_from(table).where(of_run).scalar_subquery()


def _moment(name: str, given: Moment | None) -> datetime | None:
    """Return a moment with its time zone: that of this computer, if none was given."""
    moment = given
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            raise StoreError(
                f"{name} is a moment such as 2026-01-31 or 2026-01-31T12:00, not {given!r}."
            ) from None
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    return moment.astimezone()
