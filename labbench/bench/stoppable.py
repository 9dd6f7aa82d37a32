"""A clock whose waiting can be cut short from another thread, as Ctrl-C does in a terminal."""

from __future__ import annotations

import threading

from instruments.roles import Clock

# How long, in real seconds, a stop may go unnoticed.
SLICE_S = 0.05


class StoppableClock:
    """Another clock, until somebody stops whoever waits for it.

    Parameters
    ----------
    clock : Clock
        A real one, or that of a simulated bench.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stop = threading.Event()
        # Bench seconds in a real one; 0 where nobody really waits.
        self._pace = float(getattr(clock, "pace", 1.0))

    def now(self) -> float:
        """Return the time in s since some fixed moment."""
        return self._clock.now()

    def sleep(self, duration_s: float) -> None:
        """Wait.

        Raises
        ------
        KeyboardInterrupt
            Once, if it was stopped meanwhile or before.
        """
        self._raise_if_stopped()
        if self._pace and duration_s > SLICE_S * self._pace:
            until_s = self._clock.now() + duration_s
            while (left_s := until_s - self._clock.now()) > 0.0:
                self._clock.sleep(min(left_s, SLICE_S * self._pace))
                self._raise_if_stopped()
        else:
            self._clock.sleep(duration_s)
            self._raise_if_stopped()

    def stop(self) -> None:
        """Let the waiting thread, or the next one to wait, have a KeyboardInterrupt."""
        self._stop.set()

    def forget(self) -> None:
        """Take back a stop that nobody has met yet."""
        self._stop.clear()

    def _raise_if_stopped(self) -> None:
        if self._stop.is_set():
            self._stop.clear()
            raise KeyboardInterrupt("all off")
