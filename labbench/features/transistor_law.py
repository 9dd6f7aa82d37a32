"""The transistor: EKV-type law, from subthreshold to saturation, source and bulk at ground::

(9)  I_D = 2 n kp V_T^2 [F((Vg - Vt)/n) - F((Vg - Vt)/n - Vd)],  F(z) = ln^2(1 + e^(z/(2 V_T)))
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

THERMAL_VOLTAGE_V = 25.85e-3


def drain_current_a(
    gate_v: FloatArray,
    drain_v: FloatArray,
    threshold_v: float,
    transconductance_a_per_v2: float,
    slope_factor: float,
) -> FloatArray:
    """Return the current into the drain, equation (9), (n,) for gate and drain voltages (n,)."""
    pinch_v = (gate_v - threshold_v) / slope_factor
    scale_a = 2.0 * slope_factor * transconductance_a_per_v2 * THERMAL_VOLTAGE_V**2
    forward, reverse = (
        np.logaddexp(0.0, z / (2.0 * THERMAL_VOLTAGE_V)) ** 2 for z in (pinch_v, pinch_v - drain_v)
    )
    return np.asarray(scale_a * (forward - reverse))
