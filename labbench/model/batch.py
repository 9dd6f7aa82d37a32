"""Many trials of one stimulus at once: first-spike latencies on all cores.

Each trial has its own random stream, so the result is the same for any number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from labbench.errors import StimulusError
from labbench.model.card import ModelCard
from labbench.model.constants import pack
from labbench.model.guards import SPIKE
from labbench.model.integration import threshold_v
from labbench.model.kernel import BUFFER_FULL, STOPPED, integrate
from labbench.model.layout import (
    AREA,
    ARMED,
    DRAWS,
    HELD_INTERVAL,
    N_CLOCK,
    N_FEEDBACK,
    N_FLAGS,
    N_STATES,
    SPIKE_TIME,
    TARGET,
)  # fmt: skip
from labbench.model.random import exponential, stream_key
from labbench.model.simulation import closed
from labbench.stimulus import Stimulus

FloatArray = NDArray[np.float64]

MAX_STEPS = 10_000_000


# Parallel only: a serial and a parallel compile of one function would share a cache entry.
@njit(cache=True, error_model="numpy", parallel=True)
def _first_spikes(p, seed, device, first_trial, corner_s, level, end_s, threshold, rtol, out):
    for i in prange(out.size):
        key = stream_key(seed, device, first_trial + i)
        end = np.full(1, end_s)
        samples = np.empty((1, N_FEEDBACK))
        capacity = 64
        out[i] = np.nan
        while True:
            event_s, event_kind = np.empty(capacity), np.empty(capacity, np.int64)
            y, flags, clock = np.zeros(N_STATES), np.zeros(N_FLAGS, np.int64), np.zeros(N_CLOCK)
            y[AREA] = 1.0
            flags[ARMED] = flags[DRAWS] = 1
            clock[TARGET] = exponential(key, 0)
            clock[SPIKE_TIME] = clock[HELD_INTERVAL] = -np.inf
            status, n_events, _, _ = integrate(
                p, y, flags, clock, key, corner_s, level, end, samples, event_s, event_kind,
                np.empty(0), np.empty((0, 5, N_FEEDBACK)), threshold, rtol, MAX_STEPS, SPIKE,
            )  # fmt: skip
            if status != BUFFER_FULL:
                break
            capacity *= 8
        if status == STOPPED:
            out[i] = event_s[n_events - 1]


def first_spikes_s(
    card: ModelCard,
    stimulus: Stimulus,
    trials: int,
    *,
    seed: int = 0,
    device: int = 0,
    first_trial: int = 0,
    noise: str = "random",
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
    noise : {"random", "mean", "off"}
    rtol : float
        Looser than for a record: random trials scatter far more than a step errs.

    Returns
    -------
    (trials,) float64 array
        In s from time zero of the stimulus; NaN where a trial did not fire in the record.
    """
    if card.circuit == "memristor" or trials < 0:
        raise StimulusError(
            f"First spikes need a neuron and a number of trials: got a {card.circuit} and {trials}."
        )
    corner_s, level = closed(*stimulus.breakpoints())
    out = np.empty(trials)
    _first_spikes(
        pack(card, noise), seed, device, first_trial, corner_s, level, stimulus.duration_s,
        threshold_v(card), rtol, out,
    )  # fmt: skip
    return out
