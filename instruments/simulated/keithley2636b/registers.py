"""Status registers: condition, transition filters, event, enable."""

from __future__ import annotations

from collections.abc import Callable


class Register:
    """One set of condition, NTR, PTR, event and enable registers.

    Parameters
    ----------
    bits : int
        Those that exist.
    changed : callable
        Called when an event was added.
    """

    def __init__(self, bits: int, changed: Callable[[], None]) -> None:
        self.bits = bits
        self.condition = 0
        self.event = 0
        self.enable = 0
        self.ptr, self.ntr = bits, 0
        self._changed = changed

    @property
    def is_summary(self) -> bool:
        """Whether an enabled event happened."""
        return bool(self.event & self.enable)

    def happened(self, bits: int) -> None:
        """Note events without a condition."""
        self.event |= bits & self.bits
        self._changed()

    def now(self, bits: int, of: int = 0xFFFF) -> None:
        """Change the conditions `of` some bits, and note the events that this makes."""
        before, self.condition = self.condition, self.condition & ~of | bits & of & self.bits
        risen = self.condition & ~before & self.ptr
        fallen = before & ~self.condition & self.ntr
        if risen | fallen:
            self.happened(risen | fallen)

    def take(self) -> int:
        """Return the events and forget them."""
        event, self.event = self.event, 0
        return event

    def preset(self) -> None:
        """Go back to the filters and the enable register at power-on."""
        self.enable, self.ptr, self.ntr = 0, self.bits, 0
