"""Noise that is held over intervals: each model's law, drawn once for each interval."""

from __future__ import annotations

from math import floor, sqrt

import numpy as np

from labbench.model.compiled import compiled
from labbench.model.equations import filament
from labbench.model.layout import (
    ADD_F, ADD_R, FloatArray, HELD_INTERVAL, INTERVAL, IntArray, NOISE, NOISE_ADD, NOISE_RATES,
    NOISE_SHRINK, Q, R, SLIDING,
)  # fmt: skip
from labbench.model.models.ne_si_2025 import hold_kicks
from labbench.model.models.ref_2026 import hold_shrinking
from labbench.model.models.tcasai_2024 import hold_rates
from labbench.model.step import restart


@compiled
def hold_noise(
    t: float,
    t_next: float,
    u: float,
    y: FloatArray,
    flags: IntArray,
    clock: FloatArray,
    k: FloatArray,
    key: np.uint64,
    p_card: FloatArray,
    p: FloatArray,
) -> float:
    """Draw the noise of the interval that t lies in, unless that is done; return where it ends."""
    law = p[NOISE]
    if law not in (NOISE_SHRINK, NOISE_ADD, NOISE_RATES):
        return t_next
    interval = floor(t / p[INTERVAL] + 1e-9)
    # Far from zero the quotient is less exact than that, and no interval may end where it begins.
    if (interval + 1) * p[INTERVAL] <= t:
        interval += 1
    if clock[HELD_INTERVAL] != interval:
        clock[HELD_INTERVAL] = interval
        f = filament(y[Q], y[R], p)
        if law == NOISE_SHRINK:
            hold_shrinking(f, key, interval, p)
        elif law == NOISE_ADD:
            p[ADD_F] = p[ADD_R] = 0.0
            restart(y, u, 0.0, flags, p, k)
            growth = -k[0, Q] / sqrt(2.0 * max(y[Q], 1e-300)) - k[0, R]
            hold_kicks(f, y[R], growth, k[0, R], flags[SLIDING], key, interval, p)
        else:
            hold_rates(f, y[R], key, interval, p_card, p)
    return min(t_next, (interval + 1) * p[INTERVAL])
