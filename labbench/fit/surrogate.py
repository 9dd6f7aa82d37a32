"""A surrogate of the noisy model: mean field, and a linear correction learnt from random trials.

Each point of a Sobol design is played once, with few trials. The difference to the mean field is
regressed on the parameters; slopes are shrunk by their own noise. No optimiser ever sees a noisy
simulator: finite differences of one inflate the information.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import qmc

from labbench.fit.items import KINDS, FloatArray, Item
from labbench.fit.objective import MeanField
from labbench.fit.space import Space
from labbench.fit.statistics import evaluate
from labbench.model import ModelCard

# Points played at once: memory, not time.
_CHUNK = 16
_FEWEST = 5
# A slope below 2.6 of its standard errors is taken for none: many that are only noise would
# together look like information.
_DOUBT = 7.0


@dataclass(frozen=True, eq=False)
class Box:
    """Where a correction is learnt: half axes (p, q) in columns, and what finds them, (q, p)."""

    axes: FloatArray
    dual: FloatArray


@dataclass(frozen=True, eq=False)
class Surrogate:
    """What the noisy model predicts near a point.

    Attributes
    ----------
    mean_field : MeanField
    space : Space
    centre : (p,) float64 array
        Of ln(parameter): where the correction was learnt.
    box : Box
        Around it.
    coefficients : (k, 1 + q) float64 array
        Correction at the centre, and its slope with z, where z = dual (theta - centre).
    variance : (k,) float64 array
        What the correction's own noise leaves in a prediction.
    """

    mean_field: MeanField
    space: Space
    centre: FloatArray
    box: Box
    coefficients: FloatArray
    variance: FloatArray

    def __call__(self, cards: Sequence[ModelCard]) -> FloatArray:
        """Return the statistics, (cards, k)."""
        thetas = np.log([[card[name] for name in self.space.names] for card in cards])
        design = np.column_stack([np.ones(len(cards)), self.place(thetas)])
        return np.asarray(self.mean_field(cards) + design @ self.coefficients.T)

    def place(self, thetas: FloatArray) -> FloatArray:
        """Return z of points (c, p), (c, q); the box is from -1 to 1."""
        return np.asarray((thetas - self.centre) @ self.box.dual.T)


def learn(
    mean_field: MeanField,
    space: Space,
    centre: FloatArray,
    box: Box,
    *,
    points: int,
    effort: float,
    seed: int,
) -> Surrogate:
    """Learn the correction in a box.

    Parameters
    ----------
    points : int
        A power of two.
    effort : float
        Multiplies how many trials each item has at each point; one is a plan's share.
    seed : int
    """
    sampler = qmc.Sobol(box.axes.shape[1], scramble=True, rng=np.random.default_rng(seed))
    z = 2.0 * sampler.random(points) - 1.0
    low, high = space.bounds(centre)
    thetas = np.clip(centre + z @ box.axes.T, low + 1e-9, high - 1e-9)
    z = (thetas - centre) @ box.dual.T
    items = mean_field.plan.items
    repeats = repeats_of(items, effort)
    rows = []
    for begin in range(0, points, _CHUNK):
        cards = [space.at(theta) for theta in thetas[begin : begin + _CHUNK]]
        predicted, atoms = mean_field.with_atoms(cards)
        trials = mean_field.plan.simulate(cards, repeats, seed + begin)
        for i in range(len(cards)):
            rows.append(simulated(mean_field, trials[i], atoms[i]) - predicted[i])
    coefficients, variance = _regress(z, np.array(rows))
    return Surrogate(mean_field, space, centre, box, coefficients, variance)


def repeats_of(items: Sequence[Item], effort: float) -> list[int]:
    """Return how many trials of each item a point plays."""
    return [
        max(_FEWEST if i.kind != "fast_hold" else 14,
            round(effort * KINDS[i.kind].simulated_share * max(i.n, 10)))
        for i in items
    ]  # fmt: skip


def simulated(mean_field: MeanField, trials: Sequence[FloatArray], atoms: FloatArray) -> FloatArray:
    """Return the statistics of random trials, (k,), NaN where a trial has none."""
    items = mean_field.plan.items
    found = []
    for statistic, atom in zip(mean_field.statistics, atoms, strict=True):
        values = trials[statistic.place]
        values = values[np.isfinite(values)]
        if values.size < 2:
            found.append(np.nan)
            continue
        found.append(float(evaluate(statistic, items[statistic.place], values[None], atom)[0]))
    return np.array(found)


def _regress(z: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return coefficients (k, 1 + p), slopes shrunk by their noise, and the noise (k,)."""
    coefficients = np.zeros((y.shape[1], 1 + z.shape[1]))
    variance = np.zeros(y.shape[1])
    for k in range(y.shape[1]):
        seen = np.isfinite(y[:, k])
        if np.count_nonzero(seen) < z.shape[1] + 5:
            # Nothing learnt: the mean field alone, and no trust in it.
            variance[k] = 1e4
            continue
        design = np.column_stack([np.ones(int(seen.sum())), z[seen]])
        found, *_ = np.linalg.lstsq(design, y[seen, k], rcond=None)
        left = y[seen, k] - design @ found
        noise = float(left @ left) / (left.size - design.shape[1])
        inverse = np.linalg.inv(design.T @ design)
        slope_variance = noise * np.diag(inverse)[1:]
        shrunk = np.maximum(1.0 - _DOUBT * slope_variance / np.maximum(found[1:] ** 2, 1e-300), 0.0)
        coefficients[k] = np.r_[found[0], found[1:] * shrunk]
        variance[k] = 3.0 * noise / left.size
    return coefficients, variance
