"""Which law positive times follow: five laws, with and without a dead time, ranked by AIC.

The laws are normal, lognormal, gamma, Weibull and inverse Gaussian. A dead time shifts the last
four; the normal law holds its shift already. Times that were only seen to be longer than a bound
(the neuron did not fire in the window) enter by the law's survival function.

A shift that may come as near to the shortest time as it likes makes the likelihood of a density
unbounded, so it ends one sampling interval below the shortest time: closer than that a record
cannot tell. Trials that share one time exactly (the atom) are no draw from a density at all and
must be taken out before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaincc, gammaln, log_ndtr

from labbench.errors import FeatureError
from labbench.features.statistics import far_out

FloatArray = NDArray[np.float64]
# (times, location, ln shape) -> logarithms.
LogDensity = Callable[[FloatArray, float, float], FloatArray]

# Shifts that are tried before the best one is refined: even in ln(shortest time - shift).
SHIFTS = 12
# Two laws are told apart by twice the error of their AIC's difference, and by a ratio of Akaike
# weights of twenty at least (nested laws that coincide have no error).
TELLING_SIGMA = 2.0
TELLING_AIC = 2 * log(20.0)

_LOG_2PI = log(2 * np.pi)
_TINY = 1e-300
# Shapes are searched between these logarithms, far beyond what a sample can tell.
_SHAPE_BOUNDS = (-7.0, 12.0)
# Of the search: step of the differences, least curvature, and a gain in the mean log-likelihood
# that is far below what AIC can tell.
_DIFFERENCE = 1e-4
_FLATTEST = 1e-6
_SETTLED = 1e-10


@dataclass(frozen=True, eq=False)
class LawFit:
    """One law at its largest likelihood.

    Attributes
    ----------
    law : str
        A key of `LAWS`.
    is_shifted : bool
        Whether a dead time was fitted too.
    location, shape : float
        Mean in s and sd over mean (normal); median in s and sd of ln t (lognormal); mean in s and
        k (gamma); scale in s and k (Weibull); mean in s and lambda over mean (inverse Gaussian).
        Beyond the shift.
    shift_s : float
        Dead time; 0 if there is none.
    log_likelihood : (n,) float64 array
        Of each time, seen ones first, times in units of the median.
    """

    law: str
    is_shifted: bool
    location: float
    shape: float
    shift_s: float
    log_likelihood: FloatArray

    @property
    def name(self) -> str:
        """Law, and "shifted" if it has a dead time."""
        return f"{self.law}_shifted" if self.is_shifted else self.law

    @property
    def aic(self) -> float:
        """Akaike's criterion, 2 k - 2 ln L (IEEE Trans. Autom. Control 19, 716 (1974))."""
        return 2 * (3 if self.is_shifted else 2) - 2 * float(self.log_likelihood.sum())

    def log_density(self, time_s: FloatArray) -> FloatArray:
        """Return ln of the density in 1/s at times beyond the shift, of any shape."""
        location = self.location if self.law == "normal" else log(self.location)
        log_shape = log(self.shape * self.location) if self.law == "normal" else log(self.shape)
        return LAWS[self.law][0](time_s - self.shift_s, location, log_shape)


@dataclass(frozen=True)
class Rank:
    """A law beside the best one.

    Attributes
    ----------
    fit : LawFit
    aic_difference : float
        Its AIC minus the best one's.
    stderr : float
        Of the difference, from the scatter of the trials' log-likelihood ratios
        (Vuong, Econometrica 57, 307 (1989)) and, if asked for, one more trial far out.
    weight : float
        Akaike weight among all laws.
    is_told : bool
        Whether it is told from the best one; of the best one, whether all others are.
    """

    fit: LawFit
    aic_difference: float
    stderr: float
    weight: float
    is_told: bool


