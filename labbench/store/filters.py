"""What runs can be found by: the conditions, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any, TypedDict

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from labbench.errors import StoreError
from labbench.store import schema
from labbench.store.read import exclusions, no_such, require, require_device, run_row
from labbench.store.setting_rows import setting_rows
from labbench.store.states import RUN_STATES

Moment = datetime | date | str
# A value, or the ends of a range; None leaves it open at that end.
Wanted = object | tuple[float | None, float | None]


class Filters(TypedDict, total=False):
    """What runs are found by; all that are given must hold. See `Store.find_runs`."""

    run_id: int | None
    wafer: str | None
    die: tuple[int, int] | None
    device: str | None
    procedure: str | None
    state: str | None
    since: Moment | None
    until: Moment | None
    tag: str | None
    setting: Mapping[str, Wanted] | None
    session: int | None
    excluded: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """`Filters`, checked as far as that goes without the database."""

    run_id: int | None = None
    wafer: str | None = None
    die: tuple[int, int] | None = None
    device: str | None = None
    procedure: str | None = None
    state: str | None = None
    since: Moment | None = None
    until: Moment | None = None
    tag: str | None = None
    setting: Mapping[str, Wanted] | None = field(default=None)
    session: int | None = None
    excluded: bool | None = None

    def __post_init__(self) -> None:
        if self.state is not None and self.state not in RUN_STATES:
            raise StoreError(f"A run is never {self.state!r}: it is {', '.join(RUN_STATES)}.")
        if self.die is not None and len(self.die) != 2:
            raise StoreError(f"A die is named by two numbers, (x, y): got {self.die!r}.")
        for name in ("since", "until"):
            object.__setattr__(self, name, _moment(name, getattr(self, name)))

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """Yield what must hold of `run`, whatever else it is joined to."""
        run = schema.run.c
        for column, wanted in (
            (run.id, self.run_id),
            (run.procedure, self.procedure),
            (run.state, self.state),
            (run.session_id, self.session),
        ):
            if wanted is not None:
                yield column == wanted
        if self.since is not None:
            yield run.started_at >= self.since
        if self.until is not None:
            yield run.started_at < self.until
        devices = self._devices()
        if devices is not None:
            yield run.device_id.in_(devices)
        if self.tag is not None:
            yield _tagged(self.tag)
        for name, value in (self.setting or {}).items():
            setting = schema.setting.c
            yield run.id.in_(select(setting.run_id).where(setting.name == name, *_values(value)))
        if self.excluded is not None:
            left_out = run.id.in_(select(exclusions().c.run_id))
            yield left_out if self.excluded else ~left_out

    def _devices(self) -> Select[Any] | None:
        """Return the ids of the devices that are meant; None if any is."""
        if (self.device, self.die, self.wafer) == (None, None, None):
            return None
        device, die, wafer = schema.device, schema.die, schema.wafer
        asked = select(device.c.id).join_from(device, die, isouter=True).join(wafer, isouter=True)
        if self.device is not None:
            asked = asked.where(device.c.name == self.device)
        if self.die is not None:
            asked = asked.where(die.c.x == int(self.die[0]), die.c.y == int(self.die[1]))
        return asked if self.wafer is None else asked.where(wafer.c.label == self.wafer)

    def require_known(self, connection: Connection) -> None:
        """Raise NotFoundError if something that is asked for is nowhere in the database.

        To be asked where nothing was found: it takes longer than to find.
        """
        if self.run_id is not None:
            run_row(connection, self.run_id)
        if self.device is not None:
            require_device(connection, self.device)
        journal, setting = schema.journal.c, schema.setting.c
        names = [(select(setting.name), "setting", name) for name in self.setting or ()]
        for asked, what, wanted in (
            (select(schema.wafer.c.label), "wafer", self.wafer),
            (select(schema.run.c.procedure), "procedure", self.procedure),
            (select(schema.session.c.id), "session", self.session),
            (select(journal.text).where(journal.kind == "tag"), "tag", self.tag),
            *names,
        ):
            if wanted is not None:
                require(connection, asked.distinct(), what, wanted)
        if self.die is not None:
            asked = select(schema.die.c.x, schema.die.c.y).distinct()
            known = sorted(tuple(row) for row in connection.execute(asked))
            if tuple(self.die) not in known:
                raise no_such(f"die {tuple(self.die)}", known)


def _tagged(tag: str) -> ColumnElement[bool]:
    """Return whether a run, its device or its wafer bears a tag now."""
    entry, run = schema.journal.c, schema.run.c
    subject = (entry.run_id, entry.device_id, entry.wafer_id)
    last = select(func.max(entry.id)).where(entry.kind.in_(("tag", "untag")), entry.text == tag)
    now = and_(entry.id.in_(last.group_by(*subject)), entry.kind == "tag")
    of_run, of_device, of_wafer = (select(one).where(now, one.is_not(None)) for one in subject)
    on_wafer = (
        select(schema.device.c.id).join(schema.die).where(schema.die.c.wafer_id.in_(of_wafer))
    )
    return or_(run.id.in_(of_run), run.device_id.in_(of_device), run.device_id.in_(on_wafer))


def _values(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    """Yield what must hold of the value of a setting."""
    setting = schema.setting.c
    if isinstance(wanted, tuple):
        if len(wanted) != 2:
            raise StoreError(f"A range of a setting has two ends, (low, high): got {wanted!r}.")
        low, high = wanted
        if low is not None:
            yield setting.value_real >= float(low)
        if high is not None:
            yield setting.value_real <= float(high)
        return
    # Written the same way as the settings of a run.
    (row,) = setting_rows(0, {"": wanted})
    for name in ("value_real", "value_text"):
        value = row[name]
        yield setting[name].is_(None) if value is None else setting[name] == value


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
