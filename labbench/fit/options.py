"""What a caller may decide about a fit; the defaults need no decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

import lmfit

from labbench.errors import FitError

# Fitted, as far as model and circuit have them, with the spread of ln(parameter) around the card
# that is assumed where the data do not decide by themselves; none is ever assumed of the first two.
PRIORS: Mapping[str, float | None] = MappingProxyType(
    {
        "mu_per_v_s": None,
        "gamma1_per_s": None,
        "gate_capacitance_f": 1.0,
        "kappa_per_s": 1.0,
        "eta": 1.0,
        "alpha": 0.3,
        "beta_per_s": 0.3,
        "gamma2_per_s": 0.3,
        "lambda": 0.3,
        "r_off_ohm": 0.3,
    }
)
# Taken as known from measurements of their own, with a relative error that the other parameters'
# errors carry on. A card with standard errors of these gives its own.
KNOWN: Mapping[str, float] = MappingProxyType(
    {
        "control_resistance_ohm": 0.002,
        "threshold_voltage_v": 0.002,
        "transconductance_a_per_v2": 0.005,
        "slope_factor": 0.005,
        "load_resistance_ohm": 0.001,
        "supply_v": 0.001,
        "r_on_ohm": 0.005,
    }
)
# Calibrated by `benchmarks/fit_recovery.py`, whose docstring has the outcome: over 50 devices the
# errors are right as they come (rms z 1.00, 94.2 % within 95 %); with this 95.8 %.
INFLATION = 1.05


@dataclass(frozen=True)
class FitOptions:
    """How to fit.

    Attributes
    ----------
    parameters : lmfit.Parameters or None
        Bounds, ``vary=False``, expressions and further parameters, by the names of the card
        ("lambda_" for lambda), values in SI units; what is not named is fitted as usual.
    priors : mapping of str to float or None
        What is fitted, and the spread of ln(parameter) that is assumed where data do not decide.
    known : mapping of str to float
        Relative errors of what is not fitted.
    has_surrogate : bool
        Whether to go on from the screen to the fit with the noise.
    points : tuple of int
        Design points of the two rounds, powers of two.
    effort : tuple of float
        Trials at each point, in parts of the plan.
    restarts : int
        Perturbed starts where the screen does not explain the data.
    seed : int
    inflation : float
        Of standard errors.
    sensitivity_m : tuple of float
        Exponents of the jump hazard with which to fit again.
    profiles : tuple of str
        Parameters whose profile likelihood is wanted.
    bootstrap : int
        Draws of a parametric bootstrap; none if 0.
    """

    parameters: lmfit.Parameters | None = None
    priors: Mapping[str, float | None] = field(default_factory=lambda: dict(PRIORS))
    known: Mapping[str, float] = field(default_factory=lambda: dict(KNOWN))
    has_surrogate: bool = True
    points: tuple[int, int] = (64, 128)
    effort: tuple[float, float] = (0.3, 0.5)
    restarts: int = 5
    seed: int = 0
    inflation: float = INFLATION
    sensitivity_m: tuple[float, ...] = ()
    profiles: tuple[str, ...] = ()
    bootstrap: int = 0

    def __post_init__(self) -> None:
        if self.bootstrap == 1 or self.bootstrap < 0:
            raise FitError(
                f"A bootstrap of {self.bootstrap} says nothing: ask for 2 draws or more."
            )
        if (self.profiles or self.bootstrap) and not self.has_surrogate:
            raise FitError("Profiles and a bootstrap need the surrogate: has_surrogate=True.")

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready description: what makes two fits of the same data different."""
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        own["parameters"] = None if self.parameters is None else self.parameters.dumps()
        return {**own, "priors": dict(self.priors), "known": dict(self.known)}