def rank_laws(
    seen_s: ArrayLike,
    longer_than_s: ArrayLike,
    interval_s: float,
    *,
    has_rare_tail: bool = False,
) -> list[Rank]:
    """Fit all laws and rank them, best first.

    Parameters
    ----------
    seen_s : (n,) array_like
        Times in s, positive, without an atom.
    longer_than_s : (m,) array_like
        One bound for each time that was too long to be seen; may be empty.
    interval_s : float
        Sampling interval, the closest that a shift comes to the shortest time.
    has_rare_tail : bool
        Whether rare long times may be missing from the sample: what one more of them would add is
        part of the errors then, see `labbench.features.statistics.far_out`.

    Raises
    ------
    FeatureError
        If there are fewer than three different times, or one is not positive.
    """
    seen, censored = (np.asarray(t, dtype=np.float64) for t in (seen_s, longer_than_s))
    if np.unique(seen).size < 3 or seen.min() <= 0 or not np.isfinite(seen).all():
        raise FeatureError(
            f"A law needs three different positive times or more: got {seen.size} of them, "
            f"{np.unique(seen).size} different."
        )
    fits = [
        fit_law(law, seen, censored, interval_s, is_shifted=is_shifted)
        for law in LAWS
        for is_shifted in ((False,) if law == "normal" else (False, True))
    ]
    fits.sort(key=lambda fit: fit.aic)
    best = fits[0]
    differences = np.array([fit.aic - best.aic for fit in fits])
    ratios = [best.log_likelihood - fit.log_likelihood for fit in fits]
    errors = np.array([2 * sqrt(r.size) * float(r.std(ddof=1)) for r in ratios])
    is_told = (differences > TELLING_SIGMA * errors) & (differences > TELLING_AIC)
    is_told[0] = is_told[1:].all()
    if has_rare_tail:
        unseen_s = np.array([far_out(seen)])
        missing = np.array([best.log_density(unseen_s) - fit.log_density(unseen_s) for fit in fits])
        errors = np.hypot(errors, 2 * missing[:, 0])
    weights = np.exp(-differences / 2)
    weights /= weights.sum()
    return [
        Rank(fit, float(d), float(e), float(w), bool(told))
        for fit, d, e, w, told in zip(fits, differences, errors, weights, is_told, strict=True)
    ]


def fit_law(
    law: str,
    seen_s: FloatArray,
    longer_than_s: FloatArray,
    interval_s: float,
    *,
    is_shifted: bool = False,
) -> LawFit:
    """Return one law at its largest likelihood, with or without a dead time.

    The shift is profiled on a grid first, from one sampling interval below the shortest time to
    zero, then refined with location and shape together.
    """
    scale_s = float(np.median(seen_s))
    seen, censored = seen_s / scale_s, longer_than_s / scale_s
    shortest = float(seen.min())
    nearest = min(interval_s / scale_s, 0.5 * shortest)
    # Distance of the shift from the shortest time: the likelihood is even in its logarithm.
    distances = np.geomspace(nearest, shortest, SHIFTS) if is_shifted else np.array([shortest])

    def terms(theta: FloatArray) -> FloatArray:
        shift = shortest - exp(theta[0]) if is_shifted else 0.0
        return _log_likelihood(law, seen, censored, shift, theta[-2], theta[-1])

    def misfit(theta: FloatArray) -> float:
        return -float(terms(theta).mean())

    starts = [
        np.array([log(d), *_moments(law, seen - (shortest - d))])[0 if is_shifted else 1 :]
        for d in distances
    ]
    bounds = np.array([(log(nearest), log(shortest)), (-50.0, 50.0), _SHAPE_BOUNDS])
    bounds = bounds[0 if is_shifted else 1 :]
    theta = _minimise(misfit, min(starts, key=misfit), bounds)
    shift = shortest - exp(theta[0]) if is_shifted else 0.0
    location = float(theta[-2]) if law == "normal" else exp(theta[-2])
    shape = exp(theta[-1]) / location if law == "normal" else exp(theta[-1])
    return LawFit(
        law=law,
        is_shifted=is_shifted,
        location=location * scale_s,
        shape=shape,
        shift_s=shift * scale_s,
        log_likelihood=terms(theta),
    )


def _minimise(
    function: Callable[[FloatArray], float], start: FloatArray, bounds: FloatArray
) -> FloatArray:
    """Minimise a smooth function of two or three numbers within bounds (k, 2), by Newton steps.

    Derivatives are central differences. Where the curvature is not positive its magnitude stands
    in, so that steps lead downhill.
    """
    theta = np.clip(start, bounds[:, 0], bounds[:, 1])
    value = function(theta)
    for _ in range(60):
        gradient, hessian = _derivatives(function, theta, value)
        held = (theta <= bounds[:, 0]) & (gradient > 0) | (theta >= bounds[:, 1]) & (gradient < 0)
        gradient[held] = 0.0
        hessian[held, :] = hessian[:, held] = 0.0
        curvature, axes = np.linalg.eigh(hessian)
        step = -axes @ ((axes.T @ gradient) / np.maximum(np.abs(curvature), _FLATTEST))
        if -float(gradient @ step) < _SETTLED:
            break
        step *= min(1.0, 1.0 / float(np.abs(step).max()))
        for _ in range(30):
            tried = np.clip(theta + step, bounds[:, 0], bounds[:, 1])
            reached = function(tried)
            if reached < value:
                break
            step *= 0.5
        else:
            break
        theta, value = tried, reached
    return theta


def _derivatives(
    function: Callable[[FloatArray], float], theta: FloatArray, value: float
) -> tuple[FloatArray, FloatArray]:
    """Return gradient (k,) and Hessian (k, k) by central differences."""
    steps = _DIFFERENCE * np.eye(theta.size)
    up = np.array([function(theta + step) for step in steps])
    down = np.array([function(theta - step) for step in steps])
    hessian = np.diag(up - 2 * value + down)
    for i in range(theta.size):
        for j in range(i):
            both = function(theta + steps[i] + steps[j]) + function(theta - steps[i] - steps[j])
            mixed = both + 2 * value - up[i] - down[i] - up[j] - down[j]
            hessian[i, j] = hessian[j, i] = 0.5 * mixed
    return (up - down) / (2 * _DIFFERENCE), hessian / _DIFFERENCE**2


