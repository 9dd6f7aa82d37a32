"""The transistor from its curves, seen through the load resistor: V_D = V_supply - I R_load.

Each number stands for itself, because a threshold without its method means nothing:

- `threshold_voltage_constant_current`: the gate voltage at 1e-7 A (for a ratio W/L of one), from
  neighbouring readings, linear in the logarithm of the current;
- `threshold_voltage_extrapolated`: where the tangent of sqrt(I) at its steepest meets zero, among
  readings in saturation. Where inversion is moderate it lies beside the threshold of the law;
- `threshold_voltage`, `transconductance`, `slope_factor`: least squares of equation (9) on all
  curves at once;
- `subthreshold_slope`: from the decades between the noise and 1e-8 A;
- `dibl`: by how much the constant-current threshold falls for a volt more at the drain.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np

from labbench.features.feature import Feature, Outcome, Response
from labbench.features.repeats import mean_and_spread
from labbench.features.statistics import straight_line
from labbench.features.transistor_law import THERMAL_VOLTAGE_V, FloatArray, drain_current_a
from labbench.stimulus import Sweep
from labbench.trace import Trace

VERSION = "1"

CRITERION_A = 1e-7
SUBTHRESHOLD_A = (1e-10, 1e-8)
# Relative error of a reading, and the noise of a meter on its range for microamperes.
_GAIN, _NOISE_A = 0.01, 2e-10
# Drain voltages above the overdrive by this many thermal voltages saturate.
_SATURATED = 4.0
# What is left of a grid's error after interpolating between its points.
_INTERPOLATED = 0.1


def transistor(responses: Sequence[Response]) -> list[Feature]:
    """Draw thresholds, slopes, transconductance and DIBL from transfer and output curves.

    Parameters
    ----------
    responses : sequence of Response
        Channels "gate" (where it is held or swept), "supply", "supply_current", and the load
        resistance in their connection. Readings in compliance are left out.

    Returns
    -------
    list of Feature
        As the file says; those of single curves at their supply. NOT_IDENTIFIABLE where the load
        resistance is not known. Empty if there is no such curve.
    """
    curves = [
        response
        for response in responses
        if isinstance(response.stimulus, Sweep) and "supply_current" in response.trace.channels
        and "gate" in response.trace.channels
    ]  # fmt: skip
    if not curves:
        return []
    loads = [response.connection.load_resistance_ohm for response in curves]
    if any(load is None for load in loads):
        return [Feature("threshold_voltage", nan, "V", n=0, outcome=Outcome.NOT_IDENTIFIABLE)]
    read = [_read(each.trace, float(load or 0.0)) for each, load in zip(curves, loads, strict=True)]
    features = _law(np.concatenate(read, axis=1))
    transfer: dict[float, list[FloatArray]] = {}
    for response, points in zip(curves, read, strict=True):
        stimulus = response.stimulus
        if isinstance(stimulus, Sweep) and stimulus.terminal == "gate":
            transfer.setdefault(stimulus.bias["supply"], []).append(points)
    for supply_v, same in sorted(transfer.items()):
        features += _of_transfer(same, {"supply_v": supply_v})
    return features + _dibl(transfer)


def _read(trace: Trace, load_ohm: float) -> FloatArray:
    """Return gate voltage, drain voltage and drain current, (3, n)."""
    current = trace.channel("supply_current")
    current_a = current.values
    drain_v = trace.values("supply") - current_a * load_ohm
    return np.stack([trace.values("gate"), drain_v, current_a])[:, ~current.is_censored]


def _law(points: FloatArray) -> list[Feature]:
    """Fit equation (9), the transconductance by its logarithm: it is positive."""
    from scipy.optimize import curve_fit  # slow to import

    gate_v, _, current_a = points
    names = (("threshold_voltage", "V"), ("transconductance", "A/V^2"), ("slope_factor", "1"))

    def law(x: FloatArray, threshold_v: float, log_kp: float, slope: float) -> FloatArray:
        return drain_current_a(x[0], x[1], threshold_v, float(np.exp(log_kp)), slope)

    n = gate_v.size
    seen = current_a > 10 * _NOISE_A
    if seen.sum() < 4:
        return [Feature(name, nan, unit, n=n, outcome=Outcome.TOO_FEW) for name, unit in names]
    start = [float(np.median(gate_v[seen])), np.log(1e-3), 1.5]
    sigma_a = np.hypot(_GAIN * current_a, _NOISE_A)
    try:
        found, covariance = curve_fit(
            law, points[:2], current_a, start, sigma_a,
            bounds=([-10.0, -40.0, 1.0], [10.0, 10.0, 10.0]), x_scale=[0.1, 1.0, 0.1],
            xtol=1e-12, ftol=1e-12, gtol=1e-12,
        )  # fmt: skip
    except (RuntimeError, ValueError):
        return [
            Feature(name, nan, unit, n=n, outcome=Outcome.NOT_CONVERGED) for name, unit in names
        ]
    stderr = np.sqrt(np.diag(covariance))
    values = (found[0], float(np.exp(found[1])), found[2])
    errors = (stderr[0], values[1] * stderr[1], stderr[2])
    return [
        Feature(name, float(value), unit, float(error), n)
        for (name, unit), value, error in zip(names, values, errors, strict=True)
    ]


def _of_transfer(curves: Sequence[FloatArray], at: dict[str, float]) -> list[Feature]:
    step_v = max(float(np.median(np.abs(np.diff(curve[0])))) for curve in curves)
    crossings = [_crossing(curve[0], curve[2]) for curve in curves]
    features = mean_and_spread(
        "threshold_voltage_constant_current",
        [v for v in crossings if not np.isnan(v)],
        "V",
        {**at, "current_a": CRITERION_A},
        resolution=_INTERPOLATED * step_v,
        nothing=Outcome.DID_NOT_FIRE,
    )[:1]
    tangents = [_tangent(curve) for curve in curves]
    seen = [v for v in tangents if not np.isnan(v)]
    features += mean_and_spread(
        "threshold_voltage_extrapolated", seen, "V", at, resolution=_INTERPOLATED * step_v
    )[:1]
    gate_v, _, current_a = np.concatenate(curves, axis=1)
    low = (current_a > SUBTHRESHOLD_A[0]) & (current_a < SUBTHRESHOLD_A[1])
    n = int(low.sum())
    (_, per_decade), (_, stderr) = straight_line(
        gate_v[low], np.log10(current_a[low]), _certainty(current_a[low])
    )
    outcome = Outcome.OK if np.isfinite(stderr) and per_decade > 0 else Outcome.TOO_FEW
    slope_v, slope_se = (1 / per_decade, stderr / per_decade**2) if per_decade > 0 else (nan, nan)
    return [
        *features,
        Feature("subthreshold_slope", float(slope_v), "V", float(slope_se), n, outcome, at),
    ]


def _certainty(current_a: FloatArray) -> FloatArray:
    """Return one over the relative variance of a logarithm of currents (n,)."""
    return np.asarray(1.0 / (_GAIN**2 + (_NOISE_A / current_a) ** 2))


def _crossing(gate_v: FloatArray, current_a: FloatArray) -> float:
    above = np.flatnonzero(current_a >= CRITERION_A)
    if not above.size or above[0] == 0 or current_a[above[0] - 1] <= 0.0:
        return nan
    pair = slice(above[0] - 1, above[0] + 1)
    return float(np.interp(np.log(CRITERION_A), np.log(current_a[pair]), gate_v[pair]))


def _tangent(curve: FloatArray) -> float:
    """Return where the steepest tangent of sqrt(I) meets zero, among readings in saturation."""
    gate_v, drain_v, current_a = curve
    if gate_v.size < 3:
        return nan
    root = np.sqrt(np.maximum(current_a, 0.0))
    slope = np.gradient(root, gate_v)
    onset_v = _crossing(gate_v, current_a)
    saturated = (current_a > CRITERION_A) & (
        drain_v > np.maximum(gate_v - onset_v, 0.0) + _SATURATED * THERMAL_VOLTAGE_V
    )
    # Its neighbours enter the slope at a point.
    saturated[:-1] &= saturated[1:]
    if not saturated.any():
        return nan
    best = int(np.argmax(np.where(saturated, slope, -np.inf)))
    return float(gate_v[best] - root[best] / slope[best])


def _dibl(transfer: dict[float, list[FloatArray]]) -> list[Feature]:
    """Compare the constant-current thresholds of the lowest and the highest supply."""
    if len(transfer) < 2:
        return []
    low_v, high_v = min(transfer), max(transfer)
    found = []
    for supply_v in (low_v, high_v):
        sample = [
            (_crossing(c[0], c[2]), float(np.interp(CRITERION_A, c[2], c[1])))
            for c in transfer[supply_v]
        ]
        found.append(np.array([pair for pair in sample if not np.isnan(pair[0])]).reshape(-1, 2))
    n = min(len(each) for each in found)
    if n == 0:
        return [Feature("dibl", nan, "1", n=0, outcome=Outcome.DID_NOT_FIRE)]
    (low_vt, low_vd), (high_vt, high_vd) = (each.mean(axis=0) for each in found)
    value = float((low_vt - high_vt) / (high_vd - low_vd))
    if n < 2:
        return [Feature("dibl", value, "1", n=n, outcome=Outcome.TOO_FEW)]
    error = sum(each[:, 0].var(ddof=1) / len(each) for each in found) ** 0.5
    # Both curves meet the same grid, at different places in its steps.
    steps_v = [float(np.median(np.abs(np.diff(c[0])))) for each in transfer.values() for c in each]
    error = float(np.hypot(error, _INTERPOLATED * max(steps_v) / np.sqrt(6)))
    return [Feature("dibl", value, "1", error / abs(float(high_vd - low_vd)), n)]
