"""A bare memristor: source -> series resistor -> node, with memristor and shunt to ground."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import inf

import numpy as np

from instruments.simulated.devices.base import Device, DeviceError, Drive, FloatArray, Stretch
from labbench.model import ModelCard, advance, resting
from labbench.model.layout import V
from labbench.model.solution import Solution


class Memristor(Device):
    """A memristor in its fixture.

    Parameters
    ----------
    card : ModelCard
        Of a memristor circuit.
    seed, device : int
        Name its random stream.
    start_s : float
    """

    nodes = ("input", "node")

    def __init__(self, card: ModelCard, seed: int, device: int = 0, start_s: float = 0.0) -> None:
        super().__init__()
        self.card = card
        self._state = resting(card, seed, device, start_s=start_s)

    @property
    def time_s(self) -> float:
        """The time up to which the device was integrated."""
        return self._state.time_s

    def check(self, drives: Mapping[str, Drive]) -> None:
        """Refuse a source at the node behind the series resistor."""
        if drives["node"].kind != "open":
            raise DeviceError("a memristor is driven at its input, not behind the series resistor")

    def advance(self, to_s: float, drives: Mapping[str, Drive], is_watched: bool) -> None:
        """Go on to a time."""
        self.check(drives)
        drive = drives["input"]
        card = driven(self.card, drive, drives["node"])
        state = self._state
        line, end = (drive.corner_s, drive.level), np.array([to_s])
        solution = advance(card, state, *line, end, is_dense=is_watched)
        if is_watched:
            own_ohm = self.card["series_resistance_ohm"]
            self._past.append(fixture_past(solution, own_ohm, state.time_s, to_s))
        y = solution.state.y.copy()
        y[V] = solution.node_v[-1]
        self._state = replace(solution.state, y=y)


def driven(card: ModelCard, drive: Drive, behind: Drive) -> ModelCard:
    """Return the card of a memristor circuit with what is connected around it."""
    shunt_s = 1.0 / card["shunt_resistance_ohm"] + 1.0 / behind.load_ohm
    values = {
        "shunt_resistance_ohm": 1.0 / shunt_s if shunt_s else inf,
        "shunt_capacitance_f": card["shunt_capacitance_f"] + behind.load_f,
        "compliance_a": inf,
        "compliance_v": inf,
    }
    if drive.kind == "current":
        values["compliance_v"] = drive.limit
        return card.with_values(values, drive="current")
    values["compliance_a"] = drive.limit
    values["series_resistance_ohm"] = card["series_resistance_ohm"] + drive.resistance_ohm
    return card.with_values(values, drive="voltage")


def fixture_past(solution: Solution, own_ohm: float, start_s: float, end_s: float) -> Stretch:
    """Return what was at the nodes of a memristor circuit with its own series resistance."""
    dense = solution.dense
    assert dense is not None

    def seen(time_s: FloatArray) -> Solution:
        return replace(solution, time_s=time_s, samples=dense(time_s))

    return Stretch(
        start_s,
        end_s,
        {
            "input": lambda time_s: _terminal_v(seen(time_s), own_ohm),
            "node": lambda time_s: seen(time_s).node_v,
        },
        {"input": lambda time_s: terminal_a(seen(time_s)), "node": np.zeros_like},
    )


def terminal_a(solution: Solution) -> FloatArray:
    """Return the current into the series resistor, (n,); the node's capacitance takes its part."""
    card = solution.card
    if card.drive == "current":
        taken_a = solution.memristor_a + solution.node_v / card["shunt_resistance_ohm"]
        limited = np.abs(solution.node_v) >= card["compliance_v"] * (1 - 1e-9)
        return np.where(limited, taken_a, solution.input)
    series_ohm = card["series_resistance_ohm"]
    if card.has_node_state:
        current_a = (solution.input - solution.node_v) / series_ohm
    else:
        current_a = solution.memristor_a + solution.node_v / card["shunt_resistance_ohm"]
    return np.clip(current_a, -card["compliance_a"], card["compliance_a"])


def _terminal_v(solution: Solution, own_ohm: float) -> FloatArray:
    # From the node's side: a source in its compliance sags to what the device lets it have.
    return np.asarray(solution.node_v + terminal_a(solution) * own_ohm)