def _log_likelihood(
    law: str,
    seen: FloatArray,
    censored: FloatArray,
    shift: float,
    location: float,
    log_shape: float,
) -> FloatArray:
    """Return the terms of all times: density of the seen ones, survival of the others."""
    density, survival = LAWS[law]
    terms = density(seen - shift, location, log_shape)
    if not censored.size:
        return terms
    # A bound below the dead time is survived for certain.
    beyond = np.maximum(censored - shift, _TINY if law != "normal" else -np.inf)
    return np.concatenate([terms, survival(beyond, location, log_shape)])


def _normal(t: FloatArray, mean: float, log_sd: float) -> FloatArray:
    return -0.5 * ((t - mean) * exp(-log_sd)) ** 2 - log_sd - 0.5 * _LOG_2PI


def _normal_survival(t: FloatArray, mean: float, log_sd: float) -> FloatArray:
    return np.asarray(log_ndtr((mean - t) * exp(-log_sd)))


def _lognormal(t: FloatArray, log_median: float, log_sd: float) -> FloatArray:
    logs = np.log(t)
    return _normal(logs, log_median, log_sd) - logs


def _lognormal_survival(t: FloatArray, log_median: float, log_sd: float) -> FloatArray:
    return _normal_survival(np.log(t), log_median, log_sd)


def _gamma(t: FloatArray, log_mean: float, log_k: float) -> FloatArray:
    k, log_rate = exp(log_k), log_k - log_mean
    y = t * exp(log_rate)
    return np.asarray((k - 1) * np.log(y) - y - gammaln(k) + log_rate)


def _gamma_survival(t: FloatArray, log_mean: float, log_k: float) -> FloatArray:
    survival = gammaincc(exp(log_k), t * exp(log_k - log_mean))
    return np.asarray(np.log(np.maximum(survival, _TINY)))


def _weibull(t: FloatArray, log_scale: float, log_k: float) -> FloatArray:
    logs = exp(log_k) * (np.log(t) - log_scale)
    return log_k + logs - np.log(t) - np.exp(np.minimum(logs, 600.0))


def _weibull_survival(t: FloatArray, log_scale: float, log_k: float) -> FloatArray:
    return -np.exp(np.minimum(exp(log_k) * (np.log(t) - log_scale), 600.0))


def _inverse_gaussian(t: FloatArray, log_mean: float, log_shape: float) -> FloatArray:
    y = t * exp(-log_mean)
    spread = exp(log_shape) * (y - 1) ** 2 / (2 * y)
    return 0.5 * (log_shape - _LOG_2PI - 3 * np.log(y)) - spread - log_mean


def _inverse_gaussian_survival(t: FloatArray, log_mean: float, log_shape: float) -> FloatArray:
    shape, y = exp(log_shape), t * exp(-log_mean)
    root = np.sqrt(shape / y)
    upper = log_ndtr(root * (1 - y))
    # Both terms grow with the shape while their difference stays small: subtract as logarithms.
    lower = np.minimum(2 * shape + log_ndtr(-root * (1 + y)) - upper, -1e-15)
    return np.asarray(np.maximum(upper + np.log(-np.expm1(lower)), log(_TINY)))


# The density and the survival function of each.
LAWS: dict[str, tuple[LogDensity, LogDensity]] = {
    "normal": (_normal, _normal_survival),
    "lognormal": (_lognormal, _lognormal_survival),
    "gamma": (_gamma, _gamma_survival),
    "weibull": (_weibull, _weibull_survival),
    "inverse_gaussian": (_inverse_gaussian, _inverse_gaussian_survival),
}


def _moments(law: str, t: FloatArray) -> tuple[float, float]:
    """Return location and ln shape of uncensored times: closed forms, or close to the maximum."""
    mean, logs = float(t.mean()), np.log(t)
    if law == "normal":
        return mean, log(float(t.std()))
    spread = max(float(logs.std()), 1e-6)
    if law == "lognormal":
        return float(logs.mean()), log(spread)
    if law == "weibull":
        # The logarithm of a Weibull time has sd pi / (sqrt(6) k) and mean ln scale - 0.5772 / k.
        k = np.pi / (sqrt(6) * spread)
        return float(logs.mean()) + 0.5772 / k, log(k)
    if law == "gamma":
        s = max(log(mean) - float(logs.mean()), 1e-9)
        k = (3 - s + sqrt((s - 3) ** 2 + 24 * s)) / (12 * s)
        return log(mean), log(k)
    excess = max(mean * float((1 / t).mean()) - 1, 1e-9)
    return log(mean), -log(excess)
