"""The joint fit with the noise: two rounds of surrogate and generalised least squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labbench.fit.items import KINDS, FloatArray
from labbench.fit.objective import WIDE_STEP, MeanField, Problem, whitener_of
from labbench.fit.screen import Screened
from labbench.fit.space import Space
from labbench.fit.statistics import sampling_covariance
from labbench.fit.surrogate import Box, Surrogate, learn
from labbench.model import ModelCard

# Half axes of the box in standard errors, and between these in ln(parameter).
_WIDTH_SE, _LEAST, _MOST = 3.0, 0.03, 0.35
# Variance over that of the priors from which on data have not decided a direction.
_UNDECIDED = 0.3
# What the screen says of the noise is only a start.
_NOISE = ("kappa_per_s", "eta")
_NOISE_DOUBT = 0.08
# A minimum so far out of the last box is learnt again, in half axes.
_OUTSIDE = 1.3
_RECENTRES = 2
# Trials for the covariance of the statistics, in parts of the plan.
_COVARIANCE_EFFORT, _MOST_TRIALS = 4.0, 1200


@dataclass(frozen=True, eq=False)
class Joined:
    """The surrogate fit: where it ended, with what, and the problem that it solved last."""

    theta: FloatArray
    chisqr: float
    success: bool
    covariance: FloatArray
    surrogate: Surrogate
    problem: Problem
    sampling: FloatArray
    rounds: int


def join(
    screened: Screened,
    target: FloatArray,
    own: FloatArray,
    common: FloatArray,
    *,
    mean_field: MeanField,
    points: tuple[int, int],
    effort: tuple[float, float],
    seed: int,
) -> Joined:
    """Fit statistics with the noisy model.

    Parameters
    ----------
    own, common : (k, k) float64 arrays
        Covariance of the statistics: from the data's own trials, to be replaced by that of
        simulated ones; and what does not average out.
    """
    space = screened.space
    doubt = screened.covariance.copy()
    for name in _NOISE:
        if name in space.names:
            doubt[space.names.index(name), space.names.index(name)] += _NOISE_DOUBT**2
    theta, sampling, rounds = screened.theta, own + common, 0
    for number in (0, 1, 1, 1)[: 2 + _RECENTRES]:
        centre = space.clipped(theta)
        surrogate = learn(
            mean_field, space, centre, box_of(doubt, space), points=points[number],
            effort=effort[number], seed=seed + 1000 * rounds,
        )  # fmt: skip
        whitener = whitener_of(sampling + np.diag(surrogate.variance))
        problem = Problem(surrogate, target, whitener, space, step=WIDE_STEP)
        theta, chisqr, success = problem.solve(centre)
        rounds += 1
        z = surrogate.place(theta[None])[0]
        outside = float(np.abs(z).max())
        if rounds >= 2 and outside <= _OUTSIDE:
            break
        theta = centre + surrogate.box.axes @ np.clip(z, -2.0, 2.0)
        sampling = covariance_at(mean_field, space.at(theta), seed + 77 + rounds) + common
        doubt = problem.covariance(theta)
    # The last word on weights: those of the round that found the minimum.
    return Joined(
        theta, chisqr, success, problem.covariance(theta), surrogate, problem, sampling, rounds
    )


def box_of(covariance: FloatArray, space: Space) -> Box:
    """Return a box along the principal axes of a covariance, where data decide.

    Along these a posterior is as narrow as the data make it: a box of the parameters themselves
    would hold points that no data allow, where the correction is far from linear. Directions that
    only priors decide are left to the mean field: there a slope of the correction would be noise
    that looks like information.
    """
    scale = np.array([space.priors.get(name, 1.0) for name in space.names])
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    decided = values < _UNDECIDED
    values, vectors = values[decided], vectors[:, decided]
    size = np.linalg.norm(scale[:, None] * vectors, axis=0)
    spread = np.sqrt(np.maximum(values, 0.0)) * size
    lengths = np.clip(_WIDTH_SE * spread, _LEAST, _MOST) / size
    return Box(scale[:, None] * vectors * lengths, (vectors / lengths).T / scale)


def covariance_at(mean_field: MeanField, card: ModelCard, seed: int) -> FloatArray:
    """Return the covariance of statistics of samples as large as the data, from a card, (k, k)."""
    items = mean_field.plan.items
    most = [round(_MOST_TRIALS * KINDS[item.kind].simulated_share) for item in items]
    repeats = [
        min(max(round(_COVARIANCE_EFFORT * i.n), 60), m) for i, m in zip(items, most, strict=True)
    ]
    (trials,) = mean_field.plan.simulate([card], repeats, seed)
    _, atoms = mean_field.with_atoms([card])
    return sampling_covariance(mean_field.statistics, items, trials, atoms[0].tolist(), seed=seed)


def known_covariance(predict: MeanField, card: ModelCard, relative: dict[str, float]) -> FloatArray:
    """Return what the errors of known parameters do to the predictions, (k, k).

    To first order this carries them on as priors would, without fitting them.
    """
    names = [name for name in relative if card[name] != 0]
    if not names:
        return np.zeros((len(predict.statistics),) * 2)
    step = 0.01
    cards = [card] + [card.with_values({name: card[name] * (1 + step)}) for name in names]
    rows = predict(cards)
    slopes = (rows[1:] - rows[0]) / step * np.array([[relative[name]] for name in names])
    slopes = np.nan_to_num(slopes)
    return np.asarray(slopes.T @ slopes)
