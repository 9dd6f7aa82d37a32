"""How a device is connected while a stimulus is applied: part of every response.

What the wiring can see depends on it. With its gate *open* a neuron spikes, and its output tells;
with the gate *grounded* the memristor is alone between the source and ground, and its current is
the trace; a *follower* watches the gate of a spiking neuron without loading it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from labbench.errors import BenchError

GATES = ("open", "grounded", "follower")


@dataclass(frozen=True)
class Connection:
    """How a device is connected.

    Attributes
    ----------
    gate : {"open", "grounded", "follower"}
    control_resistance_ohm : float or None
        From the gate to ground, where it is known or can be switched; None for the device's own.
    load_resistance_ohm, supply_v : float or None
        Of the output, where known.
    current_range_a : float or None
        Largest memristor current to be recorded with a grounded gate; None for all there can be.
    added_capacitance_f : float or None
        From the gate to ground, by the follower that watches it, where known.
    interstage_gain : float or None
        Of the stage through which the output drives a second neuron like it, where there is one.
    """

    gate: str = "open"
    control_resistance_ohm: float | None = None
    load_resistance_ohm: float | None = None
    supply_v: float | None = None
    current_range_a: float | None = None
    added_capacitance_f: float | None = None
    interstage_gain: float | None = None

    def __post_init__(self) -> None:
        if self.gate not in GATES:
            raise BenchError(f"A gate is {', '.join(GATES)}, not {self.gate!r}.")

    def to_spec(self) -> dict[str, Any]:
        """Return a JSON-ready description, the inverse of `connection_from_spec`."""
        return asdict(self)


# A spiking neuron, as it is.
OPEN = Connection()


def connection_from_spec(spec: Mapping[str, Any]) -> Connection:
    """Rebuild a connection from its `to_spec` description.

    Raises
    ------
    BenchError
        If a field is unknown or impossible.
    """
    try:
        return Connection(**spec)
    except TypeError as error:
        raise BenchError(f"A stored connection has wrong fields: {error}.") from error
