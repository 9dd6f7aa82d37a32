"""Patience: when the disk is full, a run waits with all outputs off until there is space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from labbench.bench.bench import Bench
from labbench.errors import StoreFullError

# How often a full disk is tried again.
RETRY_S = 5.0

Kept = TypeVar("Kept")


@dataclass
class Patience:
    """Writes what a run has in hand, however long there is no space for it.

    Attributes
    ----------
    bench : Bench
    on_notice : callable
        Told once when a pause begins, and once when it ends.
    should_stop : callable
        Asked before each try.
    wait : callable
        Called with seconds between two tries.
    start : callable or None
        Energises the bench; None while nothing is on.
    """

    bench: Bench
    on_notice: Callable[[str], None]
    should_stop: Callable[[], bool]
    wait: Callable[[float], None]
    start: Callable[[], None] | None = None
    _is_dark: bool = field(default=False, init=False)

    def keep(self, what: str, write: Callable[[], Kept]) -> Kept:
        """Write a record, now or when there is space again; the device rests meanwhile.

        Parameters
        ----------
        what : str
            The record, for people.
        write : callable
            All or nothing, as the methods of a `Store`.

        Raises
        ------
        StoreFullError
            If `should_stop` ends the waiting; the record is lost then, and the error says so.
        KeyboardInterrupt
            If the operator does, likewise with a note.
        """
        try:
            return write()
        except StoreFullError as error:
            full = error
        if self.start is not None:
            self._is_dark = True
            self.bench.safe()
        outputs = (
            "All outputs are at zero and off, and" if self._is_dark else "No output is on, and"
        )
        self.on_notice(
            f"Paused: {full} {outputs} {what} is kept in memory and tried again every "
            f"{RETRY_S:g} s; to give it up, stop the run."
        )
        kept = self._later(what, write)
        self.on_notice(f"There is space again: {what} is stored, and the run goes on.")
        return kept

    def resume(self) -> None:
        """Energise the bench again, before the next stimulus, if a pause made it dark."""
        while self._is_dark and self.start is not None:
            self._is_dark = False
            self.start()  # which has something to write, too

    def _later(self, what: str, write: Callable[[], Kept]) -> Kept:
        given_up = f"it was paused for want of space, and {what} is not recorded"
        while True:
            try:
                self.wait(RETRY_S)
                stops = self.should_stop()
                return write()
            except StoreFullError as error:
                if stops:
                    raise StoreFullError(f"Stopped while {given_up}. {error}") from error
            except KeyboardInterrupt as stop:
                stop.add_note(given_up)
                raise
