"""Weighted least squares of ln(parameters) against smooth statistics, with priors as data.

Only statistics that are smooth in the parameters come here, predicted without random numbers, so
finite differences see the model and not its noise. A prior enters as one more residual; whether a
parameter was learnt from the data shows in how far its posterior spread shrank below the prior.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log

import lmfit
import numpy as np

from labbench.errors import FitError
from labbench.features import Outcome
from labbench.fit.items import FloatArray
from labbench.fit.result import FitResult, FittedParameter, Residual, is_learnt
from labbench.fit.space import BOX
from labbench.model import PARAMETERS, ModelCard

# From calibration of such fits by simulation: stated errors are a fifth to a quarter too small.
INFLATION = 1.25
# Step of ln(parameter) for the covariance.
STEP = 0.02


@dataclass(frozen=True, eq=False)
class Dataset:
    """Statistics with their errors, and the function that predicts them from a card.

    Attributes
    ----------
    labels : tuple of str
    measured, sigma : (k,) float64 arrays
    predict : callable
        From a card to (k,) float64; must not use random numbers.
    source : str
        Which data these are, for the report.
    """

    labels: tuple[str, ...]
    measured: FloatArray
    sigma: FloatArray
    predict: Callable[[ModelCard], FloatArray]
    source: str


@dataclass(frozen=True)
class Freed:
    """A parameter to fit.

    Attributes
    ----------
    prior : float or None
        Standard deviation of ln(parameter) around its starting value; None if only data decide.
    remedy : str
        What would identify it, for when these data do not.
    """

    prior: float | None = None
    remedy: str = ""


def fit_dataset(
    data: Dataset,
    starts: Sequence[ModelCard],
    freed: Mapping[str, Freed],
    *,
    prior_card: ModelCard,
    name: str,
    stages: Sequence[str] = (),
) -> FitResult:
    """Fit a card to a dataset.

    Parameters
    ----------
    data : Dataset
    starts : sequence of ModelCard
        Starting points; the best of the fits from each is returned.
    freed : mapping of str to Freed
        What to fit; all else keeps its value.
    prior_card : ModelCard
        Centre of the priors.
    name : str
        Of the new card.
    stages : sequence of str
        What was done before.

    Raises
    ------
    FitError
        If there are fewer statistics than parameters without a prior.
    """
    bare = [n for n, f in freed.items() if f.prior is None]
    if len(data.labels) < len(bare):
        raise FitError(
            f"{len(data.labels)} statistics cannot decide {len(bare)} parameters "
            f"({', '.join(bare)}): measure at more amplitudes, or give them a prior."
        )
    fits = [_minimize(data, start, freed, prior_card) for start in starts]
    best = min(fits, key=lambda found: found.chisqr)
    card, log_covariance = _fitted_card(best, data, prior_card, freed, name)
    spread = np.sqrt(np.diag(log_covariance))
    predicted = data.predict(card)
    return FitResult(
        card=card,
        parameters=tuple(
            _judge(card, n, float(s), f) for (n, f), s in zip(freed.items(), spread, strict=True)
        ),
        correlation=log_covariance / np.outer(spread, spread),
        chisqr=float(best.chisqr),
        nfree=len(data.labels) - len(bare),
        outcome=Outcome.OK if best.success else Outcome.NOT_CONVERGED,
        residuals=tuple(
            Residual(label, float(m), float(p), float(s))
            for label, m, p, s in zip(
                data.labels, data.measured, predicted, data.sigma, strict=True
            )
        ),
        stages=(*stages, f"joint fit of {', '.join(freed)} to {data.source}"),
        message=str(best.message),
    )


def _minimize(
    data: Dataset, start: ModelCard, freed: Mapping[str, Freed], prior_card: ModelCard
) -> lmfit.minimizer.MinimizerResult:
    parameters = lmfit.Parameters()
    for i, n in enumerate(freed):
        centre = log(start[n])
        parameters.add(f"p{i}", value=centre, min=centre - BOX, max=centre + BOX)
    priors = [(i, log(prior_card[n]), f.prior) for i, (n, f) in enumerate(freed.items()) if f.prior]

    def residual(values: lmfit.Parameters) -> FloatArray:
        theta = [values[f"p{i}"].value for i in range(len(freed))]
        card = start.with_values({n: exp(t) for n, t in zip(freed, theta, strict=True)})
        misfit = (data.predict(card) - data.measured) / data.sigma
        return np.concatenate([misfit, [(theta[i] - centre) / sd for i, centre, sd in priors]])

    minimizer = lmfit.Minimizer(residual, parameters, scale_covar=False, nan_policy="raise")
    return minimizer.minimize(
        method="least_squares", diff_step=1e-3, x_scale=0.1, ftol=1e-6, xtol=1e-6, max_nfev=400
    )


def _fitted_card(
    best: lmfit.minimizer.MinimizerResult,
    data: Dataset,
    prior_card: ModelCard,
    freed: Mapping[str, Freed],
    name: str,
) -> tuple[ModelCard, FloatArray]:
    scale = np.exp([best.params[f"p{i}"].value for i in range(len(freed))])
    values = dict(zip(freed, scale.tolist(), strict=True))
    log_covariance = _log_covariance(data, prior_card.with_values(values), freed)
    covariance = log_covariance * np.outer(scale, scale)
    stderr = dict(zip(freed, np.sqrt(np.diag(covariance)).tolist(), strict=True))
    card = prior_card.with_values(
        values, name=name, stderr=stderr, covariance=covariance, source=f"fit to {data.source}"
    )
    return card, log_covariance


def _log_covariance(data: Dataset, card: ModelCard, freed: Mapping[str, Freed]) -> FloatArray:
    """Return the covariance of ln(parameters), (k, k), from central differences.

    The optimiser's own Jacobian takes steps so small that it differentiates the integrator's
    error, which makes sloppy directions look sharp.
    """
    columns = [
        (
            data.predict(card.with_values({n: card[n] * exp(STEP)}))
            - data.predict(card.with_values({n: card[n] * exp(-STEP)}))
        )
        / (2 * STEP * data.sigma)
        for n in freed
    ]
    jacobian = np.column_stack(columns)
    information = jacobian.T @ jacobian
    information += np.diag([1 / f.prior**2 if f.prior else 0.0 for f in freed.values()])
    return np.asarray(INFLATION**2 * np.linalg.pinv(information))


def _judge(card: ModelCard, name: str, spread: float, freed: Freed) -> FittedParameter:
    known = is_learnt(spread, freed.prior)
    return FittedParameter(
        name=name,
        unit=PARAMETERS[name].unit,
        value=card[name],
        stderr=card.stderr[name],
        relative_prior=freed.prior,
        outcome=Outcome.OK if known else Outcome.NOT_IDENTIFIABLE,
        remedy="" if known else freed.remedy,
    )
