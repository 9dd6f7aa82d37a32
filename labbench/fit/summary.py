"""A fit put into words: parameters with verdicts, stages, and what the model does not explain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import sqrt

import numpy as np

from labbench.features import Outcome
from labbench.fit.engine import Fitted
from labbench.fit.items import KINDS
from labbench.fit.remedy import remedies_of
from labbench.fit.result import FitResult, FittedParameter, Residual, is_learnt
from labbench.fit.screen import SUSPECT
from labbench.model import PARAMETERS

# Reduced chi-square from which on the model does not explain the data; `SUSPECT` is the screen's.
# `benchmarks/fit_discrepancy.py` measures both: false alarms, and wrong models that are found.
DISCREPANT = 2.0
# Parameters that data know better together than each alone.
COMBINED = (("kappa_per_s", "eta"),)
CORRELATED = (
    ("kappa_per_s", "eta"),
    ("mu_per_v_s", "gamma1_per_s"),
    ("beta_per_s", "gamma2_per_s"),
)
_WORST = 3


def result_of(fitted: Fitted, name: str, remedies: Mapping[str, str], source: str) -> FitResult:
    """Return a fit as its result.

    Parameters
    ----------
    fitted : Fitted
    name : str
        Of the new card.
    remedies : mapping of str to str
        By parameter: what would identify it, for where its sensitivities do not tell.
    source : str
        Which data these are.
    """
    space, names = fitted.space, fitted.space.names
    values = fitted.card
    scale = np.array([values[n] for n in names])
    covariance = fitted.covariance * np.outer(scale, scale)
    spread = np.sqrt(np.diag(fitted.covariance))
    stderr = dict(zip(names, (spread * scale).tolist(), strict=True))
    card = values.with_values(
        {}, name=name, stderr=stderr, covariance=covariance, source=f"fit to {source}"
    )
    unknown = unidentified(fitted)
    remedies = {**remedies, **remedies_of(fitted, unknown)}
    parameters = []
    for n in names:
        known = n not in unknown
        parameters.append(
            FittedParameter(
                name=n,
                unit=PARAMETERS[n].unit,
                value=card[n],
                stderr=stderr[n],
                relative_prior=space.priors.get(n),
                outcome=Outcome.OK if known else Outcome.NOT_IDENTIFIABLE,
                remedy="" if known else remedies.get(n, ""),
            )
        )
    residuals = _residuals(fitted)
    return FitResult(
        card=card,
        parameters=tuple(parameters),
        correlation=fitted.covariance / np.outer(spread, spread),
        chisqr=fitted.chisqr,
        nfree=fitted.nfree,
        outcome=Outcome.OK if fitted.success else Outcome.NOT_CONVERGED,
        residuals=residuals,
        stages=stages_of(fitted, source),
        message="least squares settled" if fitted.success else "least squares did not settle",
        discrepancy=_discrepancy(fitted, residuals),
        notes=_notes(fitted, spread),
    )


def unidentified(fitted: Fitted) -> tuple[str, ...]:
    """Return the parameters of which the data say little beyond what was assumed."""
    spread = np.sqrt(np.diag(fitted.covariance))
    return tuple(
        name
        for name, s in zip(fitted.space.names, spread.tolist(), strict=True)
        if not is_learnt(s, fitted.space.priors.get(name))
    )


def _residuals(fitted: Fitted) -> tuple[Residual, ...]:
    """Return a residual for each statistic; of spreads only where something predicts them."""
    items = fitted.mean_field.plan.items
    return tuple(
        Residual(f"{s.name} of {items[s.place].label}", float(m), float(p), float(e))
        for s, m, p, e in zip(
            fitted.mean_field.statistics, fitted.target, fitted.predicted, fitted.sigma, strict=True
        )
        if fitted.joined is not None or s.name != "spread"
    )


def _discrepancy(fitted: Fitted, residuals: Sequence[Residual]) -> str:
    limit = DISCREPANT if fitted.joined is not None else SUSPECT
    redchi = fitted.chisqr / fitted.nfree if fitted.nfree > 0 else 0.0
    if redchi <= limit:
        return ""
    worst = sorted(residuals, key=lambda r: -abs(r.z))[:_WORST]
    named = "; ".join(f"{r.label} ({r.z:+.1f} standard errors)" for r in worst)
    return (
        f"The model does not explain the data: chi-square {redchi:.1f} per degree of freedom, "
        f"above {limit:g}. Farthest off: {named}."
    )


def _notes(fitted: Fitted, spread: np.ndarray) -> tuple[str, ...]:
    names, notes = fitted.space.names, []
    for first, second in COMBINED:
        if first in names and second in names:
            pair = [names.index(first), names.index(second)]
            error = sqrt(float(fitted.covariance[np.ix_(pair, pair)].sum()))
            value = fitted.card[first] * fitted.card[second]
            notes.append(f"{first} * {second} = {value:.4g}, known to {100 * error:.1f} %")
    for first, second in CORRELATED:
        if first in names and second in names:
            i, j = names.index(first), names.index(second)
            both = float(fitted.covariance[i, j] / (spread[i] * spread[j]))
            notes.append(f"correlation of {first} and {second}: {both:+.2f}")
    return tuple(notes)


def stages_of(fitted: Fitted, source: str) -> tuple[str, ...]:
    """Return what was done, in order: the data used and the parameters freed."""
    items, card = fitted.mean_field.plan.items, fitted.card
    counts = Counter(item.kind for item in items)
    start, screened = fitted.start, fitted.screened
    moved = [n for n in fitted.space.names if start[n] != fitted.space.card[n]]
    predicted = int(fitted.mean_field.is_predicted.sum())
    stages = [
        f"data: {source}; {', '.join(f'{n} {kind}' for kind, n in counts.items())}; "
        f"absent: {', '.join(k for k in KINDS if k not in counts) or 'nothing'}",
        "taken as known: "
        + ", ".join(f"{n} {card[n]:g} to {100 * e:g} %" for n, e in fitted.known.items())
        + f"; the noise exponent m = {card['m']:g} is assumed",
        "closed-form start: " + ", ".join(f"{n} {start[n]:.4g}" for n in moved),
        f"screen: mean field, {predicted} statistics without spreads, freed "
        f"{', '.join(screened.space.names)}; {screened.starts} start(s), chi-square "
        f"{screened.redchi:.2f} per degree of freedom",
        "assumed around the card, since these data do not decide: "
        + (", ".join(f"{n} +- {100 * p:g} %" for n, p in screened.space.priors.items()) or "none"),
    ]
    if fitted.joined is not None:
        stages.append(
            f"joint fit with the noise, {len(fitted.target)} statistics with atoms and spreads, "
            f"{fitted.joined.rounds} rounds of a surrogate; {fitted.nfree} degrees of freedom"
        )
    return tuple(stages)
