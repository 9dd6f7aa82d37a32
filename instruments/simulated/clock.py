"""The clock of a simulated bench: time passes when somebody waits, and what is due happens then."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from itertools import count

from instruments.uninterrupted import uninterrupted


class VirtualClock:
    """Time that passes only when somebody waits, or paced to real time.

    Parameters
    ----------
    pace : float
        Seconds of the bench in a second of real time; 0 for a clock that nobody waits for.
    """

    def __init__(self, pace: float = 0.0) -> None:
        self.pace = pace
        self._now_s = 0.0
        self._started_s = time.monotonic()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def now(self) -> float:
        """Return the time in s since the bench was switched on."""
        return self._now_s

    def sleep(self, duration_s: float) -> None:
        """Let time pass; what is due on the way happens at its own time."""
        self._pass_to(self._now_s + max(0.0, duration_s))
        if self.pace:
            ahead_s = self._now_s / self.pace - (time.monotonic() - self._started_s)
            if ahead_s > 0.0:
                time.sleep(ahead_s)

    def catch_up(self) -> None:
        """Bring a paced clock to where real time is."""
        if self.pace:
            self._pass_to((time.monotonic() - self._started_s) * self.pace)

    def at(self, time_s: float, act: Callable[[], None]) -> None:
        """Have something done at a time, or, if that is past, the next time anybody waits."""
        heapq.heappush(self._due, (time_s, next(self._numbers), act))

    def next_s(self) -> float:
        """Return when something is due next; infinite if nothing is."""
        return self._due[0][0] if self._due else float("inf")

    def _pass_to(self, until_s: float) -> None:
        with uninterrupted:
            while self._due and self._due[0][0] <= until_s:
                due_s, _, act = heapq.heappop(self._due)
                self._now_s = max(self._now_s, due_s)
                act()
            self._now_s = max(self._now_s, until_s)
