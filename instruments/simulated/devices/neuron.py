"""1M1T1R neurons: one, or several in a row, each driving the next through its gain stage.

Nodes: ``input``, ``gate``, ``output`` (drain), ``supply`` (the other end of the load resistor). In
a row the gates and outputs are numbered, ``gate1``, ``output1``, ``gate2``, ...

Probes at the gate are elements of the integrated circuit. A gate that a source holds leaves the
memristor between two sources; the transistor then has the gate it is given. Idealised: a negative
supply finds the drain at 0 V (its body diode), and of stray capacitance to the drain only the
current of the input's edges into the drain's resistance is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from math import inf, isfinite

import numpy as np

from instruments.simulated.devices.base import (
    LEAKAGE_OHM,
    Device,
    DeviceError,
    Drive,
    FloatArray,
    Stretch,
    parallel,
)
from instruments.simulated.devices.memristor import terminal_a
from instruments.simulated.timeline import Timeline, combine
from labbench.model import ModelCard, advance, resting
from labbench.model.card import parameter_names
from labbench.model.chain import drive_of_next, stage_cards
from labbench.model.layout import V
from labbench.model.output import Loading, drain_current, low_pass, output_voltage
from labbench.model.solution import DeviceState, Solution

# Model cards end at this supply.
_MAX_SUPPLY_V = 100.0
# A source resistance below this part of the closed memristor changes nothing that can be seen.
_NEGLIGIBLE = 1e-4
# Of a parallel capacitance the integrator passes the edges of a stiff source only; a generator is
# stiff enough.
_STIFF_OHM = 1e3


class Neurons(Device):
    """One neuron, or several in a row.

    Parameters
    ----------
    card : ModelCard
        Of a neuron or a chain.
    seed, device : int
        Name the random stream of the first one; the others follow.
    start_s : float
    stray_f : mapping of str to float
        Stray capacitance from the input to ``gate`` or ``output`` of the first neuron.
    """

    def __init__(
        self,
        card: ModelCard,
        seed: int,
        device: int = 0,
        start_s: float = 0.0,
        stray_f: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self.card = card
        stages = stage_cards(card) if card.circuit == "chain" else (card,)
        stray_f = stray_f or {}
        first = stages[0]
        if "gate" in stray_f:
            parallel_f = first["parallel_capacitance_f"] + stray_f["gate"]
            first = first.with_values({"parallel_capacitance_f": parallel_f})
        self._stages = (first, *stages[1:])
        self._drain_stray_f = stray_f.get("output", 0.0)
        self._states = [
            resting(one, seed, device + place, start_s=start_s)
            for place, one in enumerate(self._stages)
        ]
        self._numbers = ("",) if len(stages) == 1 else tuple(map(str, range(1, len(stages) + 1)))
        each = tuple(f"{node}{n}" for n in self._numbers for node in ("gate", "output"))
        self.nodes = ("input", "supply", *each)

    @property
    def time_s(self) -> float:
        """The time up to which the neurons were integrated."""
        return self._states[0].time_s

    def check(self, drives: Mapping[str, Drive]) -> None:
        """Refuse a current source, and a gate held by a source within a row."""
        held = [node for node, drive in drives.items() if drive.kind == "current"]
        if held:
            raise DeviceError(f"the simulated neuron takes no current source at its {held[0]}")
        if len(self._stages) > 1:
            for number in self._numbers:
                for node in (f"gate{number}", f"output{number}"):
                    if drives[node].kind != "open":
                        raise DeviceError(f"{node} of a simulated chain takes probes only")

    def advance(self, to_s: float, drives: Mapping[str, Drive], is_watched: bool) -> None:
        """Go on to a time."""
        self.check(drives)
        if len(self._stages) > 1:
            # What one neuron of a row gives to the next is worked out for one supply at a time.
            steps_s = drives["supply"].corner_s
            for cut_s in steps_s[(self.time_s < steps_s) & (steps_s < to_s)]:
                if cut_s > self.time_s:
                    self._advance(float(cut_s), drives, is_watched)
        self._advance(to_s, drives, is_watched)

    def _advance(self, to_s: float, drives: Mapping[str, Drive], is_watched: bool) -> None:
        drive, supply = drives["input"], drives["supply"]
        voltage, current = {}, {}
        start_s = self.time_s
        for place, (stage, number) in enumerate(zip(self._stages, self._numbers, strict=True)):
            gate, output = drives[f"gate{number}"], drives[f"output{number}"]
            is_last = place == len(self._stages) - 1
            stray_f = 0.0 if place else self._drain_stray_f
            if not is_last:
                output = _loaded(output, self.card["interstage_input_ohm"])
            node = (
                _HeldGate(stage, drive, gate) if gate.kind != "open" else _Gate(stage, drive, gate)
            )
            solution = node.advance(self._states[place], to_s, is_watched or not is_last)
            self._states[place] = node.state(solution)
            drain = _Drain(stage, drive, supply, output, node, solution, stray_f)
            voltage[f"gate{number}"] = lambda t, n=node, s=solution: n.gate_v(_seen(s, t))
            voltage[f"output{number}"] = drain.voltage
            current[f"gate{number}"] = lambda t, n=node, s=solution: n.gate_a(_seen(s, t))
            current[f"output{number}"] = drain.current
            if place == 0:
                voltage["input"] = partial(node.input_v, solution)
                current["input"] = lambda t, n=node, s=solution: n.input_a(_seen(s, t))
                voltage["supply"], current["supply"] = drain.supply_v, drain.supply_a
            else:
                before = current["supply"]
                current["supply"] = lambda t, b=before, d=drain: b(t) + d.supply_a(t)
            if not is_last:
                supply_v = float(supply.at(np.array([start_s]))[0])
                card = self.card.with_values({"supply_v": supply_v})
                fed = replace(solution, card=drain.card(supply_v), loading=drain.loading)
                corner_s, level = drive_of_next(card, fed)
                following_ohm = self._stages[place + 1]["source_resistance_ohm"]
                drive = Drive(corner_s, level, "voltage", following_ohm)
        if is_watched:
            self._past.append(Stretch(start_s, to_s, voltage, current))


class _Gate:
    """A gate that floats on its capacitance: probes there are part of the integrated circuit."""

    def __init__(self, card: ModelCard, drive: Drive, gate: Drive) -> None:
        self._drive = drive
        self._own_ohm = card["source_resistance_ohm"]
        series_ohm = drive.resistance_ohm
        values = {
            "control_resistance_ohm": parallel(card["control_resistance_ohm"], gate.load_ohm),
            "gate_capacitance_f": card["gate_capacitance_f"] + gate.load_f,
            "compliance_a": drive.limit,
        }
        if card["parallel_capacitance_f"] > 0.0:
            if series_ohm <= _STIFF_OHM and not isfinite(drive.limit):
                series_ohm = 0.0
            else:
                values["parallel_capacitance_f"] = 0.0
        # A closed memristor is what the resistance is to be compared with.
        is_stiff = series_ohm < _NEGLIGIBLE * card["r_on_ohm"]
        self._is_stiff = is_stiff and not isfinite(drive.limit)
        self.card = _with_values(card, values | {"source_resistance_ohm": series_ohm})

    def advance(self, state: DeviceState, to_s: float, is_dense: bool) -> Solution:
        line = self._drive.corner_s, self._drive.level
        return advance(self.card, state, *line, np.array([to_s]), is_dense=is_dense)

    def state(self, solution: Solution) -> DeviceState:
        return solution.state

    def gate_v(self, seen: Solution) -> FloatArray:
        return seen.node_v

    def gate_a(self, seen: Solution) -> FloatArray:
        return np.zeros_like(seen.time_s)

    def input_a(self, seen: Solution) -> FloatArray:
        return seen.memristor_a

    def input_v(self, solution: Solution, time_s: FloatArray) -> FloatArray:
        if self._is_stiff:
            return self._drive.at(time_s)
        seen = _seen(solution, time_s)
        return np.asarray(seen.node_v + seen.memristor_a * seen.resistance_ohm)


class _HeldGate:
    """A gate that a source holds: the memristor lies between two sources."""

    def __init__(self, card: ModelCard, drive: Drive, gate: Drive) -> None:
        self._gate = gate
        self._control_ohm = card["control_resistance_ohm"]
        # Seen from the memristor, the gate's source and the control resistor are one source.
        share = self._control_ohm / (self._control_ohm + gate.resistance_ohm)
        self._resistance_ohm = gate.resistance_ohm * share
        self._share = share
        lines = []
        for source in (drive, gate):
            line = Timeline()
            line.corner_s, line.level = source.corner_s, source.level
            lines.append(line)
        self._corner_s, self._level = combine(lines, (1.0, -share), 0.0)
        names = parameter_names("memristor", card.model)
        values = {name: card[name] for name in names if name in card.values}
        values |= {
            "parallel_capacitance_f": 0.0,
            "series_resistance_ohm": drive.resistance_ohm + self._resistance_ohm,
            "compliance_a": drive.limit,
        }
        self.card = replace(card, circuit="memristor", values=values, assumed=(), stderr={})

    def advance(self, state: DeviceState, to_s: float, is_dense: bool) -> Solution:
        line = self._corner_s, self._level
        return advance(self.card, state, *line, np.array([to_s]), is_dense=is_dense)

    def state(self, solution: Solution) -> DeviceState:
        y = solution.state.y.copy()
        # Let go, the gate starts from where it was held.
        y[V] = self.gate_v(_at_end(solution))[-1]
        return replace(solution.state, y=y)

    def gate_v(self, seen: Solution) -> FloatArray:
        held_v = self._gate.at(seen.time_s) * self._share
        return np.asarray(held_v + terminal_a(seen) * self._resistance_ohm)

    def gate_a(self, seen: Solution) -> FloatArray:
        return np.asarray(self.gate_v(seen) / self._control_ohm - terminal_a(seen))

    def input_a(self, seen: Solution) -> FloatArray:
        return terminal_a(seen)

    def input_v(self, solution: Solution, time_s: FloatArray) -> FloatArray:
        seen = _seen(solution, time_s)
        return np.asarray(self.gate_v(seen) + seen.node_v)


class _Drain:
    """The output stage of one neuron, solved where somebody looks at it."""

    def __init__(
        self,
        card: ModelCard,
        drive: Drive,
        supply: Drive,
        output: Drive,
        node: _Gate | _HeldGate,
        solution: Solution,
        stray_f: float,
    ) -> None:
        self._card, self._drive, self._supply, self._output = card, drive, supply, output
        self._node, self._solution, self._stray_f = node, solution, stray_f
        self._load_ohm = card["load_resistance_ohm"]
        if supply.kind != "open":
            self._load_ohm += supply.resistance_ohm
        self.loading = Loading(output.load_ohm, output.load_f + stray_f)

    def card(self, supply_v: float) -> ModelCard:
        """Return the card of the output stage at a supply."""
        return _with_values(
            self._card,
            {"supply_v": min(supply_v, _MAX_SUPPLY_V), "load_resistance_ohm": self._load_ohm},
        )

    def voltage(self, time_s: FloatArray) -> FloatArray:
        """Return the drain voltage at some times (n,)."""
        gate_v = self._node.gate_v(_seen(self._solution, time_s))
        drain_v = self._quiet(time_s, gate_v)
        if self._stray_f:
            drain_v = drain_v + self._coupled(time_s)
        return drain_v

    def current(self, time_s: FloatArray) -> FloatArray:
        """Return the current into the drain node from outside, (n,)."""
        if self._output.kind == "open":
            return np.zeros_like(time_s)
        gate_v = self._node.gate_v(_seen(self._solution, time_s))
        drain_v = self._quiet(time_s, gate_v)
        fed_a = np.zeros_like(time_s)
        if self._supply.kind != "open":
            fed_a = (self._supply.at(time_s) - drain_v) / self._load_ohm
        return drain_current(self._card, gate_v, drain_v) - fed_a

    def supply_a(self, time_s: FloatArray) -> FloatArray:
        """Return the current out of the supply, (n,)."""
        if self._supply.kind == "open":
            return np.zeros_like(time_s)
        wanted_a = (self._supply.at(time_s) - self.voltage(time_s)) / self._load_ohm
        return np.clip(wanted_a, -self._supply.limit, self._supply.limit)

    def supply_v(self, time_s: FloatArray) -> FloatArray:
        """Return the voltage at the terminal of the supply, (n,)."""
        own_ohm = self._card["load_resistance_ohm"]
        return np.asarray(self.voltage(time_s) + self.supply_a(time_s) * own_ohm)

    def _quiet(self, time_s: FloatArray, gate_v: FloatArray) -> FloatArray:
        """Return the drain voltage without stray coupling; a lag starts anew at a step."""
        feed, level_v = self._feed(time_s)
        drain_v = np.zeros_like(time_s)
        steps = np.flatnonzero(np.diff(level_v)) + 1
        for part in np.split(np.arange(time_s.size), steps):
            if part.size and level_v[part[0]] > 0.0:
                drain_v[part] = self._solved(feed, level_v[part[0]], time_s[part], gate_v[part])
        return drain_v

    def _feed(self, time_s: FloatArray) -> tuple[tuple[float, Loading], FloatArray]:
        """Return resistance, loading and open-circuit voltage (n,) of what feeds the drain."""
        supply, output = self._supply, self._output
        if output.kind == "open":
            if supply.kind == "open":
                return (LEAKAGE_OHM, self.loading), np.zeros_like(time_s)
            return (self._load_ohm, self.loading), supply.at(time_s)
        # Held at the drain: both sources as one, probes included in the source at the drain.
        bare = Loading(inf, self.loading.capacitance_f)
        if supply.kind == "open":
            return (output.resistance_ohm, bare), output.at(time_s)
        share = self._load_ohm / (self._load_ohm + output.resistance_ohm)
        level_v = output.at(time_s) * share + supply.at(time_s) * (1.0 - share)
        return (output.resistance_ohm * share, bare), level_v

    def _solved(
        self, feed: tuple[float, Loading], level_v: float, time_s: FloatArray, gate_v: FloatArray
    ) -> FloatArray:
        feed_ohm, loading = feed
        values = {
            "supply_v": min(level_v, _MAX_SUPPLY_V),
            "load_resistance_ohm": max(feed_ohm, 1.0),
        }
        drain_v = output_voltage(_with_values(self._card, values), time_s, gate_v, loading)
        limit_a = self._supply.limit if self._output.kind == "open" else self._output.limit
        if limit_a * feed_ohm >= level_v:
            return drain_v
        # A supply in its limit is a current source: a high voltage behind a high resistance.
        limited = {"supply_v": _MAX_SUPPLY_V, "load_resistance_ohm": _MAX_SUPPLY_V / limit_a}
        return np.minimum(
            drain_v, output_voltage(_with_values(self._card, limited), time_s, gate_v, loading)
        )

    def _coupled(self, time_s: FloatArray) -> FloatArray:
        """Return what the edges of the input push into the drain through stray capacitance."""
        loading = self.loading
        resistance_ohm = parallel(self._load_ohm, loading.resistance_ohm)
        input_v = self._drive.at(time_s)
        divided_v = input_v * self._stray_f / loading.capacitance_f
        followed_v = np.empty_like(time_s)
        low_pass(time_s, divided_v, resistance_ohm * loading.capacitance_f, followed_v)
        return np.asarray(divided_v - followed_v)


# Checking a card takes longer than playing it a short way, and a bench asks for the same few.
_MOST_CARDS = 256
_made: dict[tuple[object, ...], tuple[ModelCard, ModelCard]] = {}


def _with_values(card: ModelCard, values: Mapping[str, float]) -> ModelCard:
    """Return ``card.with_values(values)``, made once."""
    key = (id(card), *values.items())
    if key not in _made:
        if len(_made) >= _MOST_CARDS:
            _made.clear()
        # The card is kept beside what was made of it, so that its id stays its own.
        _made[key] = card, card.with_values(values)
    return _made[key][1]


def _seen(solution: Solution, time_s: FloatArray) -> Solution:
    assert solution.dense is not None
    return replace(solution, time_s=time_s, samples=solution.dense(time_s))


def _at_end(solution: Solution) -> Solution:
    return replace(solution, time_s=solution.time_s[-1:], samples=solution.samples[-1:])


def _loaded(drive: Drive, resistance_ohm: float) -> Drive:
    return replace(drive, load_ohm=parallel(drive.load_ohm, resistance_ohm))
