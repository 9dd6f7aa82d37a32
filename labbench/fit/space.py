"""The parameters that a fit may move: lmfit says which, within what, tied to what.

Inside a fit all are logarithms, so that steps, spreads and correlations are relative.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite, log

import lmfit
import numpy as np

from labbench.errors import FitError
from labbench.fit.items import FloatArray
from labbench.model import PARAMETERS, ModelCard

# A fit does not leave this box of ln(parameter) around its start.
BOX = 3.0
# lmfit evaluates expressions, where some names mean something else.
_SYMBOLS = {"lambda": "lambda_"}
_NAMES = {symbol: name for name, symbol in _SYMBOLS.items()}


def symbol_of(name: str) -> str:
    """Return the name of a card's parameter in `lmfit.Parameters`: "lambda" is "lambda_" there."""
    return _SYMBOLS.get(name, name)


def parameters_of(card: ModelCard, names: Sequence[str]) -> lmfit.Parameters:
    """Return lmfit parameters for some of a card's, free within their ranges, to be changed."""
    parameters = lmfit.Parameters()
    for name in names:
        spec = PARAMETERS[name]
        parameters.add(symbol_of(name), value=card[name], min=max(spec.lower, 0.0), max=spec.upper)
    return parameters


@dataclass(frozen=True, eq=False)
class Space:
    """What is free, around a card.

    Attributes
    ----------
    card : ModelCard
        Centre of the priors, and the value of all that is not free.
    parameters : lmfit.Parameters
        Of the card, by `symbol_of` their names; those with ``vary`` are free.
    priors : mapping of str to float
        Standard deviation of ln(parameter) around the card, for those that have one.
    """

    card: ModelCard
    parameters: lmfit.Parameters
    priors: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for symbol, parameter in self.parameters.items():
            name = _NAMES.get(symbol, symbol)
            if name not in self.card.values:
                raise FitError(
                    f"Card {self.card.name!r} (model {self.card.model!r}, {self.card.circuit}) has "
                    f"no parameter {name!r} to fit; it has {', '.join(self.card.values)}."
                )
            if parameter.vary and not parameter.value > 0:
                raise FitError(
                    f"{name} = {parameter.value:g} {PARAMETERS[name].unit} cannot be fitted: "
                    "parameters are fitted as logarithms. Fix it (vary=False), or start above 0."
                )

    @property
    def names(self) -> tuple[str, ...]:
        """Free parameters."""
        return tuple(_NAMES.get(s, s) for s, p in self.parameters.items() if p.vary)

    @property
    def start(self) -> FloatArray:
        """ln of the values that lmfit has, (p,)."""
        return np.array([log(self.parameters[symbol_of(name)].value) for name in self.names])

    def bounds(self, around: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the bounds of ln(parameter): lmfit's, and a box around a point, 2 of (p,)."""
        low, high = around - BOX, around + BOX
        for i, name in enumerate(self.names):
            parameter = self.parameters[symbol_of(name)]
            if parameter.min > 0:
                low[i] = max(low[i], log(parameter.min))
            if isfinite(parameter.max):
                high[i] = min(high[i], log(parameter.max))
        return low, high

    def clipped(self, theta: FloatArray) -> FloatArray:
        """Return a point moved inside the bounds, a little off them."""
        low, high = self.bounds(theta)
        margin = np.minimum(1e-6, 0.25 * (high - low))
        return np.clip(theta, low + margin, high - margin)

    def at(self, theta: FloatArray) -> ModelCard:
        """Return the card at a point, expressions evaluated."""
        values = dict(zip(self.names, np.exp(theta).tolist(), strict=True))
        tied = [s for s, p in self.parameters.items() if p.expr or not p.vary]
        if tied:
            made = self.parameters.copy()
            for name, value in values.items():
                made[symbol_of(name)].set(value=value)
            values |= {_NAMES.get(s, s): float(made[s].value) for s in tied}
        return self.card.with_values(values)

    def prior_rows(self) -> tuple[FloatArray, FloatArray]:
        """Return centres and one over the spreads of the priors, 2 of (p,); 0 where none."""
        centre = np.array(
            [log(self.card[name]) if self.card[name] > 0 else 0.0 for name in self.names]
        )
        weight = np.array([1.0 / self.priors.get(name, inf) for name in self.names])
        return centre, weight
