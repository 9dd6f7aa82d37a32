"""Fit on some procedures, predict the others: does the model say what it was not told?"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from math import nan, sqrt

from labbench.compare import Comparison, compare_responses, play_again
from labbench.errors import NotFoundError
from labbench.fit import FitResult
from labbench.model import ModelCard
from labbench.report.device import DeviceData
from labbench.report.fits import FIT_DATA, fit_data

HELD_OUT = "held out"


@dataclass(frozen=True)
class Coverage:
    """How many held-out features lie within their stated 95 % interval.

    Attributes
    ----------
    within, n : int
    """

    within: int
    n: int

    @property
    def share(self) -> float:
        """Of all held-out features that have an interval; NaN without any."""
        return self.within / self.n if self.n else nan

    @property
    def text(self) -> str:
        """The share in words, with what chance alone makes of 95 % of so many."""
        if not self.n:
            return "no held-out feature has an interval: run more procedures than the fit uses"
        chance = 100 * sqrt(0.95 * 0.05 / self.n)
        return (
            f"{self.within} of {self.n} held-out features ({100 * self.share:.0f} %) lie within "
            f"their 95 % interval; of independent ones 95 +- {chance:.0f} % would"
        )


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """A fit to some procedures, and what it predicts for the others.

    Attributes
    ----------
    fit : FitResult
    rows : tuple of Comparison
        Of held-out features only.
    """

    fit: FitResult
    rows: tuple[Comparison, ...]

    @property
    def coverage(self) -> Coverage:
        """How many of the rows lie within their interval."""
        return coverage_of(self.rows)


def coverage_of(rows: Sequence[Comparison]) -> Coverage:
    """Return how many held-out rows lie within their 95 % interval."""
    inside = [row.within for row in rows if row.role == HELD_OUT and row.within is not None]
    return Coverage(sum(inside), len(inside))


def cross_validate(
    data: DeviceData,
    *,
    fit_on: Collection[str] = FIT_DATA,
    prior_card: ModelCard | None = None,
    seed: int = 0,
) -> CrossValidation:
    """Fit a device on some procedures, and predict the others.

    Nothing is kept in a store: the device's own fit remains the latest one.

    Parameters
    ----------
    data : DeviceData
    fit_on : collection of str
        Names of procedures; those that the device has no run of are passed over.
    prior_card : ModelCard, optional
    seed : int
        Of the simulated trials.

    Raises
    ------
    NotFoundError
        If there is nothing to fit, or nothing to predict.
    FitError
        If the data do not allow a fit.
    """
    seen = tuple(run for run in data.runs if run.procedure in fit_on)
    unseen = tuple(run for run in data.runs if run.procedure not in fit_on)
    if not seen or not unseen:
        has = ", ".join(dict.fromkeys(run.procedure for run in data.runs))
        missing = "fit on" if not seen else "predict"
        raise NotFoundError(
            f"Device {data.name!r} has no run to {missing} when the fit takes "
            f"{', '.join(fit_on)}: its runs are {has}."
        )
    fit = fit_data(replace(data, runs=seen), prior_card)
    held_out = replace(data, runs=unseen)
    simulated = play_again(held_out.shortened(), fit.card, seed=seed, loading=data.loading)
    rows = compare_responses(held_out.measured(), simulated, seed=seed, fitted={})
    return CrossValidation(fit, rows)
