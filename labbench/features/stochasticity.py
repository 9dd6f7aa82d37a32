"""Stochasticity: the spread of the latency, and its atom of trials without a jump."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot

import numpy as np
from numpy.typing import NDArray

from labbench.features.feature import Feature, Response
from labbench.features.pulses import grouped, readings_of_trains, timing_error_s
from labbench.features.statistics import log_mean, log_spread, proportion

VERSION = "1"

FEWEST_TRIALS = 20
# Trials this close above the shortest latency form the atom: several times the timing error of
# sampling and jitter, far less than what one jump adds.
ATOM_TIMING_ERRORS = 4.0
ATOM_WINDOW = 0.001
FEWEST_IN_ATOM = 3


def stochasticity(responses: Sequence[Response]) -> list[Feature]:
    """Return the latency's spread and atom at each amplitude of single pulses.

    Parameters
    ----------
    responses : sequence of Response
        To single pulses; amplitudes with fewer than 20 trials, or with trials that did not fire,
        are passed over, since censored trials would narrow the spread.

    Returns
    -------
    list of Feature
        ``latency_spread`` (standard deviation of ln latency) and, where at least three trials
        share the shortest latency, ``atom_fraction`` and ``atom_latency``.
    """
    features: list[Feature] = []
    singles = readings_of_trains(responses, n_pulses=1)
    resolution_s = timing_error_s(responses)
    for amplitude_v, trials in grouped(singles, "amplitude_v").items():
        latencies = np.array([t[0].latency_s for t in trials if t[0].latency_s is not None])
        if len(trials) < FEWEST_TRIALS or latencies.size < len(trials):
            continue
        n, at = latencies.size, {"amplitude_v": amplitude_v}
        spread, error = log_spread(latencies)
        features.append(Feature("latency_spread", spread, "1", error, n, at=at))
        atom = _atom(latencies, resolution_s)
        if atom.size >= FEWEST_IN_ATOM:
            share, share_error = proportion(atom.size, n)
            features.append(Feature("atom_fraction", share, "1", share_error, n, at=at))
            where, scatter = log_mean(atom)
            where_error = hypot(scatter, resolution_s)
            features.append(Feature("atom_latency", where, "s", where_error, int(atom.size), at=at))
    return features


def _atom(latencies_s: NDArray[np.float64], resolution_s: float) -> NDArray[np.float64]:
    """Return the trials at the shortest latency; none if they are no denser than their neighbours.

    A tail of jumps has a shortest member too: an atom stands out from what comes next to it.
    """
    shortest_s = float(latencies_s.min())
    window_s = max(ATOM_TIMING_ERRORS * resolution_s, ATOM_WINDOW * shortest_s)
    inside = latencies_s <= shortest_s + window_s
    beside = (latencies_s > shortest_s + window_s) & (latencies_s <= shortest_s + 2 * window_s)
    stands_out = inside.sum() > 2 * beside.sum()
    return latencies_s[inside] if stands_out else latencies_s[:0]
