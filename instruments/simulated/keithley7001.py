"""A simulated Keithley 7001 switch system with a 7012 matrix card, four by ten, in slot 1.

Channels are ``slot!row!column``. A relay is where it was sent when its settling time is over;
the next :ROUTe command and ``*OPC?`` wait for that. Slot 2 is empty. No scan lists, no memory.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from instruments.simulated.circuit import Terminal
from instruments.simulated.clock import VirtualClock
from instruments.simulated.devices import DeviceError
from instruments.simulated.keithley2400.base import KeithleyScpi
from instruments.simulated.relays import Relay, Route
from instruments.simulated.scpi.message import Parameter, ScpiError
from labbench.errors import BenchError

ROWS, COLUMNS = 4, 10
CARDS = {1: "C7012", 2: "NONE"}
_SLOT = 1
# Of the card's relays; what :STIMe gives comes on top.
_OPERATES_S = 3e-3
_CHANNEL = re.compile(r"(\d{1,3})!(\d{1,3})!(\d{1,3})")


class SwitchSystem(KeithleyScpi):
    """Opens and closes the relays of its matrix card.

    Attributes
    ----------
    closed : set of (row, column)
        Where the relays are sent.
    """

    last_terminal = 0

    def __init__(
        self,
        identity: str,
        clock: VirtualClock,
        terminals: Mapping[int, Terminal],
        noise: np.random.Generator,
    ) -> None:
        super().__init__(identity, clock)
        self.closed: set[Route] = set()
        self._relays: Mapping[Route, Relay] = {}
        self._reached: set[Route] = set()
        self._settled_s = 0.0
        self.decimal(":ROUTe:CONFigure:SLOT1:STIMe", "settling", 0.0, 0.0, 99999.999, 3)
        for slot, card in CARDS.items():
            self.query(f":ROUTe:CONFigure:SLOT{slot}:CTYPe", lambda card=card: card)  # type: ignore[misc]
        self.on("[:ROUTe]:CLOSe", lambda c, p: self._send(self.closed | set(self._channels(p))))
        self.on("[:ROUTe]:OPEN", lambda c, p: self._open(p))
        self.on("[:ROUTe]:OPEN:ALL", lambda c, p: self._send(set()))
        self.on("[:ROUTe]:CLOSe?", lambda c, p: self._states(p, True))
        self.on("[:ROUTe]:OPEN?", lambda c, p: self._states(p, False))
        self.query("[:ROUTe]:CLOSe:STATe", self._list)

    def connect(self, relays: Mapping[Route, Relay]) -> None:
        """Connect what hangs on the crosspoints.

        Raises
        ------
        BenchError
            If there is no such crosspoint.
        """
        for row, column in relays:
            if not (1 <= row <= ROWS and 1 <= column <= COLUMNS):
                raise BenchError(
                    f"The simulated matrix has {ROWS} rows and {COLUMNS} columns: there is no "
                    f"route [{row}, {column}]."
                )
        self._relays = relays

    @property
    def done_s(self) -> float:
        """When the relays will have settled."""
        return self._settled_s

    def reset(self) -> None:
        """Open everything, and go back to the settings of ``*RST``."""
        super().reset()
        self._send(set())

    def _send(self, closed: set[Route]) -> None:
        self.wait()
        self.closed = closed
        self._settled_s = self.clock.now() + _OPERATES_S + self.value("settling")
        self.clock.at(self._settled_s, self._settle)

    def _settle(self) -> None:
        """Have the contacts follow, those that open first."""
        wanted = set(self.closed)
        for route in [*sorted(self._reached - wanted), *sorted(wanted - self._reached)]:
            if route in self._relays:
                try:
                    self._relays[route].set(route in wanted)
                except DeviceError as error:
                    self.closed.discard(route)
                    self.push(ScpiError(-240, f"{route} cannot be closed: {error}"))
        self._reached = set(self.closed)

    def _open(self, parameters: Sequence[Parameter]) -> None:
        if len(parameters) == 1 and str(parameters[0]).upper() == "ALL":
            self._send(set())
        else:
            self._send(self.closed - set(self._channels(parameters)))

    def _states(self, parameters: Sequence[Parameter], is_closed: bool) -> str:
        channels = self._channels(parameters)
        return ",".join(str(int((each in self.closed) == is_closed)) for each in channels)

    def _list(self) -> str:
        """Return the closed channels, neighbours in a row as a range."""
        runs: list[list[Route]] = []
        for row, column in sorted(self.closed):
            if runs and runs[-1][-1] == (row, column - 1):
                runs[-1].append((row, column))
            else:
                runs.append([(row, column)])
        names = [[f"{_SLOT}!{row}!{column}" for row, column in run] for run in runs]
        ends = (run[0] if len(run) == 1 else f"{run[0]}:{run[-1]}" for run in names)
        return f"(@{','.join(ends)})"

    def _channels(self, parameters: Sequence[Parameter]) -> list[Route]:
        """Return the channels of a list like ``(@1!1!1,1!2!3:1!2!5)``, in its order."""
        if not parameters:
            raise ScpiError(-109)
        text = ",".join(map(str, parameters)).replace(" ", "")
        if not (text.startswith("(@") and text.endswith(")")):
            raise ScpiError(-102)
        found: list[Route] = []
        for part in text[2:-1].split(","):
            ends = [_place(each) for each in part.split(":")]
            if len(ends) > 2 or ends[-1] < ends[0]:
                raise ScpiError(-222)
            found += [divmod(each, COLUMNS) for each in range(ends[0], ends[-1] + 1)]
        return [(row + 1, column + 1) for row, column in found]


def _place(channel: str) -> int:
    """Return the number of a channel on its card, row by row, from zero."""
    match = _CHANNEL.fullmatch(channel)
    if match is None:
        raise ScpiError(-102)
    slot, row, column = map(int, match.groups())
    if slot != _SLOT or not (1 <= row <= ROWS and 1 <= column <= COLUMNS):
        raise ScpiError(-222)
    return (row - 1) * COLUMNS + column - 1
