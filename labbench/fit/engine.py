"""The fit: from items to a card with its doubt, in stages that say what they used and freed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from labbench.errors import FitError
from labbench.fit.items import FloatArray, Item
from labbench.fit.joint import Joined, join, known_covariance
from labbench.fit.objective import MeanField
from labbench.fit.options import FitOptions
from labbench.fit.plan import Plan
from labbench.fit.screen import Screened, screen
from labbench.fit.space import Space, parameters_of
from labbench.fit.start import closed_form_start
from labbench.fit.statistics import (
    Statistic,
    floor_covariance,
    measured,
    sampling_covariance,
    statistics_of,
)
from labbench.model import Loading, ModelCard


@dataclass(frozen=True, eq=False)
class Fitted:
    """All that a fit found, before it is put into words.

    Attributes
    ----------
    mean_field : MeanField
        Items and statistics.
    target : (k,) float64 array
        The statistics of the data.
    start : ModelCard
        From closed forms.
    screened : Screened
    joined : Joined or None
        None without a surrogate.
    space : Space
    theta : (p,) float64 array
    covariance : (p, p) float64 array
        Of ln(parameter), inflated.
    sigma : (k,) float64 array
        Standard errors of the statistics.
    known : mapping of str to float
        Relative errors of what was not fitted.
    """

    mean_field: MeanField
    target: FloatArray
    start: ModelCard
    screened: Screened
    joined: Joined | None
    space: Space
    theta: FloatArray
    covariance: FloatArray
    sigma: FloatArray
    known: Mapping[str, float]
    chisqr: float
    nfree: int
    success: bool

    @property
    def card(self) -> ModelCard:
        """The card at the minimum."""
        return self.space.at(self.theta)

    @property
    def predicted(self) -> FloatArray:
        """The statistics that it predicts, (k,)."""
        predict = self.joined.surrogate if self.joined else self.mean_field
        return np.asarray(predict([self.card])[0])


def fit_items(
    items: Sequence[Item],
    prior_card: ModelCard,
    loading: Loading,
    options: FitOptions | None = None,
    statistics: tuple[Statistic, ...] | None = None,
) -> Fitted:
    """Fit a card to items.

    Parameters
    ----------
    items : sequence of Item
        Of `labbench.fit.reading.items_of`, or simulated ones.
    prior_card : ModelCard
        The kind of device: centre of the priors, and what is taken as known.
    loading : Loading
        The probe on the output.
    options : FitOptions, optional
    statistics : tuple of Statistic, optional
        Those of the items by default.

    Raises
    ------
    FitError
        If the items cannot decide the parameters that have no prior.
    """
    options = options or FitOptions()
    usable = tuple(item for item in items if item.is_usable)
    plan = Plan(usable, loading)
    mean_field = MeanField(plan, statistics or statistics_of(usable))
    target = measured(mean_field.statistics, usable)
    space = space_of(prior_card, options)
    start = closed_form_start(usable, prior_card, loading)
    _check_count(mean_field, space)
    known = known_errors(prior_card, space, options)
    own = sampling_covariance(
        mean_field.statistics, usable, [item.values for item in usable],
        [s.atom for s in mean_field.statistics], seed=options.seed,
    )  # fmt: skip
    common = floor_covariance(mean_field.statistics, usable)
    common = common + known_covariance(mean_field, start, known)
    screened = screen(
        mean_field, target, own + common, space, _theta(space, start),
        restarts=options.restarts, seed=options.seed,
    )  # fmt: skip
    if not options.has_surrogate:
        spread, joined = screened.covariance, None
        theta, chisqr, nfree, success = screened.theta, screened.chisqr, screened.nfree, True
        sigma = screened.sigma
    else:
        joined = join(
            screened, target, own, common, mean_field=mean_field, points=options.points,
            effort=options.effort, seed=options.seed,
        )  # fmt: skip
        theta, chisqr, spread, success = (
            joined.theta, joined.chisqr, joined.covariance, joined.success,
        )  # fmt: skip
        nfree = len(target) - sum(n not in screened.space.priors for n in screened.space.names)
        sigma = np.sqrt(np.diag(joined.sampling))
    return Fitted(
        mean_field, target, start, screened, joined, screened.space, theta,
        options.inflation**2 * spread, sigma, known, chisqr, nfree, success,
    )  # fmt: skip


def space_of(prior_card: ModelCard, options: FitOptions) -> Space:
    """Return what is free: what has a prior in the options, changed by the caller's parameters."""
    names = [n for n in options.priors if n in prior_card.values and prior_card[n] > 0]
    parameters = parameters_of(prior_card, names)
    if options.parameters is not None:
        parameters.update(options.parameters)
    space = Space(prior_card, parameters)
    priors = {n: p for n, p in options.priors.items() if p is not None and n in space.names}
    return replace(space, priors=priors)


def known_errors(prior_card: ModelCard, space: Space, options: FitOptions) -> dict[str, float]:
    """Return relative errors of what is not fitted: the card's own where it has them."""
    tied = {n for n in prior_card.values if n in space.parameters}
    found = {n: e for n, e in options.known.items() if n in prior_card.values and n not in tied}
    for name, error in prior_card.stderr.items():
        if name not in space.names and name not in tied and prior_card[name] != 0:
            found[name] = error / abs(prior_card[name])
    return {n: e for n, e in found.items() if e > 0}


def _theta(space: Space, start: ModelCard) -> FloatArray:
    """Return the start in the space: closed forms, unless the caller gave another value."""
    given = {
        n for n in space.names
        if abs(float(np.exp(space.start[space.names.index(n)])) / space.card[n] - 1) > 1e-9
    }  # fmt: skip
    values = [
        float(np.exp(space.start[i])) if n in given else start[n] for i, n in enumerate(space.names)
    ]
    return space.clipped(np.log(values))


def _check_count(mean_field: MeanField, space: Space) -> None:
    bare = [n for n in space.names if n not in space.priors]
    if len(mean_field.statistics) < len(bare):
        raise FitError(
            f"{len(mean_field.statistics)} statistics cannot decide {len(bare)} parameters "
            f"({', '.join(bare)}): measure at more amplitudes, or give them a prior."
        )
