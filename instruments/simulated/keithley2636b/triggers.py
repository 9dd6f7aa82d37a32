"""Trigger events and what makes them from each other: timers, blenders, lines, the bus."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

from instruments.simulated.clock import VirtualClock
from instruments.simulated.tsp.lua import Attribute, ScriptError, Table

TIMERS, BLENDERS, GENERATORS, LINES = 8, 6, 2, 14
_LEAST_DELAY_S, _MOST_DELAY_S = 8e-6, 1e5


class Events:
    """Numbers for events, and who listens to them."""

    def __init__(self, clock: VirtualClock, push: Callable[..., None]) -> None:
        self.clock = clock
        self.push = push
        self._numbers = count(1)
        self._listeners: list[Callable[[int], None]] = []
        self._depth = 0

    def new(self) -> int:
        """Return the number of a new event."""
        return next(self._numbers)

    def listen(self, listener: Callable[[int], None]) -> None:
        """Have a listener told about every event."""
        self._listeners.append(listener)

    def fire(self, event: int) -> None:
        """Have an event happen; one that causes itself at once is lost."""
        if self._depth > 50:
            return
        self._depth += 1
        try:
            for listener in self._listeners:
                listener(event)
        finally:
            self._depth -= 1


class Detector:
    """Remembers one event until somebody needs it.

    Parameters
    ----------
    stimulus : callable
        Returns the number of the event; 0 for none.
    """

    def __init__(self, events: Events, stimulus: Callable[[], float]) -> None:
        self._stimulus = stimulus
        self.is_set = self.overran = False
        self.woken: Callable[[], None] | None = None
        events.listen(self._heard)

    def set(self) -> None:
        """Have it detect, whatever its stimulus."""
        self.overran = self.overran or self.is_set
        self.is_set = True
        woken, self.woken = self.woken, None
        if woken is not None:
            woken()

    def clear(self) -> None:
        """Forget."""
        self.is_set = self.overran = False

    def _heard(self, event: int) -> None:
        if event == self._stimulus() != 0:
            self.set()


class _Part(Table):
    """Something with attributes that are kept as they are written."""

    def __init__(self, events: Events, **kept: float) -> None:
        super().__init__()
        self.events = events
        self.defaults = kept
        self.kept: dict[str, Any] = dict(kept)
        self.event = events.new()
        self.overran = False
        for name in kept:
            self.members[name] = Attribute(
                lambda name=name: self.kept[name],
                lambda value, name=name: self.put(name, value),
            )
        self.members |= {
            "EVENT_ID": self.event,
            "overrun": Attribute(lambda: self.overran),
            "clear": self.clear,
            "reset": self.reset,
            "wait": self._wait,
        }
        self._happened = False

    def put(self, name: str, value: Any) -> None:
        """Write an attribute."""
        is_flag = isinstance(self.defaults[name], bool)
        if is_flag and isinstance(value, (bool, int, float)):
            self.kept[name] = bool(value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            self.kept[name] = value
        else:
            raise ScriptError(f"bad value for `{name}' (number expected)")

    def clear(self) -> None:
        """Forget what happened."""
        self.overran = self._happened = False

    def reset(self) -> None:
        """Go back to the defaults."""
        self.kept = dict(self.defaults)
        self.clear()

    def fire(self) -> None:
        """Have its event happen."""
        self._happened = True
        self.events.fire(self.event)

    def _wait(self, timeout_s: Any = 0.0) -> bool:
        clock = self.events.clock
        until_s = clock.now() + float(timeout_s or 0.0)
        while not self._happened and clock.now() < until_s:
            clock.sleep(max(0.0, min(until_s, clock.next_s()) - clock.now()))
        happened, self._happened = self._happened, False
        return happened


class Timer(_Part):
    """trigger.timer[N]: events a delay after its stimulus, once or several times."""

    def __init__(self, events: Events) -> None:
        super().__init__(events, count=1, delay=1e-5, passthrough=False, stimulus=0)
        self._list_s: list[float] = []
        self._run, self._is_running = 0, False
        self.members["delaylist"] = Attribute(lambda: self._list_s or [self.kept["delay"]],
                                              self._set_list)  # fmt: skip
        events.listen(self._heard)

    def put(self, name: str, value: Any) -> None:
        """Write an attribute."""
        if name == "delay" and isinstance(value, (int, float)):
            if not _LEAST_DELAY_S <= value <= _MOST_DELAY_S:
                self.events.push(1101 if value > _MOST_DELAY_S else 1102)
                return
            self._list_s = []
        super().put(name, value)

    def clear(self) -> None:
        """Stop, and forget what happened."""
        super().clear()
        self._run += 1
        self._is_running = False

    def reset(self) -> None:
        """Go back to the defaults."""
        super().reset()
        self._list_s = []

    def _set_list(self, value: Any) -> None:
        try:
            delays_s = [float(value[place + 1]) for place in range(len(value))]
        except (TypeError, ValueError):
            raise ScriptError("bad value for `delaylist' (table expected)") from None
        if not delays_s or not all(_LEAST_DELAY_S <= each <= _MOST_DELAY_S for each in delays_s):
            self.events.push(1102)
            return
        self._list_s = delays_s

    def _heard(self, event: int) -> None:
        if event == self.kept["stimulus"] != 0:
            self.overran = self.overran or self._is_running
            self._is_running = True
            self._run += 1
            if self.kept["passthrough"]:
                self.fire()
            self._expect(0, self._run)

    def _expect(self, done: int, run: int) -> None:
        most = int(self.kept["count"])
        if most and done >= most:
            self._is_running = False
            return
        delays_s = self._list_s or [self.kept["delay"]]
        due_s = self.events.clock.now() + delays_s[done % len(delays_s)]

        def act() -> None:
            if run == self._run:
                # The next one first: firing may stop or restart the timer.
                self._expect(done + 1, run)
                self.fire()

        self.events.clock.at(due_s, act)


class Blender(_Part):
    """trigger.blender[N]: an event when all of its stimuli happened, or any."""

    def __init__(self, events: Events) -> None:
        super().__init__(events, orenable=False)
        self._stimuli = _Part(events, **{str(place): 0 for place in range(1, 5)})
        for place in range(1, 5):
            self._stimuli.members[place] = self._stimuli.members.pop(str(place))
        self.members["stimulus"] = self._stimuli
        self._seen: set[str] = set()
        events.listen(self._heard)

    def _heard(self, event: int) -> None:
        wanted = {name: value for name, value in self._stimuli.kept.items() if value}
        self._seen |= {name for name, value in wanted.items() if value == event}
        if self._seen and (self.kept["orenable"] or self._seen >= set(wanted)):
            self._seen = set()
            self.fire()


class Line(_Part):
    """A trigger line: digio.trigger[N], lan.trigger[N]; only its own asserts reach anybody."""

    def __init__(self, events: Events, edge: Callable[[], None] | None = None) -> None:
        super().__init__(events, mode=0, pulsewidth=1e-5, stimulus=0, protocol=0, pseudostate=1)
        self._edge = edge
        self.members |= {"assert": self.send, "release": lambda: None, "ipaddress": "0.0.0.0",
                         "connect": lambda: None, "disconnect": lambda: None,
                         "connected": False}  # fmt: skip
        events.listen(self._heard)

    def send(self) -> None:
        """Send an edge out."""
        if self._edge is not None:
            self._edge()

    def _heard(self, event: int) -> None:
        if event == self.kept["stimulus"] != 0:
            self.send()


def trigger_table(events: Events, bus_event: int) -> Table:
    """Return what scripts find at ``trigger``."""
    bus = Detector(events, lambda: bus_event)

    def wait(timeout_s: Any = 0.0) -> bool:
        if not bus.is_set:
            # No command trigger comes while a script runs: the link is busy with it.
            events.clock.sleep(float(timeout_s))
        was_set = bus.is_set
        bus.clear()
        return was_set

    generators = [_Part(events) for _ in range(GENERATORS)]
    for generator in generators:
        generator.members["assert"] = generator.fire
    return Table(
        timer=_numbered(Timer(events) for _ in range(TIMERS)),
        blender=_numbered(Blender(events) for _ in range(BLENDERS)),
        generator=_numbered(generators),
        EVENT_ID=bus_event,
        clear=bus.clear,
        wait=wait,
    )


def line_table(lines: Iterable[Line]) -> Table:
    """Return what scripts find at ``digio.trigger`` or ``lan.trigger``."""
    return _numbered(lines)


def _numbered(parts: Iterable[Table]) -> Table:
    made = Table()
    made.members |= {place + 1: part for place, part in enumerate(parts)}
    return made


def parts_of(table: Table) -> Iterable[_Part]:
    """Return the parts of a numbered table."""
    return [part for part in table.members.values() if isinstance(part, _Part)]
