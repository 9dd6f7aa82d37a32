"""What procedures on source meters share: staircases, and sweeps of a memristor against ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labbench.stimulus import Sweep

FloatArray = NDArray[np.float64]


def staircase(first_v: float, last_v: float, step_v: float) -> FloatArray:
    """Return evenly spaced levels from one voltage to another, ends included, (n,)."""
    count = max(round(abs(last_v - first_v) / step_v), 1) + 1
    # To a tenth of a millivolt: a number that meter, record and simulation share exactly.
    return np.asarray(np.round(np.linspace(first_v, last_v, count), 4))


def loop(peak_v: float, step_v: float) -> FloatArray:
    """Return levels from zero to a peak and back, the peak once, (n,)."""
    up = staircase(0.0, peak_v, step_v)
    return np.concatenate([up, up[-2::-1]])


def memristor_sweep(
    voltage_v: FloatArray, dwell_s: float, compliance_a: float, rest_s: float
) -> Sweep:
    """Return a sweep of the input with the gate at ground, where there is a gate."""
    return Sweep(voltage_v, dwell_s, compliance_a=compliance_a, rest_s=rest_s, bias={"gate": 0.0})
