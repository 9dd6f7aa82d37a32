"""Where a device stands, and what one integration found; derived arrays are made when asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import isfinite, sqrt

import numpy as np
from numpy.typing import NDArray

from labbench.errors import StimulusError
from labbench.features import Outcome
from labbench.model.card import ModelCard
from labbench.model.compiled import compiled
from labbench.model.constants import node_capacitance_f, pack
from labbench.model.equations import static_node
from labbench.model.guards import COMPLIANCE, EVENT_NAMES, LATCHED, ON, SPIKE
from labbench.model.layout import (
    HAZARD,
    LIMITED,
    N_FEEDBACK,
    SOURCE,
    TIME,
    FloatArray,
)
from labbench.model.output import Loading, output_voltage

# The gate voltage whose upward crossing counts as a spike (doi 10.1038/s41928-025-01488-x).
SPIKE_GATE_V = 0.2


@dataclass(frozen=True, eq=False)
class DeviceState:
    """Where a device stands, to go on from; made by `resting`, replaced by `advance`.

    Attributes
    ----------
    y : (8,) float64 array
        Filament f, residue r, node voltage, area, hazard since the last jump, and the energies of
        source, memristor and resistors so far, in the order of `layout`.
    flags : (8,) int64 array
    clock : (11,) float64 array
        The branch of the equations and what else goes on, as `layout` says.
    key : uint64
        Of the random stream.
    """

    y: FloatArray
    flags: NDArray[np.int64]
    clock: FloatArray
    key: np.uint64

    @property
    def time_s(self) -> float:
        """The time at which it stands."""
        return float(self.clock[TIME])

    @property
    def source(self) -> float:
        """Level of the source just before that time: a step from there couples to the gate."""
        return float(self.clock[SOURCE])


@dataclass(frozen=True, eq=False)
class DenseOutput:
    """The solution at any time, from the polynomials of the integrator's steps.

    Attributes
    ----------
    alpha : float
        Of the card: what is integrated is not f but q, equation (3').
    step_s : (m + 1,) float64 array
        Where steps begin, and the end of the last.
    step : (m, 5, 4) float64 array
        State at the beginning, and coefficients of the interpolant, of each step.
    """

    alpha: float
    step_s: FloatArray
    step: FloatArray

    def __call__(self, time_s: FloatArray) -> FloatArray:
        """Return f, r, node voltage and area at some times (n,), (n, 4); edges give the end value.

        Raises
        ------
        StimulusError
            If a time lies outside of the integration.
        """
        time_s = np.asarray(time_s, dtype=np.float64)
        start_s, end_s = self.step_s[0], self.step_s[-1]
        is_inside = len(self.step) and start_s <= time_s.min(initial=end_s)
        if time_s.size and not (is_inside and time_s.max() <= end_s):
            raise StimulusError(
                f"This solution goes from {start_s:g} s to {end_s:g} s: asked for "
                f"{time_s.min():g} s to {time_s.max():g} s."
            )
        state = np.empty((time_s.size, N_FEEDBACK))
        _interpolate(self.alpha, self.step_s, self.step, time_s, state)
        return state


@compiled
def _interpolate(
    alpha: float, step_s: FloatArray, step: FloatArray, time_s: FloatArray, state: FloatArray
) -> None:
    """Fill `state` (n, 4) with the interpolant at some times; quick where they ascend."""
    at = 0
    for k in range(time_s.size):
        t = time_s[k]
        while at + 1 < len(step) and step_s[at + 1] < t:
            at += 1
        while at > 0 and step_s[at] >= t:
            at -= 1
        length_s = step_s[at + 1] - step_s[at]
        # A step may end on an event where it begins.
        theta = (t - step_s[at]) / length_s if length_s > 0.0 else 0.0
        rest = 1.0 - theta
        for j in range(N_FEEDBACK):
            bend = step[at, 2, j] + theta * (step[at, 3, j] + rest * step[at, 4, j])
            state[k, j] = step[at, 0, j] + theta * (step[at, 1, j] + rest * bend)
        gap = sqrt(2.0 * max(state[k, 0], 0.0))
        state[k, 0] = max(alpha + 1.0 - gap - state[k, 1], 0.0)


@dataclass(frozen=True)
class Event:
    """One of `guards.EVENT_NAMES`.

    A filament that closes ("on") or opens ("off"), a "jump" of it, a "spike", a gate that does not
    come back ("latched"), a source that reaches its "compliance".
    """

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
    samples : (n, 4) float64 array
        Filament f, residue r, node voltage as integrated, area; NaN where it did not get to.
    corner_s, level : (k,) float64 arrays
        The source.
    event_s, event_kind : (e,) arrays
    has_converged : bool
    n_steps : int
    state : DeviceState
        To go on from.
    dense : DenseOutput or None
        The solution at any time, where it was asked for.
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
    dense: DenseOutput | None = None

    @property
    def f(self) -> FloatArray:
        """Filament, (n,)."""
        return self.samples[:, 0]

    @property
    def r(self) -> FloatArray:
        """Residue, (n,)."""
        return self.samples[:, 1]

    @property
    def area(self) -> FloatArray:
        """Area S of the filament, (n,); 1 but for models that have one."""
        return self.samples[:, 3]

    @cached_property
    def input(self) -> FloatArray:
        """Source in V or A, (n,)."""
        return np.asarray(np.interp(self.time_s, self.corner_s, self.level))

    @cached_property
    def input_v(self) -> FloatArray:
        """Voltage at the terminal of the source, (n,)."""
        card = self.card
        if card.drive == "voltage":
            return self.input
        # In its compliance a current source gives what the node takes, else what it is set to.
        taken_a = self.memristor_a + self.node_v / card["shunt_resistance_ohm"]
        is_limited = np.abs(self.node_v) >= card["compliance_v"] * (1 - 1e-9)
        source_a = np.where(is_limited, taken_a, self.input)
        return np.asarray(self.node_v + source_a * card["series_resistance_ohm"])

    @cached_property
    def resistance_ohm(self) -> FloatArray:
        """Resistance of the memristor, equation (5), (n,)."""
        card = self.card
        x = np.clip(self.f + self.r, 0.0, 1.0)
        insulating = np.expm1((1.0 - x) / card["lambda"]) / np.expm1(1.0 / card["lambda"])
        return np.asarray(card["r_on_ohm"] * x / self.area**2 + card["r_off_ohm"] * insulating)

    @cached_property
    def node_v(self) -> FloatArray:
        """Gate voltage of a neuron, top of a memristor, (n,)."""
        card = self.card
        if card.circuit != "memristor" or card.has_node_state:
            return np.ascontiguousarray(self.samples[:, 2])
        node_v = np.empty_like(self.time_s)
        static_node(self.resistance_ohm, self.input, pack(card, "off"), node_v)
        return node_v

    @cached_property
    def memristor_a(self) -> FloatArray:
        """Current through the memristor, (n,); never a difference of node currents."""
        card = self.card
        if card.circuit == "memristor":
            current_a = self.node_v / self.resistance_ohm
        else:
            in_series_ohm = self.resistance_ohm + card["source_resistance_ohm"]
            limit_a = card["compliance_a"]
            current_a = np.clip((self.input - self.node_v) / in_series_ohm, -limit_a, limit_a)
        if isfinite(card["current_clip_a"]):
            current_a = np.clip(current_a, 0.0, card["current_clip_a"])
        return np.asarray(current_a)

    @cached_property
    def output_v(self) -> FloatArray:
        """Drain voltage under the probe, (n,); zero for a bare memristor."""
        if self.card.circuit == "memristor":
            return np.zeros_like(self.time_s)
        return output_voltage(self.card, self.time_s, self.node_v, self.loading)

    @cached_property
    def output_a(self) -> FloatArray:
        """Current through the load resistor, (n,); zero for a bare memristor."""
        if self.card.circuit == "memristor":
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
        """What came of it: ok, did not fire, latched, compliance reached, not converged."""
        if not self.has_converged:
            return Outcome.NOT_CONVERGED
        kinds = set(self.event_kind)
        if LATCHED in kinds:
            return Outcome.LATCHED
        if COMPLIANCE in kinds or self.state.flags[LIMITED]:
            return Outcome.COMPLIANCE
        fires = ON if self.card.circuit == "memristor" else SPIKE
        return Outcome.OK if fires in kinds else Outcome.DID_NOT_FIRE

    @property
    def remedy(self) -> str:
        """What to do about an integration that did not get to its end; empty if it did."""
        if self.has_converged:
            return ""
        card = self.card
        text = (
            f"The integration stopped at {self.state.time_s:g} s after {self.n_steps} steps: "
            "loosen rtol or raise max_steps."
        )
        if card.circuit == "memristor" and card.drive == "voltage":
            tau_s = card["series_resistance_ohm"] * node_capacitance_f(card)
            if 0.0 < tau_s * self.n_steps < self.time_s[-1]:
                text += (
                    f" The node follows its source within {tau_s:.2g} s, which takes a step each: "
                    "set series_resistance_ohm or the capacitances to 0 where that does not matter."
                )
        return text
