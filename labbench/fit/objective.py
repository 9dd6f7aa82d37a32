"""Weighted least squares of ln(parameters) against statistics, without random numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from labbench.fit.items import KINDS, FloatArray
from labbench.fit.plan import Plan
from labbench.fit.space import Space
from labbench.fit.statistics import Statistic
from labbench.model import ModelCard

# Step of ln(parameter): forward for the optimiser, central for a covariance.
STEP, WIDE_STEP = 1e-4, 5e-3
_MOST = 60

Predictor = Callable[[Sequence[ModelCard]], FloatArray]


@dataclass(frozen=True, eq=False)
class MeanField:
    """What the model without random numbers predicts for statistics.

    The mean drift of the jumps stands for means, the model without noise for what trials without
    a jump show: atoms, the band of a fast fall, currents. The atom's fraction is
    ``exp(-kappa int f^m dt)``. Spreads have no such prediction: theirs is 0.
    """

    plan: Plan
    statistics: tuple[Statistic, ...]

    @property
    def is_predicted(self) -> FloatArray:
        """Which statistics are predicted at all, (k,) of 0 or 1."""
        return np.array([float(s.name != "spread") for s in self.statistics])

    def __call__(self, cards: Sequence[ModelCard]) -> FloatArray:
        """Return the statistics, (cards, k)."""
        return self.with_atoms(cards)[0]

    def with_atoms(self, cards: Sequence[ModelCard]) -> tuple[FloatArray, FloatArray]:
        """Return the statistics, and where each one's atom lies in its unit, 2 of (cards, k)."""
        items = self.plan.items
        quiet = [s.name != "mean" or KINDS[items[s.place].kind].is_quiet for s in self.statistics]
        is_off = np.array(quiet)
        off = sorted({s.place for s, q in zip(self.statistics, quiet, strict=True)
                      if q and s.name != "spread"})  # fmt: skip
        drift = sorted({s.place for s, q in zip(self.statistics, quiet, strict=True) if not q})
        at = [s.place for s in self.statistics]
        still, hazard_s = (each[:, at] for each in self.plan.quiet(cards, off))
        moved = self.plan.drifting(cards, drift)[:, at]
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.log(np.maximum(np.where(is_off, still, moved), 1e-300))
        kappa = np.array([[card["kappa_per_s"]] for card in cards])
        for k, statistic in enumerate(self.statistics):
            if statistic.name == "spread":
                found[:, k] = 0.0
            elif statistic.name == "atom_fraction":
                share = np.exp(-kappa[:, 0] * hazard_s[:, k])
                found[:, k] = 2 * np.arcsin(np.sqrt(share))
        return found, still


@dataclass(frozen=True, eq=False)
class Problem:
    """Statistics to be met, by whatever predicts them, within a space.

    Attributes
    ----------
    predict : callable
        From cards to (cards, k).
    target : (k,) float64 array
    whitener : (k', k) float64 array
        Turns residuals into independent ones of variance one.
    space : Space
    """

    predict: Predictor
    target: FloatArray
    whitener: FloatArray
    space: Space
    step: float = STEP

    def residual(self, theta: FloatArray) -> FloatArray:
        """Return white residuals, those of the priors last, (k' + p,)."""
        return np.asarray(self._rows(theta[None])[0])

    def jacobian(self, theta: FloatArray, step: float | None = None) -> FloatArray:
        """Return the Jacobian of `residual`, (k' + p, p), all its points predicted at once."""
        step = step or self.step
        shifts = step * np.eye(theta.size)
        low, high = self.space.bounds(theta)
        sign = np.where(theta + step > high, -1.0, 1.0)
        if step < WIDE_STEP:
            rows = self._rows(np.vstack([theta, theta + sign[:, None] * shifts]))
            return np.asarray((rows[1:] - rows[0]).T / (sign * step))
        forward = np.minimum(theta + shifts, high)
        backward = np.maximum(theta - shifts, low)
        rows = self._rows(np.vstack([forward, backward]))
        width = np.diag(forward - backward)
        return np.asarray((rows[: theta.size] - rows[theta.size :]).T / width)

    def solve(self, start: FloatArray, most: int = _MOST) -> tuple[FloatArray, float, bool]:
        """Return where the least squares are, their sum with the priors', and success.

        No success is no minimum after `most` steps.
        """
        start = self.space.clipped(start)
        found = least_squares(
            self.residual, start, jac=self.jacobian, bounds=self.space.bounds(start), method="trf",
            x_scale=0.1, ftol=1e-9, xtol=1e-7, gtol=1e-9, max_nfev=most,
        )  # fmt: skip
        return found.x, 2 * float(found.cost), bool(found.success)

    def covariance(self, theta: FloatArray) -> FloatArray:
        """Return the covariance of ln(parameters), (p, p), without inflation."""
        jacobian = self.jacobian(theta, WIDE_STEP)
        return np.asarray(np.linalg.pinv(jacobian.T @ jacobian, hermitian=True))

    def _rows(self, thetas: FloatArray) -> FloatArray:
        predicted = self.predict([self.space.at(theta) for theta in thetas])
        centre, weight = self.space.prior_rows()
        white = (predicted - self.target) @ self.whitener.T
        return np.hstack([np.nan_to_num(white, nan=1e3), (thetas - centre) * weight])


def whitener_of(covariance: FloatArray) -> FloatArray:
    """Return W with W S W' = 1, from the eigenvalues of the correlations, (k, k)."""
    scale = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    values = np.maximum(values, 1e-8)
    return np.asarray((vectors / np.sqrt(values)).T / scale)
