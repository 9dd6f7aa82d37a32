"""What hangs on the relays of a simulated bench: amplifiers, followers, resistors to ground.

Each entry is one crosspoint of the switch matrix with what it connects to a node; without a matrix
a relay is closed for good. Idealised: what lies on one row or one column is not connected through
it, and a capacitance that is put on a node comes with the charge it needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from instruments.simulated.circuit import Cable, Circuit, Terminal
from instruments.simulated.devices import Amplifier, DeviceError
from labbench.errors import BenchError

Route = tuple[int, int]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
# Beside the streams of devices and instruments under the bench's seed.
_NOISE_STREAM = 2


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TransimpedanceEntry(_Entry):
    """Holds its node at ground and tells the current; `noise_a` is rms in the whole bandwidth."""

    gain_v_per_a: Positive
    input_ohm: Positive = 50.0
    bandwidth_hz: Positive = 1e6
    noise_a: NotNegative = 0.0


class FollowerEntry(_Entry):
    """Tells the voltage of its node and loads it with a capacitance only."""

    input_f: NotNegative
    gain: Positive = 1.0
    bandwidth_hz: Positive = 1e7
    noise_v: NotNegative = 0.0


class RelayEntry(_Entry):
    """One relay: what it connects to a node, and who closes it.

    Attributes
    ----------
    node : str
    route : (row, column), optional
        Of the switch matrix.
    closed : bool
        For good; where there is no route.
    amplifier, follower, resistance_ohm
        One of them.
    output : str
        Name of the node at the output of an amplifier or follower.
    """

    node: str
    route: Route | None = None
    closed: bool = False
    amplifier: TransimpedanceEntry | None = None
    follower: FollowerEntry | None = None
    resistance_ohm: Positive | None = None
    output: str = ""

    @model_validator(mode="after")
    def _check(self) -> RelayEntry:
        given = (self.amplifier, self.follower, self.resistance_ohm)
        if sum(each is not None for each in given) != 1:
            raise ValueError("a relay connects an amplifier, a follower or a resistance_ohm")
        if (self.route is None) != self.closed:
            raise ValueError("a relay has a route, or is closed = true for good")
        if bool(self.output) == (self.resistance_ohm is not None):
            raise ValueError("amplifier and follower need the name of their output, none else")
        return self


class Relay:
    """Connects something to a node, or not.

    Parameters
    ----------
    circuit : Circuit
    terminal : Terminal
        Of what is connected.
    entry : RelayEntry
    amplifier : Amplifier or None
        Its output.
    """

    def __init__(
        self, circuit: Circuit, terminal: Terminal, entry: RelayEntry, amplifier: Amplifier | None
    ) -> None:
        self._circuit, self._terminal, self._amplifier = circuit, terminal, amplifier
        self._input_ohm = None if entry.amplifier is None else entry.amplifier.input_ohm
        self._load_ohm = entry.resistance_ohm or inf
        self._load_f = 0.0 if entry.follower is None else entry.follower.input_f

    def set(self, is_closed: bool) -> None:
        """Close or open it.

        Raises
        ------
        DeviceError
            If the circuit cannot be solved like that; it stays as it was.
        """
        self._circuit.advance()
        if self._input_ohm is not None and is_closed:
            self._terminal.connect("voltage", self._input_ohm)
        elif self._input_ohm is not None:
            self._terminal.disconnect()
        else:
            loads = (self._load_ohm, self._load_f) if is_closed else (inf, 0.0)
            self._terminal.load(*loads)
        if self._amplifier is not None:
            self._amplifier.is_connected = is_closed


def build_relays(
    entries: Sequence[RelayEntry], circuit: Circuit, seed: int
) -> Mapping[Route, Relay]:
    """Build what hangs on relays, and return those that a switch matrix closes, by route.

    Raises
    ------
    BenchError
        If a node is not there, a name or route is used twice, or the device cannot bear it.
    """
    routed: dict[Route, Relay] = {}
    for number, entry in enumerate(entries):
        if entry.node not in circuit.nodes:
            raise BenchError(
                f"A relay connects to {entry.node!r}, but the simulated circuit has "
                f"{', '.join(circuit.nodes)}."
            )
        if entry.output in circuit.nodes:
            raise BenchError(f"Two nodes of the simulated circuit are called {entry.output!r}.")
        if entry.route in routed:
            raise BenchError(f"Two relays of the simulated bench have the route {entry.route}.")
        terminal = circuit.terminal(Cable(entry.node))
        noise = np.random.default_rng([seed, _NOISE_STREAM, number])
        amplifier = _amplifier(entry, terminal, int(noise.integers(1 << 62)))
        if amplifier is not None:
            circuit.add(entry.output, amplifier)
        relay = Relay(circuit, terminal, entry, amplifier)
        try:
            relay.set(True)
        except DeviceError as error:
            raise BenchError(f"A relay cannot connect to {entry.node!r}: {error}.") from error
        if entry.route is not None:
            relay.set(False)
            routed[entry.route] = relay
    return routed


def _amplifier(entry: RelayEntry, terminal: Terminal, seed: int) -> Amplifier | None:
    if entry.amplifier is not None:
        held = entry.amplifier
        gain = held.gain_v_per_a / held.input_ohm
        noise_v = held.noise_a * held.gain_v_per_a
        return Amplifier(0.0, terminal.voltage, gain, held.bandwidth_hz, noise_v, seed)
    if entry.follower is not None:
        seen = entry.follower
        noise_v = seen.noise_v * seen.gain
        return Amplifier(0.0, terminal.voltage, seen.gain, seen.bandwidth_hz, noise_v, seed)
    return None
