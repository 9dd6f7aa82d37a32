"""Small-sample estimates with their standard errors, shared by the properties."""

from __future__ import annotations

from math import exp, nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

# The logistic fit ends at steps this small, a ten-millionth of the width; the likelihood itself
# cannot tell smaller ones apart.
_SETTLED = 1e-7
# A trial as rare as one in the sample's size is missing from a third of all samples; it may lie
# this much farther from the median than the farthest one that was seen.
_FAR_OUT = 2.0


def proportion(k: int, n: int) -> tuple[float, float]:
    """Return k / n and a standard error that stays positive at 0 and n (Agresti-Coull, z = 1)."""
    share = (k + 0.5) / (n + 1)
    return k / n, sqrt(share * (1 - share) / (n + 1))


def log_mean(values: ArrayLike) -> tuple[float, float]:
    """Return the geometric mean of positive values and its standard error; NaN error if one."""
    logs = np.log(np.asarray(values, dtype=np.float64))
    mean = exp(float(logs.mean()))
    error = float(logs.std(ddof=1)) / sqrt(logs.size) if logs.size > 1 else nan
    return mean, mean * error


def log_spread(values: ArrayLike) -> tuple[float, float]:
    """Return the standard deviation of the logarithms and its standard error.

    The error follows from the sample kurtosis k: ``sd sqrt((k - 1) / (4 n))``, with k of the
    normal law as the least, since small samples understate it.
    """
    logs = np.log(np.asarray(values, dtype=np.float64))
    spread = float(logs.std(ddof=1))
    if spread == 0.0:
        return 0.0, 0.0
    kurtosis = float(np.mean((logs - logs.mean()) ** 4) / logs.var() ** 2)
    return spread, spread * sqrt((max(kurtosis, 3.0) - 1) / (4 * logs.size))


def far_out(values: ArrayLike) -> float:
    """Return a value twice as far above the median as the largest: it might have been seen."""
    sample = np.asarray(values, dtype=np.float64)
    middle = float(np.median(sample))
    return middle + _FAR_OUT * (float(sample.max()) - middle)


def logistic_fit(x: ArrayLike, fired: ArrayLike) -> tuple[float, float, float, float] | None:
    """Fit P(fire) = 1 / (1 + exp(-(x - x50) / width)) to single trials.

    Penalised by Jeffreys' prior (Firth, Biometrika 80, 27 (1993)), so that separated data - a
    step without overlap - give a finite half point; the width is an upper bound then.

    Parameters
    ----------
    x : (n,) array_like
    fired : (n,) array_like of bool

    Returns
    -------
    x50, its standard error, width, its standard error; None without both outcomes at two levels,
    or if the iteration does not settle.
    """
    x = np.asarray(x, dtype=np.float64)
    y = np.asarray(fired, dtype=np.float64)
    if y.size == 0 or y.min() == y.max() or x.min() == x.max():
        return None
    centre, scale = float(x.mean()), float(x.std())
    design = np.column_stack([np.ones_like(x), (x - centre) / scale])
    theta = np.zeros(2)
    for _ in range(200):
        p = _logistic(design @ theta)
        weight = p * (1.0 - p)
        information = design.T @ (weight[:, None] * design)
        covariance = np.linalg.pinv(information)
        leverage = weight * np.einsum("ij,jk,ik->i", design, covariance, design)
        score = design.T @ (y - p + leverage * (0.5 - p))
        step = covariance @ score
        if float(np.abs(step).max()) < _SETTLED:
            break
        step *= min(1.0, (2.0 + float(np.abs(theta).max())) / float(np.abs(step).max()))
        # A trial that stands alone at its level makes whole steps overshoot for ever.
        reached = _penalised(theta, design, y)
        while float(np.abs(step).max()) >= _SETTLED:
            if _penalised(theta + step, design, y) >= reached + 0.1 * float(score @ step):
                break
            step *= 0.5
        theta = theta + step
    else:
        return None
    if theta[1] <= 0:
        return None
    x50 = centre - scale * theta[0] / theta[1]
    slope = np.array([-1.0, theta[0] / theta[1]]) * scale / theta[1]
    width = scale / theta[1]
    return (
        float(x50),
        sqrt(float(slope @ covariance @ slope)),
        float(width),
        float(width / theta[1] * sqrt(covariance[1, 1])),
    )


def _logistic(score: FloatArray) -> FloatArray:
    """Return 1 / (1 + e^-score), without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * score)))


def _penalised(theta: FloatArray, design: FloatArray, y: FloatArray) -> float:
    """Return the log-likelihood with Jeffreys' penalty, which the logistic fit maximises."""
    score = design @ theta
    p = _logistic(score)
    information = design.T @ ((p * (1.0 - p))[:, None] * design)
    penalty = 0.5 * float(np.linalg.slogdet(information)[1])
    return float(y @ score - np.logaddexp(0.0, score).sum()) + penalty


def straight_line(x: ArrayLike, y: ArrayLike, weight: ArrayLike = 1.0) -> tuple[FloatArray, ...]:
    """Fit y = a + b x by weighted least squares, the scatter telling the errors.

    Parameters
    ----------
    x, y : (n,) array_like
    weight : (n,) array_like or float
        One over the relative variance of each y.

    Returns
    -------
    (a, b) and their standard errors, (2,) float64 arrays; NaN errors with two points or fewer,
    NaN everywhere without two different x.
    """
    return linear_fit(np.column_stack([np.ones(np.size(x)), np.ravel(x)]), y, weight)


def linear_fit(
    design: FloatArray, y: ArrayLike, weight: ArrayLike = 1.0
) -> tuple[FloatArray, FloatArray]:
    """Fit y = design @ c by weighted least squares, the scatter telling the errors.

    Returns
    -------
    c and its standard errors, (k,) float64 arrays; NaN errors without a point to spare, NaN
    everywhere where the points do not tell the coefficients apart.
    """
    n, k = design.shape
    root = np.sqrt(np.broadcast_to(np.asarray(weight, dtype=np.float64), n))
    scale = np.abs(design * root[:, None]).max(axis=0, initial=0.0)
    scale[scale == 0.0] = 1.0
    scaled = design * root[:, None] / scale
    if n < k or np.linalg.matrix_rank(scaled) < k:
        return np.full(k, np.nan), np.full(k, np.nan)
    target = np.asarray(y, dtype=np.float64) * root
    found = np.linalg.lstsq(scaled, target, rcond=None)[0]
    if n == k:
        return found / scale, np.full(k, np.nan)
    variance = float(np.sum((target - scaled @ found) ** 2)) / (n - k)
    errors = np.sqrt(variance * np.diag(np.linalg.inv(scaled.T @ scaled)))
    return found / scale, errors / scale
