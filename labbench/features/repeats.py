"""Repeats of one measurement as features: mean and spread, geometric mean, fraction, median.

Every stderr here takes the repeats as independent. Cycles of one volatile device are often not
(the last cycle leaves silver behind), so it is a lower bound for those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, hypot, nan, pi, sqrt

import numpy as np
from numpy.typing import ArrayLike

from labbench.features.feature import Feature, Outcome
from labbench.features.statistics import log_mean, log_spread, proportion


def mean_and_spread(
    name: str,
    values: ArrayLike,
    unit: str,
    at: Mapping[str, float],
    *,
    resolution: float = 0.0,
    nothing: Outcome = Outcome.TOO_FEW,
) -> list[Feature]:
    """Return the mean, the standard deviation and the coefficient of variation of repeats.

    Parameters
    ----------
    name : str
        Of the mean; the others are ``name_sd`` and ``name_cv``.
    values : (n,) array_like
        In `unit`, finite.
    resolution : float, optional
        Step of the grid that the values lie on, in `unit`. All repeats meet the same grid, so its
        error (step / sqrt(12)) does not average out and is added to the stderr of the mean.
    nothing : Outcome, optional
        What it means that there is no value at all.

    Returns
    -------
    list of 3 Feature
        NaN with `nothing` if empty; with one value only, the mean is there and the rest TOO_FEW.
        The stderr of the spreads are those of normally distributed values.
    """
    sample = np.asarray(values, dtype=np.float64)
    n = sample.size
    if n < 2:
        outcome = Outcome.TOO_FEW if n else nothing
        mean, stderr, sd, sd_stderr, cv, cv_stderr = sample[0] if n else nan, *[nan] * 5
    else:
        outcome = Outcome.OK
        mean, sd = sample.mean(), sample.std(ddof=1)
        stderr = hypot(sd / sqrt(n), resolution / sqrt(12))
        sd_stderr = sd / sqrt(2 * (n - 1))
        cv = sd / abs(mean) if mean else nan
        cv_stderr = hypot(sd_stderr, cv * stderr) / abs(mean) if mean else nan
    return [
        Feature(name, float(mean), unit, stderr, n, outcome, at),
        Feature(f"{name}_sd", float(sd), unit, float(sd_stderr), n, outcome, at),
        Feature(f"{name}_cv", float(cv), "1", float(cv_stderr), n, outcome, at),
    ]


def geometric_mean(
    name: str,
    seen_s: Sequence[float],
    at: Mapping[str, float],
    *,
    shorter_than_s: Sequence[float] = (),
    longer_than_s: Sequence[float] = (),
) -> list[Feature]:
    """Return the geometric mean of times and the standard deviation of their logarithm.

    Times of volatile switching spread over decades: their arithmetic mean is that of the slowest.
    Times that are only bounded enter the likelihood of a lognormal law; leaving them out would
    shorten (or lengthen) the mean.

    Parameters
    ----------
    name : str
        Of the geometric mean; the other is ``name_log_sd``.
    seen_s : sequence of float
        Times that were seen, positive.
    shorter_than_s, longer_than_s : sequence of float
        One bound for each time that was too short, or too long, to be seen.

    Returns
    -------
    list of 2 Feature
        `n` counts all of them, but the stderr rests on the times that were seen. With fewer than
        two seen, CENSORED or TOO_FEW and NaN (but a single seen time is given as it is).
    """
    n_seen = len(seen_s)
    n = n_seen + len(shorter_than_s) + len(longer_than_s)
    value = log_sd = stderr = log_sd_stderr = nan
    outcome = Outcome.OK
    if n_seen < 2:
        outcome = Outcome.CENSORED if n > n_seen else Outcome.TOO_FEW
        value = seen_s[0] if n == 1 and n_seen == 1 else nan
    elif n == n_seen:
        value, stderr = log_mean(seen_s)
        log_sd, log_sd_stderr = log_spread(seen_s)
    else:
        centre, log_sd = _fit_lognormal(seen_s, shorter_than_s, longer_than_s)
        value, stderr = exp(centre), exp(centre) * log_sd / sqrt(n_seen)
        log_sd_stderr = log_sd / sqrt(2 * (n_seen - 1))
    return [
        Feature(name, value, "s", stderr, n, outcome, at),
        Feature(f"{name}_log_sd", log_sd, "1", log_sd_stderr, n, outcome, at),
    ]


def fraction(name: str, count: int, n: int, at: Mapping[str, float]) -> Feature:
    """Return the fraction `count` / `n` with its binomial stderr; NaN and TOO_FEW if n is 0."""
    if n == 0:
        return Feature(name, nan, "1", n=0, outcome=Outcome.TOO_FEW, at=at)
    share, stderr = proportion(count, n)
    return Feature(name, share, "1", stderr, n, at=at)


def median(name: str, values: ArrayLike, unit: str, at: Mapping[str, float]) -> Feature:
    """Return the median of repeats, for values with outliers; NaN and TOO_FEW if empty."""
    sample = np.asarray(values, dtype=np.float64)
    n = sample.size
    middle = float(np.median(sample)) if n else nan
    if n < 2:
        return Feature(name, middle, unit, n=n, outcome=Outcome.TOO_FEW, at=at)
    # 1.4826 turns a median deviation into a normal sd, sqrt(pi/2) its stderr into a median's.
    sd = 1.4826 * float(np.median(np.abs(sample - middle)))
    return Feature(name, middle, unit, sd * sqrt(pi / 2 / n), n, at=at)


def last_where(
    name: str, shares: Mapping[float, tuple[int, int]], unit: str, *, least: bool
) -> Feature:
    """Return up to where along a condition at least half of the trials (or fewer) answer.

    The bound lies between the last condition at which that is seen and the first one beyond at
    which the opposite is seen: their middle, with the standard error of a uniform law. Conditions
    whose share is within one standard error of a half are not seen to be on either side, and
    widen the bracket.

    Parameters
    ----------
    shares : mapping of float to (k, n)
        Condition, in `unit`: answers and trials.
    least : bool
        True for the last condition with at least half, False for the last with fewer.

    Returns
    -------
    Feature
        CENSORED and the end of the range, which is then only a bound, if all conditions are on one
        side; TOO_FEW and NaN without conditions. `n` counts all trials.
    """
    conditions = sorted(shares)
    n = sum(trials for _, trials in shares.values())
    if not conditions:
        return Feature(name, nan, unit, n=0, outcome=Outcome.TOO_FEW)
    sides = [_side(*shares[condition]) * (1 if least else -1) for condition in conditions]
    inside = [condition for condition, side in zip(conditions, sides, strict=True) if side > 0]
    if not inside:
        return Feature(name, conditions[0], unit, n=n, outcome=Outcome.CENSORED)
    low = inside[-1]
    beyond = [c for c, side in zip(conditions, sides, strict=True) if c > low and side < 0]
    if not beyond:
        return Feature(name, low, unit, n=n, outcome=Outcome.CENSORED)
    width = beyond[0] - low
    return Feature(name, low + width / 2, unit, width / sqrt(12), n)


def _side(k: int, n: int) -> int:
    """Return 1 where more than half answer, -1 where fewer do, 0 where that is not clear."""
    share, error = proportion(k, n)
    if abs(share - 0.5) <= error:
        return 0
    return 1 if share > 0.5 else -1


def _fit_lognormal(
    seen_s: Sequence[float], shorter_than_s: Sequence[float], longer_than_s: Sequence[float]
) -> tuple[float, float]:
    from scipy.stats import CensoredData, norm  # slow to import and rarely needed

    data = CensoredData(
        uncensored=np.log(seen_s), left=np.log(shorter_than_s), right=np.log(longer_than_s)
    )
    centre, sd = norm.fit(data)
    return float(centre), float(sd)
