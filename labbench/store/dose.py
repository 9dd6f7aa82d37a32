"""The dose: what one stimulus does to a device, at worst or as measured.

Between its breakpoints a level is linear, so that with ``i = v / R`` the integrals are closed
forms; a stretch of length h from a to b adds

    int |v| dt = h (|a| + |b|) / 2, or h (a^2 + b^2) / (2 (|a| + |b|)) if it crosses zero
    int v^2 dt = h (a^2 + a b + b^2) / 3
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labbench.errors import StimulusError
from labbench.features import Response
from labbench.stimulus import PulseTrain, Stimulus, Sweep

FloatArray = NDArray[np.float64]

# The channel that is the current into the device, where one is recorded.
_CURRENT, _VOLTAGE = "memristor", "input"


@dataclass(frozen=True)
class Dose:
    """What one stimulus does to a device.

    Attributes
    ----------
    kind : str
        Of the stimulus.
    n_pulses : int
        Of a train; of anything else, how often it leaves zero.
    peak_v : float or None
        Largest absolute voltage; None for a current.
    at_voltage_s : float or None
        Time away from zero, edges included; None for a sweep recorded without times.
    charge_c, energy_j : float or None
        Of absolute current and of heat; None where nothing bounds them.
    is_measured : bool
        Whether charge and energy were measured; else they are the worst case.
    """

    kind: str
    n_pulses: int
    peak_v: float | None
    at_voltage_s: float | None
    charge_c: float | None = None
    energy_j: float | None = None
    is_measured: bool = False


def worst_dose(stimulus: Stimulus, resistance_ohm: float | None) -> Dose:
    """Return what a stimulus does at worst.

    Parameters
    ----------
    stimulus : Stimulus
    resistance_ohm : float or None
        The smallest that could be in the path; None where it is not known, and with it charge and
        energy.
    """
    is_voltage = stimulus.unit == "V"
    peak_v = stimulus.peak if is_voltage else None
    n_pulses = len(stimulus.pulses) if isinstance(stimulus, PulseTrain) else 1
    try:
        time_s, level = stimulus.breakpoints()
    except StimulusError:
        return Dose(stimulus.kind, n_pulses, peak_v, None)
    step_s, a, b = np.diff(time_s), level[:-1], level[1:]
    is_away = (a != 0.0) | (b != 0.0)
    if not isinstance(stimulus, PulseTrain):
        away = np.r_[False, level != 0.0, False]
        n_pulses = int(np.count_nonzero(away[1:] & ~away[:-1]))
    charge_c = energy_j = None
    if not is_voltage:
        charge_c = float(step_s @ _mean_magnitude(a, b))
    elif resistance_ohm is not None:
        charge_c = float(step_s @ _mean_magnitude(a, b)) / resistance_ohm
        energy_j = float(step_s @ (a * a + a * b + b * b)) / 3.0 / resistance_ohm
        if isinstance(stimulus, Sweep) and stimulus.compliance_a is not None:
            level_v_s = charge_c * resistance_ohm
            charge_c = min(charge_c, stimulus.compliance_a * float(step_s[is_away].sum()))
            energy_j = min(energy_j, stimulus.compliance_a * level_v_s)
    return Dose(stimulus.kind, n_pulses, peak_v, float(step_s[is_away].sum()), charge_c, energy_j)


def measured_dose(response: Response, worst: Dose) -> Dose:
    """Return the dose of a response, from the current into the device if that was recorded.

    A current that touched the end of its range is no measurement: it may have been any larger.
    """
    trace = response.trace
    current = trace.channels.get(_CURRENT)
    voltage = trace.channels.get(_VOLTAGE)
    if current is None or current.quantity != "current" or current.raw.size < 2:
        return worst
    if current.is_censored.any() or not trace.has_time:
        return worst
    time_s, current_a = trace.time_s, current.values
    voltage_v = (
        voltage.values
        if voltage is not None and voltage.quantity == "voltage"
        else response.stimulus.sample(time_s)
    )
    if not (np.isfinite(current_a).all() and np.isfinite(voltage_v).all()):
        return worst
    return Dose(
        worst.kind,
        worst.n_pulses,
        worst.peak_v,
        worst.at_voltage_s,
        charge_c=float(np.trapezoid(np.abs(current_a), time_s)),
        energy_j=float(np.trapezoid(np.abs(current_a * voltage_v), time_s)),
        is_measured=True,
    )


def _mean_magnitude(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the mean of |v| over a straight line from a to b, element by element."""
    sides = np.abs(a) + np.abs(b)
    safe = np.where(sides == 0.0, 1.0, sides)
    return np.where(a * b < 0.0, (a * a + b * b) / (2.0 * safe), sides / 2.0)
