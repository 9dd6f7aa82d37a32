"""What every simulated instrument is: messages in, answers out, and an IEEE 488.2 status byte."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import ClassVar

from instruments.simulated.clock import VirtualClock

MESSAGE_AVAILABLE, REQUESTED_SERVICE = 16, 64


class FaultUnknownError(Exception):
    """A fault that this instrument cannot have."""


class Instrument(ABC):
    """Takes program messages and keeps answers until they are read.

    Parameters
    ----------
    identity : str
    clock : VirtualClock

    Attributes
    ----------
    terminator : bytes
        Ends a message on links without an END of their own, in both directions.
    has_blocks : bool
        Whether messages may hold definite-length blocks, in which the terminator ends nothing.
    answers : deque of bytes
        Complete response messages, terminator included; one is read at a time.
    service_listeners : list of callable
        Called when the instrument begins to request service.
    edge_listeners : list of callable
        Called with the time of each edge at its trigger or sync output, which may lie ahead.
    """

    terminator: ClassVar[bytes] = b"\n"
    has_blocks: ClassVar[bool] = False
    last_terminal: ClassVar[int] = 1

    def __init__(self, identity: str, clock: VirtualClock) -> None:
        self.identity = identity
        self.clock = clock
        self.answers: deque[bytes] = deque()
        self.service_listeners: list[Callable[[], None]] = []
        self.edge_listeners: list[Callable[[float], None]] = []
        self._is_requesting = False
        self._has_requested = False

    @abstractmethod
    def message(self, data: bytes) -> None:
        """Take one complete program message."""

    @property
    @abstractmethod
    def summary(self) -> int:
        """The status byte, with the master summary in bit 6."""

    @property
    def next_answer_s(self) -> float:
        """When there will be an answer, as far as the instrument knows; infinite if never."""
        return self.clock.now() if self.answers else float("inf")

    @property
    def is_pending(self) -> bool:
        """Whether messages are not worked off yet."""
        return False

    def taken(self) -> None:
        """Note that an answer was read."""
        self.notice()

    def unterminated(self) -> None:
        """Note that somebody tried to read an answer that there is not."""

    def device_clear(self) -> None:
        """Forget what is being worked on, and the answers that wait."""
        self.answers.clear()

    def group_trigger(self) -> None:
        """Take an interface trigger."""

    def external_edge(self, at_s: float) -> None:
        """Take an edge at the trigger input, at a time that may lie ahead."""

    def fail(self, kind: str, value: float | None) -> None:
        """Have a fault of the instrument's own, see `faults.Fault`.

        Raises
        ------
        FaultUnknownError
            If it cannot.
        """
        raise FaultUnknownError(kind)

    def serial_poll(self) -> int:
        """Return the status byte with "I requested service" in bit 6, and take the request back."""
        self.notice()
        status = self.summary & ~REQUESTED_SERVICE | REQUESTED_SERVICE * self._has_requested
        self._has_requested = False
        return status

    def notice(self) -> None:
        """Request service where the status asks for it anew; called after whatever changes it."""
        is_requesting = bool(self.summary & REQUESTED_SERVICE)
        is_new = is_requesting and not self._is_requesting
        self._is_requesting = is_requesting
        if is_new:
            self._has_requested = True
            for listener in self.service_listeners:
                listener()
