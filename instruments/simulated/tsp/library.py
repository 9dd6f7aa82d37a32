"""What scripts find in TSP beside the instrument: dates, the event log, members by name."""

from __future__ import annotations

from calendar import timegm
from typing import Any

from instruments.simulated.clock import VirtualClock
from instruments.simulated.tsp.lua import Table

# The simulated instruments know no date: they are always switched on at that of 2026.
_SWITCHED_ON_S = timegm((2026, 1, 1, 0, 0, 0))


def seconds(clock: VirtualClock, when: Any = None) -> int:
    """Return seconds since 1970: now, or of a table with year, month and day."""
    if when is None:
        return _SWITCHED_ON_S + int(clock.now())
    # Noon and the first second are what Lua takes for granted.
    fields = [when["year"], when["month"], when["day"]]
    fields += [12 if when["hour"] is None else when["hour"], when["min"] or 0, when["sec"] or 0]
    return timegm(tuple(int(each) for each in fields))


def event_log() -> Table:
    """Return an event log that nothing ever writes to."""
    nothing = {name: lambda: None for name in ("all", "next", "clear")}
    return Table(count=0, enable=1, overwritemethod=1, LAN_DISCARD_OLDEST=1, **nothing)


def member(table: Any, key: Any) -> Any:
    """Return a member of one of our tables or of a Lua table."""
    return table.read(key) if isinstance(table, Table) else table[key]


def assign(table: Any, key: Any, value: Any) -> None:
    """Change a member of one of our tables or of a Lua table."""
    if isinstance(table, Table):
        table.write(key, value)
    else:
        table[key] = value
