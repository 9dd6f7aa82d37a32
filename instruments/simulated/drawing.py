"""Devices drawn from around a card."""

from __future__ import annotations

from math import log1p

import numpy as np

from labbench.model import PARAMETERS, ModelCard

# What differs from device to device, and is drawn.
DRAWN = (
    "mu_per_v_s", "alpha", "beta_per_s", "gamma1_per_s", "gamma2_per_s", "lambda", "r_off_ohm",
    "kappa_per_s", "eta", "gate_capacitance_f",
)  # fmt: skip
_DRAW_STREAM = 0


def draw_device(nominal: ModelCard, spread: float, seed: int, number: int = 0) -> ModelCard:
    """Draw a device around a card: factors log-uniform between 1 / (1 + spread) and 1 + spread."""
    random = np.random.default_rng([seed, _DRAW_STREAM, *([number] if number else [])])
    factors = np.exp(random.uniform(-1.0, 1.0, len(DRAWN)) * log1p(spread))
    values = {
        name: min(nominal[name] * float(factor), PARAMETERS[name].upper)
        for name, factor in zip(DRAWN, factors, strict=True)
        if name in nominal.values
    }
    return nominal.with_values(values, name=f"{nominal.name}-seed{seed}", source="drawn")
