"""The shape of a fit's result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labbench.features import Outcome
from labbench.model import ModelCard, card_from_dict

# A posterior wider than this share of the prior has learnt next to nothing from the data.
LEARNT = 0.7
# And a spread of ln(parameter) wider than this is no value, prior or not.
WIDEST = 0.5


def is_learnt(spread: float, prior: float | None) -> bool:
    """Return whether data tell a parameter, from the spreads of its logarithm after and before."""
    return spread <= min(WIDEST, LEARNT * (inf if prior is None else prior))


@dataclass(frozen=True)
class FittedParameter:
    """A parameter after a fit.

    Attributes
    ----------
    name, unit : str
    value : float
    stderr : float
        Standard error of the value, in `unit`.
    relative_prior : float or None
        Spread of ln(value) assumed before the fit; None if nothing was assumed.
    outcome : Outcome
        "ok", or "not identifiable" where the data say little beyond what was assumed: the value
        is then an assumption, not a result.
    remedy : str
        What would identify it.
    """

    name: str
    unit: str
    value: float
    stderr: float
    relative_prior: float | None
    outcome: Outcome
    remedy: str = ""

    @property
    def is_identifiable(self) -> bool:
        """Whether the data determine it."""
        return self.outcome is Outcome.OK


@dataclass(frozen=True)
class Residual:
    """One statistic of the data, and what the fitted card predicts for it.

    `measured` and `predicted` are on the fitted scale (mostly logarithms), `sigma` is the standard
    error of the measured one with the floor of the model and the instruments.
    """

    label: str
    measured: float
    predicted: float
    sigma: float

    @property
    def z(self) -> float:
        """Measured minus predicted, in standard errors."""
        return (self.measured - self.predicted) / self.sigma


@dataclass(frozen=True, eq=False)
class FitResult:
    """What a fit found, and how much of it to believe.

    Attributes
    ----------
    card : ModelCard
        The fitted card, with standard errors and covariance of the fitted parameters.
    parameters : tuple of FittedParameter
    correlation : (k, k) float64 array
        Of ln(parameter), in the order of `parameters`.
    chisqr : float
        Sum of squared residuals, priors included.
    nfree : int
        Statistics that are left over: data minus parameters without a prior.
    outcome : Outcome
        "ok" or "not converged".
    residuals : tuple of Residual
    stages : tuple of str
        What was done, in order: data used and parameters freed.
    message : str
        How the optimiser ended.
    discrepancy : str
        What the model does not explain; empty where it explains the data.
    notes : tuple of str
        Correlations, and what is known better together.
    """

    card: ModelCard
    parameters: tuple[FittedParameter, ...]
    correlation: NDArray[np.float64]
    chisqr: float
    nfree: int
    outcome: Outcome
    residuals: tuple[Residual, ...]
    stages: tuple[str, ...]
    message: str = ""
    discrepancy: str = ""
    notes: tuple[str, ...] = ()

    @property
    def redchi(self) -> float:
        """Reduced chi-square; far above 1 the model does not explain the data."""
        return self.chisqr / self.nfree if self.nfree > 0 else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready description."""
        return {
            "card": self.card.to_dict(),
            "parameters": [asdict(parameter) for parameter in self.parameters],
            "correlation": self.correlation.tolist(),
            "chisqr": self.chisqr,
            "nfree": self.nfree,
            "redchi": self.redchi,
            "outcome": str(self.outcome),
            "residuals": [{**asdict(r), "z": r.z} for r in self.residuals],
            "stages": list(self.stages),
            "message": self.message,
            "discrepancy": self.discrepancy,
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> FitResult:
        """Rebuild a result from its `to_dict` description."""
        return cls(
            card=card_from_dict(document["card"]),
            parameters=tuple(
                FittedParameter(**{**p, "outcome": Outcome(p["outcome"])})
                for p in document["parameters"]
            ),
            correlation=np.array(document["correlation"]),
            chisqr=document["chisqr"],
            nfree=document["nfree"],
            outcome=Outcome(document["outcome"]),
            residuals=tuple(
                Residual(**{key: value for key, value in r.items() if key != "z"})
                for r in document["residuals"]
            ),
            stages=tuple(document["stages"]),
            message=document["message"],
            discrepancy=document.get("discrepancy", ""),
            notes=tuple(document.get("notes", ())),
        )

    @classmethod
    def of_card(cls, card: ModelCard) -> FitResult:
        """Return a result that says nothing of data, for a card that was not fitted here."""
        return cls(
            card=card,
            parameters=(),
            correlation=np.empty((0, 0)),
            chisqr=float("nan"),
            nfree=0,
            outcome=Outcome.OK,
            residuals=(),
            stages=(f"card {card.name!r} as given: {card.source}",),
        )
