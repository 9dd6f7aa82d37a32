"""Many trials of one stimulus at once: first-spike latencies on all cores.

Each trial has its own random stream, so the result is the same for any number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from labbench.errors import StimulusError
from labbench.model.card import ModelCard
from labbench.model.equations import N_STATES, NOISE, NOISE_JUMPS, pack
from labbench.model.kernel import EVENTS_FULL, SPIKE, STOPPED, integrate
from labbench.model.random import exponential, stream_key
from labbench.model.simulation import closed
from labbench.model.solution import SPIKE_GATE_V
from labbench.stimulus import Stimulus

FloatArray = NDArray[np.float64]

MAX_STEPS = 10_000_000


# Parallel only: a serial and a parallel compile of one function would share a cache entry.
@njit(cache=True, error_model="numpy", parallel=True)
def _first_spikes(p, seed, device, first_trial, corner_s, level, end_s, threshold_v, rtol, out):
    for i in prange(out.size):
        key = stream_key(seed, device, first_trial + i)
        target = exponential(key, 0) if p[NOISE] == NOISE_JUMPS else np.inf
        end = np.full(1, end_s)
        samples = np.empty((1, 3))
        capacity = 256
        out[i] = np.nan
        while True:
            event_s, event_kind = np.empty(capacity), np.empty(capacity, np.int64)
            y, flags = np.zeros(N_STATES), np.array([0, 1])
            status, n_events, _, _, _, _ = integrate(
                p, y, flags, target, key, 1, 0.0, 0.0, corner_s, level, end, samples, event_s,
                event_kind, threshold_v, rtol, MAX_STEPS, True,
            )  # fmt: skip
            if status != EVENTS_FULL:
                break
            capacity *= 8
        if status == STOPPED and event_kind[n_events - 1] == SPIKE:
            out[i] = event_s[n_events - 1]


def first_spikes_s(
    card: ModelCard,
    stimulus: Stimulus,
    trials: int,
    *,
    seed: int = 0,
    device: int = 0,
    first_trial: int = 0,
    noise: str = "jumps",
    rtol: float = 1e-4,
) -> FloatArray:
    """Return the time of the first spike of each trial from rest, (trials,).

    Parameters
    ----------
    card : ModelCard
        Of a neuron.
    stimulus : Stimulus
    trials : int
    seed, device, first_trial : int
        Name the random streams: trial i is the one `simulate` plays as ``first_trial + i``.
    noise : {"jumps", "off", "mean"}
    rtol : float
        Looser than for a record: random trials scatter far more than a step errs.

    Returns
    -------
    (trials,) float64 array
        In s from time zero of the stimulus; NaN where a trial did not fire in the record.
    """
    if card.circuit != "neuron" or trials < 0:
        raise StimulusError(
            f"First spikes need a neuron and a number of trials: got a {card.circuit} and {trials}."
        )
    corner_s, level = closed(*stimulus.breakpoints())
    out = np.empty(trials)
    _first_spikes(
        pack(card, noise), seed, device, first_trial, corner_s, level, stimulus.duration_s,
        SPIKE_GATE_V, rtol, out,
    )  # fmt: skip
    return out
