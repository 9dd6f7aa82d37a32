"""Set a device at rest, and let it go on from where it stands."""

from __future__ import annotations

from math import inf

import numpy as np
from numpy.typing import NDArray

from labbench.errors import CardError, StimulusError
from labbench.model.card import ModelCard
from labbench.model.equations import N_STATES, pack
from labbench.model.kernel import DONE, EVENTS_FULL, integrate
from labbench.model.output import Loading
from labbench.model.random import exponential, stream_key
from labbench.model.solution import SPIKE_GATE_V, DeviceState, Solution

FloatArray = NDArray[np.float64]


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
            level, sample_s, samples, event_s, event_kind, threshold_v, rtol, max_steps, False,
        )  # fmt: skip
        if status != EVENTS_FULL:
            break
        capacity *= 8
    if noise != "jumps":
        new_target = state.jump_target
    return Solution(
        card=card,
        loading=loading or Loading(),
        time_s=sample_s,
        samples=samples,
        corner_s=corner_s,
        level=level,
        event_s=event_s[:n_events],
        event_kind=event_kind[:n_events],
        has_converged=status == DONE,
        n_steps=n_steps,
        state=DeviceState(float(sample_s[-1]), source, y, flags, new_target, state.key, draws),
    )


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
