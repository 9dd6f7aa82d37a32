"""The screen: a fit to the mean field, in well under a second, from wherever it starts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from labbench.fit.items import KINDS, FloatArray
from labbench.fit.objective import MeanField, Problem, whitener_of
from labbench.fit.space import Space

# Reduced chi-square above which the screen starts again, and from which on it speaks of a model
# that does not explain the data.
SUSPECT = 5.0
# A parameter whose error with the prior is below this share of it needs no prior.
DECIDED = 0.35
# A further start is followed no longer than this unless it is the better one: far from the data a
# model may oscillate, and each step take a second.
_MOST_STEPS = 15
# Two starts that end so near to each other (in chi-square, relative) are in one minimum.
_SAME = 0.02
# Around the best start, of ln(parameter).
_PERTURBED = 0.3
# Mean field of the atom's fraction, as `2 asin sqrt p`.
_FRACTION_TOLERANCE = 0.1


@dataclass(frozen=True, eq=False)
class Screened:
    """Where the screen ended.

    Attributes
    ----------
    theta : (p,) float64 array
    chisqr : float
    nfree : int
    space : Space
        With the priors that are still needed.
    covariance : (p, p) float64 array
    starts : int
        How many there were.
    sigma : (k,) float64 array
        Standard errors of the statistics, with what the mean field leaves uncertain.
    """

    theta: FloatArray
    chisqr: float
    nfree: int
    space: Space
    covariance: FloatArray
    starts: int
    sigma: FloatArray

    @property
    def redchi(self) -> float:
        """Reduced chi-square."""
        return self.chisqr / self.nfree if self.nfree > 0 else 0.0


def screen(
    mean_field: MeanField,
    target: FloatArray,
    covariance: FloatArray,
    space: Space,
    start: FloatArray,
    *,
    restarts: int,
    seed: int,
    is_exact: bool = False,
    good_enough: float = SUSPECT,
) -> Screened:
    """Fit the mean field to statistics, with as few priors as the data allow.

    Parameters
    ----------
    covariance : (k, k) float64 array
        Of the statistics; what the mean field itself leaves uncertain is added.
    start : (p,) float64 array
    restarts : int
        Perturbed starts where the best so far does not explain the data.
    is_exact : bool
        The data have no noise: the mean field is the model.
    good_enough : float
        Reduced chi-square at which no further start is tried.
    """
    tolerance = np.zeros(len(target)) if is_exact else _tolerances(mean_field)
    kept = np.flatnonzero(mean_field.is_predicted)
    inner = covariance[np.ix_(kept, kept)]
    whitener = np.zeros((kept.size, len(target)))
    whitener[:, kept] = whitener_of(inner + np.diag(tolerance[kept] ** 2))
    problem = Problem(mean_field, target, whitener, space)
    nfree = kept.size - sum(name not in space.priors for name in space.names)
    best = problem.solve(start)
    random, starts = np.random.default_rng(seed), 1
    for _ in range(restarts):
        if nfree <= 0 or best[1] <= good_enough * nfree:
            break
        base = best[0] if starts % 2 else space.start
        shifted = base + random.uniform(-_PERTURBED, _PERTURBED, base.size)
        other = problem.solve(shifted, most=_MOST_STEPS)
        if other[1] < best[1] and not other[2]:
            other = problem.solve(other[0])
        starts += 1
        is_same = abs(other[1] - best[1]) < _SAME * best[1]
        best = min(best, other, key=lambda found: found[1])
        if is_same and not is_exact:
            # Nothing better from elsewhere: it is not the start that is to blame.
            break
    spread = problem.covariance(best[0])
    needed = {
        name: prior
        for name, prior in space.priors.items()
        if name in space.names
        and not np.sqrt(spread[(i := space.names.index(name)), i]) < DECIDED * prior
    }
    if len(needed) < len(space.priors):
        space = replace(space, priors=needed)
        problem = replace(problem, space=space)
        best = problem.solve(best[0])
        spread = problem.covariance(best[0])
    nfree = kept.size - sum(name not in space.priors for name in space.names)
    sigma = np.sqrt(np.diag(covariance) + tolerance**2)
    return Screened(best[0], best[1], nfree, space, spread, starts, sigma)


def _tolerances(mean_field: MeanField) -> FloatArray:
    """Return what the mean field leaves uncertain of each statistic, (k,)."""
    items = mean_field.plan.items
    return np.array(
        [
            _FRACTION_TOLERANCE
            if s.name == "atom_fraction"
            else (KINDS[items[s.place].kind].tolerance if s.name == "mean" else 0.001)
            for s in mean_field.statistics
        ]
    )
