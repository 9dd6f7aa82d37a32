"""Agrees, disagrees, cannot tell: one feature among many, with all that is uncertain about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, isfinite, nan

import numpy as np
from scipy.special import stdtr

AGREES, DISAGREES, CANNOT_TELL = "agrees", "disagrees", "cannot tell"
# A family-wise error of one in a hundred before anything is said to disagree.
SIGNIFICANCE = 0.01
# Agreement takes the two one-sided tests of equivalence at 5 % (Schuirmann, J. Pharmacokinet.
# Biopharm. 15, 657 (1987)): the 90 % interval of the difference lies within the margin.
ONE_SIDED = 1.645


@dataclass(frozen=True)
class Difference:
    """Measured minus simulated, with its standard error and the degrees of freedom of that.

    Attributes
    ----------
    value, stderr : float
        In the unit of the feature; NaN where one of the two has none.
    freedom : float
        Of a Student t, so that an error that rests on five trials is not taken for exact.
    """

    value: float
    stderr: float
    freedom: float

    @property
    def sigma(self) -> float:
        """The difference in standard errors; NaN without either."""
        return self.value / self.stderr if self.stderr > 0 else nan

    @property
    def p_value(self) -> float:
        """Two-sided chance of a difference as large."""
        if not isfinite(self.sigma):
            return nan
        return float(2 * stdtr(self.freedom, -abs(self.sigma)))

    @property
    def reach(self) -> float:
        """The farther end of the 90 % interval from zero."""
        return abs(self.value) + ONE_SIDED * self.stderr


def difference(
    measured: float, simulated: float, errors: Sequence[tuple[float, float]]
) -> Difference:
    """Return a difference whose error is made of independent parts.

    Parameters
    ----------
    measured, simulated : float
    errors : sequence of (stderr, degrees of freedom)
        Those of the sum follow from Welch and Satterthwaite (Biometrics Bull. 2, 110 (1946)).
    """
    stderr = hypot(*(error for error, _ in errors))
    if not (isfinite(stderr) and stderr > 0):
        return Difference(measured - simulated, nan, nan)
    per_freedom = sum((error / stderr) ** 4 / max(freedom, 1.0) for error, freedom in errors)
    return Difference(measured - simulated, stderr, 1 / max(per_freedom, 1e-9))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values; NaN stays NaN and does not count.

    Holm, Scand. J. Statist. 6, 65 (1979).
    """
    given = np.asarray(p_values, dtype=np.float64)
    places = np.flatnonzero(np.isfinite(given))
    order = places[np.argsort(given[places], kind="stable")]
    adjusted = np.full(given.size, nan)
    tests_left = order.size - np.arange(order.size)
    adjusted[order] = np.minimum(np.maximum.accumulate(tests_left * given[order]), 1.0)
    return [float(p) for p in adjusted]


def judge(size: float, reach: float, adjusted_p: float, *, matters: float, equal: float) -> str:
    """Return the verdict on one feature.

    Parameters
    ----------
    size, reach : float
        The difference, and up to where it may well be.
    adjusted_p : float
        For all comparisons of the device; NaN if there was none.
    matters : float
        The least difference that is one.
    equal : float
        Within what a difference must surely lie to be none.
    """
    if not isfinite(adjusted_p):
        return CANNOT_TELL
    if adjusted_p < SIGNIFICANCE and size > matters:
        return DISAGREES
    return AGREES if reach <= equal else CANNOT_TELL
