"""How far a sweep is, and how long it still takes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from labbench.store import PointRecord

_WORST_FIRST = (
    "applying", "moving", "interrupted", "failed", "planned", "skipped", "recorded",
)  # fmt: skip
_OPEN = ("planned", "moving", "applying")


@dataclass(frozen=True)
class Progress:
    """How far a sweep is.

    Attributes
    ----------
    counts : dict of str to int
        Points by state.
    device : str
        The one under the needles.
    left_s : float or None
        Estimated from what was measured since the start; None before anything was.
    devices : mapping of str to str
        What came of each device: the first of "applying", "interrupted", "failed", "planned",
        "skipped", "recorded" that the last attempt at a point of it is.
    """

    counts: dict[str, int]
    device: str = ""
    left_s: float | None = None
    devices: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def total(self) -> int:
        """All points."""
        return sum(self.counts.values())

    @property
    def left(self) -> int:
        """Points that were not begun, or are at work."""
        return sum(self.counts.get(state, 0) for state in _OPEN)

    def __str__(self) -> str:
        said = ", ".join(
            f"{self.counts.get(state, 0)} {state}"
            for state in ("recorded", "failed", "skipped", "interrupted")
        )
        left = "" if self.left_s is None else f", {_duration(self.left_s)} left"
        return f"{said}, {self.left} to go{left}"


@dataclass
class Tracker:
    """Follows the points of a sweep in memory: the store is asked once, at the start."""

    clock: Callable[[], float] = time.monotonic
    _states: dict[int, str] = field(default_factory=dict)
    # The last attempt at each point, and its state.
    _of_device: dict[str, dict[int, tuple[int, str]]] = field(default_factory=dict)
    _done: int = 0
    _began_s: float | None = None

    def take(self, points: Iterable[PointRecord]) -> None:
        """Note the states of points."""
        for point in points:
            before = self._states.get(point.id)
            self._states[point.id] = point.state
            mine = self._of_device.setdefault(point.device, {})
            if point.attempt >= mine.get(point.ordinal, (0, ""))[0]:
                mine[point.ordinal] = point.attempt, point.state
            if self._began_s is not None and before != point.state and point.state not in _OPEN:
                self._done += 1

    def start(self) -> None:
        """Measure time from now on."""
        self._began_s = self.clock()

    def progress(self, device: str = "") -> Progress:
        """Return how far it is."""
        counts = dict(Counter(self._states.values()))
        devices = {
            name: min((state for _, state in last.values()), key=_WORST_FIRST.index)
            for name, last in self._of_device.items()
        }
        found = Progress(counts, device, None, devices)
        if not self._done or self._began_s is None:
            return found
        each_s = (self.clock() - self._began_s) / self._done
        return Progress(counts, device, each_s * found.left, devices)


def _duration(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02d}:{second:02d}"
