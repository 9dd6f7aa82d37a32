"""What a fit is asked for beyond itself: profiles, bootstrap, other exponents, other models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log

import numpy as np

from labbench.errors import FitError
from labbench.fit.engine import Fitted, fit_items
from labbench.fit.items import FloatArray, Item
from labbench.fit.objective import Problem
from labbench.fit.options import FitOptions
from labbench.fit.space import symbol_of
from labbench.model import Loading, ModelCard

_STEPS, _REACH = 9, 2.5


@dataclass(frozen=True, eq=False)
class Profile:
    """The least chi-square against one parameter, all others free.

    Attributes
    ----------
    name : str
    value : (n,) float64 array
        Of the parameter, in its unit.
    chisqr : (n,) float64 array
        Above the minimum, divided by the square of the fit's inflation: 3.84 bounds 95 %.
    """

    name: str
    value: FloatArray
    chisqr: FloatArray

    def interval(self, level: float = 3.84) -> tuple[float, float]:
        """Return where the profile crosses a level on both sides; infinite where it does not."""
        logs, best = np.log(self.value), int(np.argmin(self.chisqr))
        low, high = -np.inf, np.inf
        if self.chisqr[:best].max(initial=-1.0) >= level:
            low = float(np.interp(-level, -self.chisqr[: best + 1], logs[: best + 1]))
        if self.chisqr[best:].max(initial=-1.0) >= level:
            high = float(np.interp(level, self.chisqr[best:], logs[best:]))
        return float(np.exp(low)), float(np.exp(high))


def profile(fitted: Fitted, name: str, inflation: float = 1.0) -> Profile:
    """Return the profile likelihood of a parameter, on the surrogate that the fit ended with.

    Raises
    ------
    FitError
        If the fit has no such free parameter, or no surrogate.
    """
    problem = _problem(fitted)
    if name not in fitted.space.names:
        raise FitError(f"{name!r} was not fitted; fitted were {', '.join(fitted.space.names)}.")
    i = fitted.space.names.index(name)
    spread = float(np.sqrt(fitted.covariance[i, i]))
    values = fitted.theta[i] + _REACH * spread * np.linspace(-1, 1, _STEPS)
    found = []
    for at in values:
        parameters = problem.space.parameters.copy()
        parameters[symbol_of(name)].set(value=float(np.exp(at)), vary=False)
        space = replace(problem.space, parameters=parameters)
        one = replace(problem, space=space)
        start = np.delete(fitted.theta, i)
        prior = problem.space.priors.get(name)
        own = ((at - log(problem.space.card[name])) / prior) ** 2 if prior else 0.0
        found.append(one.solve(start)[1] + own)
    chisqr = (np.array(found) - min(min(found), fitted.chisqr)) / inflation**2
    return Profile(name, np.exp(values), chisqr)


def bootstrap(fitted: Fitted, count: int, seed: int = 0) -> FloatArray:
    """Return ln(parameters) of fits to statistics drawn around the fit, (count, p).

    Parametric: new statistics (and centres of the priors) around the fitted card, fitted again on
    the stored surrogate; a few evaluations of the mean field each.
    """
    problem = _problem(fitted)
    random = np.random.default_rng(seed)
    covariance = np.linalg.pinv(problem.whitener.T @ problem.whitener, hermitian=True)
    drawn = random.multivariate_normal(fitted.predicted, covariance, size=count, method="eigh")
    space, found = problem.space, []
    for row in drawn:
        # What is assumed is a measurement too: another one would have had another centre.
        centres = {
            name: float(space.card[name] * np.exp(random.normal(0.0, prior)))
            for name, prior in space.priors.items()
        }
        drawn_space = replace(space, card=space.card.with_values(centres))
        found.append(replace(problem, target=row, space=drawn_space).solve(fitted.theta)[0])
    return np.array(found)


def at_exponents(
    items: Sequence[Item],
    prior_card: ModelCard,
    loading: Loading,
    options: FitOptions,
    exponents: Sequence[float] = (1.0, 3.0),
) -> dict[float, Fitted]:
    """Return fits with other exponents of the jump hazard, which this plan hardly tells apart."""
    return {
        m: fit_items(items, prior_card.with_values({"m": m}), loading, options) for m in exponents
    }


def sensitivity_lines(fitted: Fitted, others: dict[float, Fitted]) -> tuple[str, ...]:
    """Return for each other exponent how far the parameters move, in words."""
    lines = []
    for m, other in others.items():
        moved = ", ".join(
            f"{name} {100 * (other.theta[other.space.names.index(name)] - value):+.0f} %"
            for name, value in zip(fitted.space.names, fitted.theta, strict=True)
            if name in other.space.names
        )
        lines.append(
            f"with m = {m:g} instead of {fitted.card['m']:g}: chi-square {other.chisqr:.1f} "
            f"instead of {fitted.chisqr:.1f}; {moved}"
        )
    return tuple(lines)


def answers(
    fitted: Fitted, items: Sequence[Item], prior_card: ModelCard, options: FitOptions
) -> tuple[str, ...]:
    """Return what the options ask for beyond the fit, in words."""
    lines: list[str] = []
    for name in options.profiles:
        low, high = profile(fitted, name, options.inflation).interval()
        spread = 1.96 * float(np.sqrt(np.diag(fitted.covariance))[fitted.space.names.index(name)])
        lines.append(
            f"profile likelihood of {name}: {low:.5g} to {high:.5g} at 95 %; from its standard "
            f"error {fitted.card[name] * np.exp(-spread):.5g} to "
            f"{fitted.card[name] * np.exp(spread):.5g}"
        )
    if options.bootstrap:
        drawn = options.inflation * bootstrap(fitted, options.bootstrap, options.seed).std(
            axis=0, ddof=1
        )
        each = zip(fitted.space.names, drawn, np.sqrt(np.diag(fitted.covariance)), strict=True)
        lines.append(
            f"parametric bootstrap of {options.bootstrap}, standard errors (and from the "
            "covariance): "
            + ", ".join(f"{n} {100 * d:.2g} % ({100 * s:.2g} %)" for n, d, s in each)
        )
    if options.sensitivity_m:
        loading = fitted.mean_field.plan.loading
        others = at_exponents(items, prior_card, loading, options, options.sensitivity_m)
        lines += sensitivity_lines(fitted, others)
    if fitted.joined is not None:
        lines.append(f"Akaike's criterion {aic(fitted):.1f}: compare over the same data only")
    return tuple(lines)


def aic(fitted: Fitted) -> float:
    """Return Akaike's criterion; compare only fits to the same items and statistics.

    ``chi-square + ln det S + 2 p``: the covariance of the statistics is each model's own, so its
    determinant belongs to the likelihood.
    """
    problem = _problem(fitted)
    _, half = np.linalg.slogdet(problem.whitener)
    return float(fitted.chisqr - 2.0 * half + 2 * len(fitted.space.names))


def _problem(fitted: Fitted) -> Problem:
    if fitted.joined is None:
        raise FitError("This fit is a screen: fit with has_surrogate=True first.")
    return fitted.joined.problem
