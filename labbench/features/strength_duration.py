"""Strength-duration curve: the threshold against the width of the pulse, rheobase and chronaxie.

Two forms with two parameters each, rheobase V_r and chronaxie c (the width at 2 V_r):

- Lapicque (J. Physiol. Pathol. Gen. 9, 620 (1907)): V = V_r / (1 - 2^(-w / c)), a leaky integrator;
- Weiss (Arch. Ital. Biol. 35, 413 (1901)): V = V_r (1 + c / w), a constant charge beyond V_r.

A diffusive memristor follows neither exactly: residue lets it fire below any threshold if the
pulse is long enough, so the curve never becomes quite flat. How far a form is off stands beside it
and widens its errors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, hypot, log, nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labbench.features.feature import Feature, Outcome

FloatArray = NDArray[np.float64]

FEWEST_WIDTHS = 3
# No amplitude is known better than this part of itself.
AMPLITUDE_FLOOR = 1e-3
# A chronaxie with a relative error above this is a guess.
LEAST_KNOWN = 0.5


def lapicque(width_s: FloatArray, rheobase_v: float, chronaxie_s: float) -> FloatArray:
    """Return the threshold ``V_r / (1 - 2^(-w / c))`` in V, (n,)."""
    return np.asarray(rheobase_v / -np.expm1(-log(2) * width_s / chronaxie_s))


def weiss(width_s: FloatArray, rheobase_v: float, chronaxie_s: float) -> FloatArray:
    """Return the threshold ``V_r (1 + c / w)`` in V, (n,)."""
    return np.asarray(rheobase_v * (1 + chronaxie_s / width_s))


FORMS: dict[str, Callable[[FloatArray, float, float], FloatArray]] = {
    "lapicque": lapicque,
    "weiss": weiss,
}


@dataclass(frozen=True)
class CurveFit:
    """A form fitted to thresholds; errors are widened where it does not fit.

    Attributes
    ----------
    rheobase_v, rheobase_stderr_v : float
    chronaxie_s, chronaxie_stderr_s : float
    misfit : float
        Root mean square of ln(measured / fitted).
    """

    rheobase_v: float
    rheobase_stderr_v: float
    chronaxie_s: float
    chronaxie_stderr_s: float
    misfit: float


def fit_curve(
    form: str, width_s: ArrayLike, threshold_v: ArrayLike, stderr_v: ArrayLike
) -> CurveFit:
    """Fit a form to thresholds at three widths or more, by least squares of the logarithms.

    Where chi-square exceeds its degrees of freedom both errors grow by the root of their ratio
    (Birge, Phys. Rev. 40, 207 (1932)).

    Parameters
    ----------
    form : {"lapicque", "weiss"}
    width_s, threshold_v, stderr_v : (n,) array_like
        Positive.
    """
    from scipy.optimize import least_squares  # slow to import

    w, v, error = (np.asarray(a, dtype=np.float64) for a in (width_s, threshold_v, stderr_v))
    sigma = np.hypot(error / v, AMPLITUDE_FLOOR)

    def misfit(theta: FloatArray) -> FloatArray:
        return np.asarray((np.log(FORMS[form](w, *np.exp(theta))) - np.log(v)) / sigma)

    # V w against w is a line in the Weiss form: its slope and its intercept start both.
    slope, intercept = np.polyfit(w, v * w, 1)
    rheobase_v = slope if slope > 0 else float(v.min())
    start = [log(rheobase_v), log(max(intercept / rheobase_v, 0.1 * float(w.min())))]
    found = least_squares(misfit, start, x_scale=0.1)
    covariance = np.linalg.pinv(found.jac.T @ found.jac)
    birge = max(1.0, 2 * found.cost / (w.size - 2))
    rheobase_error, chronaxie_error = np.sqrt(np.diag(covariance) * birge)
    rheobase_v, chronaxie_s = (exp(x) for x in found.x)
    return CurveFit(
        rheobase_v=rheobase_v,
        rheobase_stderr_v=rheobase_v * float(rheobase_error),
        chronaxie_s=chronaxie_s,
        chronaxie_stderr_s=chronaxie_s * float(chronaxie_error),
        misfit=float(np.sqrt(np.mean((misfit(found.x) * sigma) ** 2))),
    )


def strength_duration(thresholds: Sequence[Feature]) -> list[Feature]:
    """Return rheobase, chronaxie and misfit of each form, and how flat the curve is at its end.

    Parameters
    ----------
    thresholds : sequence of Feature
        ``threshold_voltage`` at a ``width_s`` each; those without a value are left out.

    Returns
    -------
    list of Feature
        ``rheobase_{form}``: "censored", an upper bound, if the threshold at the widest pulse lies
        significantly below what was fitted. ``chronaxie_{form}``: "not identifiable" if its error
        is above half of it. ``misfit_{form}``: root mean square of the relative deviation.
        ``threshold_slope``: d ln V50 / d ln width between the two widest pulses, 0 where the
        rheobase is reached. Empty with fewer than three widths.
    """
    usable = sorted((f for f in thresholds if f.is_usable), key=lambda f: f.at["width_s"])
    if len(usable) < FEWEST_WIDTHS:
        return []
    width_s = np.array([f.at["width_s"] for f in usable])
    threshold_v, stderr_v = (np.array([getattr(f, k) for f in usable]) for k in ("value", "stderr"))
    n = len(usable)
    features: list[Feature] = []
    for form in FORMS:
        fit = fit_curve(form, width_s, threshold_v, stderr_v)
        doubt_v = hypot(fit.rheobase_stderr_v, float(stderr_v[-1]))
        is_below = threshold_v[-1] < fit.rheobase_v - 2 * doubt_v
        is_known = fit.chronaxie_stderr_s < LEAST_KNOWN * fit.chronaxie_s
        features += [
            Feature(f"rheobase_{form}", float(threshold_v[-1]), "V", nan, n, Outcome.CENSORED)
            if is_below
            else Feature(f"rheobase_{form}", fit.rheobase_v, "V", fit.rheobase_stderr_v, n),
            Feature(
                f"chronaxie_{form}",
                fit.chronaxie_s,
                "s",
                fit.chronaxie_stderr_s,
                n,
                Outcome.OK if is_known else Outcome.NOT_IDENTIFIABLE,
            ),
            Feature(f"misfit_{form}", fit.misfit, "1", fit.misfit / sqrt(2 * (n - 2)), n),
        ]
    step = log(width_s[-1] / width_s[-2])
    slope = log(threshold_v[-1] / threshold_v[-2]) / step
    error = hypot(*(stderr_v[-2:] / threshold_v[-2:])) / step
    return [*features, Feature("threshold_slope", slope, "1", error, n)]
