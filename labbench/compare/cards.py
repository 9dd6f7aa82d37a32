"""Cards that a fit cannot tell from the fitted one: draws from a card's own covariance."""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
from numpy.typing import NDArray

from labbench.errors import CardError
from labbench.model import PARAMETERS, ModelCard

FloatArray = NDArray[np.float64]

# A parameter with more doubt than this is unknown: a draw beyond would be another kind of device.
WIDEST = 1.0


def drawn_cards(
    card: ModelCard, pairs: int, seed: int, near: float = 1.0
) -> list[tuple[ModelCard, ModelCard]]:
    """Draw pairs of cards, mirror images of each other, from the covariance of a card.

    Positive parameters are drawn on a logarithmic scale. Half the difference of what the two of a
    pair do is free of what is quadratic in the parameters; its mean square over the pairs, over
    `near` squared, estimates the variance that the card's doubt lends to a feature. The draws are
    as orthogonal to each other as their number allows (columns of a random rotation), so that this
    scatters less than a plain sample would: with 10 parameters and 4 pairs by 50 % instead of 71 %,
    and not at all with as many pairs as parameters.

    Parameters
    ----------
    card : ModelCard
    pairs, seed : int
    near : float
        Standard errors from the card to a draw.

    Returns
    -------
    list of (ModelCard, ModelCard)
        Empty for a card without errors: its values count as exact. A parameter with a bound (eta
        up to 1) is cut there.

    Raises
    ------
    CardError
        If the covariance is not one.
    """
    names = [name for name, error in card.stderr.items() if error > 0]
    if not names or pairs < 1:
        return []
    is_log = np.array([PARAMETERS[name].lower >= 0 and card[name] > 0 for name in names])
    values = np.array([card[name] for name in names])
    scale = np.where(is_log, values, 1.0)
    root = _root(_covariance(card, names) / np.outer(scale, scale), is_log, card.name)

    def moved(steps: FloatArray, side: str) -> ModelCard:
        found = zip(names, values, steps, is_log, strict=True)
        drawn = {name: _moved(name, value, step, bool(log_)) for name, value, step, log_ in found}
        return card.with_values(drawn, name=f"{card.name}{side}")

    steps = near * _orthogonal(pairs, len(names), seed) @ root.T
    return [(moved(each, "+"), moved(-each, "-")) for each in steps]


def _covariance(card: ModelCard, names: list[str]) -> FloatArray:
    """Return the covariance of the named values; errors alone count as independent."""
    if card.covariance is None:
        return np.diag([card.stderr[name] ** 2 for name in names])
    places = [list(card.stderr).index(name) for name in names]
    return card.covariance[np.ix_(places, places)]


def _root(covariance: FloatArray, is_log: NDArray[np.bool_], name: str) -> FloatArray:
    """Return A with A A^T the covariance, no logarithm with more doubt than `WIDEST`."""
    spread = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    shrunk = np.where(is_log, WIDEST / np.maximum(spread, WIDEST), 1.0)
    variances, directions = np.linalg.eigh(covariance * np.outer(shrunk, shrunk))
    if not np.isfinite(variances).all() or variances[0] < -1e-6 * variances[-1]:
        raise CardError(
            f"Card {name!r}: its covariance is not one (smallest eigenvalue {variances[0]:g}, "
            f"largest {variances[-1]:g}): fit the card again."
        )
    return np.asarray(directions * np.sqrt(np.maximum(variances, 0.0)))


def _orthogonal(count: int, size: int, seed: int) -> FloatArray:
    """Return standard normal-like draws, (count, size), whose mean square is one each way."""
    random = np.random.default_rng([seed, 0xCA4D])
    tall = random.standard_normal((max(count, size), min(count, size)))
    rotation = np.linalg.qr(tall)[0] * sqrt(max(count, size))
    return np.asarray(rotation if count >= size else rotation.T)


def _moved(name: str, value: float, step: float, is_log: bool) -> float:
    spec = PARAMETERS[name]
    moved = exp(log(value) + step) if is_log else value + step
    return float(min(max(moved, spec.lower), spec.upper))
