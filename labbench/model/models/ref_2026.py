"""Model `ref-2026`: the authors' public SPICE model of the memristor, its quirks as switches.

Each quirk is a parameter or the polarity, with a value that turns it off:

==========================  ==================================  =====================
quirk                       as published (the default)          off
==========================  ==================================  =====================
cap of the growth           ``rate_max_per_s = 1``              ``inf``
growth with abs(v)          ``polarity = "symmetric"``          ``"positive"``
current cut to 0..10 mA     ``current_clip_a = 0.01``           ``inf``
noise in intervals          ``noise_interval_s = 1e-3``         ``0``: jumps as events
capacitance of the device   ``parallel_capacitance_f = 1e-11``  ``0``
==========================  ==================================  =====================

Noise in intervals: in interval k the filament shrinks at the rate U eta f / dt outside of the cap,
where U = 1 with probability 1 - exp(-kappa f^m dt). There f is that of the moment; here it is that
of the interval's start, which keeps the growth smooth inside an interval and differs by what f
changes in one of them. SPICE's random numbers cannot be had, and are the same in every instance
and run; here each stream has its own. The slide on s = 1 is exact, where SPICE overshoots by an
amount that depends on its step.
"""

from __future__ import annotations

from math import expm1

import numpy as np

from labbench.model.compiled import compiled
from labbench.model.layout import (
    ETA, INTERVAL, KAPPA, NOISE_SHRINK, SHRINK, FloatArray, M,
)  # fmt: skip
from labbench.model.models.kind import Model
from labbench.model.random import uniform

REF_2026 = Model(
    name="ref-2026",
    version=1,
    summary="the authors' SPICE model: capped growth, abs(v), clipped current, interval noise",
    source="TongWang-USC/Memristor-Model, doi 10.5281/zenodo.20150590 (MIT)",
    defaults={
        "mu_per_v_s": 16.0,
        "alpha": 0.1,
        "beta_per_s": 0.2,
        "gamma1_per_s": 50.0,
        "gamma2_per_s": 0.42,
        "lambda": 0.1,
        "r_on_ohm": 1.7e4,
        "r_off_ohm": 1e10,
        "parallel_capacitance_f": 1e-11,
        "rate_max_per_s": 1.0,
        "current_clip_a": 1e-2,
        "kappa_per_s": 200.0,
        "eta": 0.01,
        "m": 2.0,
        "noise_interval_s": 1e-3,
    },
    polarities=("symmetric", "positive"),
    interval_law=NOISE_SHRINK,
)


@compiled
def hold_shrinking(f: float, key: np.uint64, interval: int, p: FloatArray) -> None:
    """Draw whether the filament shrinks in this interval, and set the rate of it."""
    dt = p[INTERVAL]
    probability = -expm1(-p[KAPPA] * max(f, 0.0) ** p[M] * dt)
    p[SHRINK] = p[ETA] / dt if uniform(key, interval) < probability else 0.0
