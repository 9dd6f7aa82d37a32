"""Model `tcasai-2024`: with the filament's area S as a third state, and Gaussian decay rates.

While the filament is closed (s = 1), it widens where the drive is strong enough::

    (11) dS/dt = theta E(v) e^(1 - S) - gamma3 e^(S - 1),   S >= 1,   on-resistance Ron / S^2

and while S > 1 filament and residue stand still, so that a widened filament outlives its drive.
In each interval of ``noise_interval_s`` the decay rates are those of its start times 1 + sigma N:
gamma1 (1 + sigma1 f N1), gamma2 (1 + sigma2 r N2), gamma3 (1 + sigma3 N3), and the first two never
below zero.
"""

from __future__ import annotations

import numpy as np

from labbench.model.compiled import compiled
from labbench.model.layout import (
    GAMMA1, GAMMA2, GAMMA3, NOISE_RATES, SIGMA1, SIGMA2, SIGMA3, FloatArray,
)  # fmt: skip
from labbench.model.models.kind import Model
from labbench.model.random import normal

TCASAI_2024 = Model(
    name="tcasai-2024",
    version=1,
    summary="filament area as a third state, Gaussian decay rates",
    source="doi 10.1109/TCASAI.2024.3484370 and its public code (yanglab2021/DiffusiveMemristor)",
    defaults={
        "mu_per_v_s": 150.0,
        "alpha": 0.01,
        "beta_per_s": 20.0,
        "gamma1_per_s": 5000.0,
        "gamma2_per_s": 0.1,
        "lambda": 0.1,
        "r_on_ohm": 5e3,
        "r_off_ohm": 1e10,
        "parallel_capacitance_f": 0.0,
        "theta_per_v_s": 200.0,
        "gamma3_per_s": 10.0,
        "sigma1": 0.0,
        "sigma2": 0.0,
        "sigma3": 0.0,
        "noise_interval_s": 1e-6,
    },
    polarities=("symmetric", "positive"),
    has_area=True,
    interval_law=NOISE_RATES,
)


@compiled
def hold_rates(
    f: float, r: float, key: np.uint64, interval: int, nominal: FloatArray, p: FloatArray
) -> None:
    """Draw the decay rates of an interval around those of `nominal`, the constants of the card."""
    p[GAMMA1] = nominal[GAMMA1] * max(1.0 + p[SIGMA1] * f * normal(key, 3 * interval), 0.0)
    p[GAMMA2] = nominal[GAMMA2] * max(1.0 + p[SIGMA2] * r * normal(key, 3 * interval + 1), 0.0)
    p[GAMMA3] = nominal[GAMMA3] * (1.0 + p[SIGMA3] * normal(key, 3 * interval + 2))
