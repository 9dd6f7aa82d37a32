"""Set a device at rest, and let it go on from where it stands."""

from __future__ import annotations

from math import inf, isfinite

import numpy as np

from labbench.errors import CardError, StimulusError
from labbench.model.card import ModelCard
from labbench.model.compiled import compiled
from labbench.model.constants import pack
from labbench.model.kernel import BUFFER_FULL, DONE, integrate
from labbench.model.layout import (
    AREA, ARMED, DRAWS, HELD_INTERVAL, N_CLOCK, N_FEEDBACK, N_FLAGS, N_STATES, SPIKE_TIME, TARGET,
    TIME, FloatArray, R, V,
)  # fmt: skip
from labbench.model.output import Loading
from labbench.model.random import exponential, stream_key
from labbench.model.solution import SPIKE_GATE_V, DenseOutput, DeviceState, Solution


def resting(
    card: ModelCard,
    seed: int = 0,
    device: int = 0,
    trial: int = 0,
    *,
    start_s: float = 0.0,
    residue: float = 0.0,
    node_v: float = 0.0,
) -> DeviceState:
    """Return a device at rest, with its own random stream.

    Parameters
    ----------
    card : ModelCard
    seed, device, trial : int
        Name the stream.
    start_s : float
        The time at which it stands.
    residue, node_v : float
        What an earlier life left behind.

    Raises
    ------
    CardError
        If a seed is out of range, or the residue outside of 0 to 1.
    """
    if not 0 <= min(seed, device, trial) <= max(seed, device, trial) < 2**63:
        raise CardError(
            f"Seeds lie between 0 and 2^63 - 1: seed {seed}, device {device}, trial {trial}."
        )
    if not (0.0 <= residue < 1.0 and isfinite(node_v)):
        raise CardError(
            f"A device rests with a residue from 0 to below 1 and a finite voltage: got {residue} "
            f"and {node_v} V."
        )
    # Numba returns the key as a plain int, which would come back as a signed one.
    key = np.uint64(stream_key(seed, device, trial))
    y, flags, clock = np.zeros(N_STATES), np.zeros(N_FLAGS, np.int64), np.zeros(N_CLOCK)
    y[R], y[V], y[AREA] = residue, node_v, 1.0
    flags[ARMED], flags[DRAWS] = 1, 1
    clock[TIME], clock[TARGET] = start_s, exponential(key, 0)
    clock[SPIKE_TIME] = clock[HELD_INTERVAL] = -inf
    return DeviceState(y, flags, clock, key)


def advance(
    card: ModelCard,
    state: DeviceState,
    corner_s: FloatArray,
    level: FloatArray,
    sample_s: FloatArray,
    *,
    noise: str = "random",
    loading: Loading | None = None,
    rtol: float = 1e-6,
    max_steps: int = 10_000_000,
    is_dense: bool = False,
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
    noise : {"random", "mean", "off"}
        The noise of the card, its mean drift, or none.
    loading : Loading, optional
        The probe on the output.
    rtol : float
        Relative tolerance of f, r and the node voltage per step.
    max_steps : int
    is_dense : bool
        Whether to keep the polynomials of all steps, so that the solution can be asked for any
        time (`Solution.dense`).

    Returns
    -------
    Solution
        Its outcome is "not converged" where the steps collapsed or ran out.

    Raises
    ------
    StimulusError
        If times run backwards or are not finite, or there is no such noise.
    """
    corner_s, level, sample_s = plain(corner_s), plain(level), plain(sample_s)
    check_course(state.time_s, corner_s, level, sample_s)
    p = pack(card, noise)
    samples = np.full((sample_s.size, N_FEEDBACK), np.nan)
    capacity = 256
    while True:
        y, flags, clock = state.y.copy(), state.flags.copy(), state.clock.copy()
        event_s, event_kind = np.empty(capacity), np.empty(capacity, np.int64)
        n_dense = 4 * capacity if is_dense else 0
        step_s, step = np.empty(n_dense), np.empty((n_dense, 5, N_FEEDBACK))
        status, n_events, n_steps, n_dense = integrate(
            p, y, flags, clock, state.key, corner_s, level, sample_s, samples, event_s, event_kind,
            step_s, step, threshold_v(card), rtol, max_steps, -1, inf,
        )  # fmt: skip
        if status != BUFFER_FULL:
            break
        capacity *= 8
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
        state=DeviceState(y, flags, clock, state.key),
        dense=DenseOutput(card["alpha"], np.r_[step_s[:n_dense], clock[TIME]], step[:n_dense])
        if is_dense
        else None,
    )


def threshold_v(card: ModelCard) -> float:
    """Return the node voltage whose upward crossing is a spike; infinite where there are none."""
    return inf if card.circuit == "memristor" else SPIKE_GATE_V


def plain(values: FloatArray) -> FloatArray:
    """Return an array of the one kind that the integrator is compiled for, a copy only if needed.

    Arrays that are strided or read-only would be compiled for again, for many seconds.
    """
    contiguous = np.ascontiguousarray(values, dtype=np.float64)
    return contiguous if contiguous.flags.writeable else contiguous.copy()


@compiled
def flaw(values: FloatArray) -> int:
    """Return 0, or 1 where a value is not finite or there is none, or 2 where one decreases.

    In one pass and without copies: a course may have millions of samples.
    """
    before, decreases = -inf, False
    for value in values:
        if not -inf < value < inf:
            return 1
        decreases |= value < before
        before = value
    return 2 * decreases if values.size else 1


def check_course(
    start_s: float, corner_s: FloatArray, level: FloatArray, sample_s: FloatArray
) -> None:
    """Refuse a source or sample times that cannot be integrated from a start time.

    Raises
    ------
    StimulusError
        If times run backwards or are not finite, or there are none.
    """
    if corner_s.shape != level.shape:
        raise StimulusError(f"A source has {corner_s.size} corner times, but {level.size} levels.")
    for what, values in (("corner times", corner_s), ("levels", level), ("samples", sample_s)):
        found = flaw(values)
        if found == 1:
            raise StimulusError(f"An integration needs finite {what}, at least one.")
        if found == 2 and values is not level:
            raise StimulusError("Corner and sample times never decrease.")
    if sample_s[0] < start_s:
        raise StimulusError(
            f"The device stands at {start_s} s; it cannot be sampled at {sample_s[0]} s."
        )
