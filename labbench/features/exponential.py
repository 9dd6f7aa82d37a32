"""An exponential approach to a level, fitted to means: the law of most things that leak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, log, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

# Time constants are looked for between this part of the shortest distance and this many spans.
_SHORTEST, _LONGEST = 0.2, 20.0
_GRID = 120
_GOLDEN = (sqrt(5) - 1) / 2


class Estimate(NamedTuple):
    """A number and its standard error."""

    value: float
    stderr: float


@dataclass(frozen=True)
class ExponentialFit:
    """Parameters of ``y = level + amplitude exp(-x / tau)``, each with its standard error.

    Attributes
    ----------
    tau : Estimate
        In the unit of x.
    amplitude, level : Estimate
        In the unit of y; a level that was given has no error.
    chi2 : float
        Weighted sum of squared residuals.
    freedom : int
        Points minus fitted parameters.
    """

    tau: Estimate
    amplitude: Estimate
    level: Estimate
    chi2: float
    freedom: int

    @property
    def is_identified(self) -> bool:
        """Whether the data tell tau within half of it, and that there is an amplitude at all."""
        return self.tau.stderr < 0.5 * self.tau.value and self.amplitude.stderr < 0.5 * abs(
            self.amplitude.value
        )


def exponential_fit(
    x: ArrayLike, y: ArrayLike, error: ArrayLike, level: float | None = None
) -> ExponentialFit | None:
    """Fit ``y = level + amplitude exp(-x / tau)`` by weighted least squares.

    Amplitude and level are linear and solved for exactly, which leaves a search for tau alone (the
    variable projection of Golub and Pereyra, SIAM J. Numer. Anal. 10, 413 (1973)): it needs no
    starting values and finds the best of several minima.

    Parameters
    ----------
    x, y, error : (n,) array_like
        `error` are standard errors of y, positive. A level that was measured on its own is a point
        with x infinite.
    level : float, optional
        Where y ends, if that is known; fitted otherwise.

    Returns
    -------
    ExponentialFit or None
        Errors follow from `error`, and are widened where the residuals are larger than those say.
        None with fewer points than parameters, or if the best tau lies at an end of the range that
        the x can tell, from a fifth of their smallest distance to twenty times their span.
    """
    x, y, error = (np.asarray(a, dtype=np.float64) for a in (x, y, error))
    places = np.unique(x[np.isfinite(x)])
    if x.size < (3 if level is None else 2) or places.size < 2:
        return None
    ends = (log(_SHORTEST * np.diff(places).min()), log(_LONGEST * np.ptp(places)))
    grid = np.linspace(*ends, _GRID)
    best = int(np.argmin(_solved(x, y, error, level, np.exp(grid))[2]))
    if best in (0, _GRID - 1):
        return None
    tau = exp(_minimum(x, y, error, level, grid[best - 1], grid[best + 1]))
    amplitude, reached, chi2 = (float(a[0]) for a in _solved(x, y, error, level, np.array([tau])))
    decay = np.exp(-x / tau)
    # By ln tau, so that all columns are of one size whatever the unit of x.
    columns = [amplitude * decay * np.where(np.isfinite(x), x, 0.0) / tau, decay]
    if level is None:
        columns.append(np.ones_like(x))
    design = np.column_stack(columns) / error[:, None]
    covariance = np.linalg.pinv(design.T @ design)
    freedom = x.size - len(columns)
    excess = max(1.0, chi2 / freedom) if freedom else 1.0
    errors = np.sqrt(excess * np.diag(covariance))
    return ExponentialFit(
        tau=Estimate(tau, tau * float(errors[0])),
        amplitude=Estimate(amplitude, float(errors[1])),
        level=Estimate(reached, float(errors[2]) if level is None else 0.0),
        chi2=chi2,
        freedom=freedom,
    )


def pooled_spread(groups: Sequence[ArrayLike]) -> float:
    """Return the standard deviation within groups that share one; infinite if none has two members.

    A few repeats at each point tell their own spread badly, and weights drawn from it even worse.
    """
    arrays = [np.asarray(group, dtype=np.float64) for group in groups]
    freedom = sum(array.size - 1 for array in arrays if array.size)
    if freedom < 1:
        return inf
    squares = sum(float(np.sum((a - a.mean()) ** 2)) for a in arrays if a.size)
    return sqrt(squares / freedom)


def _solved(
    x: FloatArray, y: FloatArray, error: FloatArray, level: float | None, tau: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the best amplitudes and levels at each tau (m,), and the weighted squares left."""
    weight = error**-2.0
    decay = np.exp(-x / tau[:, None])
    # A straight line in the decay: through the centres of weight, or through the known level.
    if level is None:
        centre, middle = decay @ weight / weight.sum(), float(y @ weight / weight.sum())
    else:
        centre, middle = np.zeros(tau.size), level
    lifted = decay - centre[:, None]
    squares = lifted**2 @ weight
    amplitude = (lifted * (y - middle)) @ weight / np.where(squares > 0.0, squares, np.inf)
    reached = middle - amplitude * centre
    residual = y - reached[:, None] - amplitude[:, None] * decay
    return amplitude, reached, residual**2 @ weight


def _minimum(
    x: FloatArray, y: FloatArray, error: FloatArray, level: float | None, low: float, high: float
) -> float:
    """Return the ln tau of least residuals between two that enclose it, by golden sections."""
    while high - low > 1e-9:
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        one, other = _solved(x, y, error, level, np.exp([left, right]))[2]
        if one < other:
            high = right
        else:
            low = left
    return 0.5 * (low + high)
