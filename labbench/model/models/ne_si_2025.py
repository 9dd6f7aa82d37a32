"""Model `ne-si-2025`: the equations of the paper's supplement, without a cap, positive polarity.

Its noise is a kick per Euler step, dF += N sqrt(sigma1 |dF|) and the same for the residue with
sigma2: a diffusion of variance sigma |rate| per second, and none where the rate is zero. Here the
step is the parameter ``noise_interval_s``: each interval adds the constant rate
N sqrt(sigma |rate| / dt), with the rate at its start. A kick never takes a state below zero.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from labbench.model.compiled import compiled
from labbench.model.layout import (
    ADD_F, ADD_R, INTERVAL, NOISE_ADD, SIGMA1, SIGMA2, FloatArray,
)  # fmt: skip
from labbench.model.models.kind import Model
from labbench.model.random import normal

NE_SI_2025 = Model(
    name="ne-si-2025",
    version=1,
    summary="the paper's supplement: uncapped, positive polarity, noise sqrt(sigma |dF|)",
    source="SI of doi 10.1038/s41928-025-01488-x, as a third party transcribed it",
    defaults={
        "mu_per_v_s": 150.0,
        "alpha": 0.01,
        "beta_per_s": 20.0,
        "gamma1_per_s": 600.0,
        "gamma2_per_s": 5.0,
        "lambda": 0.2,
        "r_on_ohm": 1e6,
        "r_off_ohm": 1e12,
        "parallel_capacitance_f": 0.0,
        "sigma1": 0.0,
        "sigma2": 0.0,
        "noise_interval_s": 1e-5,
    },
    polarities=("positive",),
    interval_law=NOISE_ADD,
)


@compiled
def hold_kicks(
    f: float, r: float, growth: float, residue: float, is_sliding: int, key: np.uint64,
    interval: int, p: FloatArray,
) -> None:  # fmt: skip
    """Draw the constant rates that an interval adds to growth and residue (both 1/s).

    They are cut to what leaves a state at zero after the interval, on the slide the filament too,
    which pays there for what the residue gains.
    """
    dt = p[INTERVAL]
    kick_f = normal(key, 2 * interval) * sqrt(p[SIGMA1] * abs(growth) / dt)
    kick_r = normal(key, 2 * interval + 1) * sqrt(p[SIGMA2] * abs(residue) / dt)
    if is_sliding:
        kick_r = min(kick_r, max(f / dt - residue, 0.0))
    p[ADD_F] = max(kick_f, min(-f / dt - growth, 0.0))
    p[ADD_R] = max(kick_r, min(-r / dt - residue, 0.0))
