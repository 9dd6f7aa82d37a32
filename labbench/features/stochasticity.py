"""Stochasticity: spread and shape of latency and interval, and the latency's atom."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, sqrt

import numpy as np
from numpy.typing import NDArray

from labbench.features.feature import Feature, Response
from labbench.features.pulses import (
    PulseReading,
    by_width,
    grouped,
    readings_of_trains,
    timing_error_s,
)
from labbench.features.shape import FEWEST_FOR_SHAPE, Times, describe_shape
from labbench.features.statistics import log_mean, log_spread, proportion

VERSION = "3"

FloatArray = NDArray[np.float64]

FEWEST_TRIALS = 20
# Of the trials of the commonest width at an amplitude; fewer are a search or a pilot.
MAIN_SHARE = 0.25
# Trials this close above the shortest latency form the atom: several times the timing error of
# sampling and jitter, far less than what one jump adds.
ATOM_TIMING_ERRORS = 4.0
ATOM_WINDOW = 0.001
FEWEST_IN_ATOM = 3
# With fewer that fired, a restricted spread says more of the window than of the device.
LEAST_FOR_SPREAD = 0.8
# A law of which less than this was seen is mostly guessed.
LEAST_FIRED = 0.5
# The first intervals of a train shorten while residue gathers; then at least this many more.
SETTLING = 8
FEWEST_INTERVALS = 4
FEWEST_TRAINS = 5

Readings = Sequence[tuple[PulseReading, ...]]


def stochasticity(responses: Sequence[Response]) -> list[Feature]:
    """Return what is random in latency and interval, at each amplitude of single pulses.

    Parameters
    ----------
    responses : sequence of Response
        To single pulses, in the order they were played; others are passed over.

    Returns
    -------
    list of Feature
        From 20 trials on, of which four fifths fired: ``latency_spread`` (standard deviation of
        ln latency, one that did not fire counting with the pulse's width: leaving it out would
        narrow the spread) and, where at least three trials share the shortest latency,
        ``atom_fraction`` (of all trials, fired or not) and ``atom_latency``.
        From 100 trials on, ``censored_fraction`` (did not fire in the pulse) and the shape of the
        latency, see `describe_shape`; the atom is no part of the law, trials that did not fire
        enter it as longer than the pulse.
        From 5 trains of 13 spikes or more in one pulse on, and 100 intervals, ``interval`` (mean)
        and the shape of the interval, the first eight of each train left out; at the widest
        pulses of an amplitude.
        Widths with fewer than a quarter of an amplitude's trials are passed over; where several
        remain the condition says which.
    """
    singles = readings_of_trains(responses, n_pulses=1)
    resolution_s = timing_error_s(responses)
    features: list[Feature] = []
    for amplitude_v, same in grouped(singles, "amplitude_v").items():
        at, widths = {"amplitude_v": amplitude_v}, by_width(same)
        most = max(len(trials) for trials in widths.values())
        # By shares, so that a replay of all of them, several times, has the same conditions.
        main = {w: t for w, t in widths.items() if len(t) >= MAIN_SHARE * most}
        for width_s, trials in main.items():
            if len(trials) >= FEWEST_TRIALS:
                where = {**at, "width_s": width_s} if len(main) > 1 else at
                features += _latency(trials, resolution_s, where)
        features += _interval(widths[max(widths)], resolution_s, at)
    return features


def _latency(trials: Readings, resolution_s: float, at: dict[str, float]) -> list[Feature]:
    seen = [t[0].latency_s for t in trials]
    latencies = np.array([s for s in seen if s is not None])
    n, features = len(trials), []
    atom = _atom(latencies, resolution_s) if latencies.size else latencies
    if latencies.size >= LEAST_FOR_SPREAD * n:
        width_s = trials[0][0].pulse.width_s
        restricted_s = [width_s if s is None else min(s, width_s) for s in seen]
        spread, error = log_spread(np.maximum(restricted_s, 1e-12))
        features.append(Feature("latency_spread", spread, "1", error, n, at=at))
        if atom.size >= FEWEST_IN_ATOM:
            share, share_error = proportion(atom.size, n)
            features.append(Feature("atom_fraction", share, "1", share_error, n, at=at))
            where, scatter = log_mean(atom)
            where_error = hypot(scatter, resolution_s)
            features.append(Feature("atom_latency", where, "s", where_error, int(atom.size), at=at))
    if n < FEWEST_FOR_SHAPE:
        return features
    missed, missed_error = proportion(n - latencies.size, n)
    features.append(Feature("censored_fraction", missed, "1", missed_error, n, at=at))
    if latencies.size < LEAST_FIRED * n:
        return features
    times = Times(
        rows=[np.array([np.nan if s is None else s]) for s in seen],
        longer_than_s=np.array([t[0].pulse.width_s for t in trials if not t[0].fired]),
        atom_s=atom if atom.size >= FEWEST_IN_ATOM else atom[:0],
    )
    return features + describe_shape("latency", times, sqrt(12) * resolution_s, at)


def _interval(trials: Readings, resolution_s: float, at: dict[str, float]) -> list[Feature]:
    """Return mean and shape of the settled intervals of trains of equally many.

    All trains are cut to the number of intervals that nine tenths of them have: taking whatever
    fits into the pulse would favour short ones.
    """
    rows = [
        np.diff([s for s in reading.spike_s if s <= reading.pulse.end_s])[SETTLING:]
        for (reading,) in trials
    ]
    rows = [row for row in rows if row.size >= FEWEST_INTERVALS]
    if len(rows) < FEWEST_TRAINS:
        return []
    kept = int(np.quantile([row.size for row in rows], 0.1, method="lower"))
    rows = [row[:kept] for row in rows if row.size >= kept]
    if kept * len(rows) < FEWEST_FOR_SHAPE:
        return []
    means = np.array([row.mean() for row in rows])
    error = hypot(float(means.std(ddof=1)) / sqrt(means.size), resolution_s)
    mean = Feature("interval", float(means.mean()), "s", error, means.size, at=at)
    times = Times(rows, longer_than_s=np.empty(0), atom_s=np.empty(0))
    return [mean, *describe_shape("interval", times, sqrt(12) * resolution_s, at)]


def _atom(latencies_s: FloatArray, resolution_s: float) -> FloatArray:
    """Return the trials at the shortest latency; none if they are no denser than their neighbours.

    A tail of jumps has a shortest member too: an atom stands out from what comes next to it.
    """
    shortest_s = float(latencies_s.min())
    window_s = max(ATOM_TIMING_ERRORS * resolution_s, ATOM_WINDOW * shortest_s)
    inside = latencies_s <= shortest_s + window_s
    beside = (latencies_s > shortest_s + window_s) & (latencies_s <= shortest_s + 2 * window_s)
    stands_out = inside.sum() > 2 * beside.sum()
    return latencies_s[inside] if stands_out else latencies_s[:0]
