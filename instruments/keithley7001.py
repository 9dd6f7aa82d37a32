"""Keithley 7001 switch system with a matrix card, as a SwitchMatrix.

What is closed is always asked of the instrument. It answers with ranges where neighbours in a row
are closed, and lists the channels of both cards.
"""

from __future__ import annotations

import re
from typing import Any

from pymeasure.instruments import Instrument

from instruments.link import LinkedInstrument
from instruments.roles import Clock
from labbench.errors import LinkError, ReadbackError

# Slot, row and column; the same once more at the end of a range.
_CHANNELS = re.compile(r"(\d+)!(\d+)!(\d+)(?::(\d+)!(\d+)!(\d+))?")
_ALL_OPEN = ":ROUTE:OPEN ALL"

Channel = tuple[int, int, int]


class Keithley7001Driver(LinkedInstrument):
    """Channels of a matrix card, as slot, row and column."""

    card = Instrument.measurement(
        ":ROUTE:CONFIGURE:SLOT1:CTYPE?",
        """Get the type of the card in slot 1 (str).""",
        cast=str,
    )
    settling_s = Instrument.control(
        ":ROUTE:CONFIGURE:SLOT1:STIME?",
        ":ROUTE:CONFIGURE:SLOT1:STIME %.9g",
        """Control the settling time in s that is added to that of the card in slot 1 (float).""",
        check_set_errors=True,
    )

    def closed(self) -> frozenset[Channel]:
        """Return the channels that are closed, of all cards.

        Raises
        ------
        LinkError
            If the answer is no list of channels.
        """
        answer = self.ask(":ROUTE:CLOSE:STATE?").strip()
        found: set[Channel] = set()
        if not (answer.startswith("(@") and answer.endswith(")")):
            raise LinkError(f"{self.resource} answered {self._command!r} with {answer!r}.")
        for part in filter(None, answer[2:-1].replace(" ", "").split(",")):
            match = _CHANNELS.fullmatch(part)
            first = tuple(map(int, match.groups()[:3])) if match else ()
            last = tuple(map(int, match.groups()[3:])) if match and match[4] else first
            if not first or first[:2] != last[:2]:
                raise LinkError(
                    f"{self.resource} answered {self._command!r} with {answer!r}: {part!r} is no "
                    "range within a row."
                )
            slot, row, column = first
            found |= {(slot, row, each) for each in range(column, last[2] + 1)}
        return frozenset(found)

    def close_channel(self, slot: int, row: int, column: int) -> None:
        """Close one channel and wait until it has settled."""
        self._settle(f":ROUTE:CLOSE (@{slot:d}!{row:d}!{column:d})")

    def open_channel(self, slot: int, row: int, column: int) -> None:
        """Open one channel and wait until it has settled."""
        self._settle(f":ROUTE:OPEN (@{slot:d}!{row:d}!{column:d})")

    def open_all(self) -> None:
        """Open all channels of all cards and wait until they have settled."""
        self._settle(_ALL_OPEN)

    def _settle(self, command: str) -> None:
        self.write(command)
        self.ask("*OPC?")
        self._command = command
        self.check_errors()


class Keithley7001:
    """A 7001 switch system with a matrix card as a SwitchMatrix.

    Parameters
    ----------
    adapter : str, int or pymeasure Adapter
    name : str
    channel : int
        Slot of the card.
    clock : Clock, optional
        Not needed: the instrument says itself when its relays have settled.
    **kwargs
        For the VISA connection.

    Attributes
    ----------
    driver : Keithley7001Driver
        For everything beyond the role.
    """

    def __init__(
        self,
        adapter: Any,
        name: str = "Keithley 7001",
        *,
        channel: int = 1,
        clock: Clock | None = None,
        **kwargs: Any,
    ) -> None:
        self.driver = Keithley7001Driver(adapter, name, **kwargs)
        self._slot = channel

    @property
    def identity(self) -> str:
        """Get the answer to ``*IDN?`` (str)."""
        return self.driver.identity

    @property
    def closed(self) -> frozenset[tuple[int, int]]:
        """Get the rows and columns of the card that are connected (frozenset of (int, int))."""
        channels = self.driver.closed()
        return frozenset((row, column) for slot, row, column in channels if slot == self._slot)

    def close_channel(self, row: int, column: int) -> None:
        """Connect a row with a column, and leave all others as they are.

        Raises
        ------
        InstrumentError
            If the card has no such channel.
        ReadbackError
            If it is still open.
        """
        self.driver.close_channel(self._slot, row, column)
        if (row, column) not in self.closed:
            raise ReadbackError(
                f"{self.driver.resource}: row {row} and column {column} were to be connected, "
                "and are not."
            )

    def open_channel(self, row: int, column: int) -> None:
        """Disconnect a row from a column.

        Raises
        ------
        InstrumentError
            If the card has no such channel.
        ReadbackError
            If it is still closed.
        """
        self.driver.open_channel(self._slot, row, column)
        if (row, column) in self.closed:
            raise ReadbackError(
                f"{self.driver.resource}: row {row} and column {column} were to be disconnected, "
                "and are not."
            )

    def safe(self) -> None:
        """Open everything, of the other card too, whatever was being asked before.

        Raises
        ------
        ReadbackError
            If anything is still closed.
        """
        driver = self.driver
        driver.abandon()
        driver.write_each(_ALL_OPEN)
        driver.ask("*OPC?")
        closed = driver.closed()
        if closed:
            names = ", ".join("!".join(map(str, each)) for each in sorted(closed))
            raise ReadbackError(f"{driver.resource}: {names} is still closed.")
        driver.check_errors()
