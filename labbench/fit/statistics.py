"""Statistics of the trials of items, and their covariance.

All are logarithms (or variance-stable), so that relative errors and floors add: the mean of ln
(or ln of the mean), ln of the standard deviation of ln, and of latencies the atom: trials without a
jump before they fire, all at the latency of the model without noise. Its position fixes growth and
decay, its fraction ``p`` (as ``2 asin sqrt p``) the hazard of the jumps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labbench.features.hold_voltage import BAND
from labbench.fit.items import KINDS, FloatArray, Item
from labbench.stimulus import Waveform

# Trials so near to the latency of the model without noise are in the atom.
ATOM_WINDOW = 0.008
ATOM_TIMING_ERRORS = 4.0
FEWEST_IN_ATOM = 3
FEWEST_FOR_SPREAD = 15
# Part of each variance that is added for what a bootstrap of few trials misses.
RIDGE = 0.03


@dataclass(frozen=True)
class Statistic:
    """One number drawn from an item: which item, which number, and where its atom was seen."""

    place: int
    name: str
    atom: float = float("nan")
    window: float = ATOM_WINDOW


def statistics_of(items: Sequence[Item]) -> tuple[Statistic, ...]:
    """Return the statistics that the trials of items allow."""
    found: list[Statistic] = []
    for place, item in enumerate(items):
        for name in KINDS[item.kind].statistics:
            if name == "spread" and item.n < FEWEST_FOR_SPREAD:
                continue
            if name in ("atom", "atom_fraction"):
                window = max(ATOM_WINDOW, ATOM_TIMING_ERRORS * item.timing_s / item.centre)
                where = find_atom(item.values, window)
                if where is not None:
                    found.append(Statistic(place, name, where, window))
                continue
            found.append(Statistic(place, name))
    return tuple(found)


def find_atom(values: FloatArray, window: float) -> float | None:
    """Return where the atom of a sample is; None unless it stands out from what follows it."""
    seen = values[np.isfinite(values)]
    lowest = float(seen.min())
    inside = seen[seen <= lowest * (1 + window)]
    beside = np.count_nonzero((seen > lowest * (1 + window)) & (seen <= lowest * (1 + 2 * window)))
    if inside.size < FEWEST_IN_ATOM or inside.size <= 2 * beside:
        return None
    return float(np.median(inside))


def evaluate(statistic: Statistic, item: Item, values: FloatArray, atom: float) -> FloatArray:
    """Return a statistic of each row of trials, (b,) of (b, n).

    Parameters
    ----------
    values : (b, n) float64 array
    atom : float
        Where the atom is: as seen in the data, or as the model without noise has it.
    """
    if statistic.name == "mean" and KINDS[item.kind].is_arithmetic:
        return np.asarray(np.log(np.maximum(np.nanmean(values, axis=1), 1e-3 * item.centre)))
    logs = np.log(np.maximum(values, 1e-300))
    if statistic.name == "mean":
        return np.asarray(np.nanmean(logs, axis=1))
    if statistic.name == "spread":
        return _log_spread(logs)
    if statistic.name == "band":
        ordered = np.sort(logs, axis=1)
        n = max(int(np.isfinite(ordered).sum(axis=1).min()), 1)
        low = min(round(BAND[0] * n), n - 1)
        return np.asarray(np.nanmean(ordered[:, low : max(round(BAND[1] * n), low + 1)], axis=1))
    inside = np.abs(logs - np.log(atom)) <= statistic.window
    count = inside.sum(axis=1)
    if statistic.name == "atom_fraction":
        return np.asarray(2 * np.arcsin(np.sqrt(count / np.isfinite(logs).sum(axis=1))))
    total = np.where(inside, logs, 0.0).sum(axis=1)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.log(atom)))


def _log_spread(logs: FloatArray) -> FloatArray:
    """Return ln of the standard deviation, without the bias of small samples, (b,).

    ``E ln s = ln sigma - (k - 1) / 4 n`` with kurtosis k, to first order.
    """
    count = np.isfinite(logs).sum(axis=1)
    deviation = logs - np.nanmean(logs, axis=1, keepdims=True)
    variance = np.maximum(np.nanmean(deviation**2, axis=1), 1e-12)
    kurtosis = np.nanmean(deviation**4, axis=1) / variance**2
    unbiased = variance * count / np.maximum(count - 1, 1)
    return np.asarray(0.5 * np.log(unbiased) + (kurtosis - 1) / (4 * count))


def measured(statistics: Sequence[Statistic], items: Sequence[Item]) -> FloatArray:
    """Return the statistics of the data, (k,)."""
    return np.array(
        [float(evaluate(s, items[s.place], items[s.place].values[None], s.atom)[0])
         for s in statistics]
    )  # fmt: skip


def sampling_covariance(
    statistics: Sequence[Statistic],
    items: Sequence[Item],
    trials: Sequence[FloatArray],
    atoms: Sequence[float],
    *,
    draws: int = 300,
    seed: int = 0,
) -> FloatArray:
    """Return the covariance of statistics of samples as large as the data, (k, k), by bootstrap.

    Parameters
    ----------
    trials : sequence of (n,) float64 arrays
        Of each item: the data, or more of them from a simulation.
    atoms : sequence of float
        Of each statistic.

    Notes
    -----
    Items of one kind that share a stimulus share its trials: a jump just before a read delays all
    of its levels.
    """
    covariance = np.zeros((len(statistics), len(statistics)))
    random = np.random.default_rng(seed)
    groups: dict[tuple[str, int, int], list[int]] = {}
    for k, statistic in enumerate(statistics):
        item, size = items[statistic.place], trials[statistic.place].size
        groups.setdefault((item.kind, id(item.stimulus), size), []).append(k)
    for own in groups.values():
        places = list(dict.fromkeys(statistics[k].place for k in own))
        pool = np.array([trials[place] for place in places])
        pool = pool[:, np.isfinite(pool).all(axis=0)]
        n = items[places[0]].n
        drawn = dict(
            zip(places, pool[:, random.integers(0, pool.shape[1], (draws, n))], strict=True)
        )
        rows = np.array(
            [
                evaluate(
                    statistics[k], items[statistics[k].place], drawn[statistics[k].place], atoms[k]
                )
                for k in own
            ]
        )
        own_covariance = np.atleast_2d(np.cov(rows))
        # A bootstrap of few trials is too narrow: it divides by n, and knows few values.
        own_covariance *= pool.shape[1] / max(pool.shape[1] - 1, 1)
        own_covariance[np.diag_indices(len(own))] *= 1.0 + RIDGE
        covariance[np.ix_(own, own)] = own_covariance
    return covariance


def floor_covariance(statistics: Sequence[Statistic], items: Sequence[Item]) -> FloatArray:
    """Return what gain and time base add, common to all statistics of one stimulus, (k, k)."""
    floors = np.array([_floor(s, items[s.place]) for s in statistics])
    stimuli = [id(items[s.place].stimulus) for s in statistics]
    same = np.equal.outer(stimuli, stimuli)
    covariance: NDArray[np.float64] = np.where(same, np.outer(floors, floors), 0.0)
    # So that an atom that does not scatter at all leaves a covariance that can be inverted.
    covariance[np.diag_indices(len(floors))] += 1e-8
    return covariance


def _floor(statistic: Statistic, item: Item) -> float:
    if statistic.name in ("spread", "atom_fraction"):
        return 0.0
    timing = item.timing_s / item.centre
    if item.kind in ("slow_hold", "fast_hold"):
        assert isinstance(item.stimulus, Waveform)
        corner_s, level_v = item.stimulus.breakpoints()
        timing = item.timing_s * abs(level_v[-1] - level_v[-2]) / (corner_s[-1] - corner_s[-2])
        timing /= item.centre
    elif item.kind == "off_current":
        timing = 0.0
    return float(np.hypot(KINDS[item.kind].floor, timing))
