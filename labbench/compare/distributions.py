"""Two samples of times: the same law? Energy distance, permuted, with censored trials counted.

The distance is that of the logarithms (Szekely and Rizzo, J. Stat. Plan. Inference 143, 1249
(2013)), ``2 int (F - G)^2 dz``: unlike the largest gap between two curves it hardly minds an atom
that a timing error moved by a hair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

FloatArray = NDArray[np.float64]

# First so many; where hardly one of them is as far apart, many more, for a p-value that still says
# something after it is corrected for a hundred comparisons.
PERMUTATIONS, MORE_PERMUTATIONS = 2000, 30_000
_RARE = 10
# Permutations that share one draw of the common error.
_PER_SHIFT = 50
# Elements at a time.
_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Distance:
    """How far two samples of times are apart.

    Attributes
    ----------
    area : float
        Mean distance of their quantiles in ln(time): 0.05 is about five percent.
    typical_area : float
        What chance, and the error that all of one sample have in common, make of it (median).
    p_value : float
        Chance of an energy distance as large.
    """

    area: float
    typical_area: float
    p_value: float


def distance(
    one: FloatArray, other: FloatArray, *, common_error: float = 0.0, end: float = np.inf, seed: int
) -> Distance:
    """Compare two samples of logarithms of times.

    Parameters
    ----------
    one, other : (n, k), (m, k) float64 arrays
        A row is what is independent of the other rows and stays together: one latency, or the
        intervals of one train. A censored time has the value `end`, so that all of them are one
        point mass.
    common_error : float
        Standard error that all times of a sample share: of a card, of a clock. 0 makes the
        p-value that of a plain permutation test.
    end : float
        ln of the window; nothing lies beyond.
    seed : int
    """
    pool = np.vstack([one, other])
    n = len(one)
    energy, area = _statistics(pool, np.arange(len(pool))[None, :] < n, 0.0, end)
    random = np.random.default_rng([seed, 0xD157])
    energies, areas = _permuted(pool, n, PERMUTATIONS, common_error, end, random)
    if np.sum(_as_far(energies, energy[0])) < _RARE:
        more, _ = _permuted(pool, n, MORE_PERMUTATIONS, common_error, end, random)
        energies = np.r_[energies, more]
    p_value = (1 + np.sum(_as_far(energies, energy[0]))) / (1 + energies.size)
    return Distance(float(area[0]), float(np.median(areas)), float(p_value))


def _as_far(energies: FloatArray, energy: float) -> NDArray[np.bool_]:
    # Equal up to rounding: ties are common among few trials.
    return np.asarray(energies >= energy * (1 - 1e-9) - 1e-15)


def _permuted(
    pool: FloatArray, n: int, count: int, error: float, end: float, random: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return energy and area of `count` random splits, each with a draw of the common error."""
    rounds = -(-count // _PER_SHIFT)
    # Even quantiles instead of a sample: the tails are there, whatever the seed.
    shifts = error * ndtri((np.arange(rounds) + 0.5) / rounds) if error > 0 else [0.0]
    each = -(-count // len(shifts))
    at_once = max(1, _AT_ONCE // (2 * pool.size))
    parts = []
    for shift in shifts:
        for size in [at_once] * (each // at_once) + [each % at_once]:
            if size:
                lots = random.random((size, len(pool)), dtype=np.float32)
                is_one = lots <= np.partition(lots, n - 1, axis=1)[:, n - 1 : n]
                parts.append(_statistics(pool, is_one, float(shift), end))
    energies, areas = zip(*parts, strict=True)
    return np.concatenate(energies), np.concatenate(areas)


def _statistics(
    pool: FloatArray, is_one: NDArray[np.bool_], shift: float, end: float
) -> tuple[FloatArray, FloatArray]:
    """Return energy distance and area of splits of a pool, the second part moved by a shift.

    Parameters
    ----------
    pool : (N, k) float64 array
    is_one : (b, N) bool array
    """
    n = is_one.sum(axis=1, keepdims=True) * pool.shape[1]
    m = pool.size - n
    row = np.repeat(np.arange(len(pool)), pool.shape[1])
    values, members = pool.ravel(), is_one[:, row]
    if shift == 0.0:
        order = np.argsort(values, kind="stable")
        weights = np.where(members, 1 / n, -1 / m)[:, order]
        points = values[order]
    else:
        # Each value stands where it is and where it would be moved; a split uses one of the two.
        moved = np.where(values < end, np.minimum(values + shift, end), end)
        both = np.r_[values, moved]
        order = np.argsort(both, kind="stable")
        weights = np.hstack([np.where(members, 1 / n, 0.0), np.where(members, 0.0, -1 / m)])
        weights, points = weights[:, order], both[order]
    apart = np.cumsum(weights, axis=1)[:, :-1]
    gaps = np.diff(points)
    return 2 * apart**2 @ gaps, np.abs(apart) @ gaps


def quantile_pairs(one: FloatArray, other: FloatArray, count: int = 99) -> FloatArray:
    """Return quantiles of two samples at the same shares, (count, 2), for a figure."""
    shares = (np.arange(count) + 0.5) / count
    return np.column_stack([np.quantile(each, shares, method="hazen") for each in (one, other)])
