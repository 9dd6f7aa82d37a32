"""Where a device stands, and how it goes on: `resting`, `advance`, `Solution`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np
from numpy.typing import NDArray

from labbench.errors import CardError, StimulusError
from labbench.features import Outcome
from labbench.model.card import ModelCard
from labbench.model.equations import (
    CIRCUIT,
    CURRENT_STATIC,
    FIXTURE_STATIC,
    G_SHUNT,
    HAZARD,
    N_STATES,
    R_SERIES,
    pack,
)
from labbench.model.kernel import (
    DONE,
    EVENT_NAMES,
    EVENTS_FULL,
    REARM,
    integrate,
)
from labbench.model.output import Loading, output_voltage
from labbench.model.random import exponential, stream_key

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
    """Samples and events of one integration; all arrays are (n,), in SI units.

    `node_v` is the gate of a neuron, the top of a memristor; `output_v` and `output_a` are the
    drain voltage and the current through the load resistor (zero for a bare memristor).
    """

    time_s: FloatArray
    input: FloatArray
    node_v: FloatArray
    f: FloatArray
    r: FloatArray
    memristor_a: FloatArray
    output_v: FloatArray
    output_a: FloatArray
    events: tuple[Event, ...]
    outcome: Outcome
    n_steps: int
    state: DeviceState

    @property
    def hazard(self) -> float:
        """Hazard accumulated since the last jump: kappa times the integral of f^m."""
        return float(self.state.y[HAZARD])

    def event_times_s(self, kind: str) -> FloatArray:
        """Return the times of one kind of event, (k,)."""
        return np.array([event.time_s for event in self.events if event.kind == kind])


def resting(card: ModelCard, seed: int = 0, device: int = 0, trial: int = 0) -> DeviceState:
    """Return a device at rest at time zero, with its own random stream."""
    if not 0 <= min(seed, device, trial) <= max(seed, device, trial) < 2**63:
        raise CardError(
            f"Seeds lie between 0 and 2^63 - 1: seed {seed}, device {device}, trial {trial}."
        )
    # Numba returns the key as a plain int, which would come back as a signed one.
    key = np.uint64(stream_key(seed, device, trial))
    return DeviceState(
        time_s=0.0,
        source=0.0,
        y=np.zeros(N_STATES),
        flags=np.array([0, 1]),
        jump_target=exponential(key, 0),
        key=key,
        draws=1,
    )


def advance(
    card: ModelCard,
    state: DeviceState,
    corner_s: FloatArray,
    level: FloatArray,
    sample_s: FloatArray,
    *,
    noise: str = "jumps",
    loading: Loading | None = None,
    rtol: float = 1e-5,
    max_steps: int = 10_000_000,
) -> Solution:
    """Integrate from a state to the last sample.

    Parameters
    ----------
    card : ModelCard
    state : DeviceState
    corner_s, level : (k,) float64 arrays
        Breakpoints of the source in absolute time; constant before the first and after the last.
    sample_s : (n,) float64 array
        Ascending absolute times, none before `state.time_s`.
    noise : {"jumps", "off", "mean"}
        Random jumps, none, or their mean drift.
    loading : Loading, optional
        The probe on the output.
    rtol : float
        Relative tolerance of f, r and the node voltage per step.
    max_steps : int

    Returns
    -------
    Solution
        Its outcome is "not converged" where the steps collapsed or ran out.

    Raises
    ------
    StimulusError
        If times run backwards or are not finite.
    """
    corner_s, level, sample_s = (
        np.asarray(a, dtype=np.float64) for a in (corner_s, level, sample_s)
    )
    _check_times(state, corner_s, level, sample_s)
    p = pack(card, noise)
    samples = np.full((sample_s.size, 3), np.nan)
    target = state.jump_target if noise == "jumps" else inf
    threshold_v = SPIKE_GATE_V if card.circuit == "neuron" else inf
    capacity = 256
    while True:
        y, flags = state.y.copy(), state.flags.copy()
        event_s, event_kind = np.empty(capacity), np.empty(capacity, np.int64)
        status, n_events, n_steps, new_target, draws, source = integrate(
            p, y, flags, target, state.key, state.draws, state.time_s, state.source, corner_s,
            level, sample_s, samples, event_s, event_kind, threshold_v, rtol, max_steps,
        )  # fmt: skip
        if status != EVENTS_FULL:
            break
        capacity *= 8
    if noise != "jumps":
        new_target = state.jump_target
    events = tuple(
        Event(float(time), EVENT_NAMES[kind])
        for time, kind in zip(event_s[:n_events], event_kind[:n_events], strict=True)
    )
    final = replace(
        state,
        time_s=float(sample_s[-1]),
        source=source,
        y=y,
        flags=flags,
        jump_target=new_target,
        draws=draws,
    )
    levels = np.interp(sample_s, corner_s, level)
    return _solution(card, p, sample_s, levels, samples, events, n_steps, final, loading, status)


def _check_times(
    state: DeviceState, corner_s: FloatArray, level: FloatArray, sample_s: FloatArray
) -> None:
    for what, values in (("corner times", corner_s), ("levels", level), ("samples", sample_s)):
        if not values.size or not np.isfinite(values).all():
            raise StimulusError(f"An integration needs finite {what}, at least one.")
    if np.any(np.diff(corner_s) < 0) or np.any(np.diff(sample_s) < 0):
        raise StimulusError("Corner and sample times never decrease.")
    if sample_s[0] < state.time_s:
        raise StimulusError(
            f"The device stands at {state.time_s} s; it cannot be sampled at {sample_s[0]} s."
        )


def _solution(
    card: ModelCard,
    p: FloatArray,
    time_s: FloatArray,
    source: FloatArray,
    samples: FloatArray,
    events: tuple[Event, ...],
    n_steps: int,
    state: DeviceState,
    loading: Loading | None,
    status: int,
) -> Solution:
    f, r, node_v = samples.T
    x = np.clip(f + r, 0.0, 1.0)
    resistance = card["r_on_ohm"] * x + card["r_off_ohm"] * np.expm1(
        (1.0 - x) / card["lambda"]
    ) / np.expm1(1.0 / card["lambda"])
    if p[CIRCUIT] in (FIXTURE_STATIC, CURRENT_STATIC):
        load = 1.0 / (1.0 / resistance + p[G_SHUNT])
        share = load / (p[R_SERIES] + load) if p[CIRCUIT] == FIXTURE_STATIC else load
        node_v = source * share
    if card.circuit == "neuron":
        memristor_a = (source - node_v) / resistance
        output_v = output_voltage(card, time_s, node_v, loading)
        output_a = (card["supply_v"] - output_v) / card["load_resistance_ohm"]
    else:
        memristor_a = node_v / resistance
        output_v = output_a = np.zeros_like(time_s)
    return Solution(
        time_s=time_s,
        input=source,
        node_v=node_v,
        f=f,
        r=r,
        memristor_a=memristor_a,
        output_v=output_v,
        output_a=output_a,
        events=events,
        outcome=_outcome(card, events, float(node_v[-1]), float(time_s[-1]), status),
        n_steps=n_steps,
        state=state,
    )


def _outcome(
    card: ModelCard, events: tuple[Event, ...], last_v: float, end_s: float, status: int
) -> Outcome:
    if status != DONE:
        return Outcome.NOT_CONVERGED
    kind = "spike" if card.circuit == "neuron" else "on"
    times_s = [event.time_s for event in events if event.kind == kind]
    if not times_s:
        return Outcome.DID_NOT_FIRE
    if card.circuit == "neuron" and last_v > REARM * SPIKE_GATE_V:
        decay_s = card["gate_capacitance_f"] * card["control_resistance_ohm"]
        if end_s - times_s[-1] > 10 * decay_s:
            return Outcome.LATCHED
    return Outcome.OK
