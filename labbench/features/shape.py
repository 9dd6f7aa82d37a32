"""The shape of a sample of times: spread, skew, independence, and the law that it follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from labbench.features.feature import Feature, Outcome
from labbench.features.statistics import far_out

if TYPE_CHECKING:
    from labbench.features.distributions import Rank

FloatArray = NDArray[np.float64]

# Fewer trials say next to nothing about a skew or a law.
FEWEST_FOR_SHAPE = 100
FEWEST_FOR_LAWS = 50
# Relative variance that rounding alone leaves of equal times.
_NO_SPREAD = 1e-24


@dataclass(frozen=True, eq=False)
class Times:
    """Times of one condition.

    Attributes
    ----------
    rows : sequence of (k,) float64 arrays
        Seen times in s, in their order; what is in one row may depend on each other (intervals of
        one train), rows are independent. NaN stands for a time that was not seen.
    longer_than_s : (m,) float64 array
        One bound for each time that was not seen.
    atom_s : (a,) float64 array
        Those of the seen times that share the shortest one: they follow no density.
    """

    rows: Sequence[FloatArray]
    longer_than_s: FloatArray
    atom_s: FloatArray

    @property
    def seen_s(self) -> FloatArray:
        """All times that were seen, (n,)."""
        values = np.concatenate([*self.rows, np.empty(0)])
        return np.asarray(values[np.isfinite(values)])


def describe_shape(
    name: str, times: Times, interval_s: float, at: dict[str, float]
) -> list[Feature]:
    """Return spread, skew, independence and law of a sample of times.

    Parameters
    ----------
    name : str
        Of the times: "latency", "interval".
    times : Times
    interval_s : float
        Sampling interval.
    at : dict
        The condition.

    Returns
    -------
    list of Feature
        ``{name}_cv`` and ``{name}_skew``, see `spread_and_skew` ("censored" if times were missed:
        they are those of the seen ones then, too small); ``{name}_lag1`` (correlation of the
        logarithms of successive times, 0 if they are independent); ``{name}_aic_{law}`` for each
        law: its AIC above the best law's, per trial (so that samples of different size compare;
        times `n` it is the difference of AIC), "not identifiable" where the sample cannot tell
        it from the best law, which has 0 and is "not identifiable" if it cannot be told from
        any other.
    """
    seen_s = times.seen_s
    outcome = Outcome.CENSORED if times.longer_than_s.size else Outcome.OK
    ranks = _ranks(times, interval_s)
    found = [
        Feature(f"{name}_{key}", value, "1", error, seen_s.size, outcome, at)
        if np.isfinite(value)
        else Feature(f"{name}_{key}", nan, "1", n=seen_s.size, outcome=Outcome.TOO_FEW, at=at)
        for key, (value, error) in zip(("cv", "skew"), spread_and_skew(times.rows), strict=True)
    ]
    n = ranks[0].fit.log_likelihood.size if ranks else 0
    laws = [
        Feature(
            f"{name}_aic_{rank.fit.name}",
            rank.aic_difference / n,
            "1",
            rank.stderr / n,
            n,
            Outcome.OK if rank.is_told else Outcome.NOT_IDENTIFIABLE,
            at,
        )
        for rank in ranks
    ]
    return [*found, _independence(name, times.rows, at), *laws]


def spread_and_skew(rows: Sequence[FloatArray]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return coefficient of variation and skewness, each with its standard error.

    The errors are those of the jackknife that leaves out one row at a time, so that times within
    a row may depend on each other. Where each row is a single time (trials), what one more trial
    far out would change is added: a latency that a late jump prolonged is rare and long, and a
    sample that happens to hold none would claim far too small an error. NaN where all are equal.
    """
    kept = [row[np.isfinite(row)] for row in rows]
    values = np.concatenate([*kept, np.empty(0)])
    if values.size < 3 or np.ptp(values) == 0.0:
        return ((0.0, 0.0) if values.size > 2 else (nan, nan)), (nan, nan)
    centre = float(values.mean())
    sums = np.array([_powers(row - centre) for row in kept if row.size])
    total, n_rows = sums.sum(axis=0), len(sums)
    whole = _moments(total, centre)
    if n_rows < 2:
        return (whole[0], nan), (whole[1], nan)
    left = np.array([_moments(total - each, centre) for each in sums])
    errors = np.sqrt((n_rows - 1) / n_rows * ((left - left.mean(axis=0)) ** 2).sum(axis=0))
    if n_rows == values.size:
        more = _moments(total + _powers(np.array([far_out(values) - centre])), centre)
        errors = np.hypot(errors, np.subtract(more, whole))
    return (whole[0], float(errors[0])), (whole[1], float(errors[1]))


def _powers(deviations: FloatArray) -> FloatArray:
    """Return the sums of the powers 0 to 3, (4,)."""
    return np.asarray((deviations ** np.arange(4)[:, None]).sum(axis=1))


def _moments(sums: FloatArray, centre: float) -> tuple[float, float]:
    """Return CV and skewness from the sums of the powers 0 to 3 of (value - centre)."""
    n, first, second, third = (float(x) for x in sums)
    m = first / n
    variance = max(second / n - m**2, 0.0)
    if variance <= _NO_SPREAD * (centre + m) ** 2:
        return 0.0, 0.0
    skew = (third / n - 3 * m * second / n + 2 * m**3) / variance**1.5
    return sqrt(variance * n / (n - 1)) / (centre + m), skew


def lag_correlation(rows: Sequence[FloatArray]) -> tuple[float, float, int]:
    """Return the correlation of successive times, its standard error, and the number of pairs.

    Of the logarithms, which an outlier rules less. Where rows run in parallel (trains), the mean
    at each place is taken out first: a common drift is not a dependence. Pairs with a time that
    was not seen are left out. The error is that of independent times, ``1 / sqrt(pairs)``.
    """
    logs = [np.log(row) for row in rows]
    if len(logs) > 1 and min(row.size for row in logs) > 1:
        longest = max(row.size for row in logs)
        table = np.full((len(logs), longest), nan)
        for line, row in zip(table, logs, strict=True):
            line[: row.size] = row
        table -= np.nanmean(table, axis=0)
        logs = list(table)
    first = np.concatenate([row[:-1] for row in logs])
    second = np.concatenate([row[1:] for row in logs])
    both = np.isfinite(first) & np.isfinite(second)
    n = int(both.sum())
    if n < 3 or np.ptp(first[both]) == 0.0 or np.ptp(second[both]) == 0.0:
        return nan, nan, n
    return float(np.corrcoef(first[both], second[both])[0, 1]), 1 / sqrt(n), n


def _independence(name: str, rows: Sequence[FloatArray], at: dict[str, float]) -> Feature:
    joined = [np.concatenate(rows)] if all(row.size == 1 for row in rows) else rows
    value, error, n = lag_correlation(joined)
    outcome = Outcome.OK if np.isfinite(value) else Outcome.TOO_FEW
    return Feature(f"{name}_lag1", value, "1", error, n, outcome, at)


def _ranks(times: Times, interval_s: float) -> list[Rank]:
    """Return the laws of the times beside the atom, best first; none if they are too few."""
    from labbench.features.distributions import rank_laws  # scipy is slow to import

    spread_s = times.seen_s
    if times.atom_s.size:
        spread_s = spread_s[spread_s > times.atom_s.max()]
    if np.unique(spread_s).size < FEWEST_FOR_LAWS:
        return []
    are_trials = all(row.size == 1 for row in times.rows)
    return rank_laws(spread_s, times.longer_than_s, interval_s, has_rare_tail=are_trials)
