"""Where a device stands, and what one integration found; derived arrays are made when asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from labbench.features import Outcome
from labbench.model.card import ModelCard
from labbench.model.equations import HAZARD
from labbench.model.kernel import EVENT_NAMES, REARM
from labbench.model.output import Loading, output_voltage

FloatArray = NDArray[np.float64]

# The gate voltage whose upward crossing counts as a spike (doi 10.1038/s41928-025-01488-x).
SPIKE_GATE_V = 0.2


@dataclass(frozen=True, eq=False)
class DeviceState:
    """Where a device stands, to go on from; made by `resting`, replaced by `advance`.

    `source` is the level of the source just before `time_s`: a step from there couples through
    the capacitance across the memristor.
    """

    time_s: float
    source: float
    y: FloatArray
    flags: NDArray[np.int64]
    jump_target: float
    key: np.uint64
    draws: int


@dataclass(frozen=True)
class Event:
    """A filament that closes ("on") or opens ("off"), a "jump", or a "spike"."""

    time_s: float
    kind: str


@dataclass(frozen=True, eq=False)
class Solution:
    """Samples and events of one integration, in SI units.

    Attributes
    ----------
    card : ModelCard
    loading : Loading
        The probe on the output.
    time_s : (n,) float64 array
    samples : (n, 3) float64 array
        Filament f, residue r, node voltage as integrated; NaN where it did not get to.
    corner_s, level : (k,) float64 arrays
        The source.
    event_s, event_kind : (e,) arrays
    has_converged : bool
    n_steps : int
    state : DeviceState
        To go on from.
    """

    card: ModelCard
    loading: Loading
    time_s: FloatArray
    samples: FloatArray
    corner_s: FloatArray
    level: FloatArray
    event_s: FloatArray
    event_kind: NDArray[np.int64]
    has_converged: bool
    n_steps: int
    state: DeviceState

    @property
    def f(self) -> FloatArray:
        """Filament, (n,)."""
        return self.samples[:, 0]

    @property
    def r(self) -> FloatArray:
        """Residue, (n,)."""
        return self.samples[:, 1]

    @cached_property
    def input(self) -> FloatArray:
        """Source in V or A, (n,)."""
        return np.asarray(np.interp(self.time_s, self.corner_s, self.level))

    @cached_property
    def resistance_ohm(self) -> FloatArray:
        """Resistance of the memristor, equation (5), (n,)."""
        card = self.card
        x = np.clip(self.f + self.r, 0.0, 1.0)
        insulating = np.expm1((1.0 - x) / card["lambda"]) / np.expm1(1.0 / card["lambda"])
        return np.asarray(card["r_on_ohm"] * x + card["r_off_ohm"] * insulating)

    @cached_property
    def node_v(self) -> FloatArray:
        """Gate voltage of a neuron, top of a memristor, (n,)."""
        card = self.card
        if card.circuit == "neuron" or card.has_node_state:
            return np.ascontiguousarray(self.samples[:, 2])
        load = 1.0 / (1.0 / self.resistance_ohm + 1.0 / card["shunt_resistance_ohm"])
        if card.drive == "current":
            return np.asarray(self.input * load)
        return np.asarray(self.input * load / (card["series_resistance_ohm"] + load))

    @cached_property
    def memristor_a(self) -> FloatArray:
        """Current through the memristor, (n,); never a difference of node currents."""
        is_neuron = self.card.circuit == "neuron"
        across_v = self.input - self.node_v if is_neuron else self.node_v
        return np.asarray(across_v / self.resistance_ohm)

    @cached_property
    def output_v(self) -> FloatArray:
        """Drain voltage under the probe, (n,); zero for a bare memristor."""
        if self.card.circuit != "neuron":
            return np.zeros_like(self.time_s)
        return output_voltage(self.card, self.time_s, self.node_v, self.loading)

    @cached_property
    def output_a(self) -> FloatArray:
        """Current through the load resistor, (n,); zero for a bare memristor."""
        if self.card.circuit != "neuron":
            return np.zeros_like(self.time_s)
        dropped_v = self.card["supply_v"] - self.output_v
        return np.asarray(dropped_v / self.card["load_resistance_ohm"])

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """All events, in order."""
        return tuple(
            Event(float(time_s), EVENT_NAMES[kind])
            for time_s, kind in zip(self.event_s, self.event_kind, strict=True)
        )

    def event_times_s(self, kind: str) -> FloatArray:
        """Return the times of one kind of event, (k,)."""
        return np.asarray(self.event_s[self.event_kind == EVENT_NAMES.index(kind)])

    @property
    def hazard(self) -> float:
        """Hazard accumulated since the last jump: kappa times the integral of f^m."""
        return float(self.state.y[HAZARD])

    @property
    def outcome(self) -> Outcome:
        """What came of it: ok, did not fire, latched (the gate never returns), not converged."""
        if not self.has_converged:
            return Outcome.NOT_CONVERGED
        is_neuron = self.card.circuit == "neuron"
        times_s = self.event_times_s("spike" if is_neuron else "on")
        if not times_s.size:
            return Outcome.DID_NOT_FIRE
        if is_neuron and self.samples[-1, 2] > REARM * SPIKE_GATE_V:
            decay_s = self.card["gate_capacitance_f"] * self.card["control_resistance_ohm"]
            if self.time_s[-1] - times_s[-1] > 10 * decay_s:
                return Outcome.LATCHED
        return Outcome.OK
