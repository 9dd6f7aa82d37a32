"""The one neuron that all simulated instruments are wired to, and its virtual clock.

Sources write what they force on a node into a timeline; nothing is integrated until somebody
measures. Recordings lie on the gate voltage, from which the drain is solved when it is read: the
drain never feeds back on the gate.

Idealised: the generator is stiff (the neuron draws microamperes from its 50 Ohm), an output that
is off holds its node at 0 V, and a negative supply finds the drain at 0 V (its body diode).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labbench.model import Loading, ModelCard, advance, resting
from labbench.model.output import output_voltage

FloatArray = NDArray[np.float64]

# Model cards end at this supply.
_MAX_SUPPLY_V = 100.0


class VirtualClock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def now(self) -> float:
        """Return the time in s since the bench was switched on."""
        return self._now_s

    def sleep(self, duration_s: float) -> None:
        """Let time pass."""
        self._now_s += max(0.0, duration_s)


class Timeline:
    """A level against time, linear between corners, constant outside of them."""

    def __init__(self) -> None:
        self.corner_s = np.zeros(1)
        self.level = np.zeros(1)

    def change(self, at_s: float, corner_s: ArrayLike, level: ArrayLike) -> None:
        """Replace everything after a time by new corners (k,), none of them before it."""
        if self.corner_s[-1] <= at_s and np.all(self.level[-1] == level):
            return  # the integrator would stop at corners that are none
        kept = self.corner_s <= at_s
        before = np.interp(at_s, self.corner_s, self.level)
        self.corner_s = np.r_[self.corner_s[kept], at_s, corner_s]
        self.level = np.r_[self.level[kept], before, level]

    def at(self, time_s: FloatArray) -> FloatArray:
        """Return the level at some times (n,)."""
        return np.asarray(np.interp(time_s, self.corner_s, self.level))

    def forget(self, before_s: float) -> None:
        """Drop the corners that lie before a time, but the last of them."""
        first = max(0, int(np.searchsorted(self.corner_s, before_s)) - 1)
        self.corner_s, self.level = self.corner_s[first:], self.level[first:]


@dataclass(eq=False)
class Recording:
    """A place for the input and the gate voltage at given times, filled as time goes on."""

    time_s: FloatArray
    input_v: FloatArray
    gate_v: FloatArray
    filled: int = 0


class Circuit:
    """One 1M1T1R neuron between an input, an output and a supply.

    Parameters
    ----------
    card : ModelCard
        Of the device; a neuron.
    clock : VirtualClock
    seed : int
        Of the device's random stream.
    loading : Loading
        All probes on the output together.
    """

    def __init__(
        self, card: ModelCard, clock: VirtualClock, seed: int, loading: Loading | None = None
    ) -> None:
        self.card = card
        self.clock = clock
        self.supply_limit_a = np.inf
        self._loading = loading or Loading()
        # Without a supply the drain costs no time to solve: here only the gate is wanted.
        self._gate_card = card.with_values({"supply_v": 0.0})
        self._state = resting(card, seed=seed)
        self._lines = {"input": Timeline(), "supply": Timeline()}
        self._recordings: list[Recording] = []
        self._past = Recording(np.zeros(1), np.zeros(1), np.zeros(1), filled=1)

    def drive(self, node: str, corner_s: ArrayLike, level: ArrayLike) -> None:
        """Force a node, from now on, to a level with corners at absolute times (k,)."""
        self._lines[node].change(self.clock.now(), corner_s, level)

    def record(self, time_s: FloatArray) -> Recording:
        """Start to record at ascending absolute times (n,).

        What lies before the present state is taken from the samples of the last integration.
        """
        recording = Recording(time_s, np.empty_like(time_s), np.empty_like(time_s))
        end = int(np.searchsorted(time_s, self._state.time_s, side="right"))
        past = self._past
        recording.input_v[:end] = np.interp(time_s[:end], past.time_s, past.input_v)
        recording.gate_v[:end] = np.interp(time_s[:end], past.time_s, past.gate_v)
        recording.filled = end
        self._recordings.append(recording)
        return recording

    def advance(self, to_s: float) -> None:
        """Integrate up to a time, filling the recordings on the way."""
        if to_s <= self._state.time_s:
            return
        ends = [int(np.searchsorted(r.time_s, to_s, side="right")) for r in self._recordings]
        wanted = [r.time_s[r.filled : end] for r, end in zip(self._recordings, ends, strict=True)]
        time_s = np.r_[wanted[0], to_s] if len(wanted) == 1 else np.unique(np.r_[*wanted, to_s])
        line = self._lines["input"]
        solution = advance(self._gate_card, self._state, line.corner_s, line.level, time_s)
        self._state = solution.state
        self._past = Recording(time_s, solution.input, solution.node_v, filled=time_s.size)
        for recording, end in zip(self._recordings, ends, strict=True):
            new = slice(recording.filled, end)
            at = np.searchsorted(time_s, recording.time_s[new])
            recording.input_v[new] = solution.input[at]
            recording.gate_v[new] = solution.node_v[at]
            recording.filled = end
        self._recordings = [r for r in self._recordings if r.filled < r.time_s.size]
        line.forget(to_s)

    def output_v(self, recording: Recording) -> FloatArray:
        """Return the drain voltage of a finished recording, probes included, (n,).

        Where the supply steps inside the recording, the probe's lag starts anew.
        """
        supply_v = self._lines["supply"].at(recording.time_s)
        drain_v = np.zeros_like(supply_v)
        steps = np.flatnonzero(np.diff(supply_v)) + 1
        for part in np.split(np.arange(supply_v.size), steps):
            level_v = min(float(supply_v[part[0]]), _MAX_SUPPLY_V)
            if level_v > 0.0:
                time_s, gate_v = recording.time_s[part], recording.gate_v[part]
                drain_v[part] = self._drain_v(time_s, gate_v, level_v)
        return drain_v

    def supply_a(self, recording: Recording) -> tuple[FloatArray, FloatArray]:
        """Return the current out of the supply and the voltage at its terminal, (n,) each."""
        drain_v = self.output_v(recording)
        load_ohm = self.card["load_resistance_ohm"]
        wanted_a = (self._lines["supply"].at(recording.time_s) - drain_v) / load_ohm
        current_a = np.clip(wanted_a, -self.supply_limit_a, self.supply_limit_a)
        return current_a, drain_v + current_a * load_ohm

    def _drain_v(self, time_s: FloatArray, gate_v: FloatArray, supply_v: float) -> FloatArray:
        card = self.card.with_values({"supply_v": supply_v})
        drain_v = output_voltage(card, time_s, gate_v, self._loading)
        limit_a = self.supply_limit_a
        if limit_a * card["load_resistance_ohm"] >= supply_v:
            return drain_v
        # A supply in its limit is a current source: a high voltage behind a high resistance.
        source = self.card.with_values(
            {"supply_v": _MAX_SUPPLY_V, "load_resistance_ohm": _MAX_SUPPLY_V / limit_a}
        )
        return np.minimum(drain_v, output_voltage(source, time_s, gate_v))
