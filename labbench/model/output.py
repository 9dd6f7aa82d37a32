"""The output stage: transistor, load resistor and the probe that watches the drain.

Without a Miller capacitance the drain never feeds back on the gate, so it is solved only at the
output samples. EKV-type law, valid from subthreshold to saturation::

    (9)  I_D = 2 n kp V_T^2 [F((Vg - Vt)/n) - F((Vg - Vt)/n - Vd)],  F(z) = ln^2(1 + e^(z/(2 V_T)))
    (10) (Vdd - Vd) / R_load = I_D(Vg, Vd) + Vd / R_probe
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, isnan, log1p, nan

import numpy as np

from labbench.features.transistor_law import THERMAL_VOLTAGE_V, drain_current_a
from labbench.model.card import ModelCard
from labbench.model.compiled import compiled
from labbench.model.layout import FloatArray


@dataclass(frozen=True)
class Loading:
    """What a probe does to the drain: a resistance and a capacitance to ground."""

    resistance_ohm: float = inf
    capacitance_f: float = 0.0


@compiled
def _interpolation(z: float) -> tuple[float, float]:
    """Return F(z) of equation (9) and its derivative."""
    half = z / (2.0 * THERMAL_VOLTAGE_V)
    if half > 40.0:
        return half * half, half / THERMAL_VOLTAGE_V
    growth = exp(half)
    root = log1p(growth)
    return root * root, root * growth / (1.0 + growth) / THERMAL_VOLTAGE_V


@compiled
def drain_voltage(
    gate_v: FloatArray,
    supply_v: float,
    load_ohm: float,
    threshold_v: float,
    kp: float,
    n: float,
    out: FloatArray,
) -> None:
    """Fill `out` with the drain voltage for each gate voltage, equation (10), by safe Newton.

    Where the gate is NaN, so is the drain.
    """
    scale = 2.0 * n * kp * THERMAL_VOLTAGE_V**2
    guess, climb = supply_v, 0.0
    for i in range(gate_v.size):
        if isnan(gate_v[i]):
            out[i] = nan
            guess, climb = supply_v, 0.0
            continue
        pinch = (gate_v[i] - threshold_v) / n
        forward, d_forward = _interpolation(pinch)
        if i > 0 and not isnan(gate_v[i - 1]):
            guess += climb * (gate_v[i] - gate_v[i - 1])
        low, high = 0.0, supply_v
        v = min(max(guess, low), high)
        for _ in range(100):
            reverse, d_reverse = _interpolation(pinch - v)
            excess = (supply_v - v) / load_ohm - scale * (forward - reverse)
            if excess > 0.0:
                low = v
            else:
                high = v
            v_new = v + excess / (1.0 / load_ohm + scale * d_reverse)
            if not low <= v_new <= high:
                v_new = 0.5 * (low + high)
            moved = abs(v_new - v)
            v = v_new
            # Newton squares the error of a thermal voltage: what is left is below 1e-16 V.
            if moved < 1e-9:
                break
        out[i] = v
        guess = v
        climb = -scale * (d_forward - d_reverse) / n / (1.0 / load_ohm + scale * d_reverse)


@compiled
def low_pass(time_s: FloatArray, level: FloatArray, tau_s: float, out: FloatArray) -> None:
    """Fill `out` with the exact first-order response to the linear interpolation of `level`."""
    out[0] = level[0]
    for i in range(1, level.size):
        dt = time_s[i] - time_s[i - 1]
        if dt <= 0.0:
            out[i] = out[i - 1]
            continue
        slope = (level[i] - level[i - 1]) / dt
        decay = exp(-dt / tau_s)
        lag = slope * tau_s
        out[i] = level[i] - lag + (out[i - 1] - level[i - 1] + lag) * decay


def drain_current(card: ModelCard, gate_v: FloatArray, drain_v: FloatArray) -> FloatArray:
    """Return the current into the drain, equation (9), (n,) for gate and drain voltages (n,)."""
    return drain_current_a(
        gate_v,
        drain_v,
        card["threshold_voltage_v"],
        card["transconductance_a_per_v2"],
        card["slope_factor"],
    )


def output_voltage(
    card: ModelCard, time_s: FloatArray, gate_v: FloatArray, loading: Loading | None = None
) -> FloatArray:
    """Return the drain voltage under a probe, (n,).

    The probe's capacitance is a first-order lag R_load C on the quasi-static drain, exact while
    the transistor is off; with a conducting transistor the true lag is shorter.
    """
    loading = loading or Loading()
    share = 1.0 / (1.0 + card["load_resistance_ohm"] / loading.resistance_ohm)
    load_ohm = card["load_resistance_ohm"] * share
    drain_v = np.empty_like(gate_v)
    drain_voltage(
        gate_v,
        card["supply_v"] * share,
        load_ohm,
        card["threshold_voltage_v"],
        card["transconductance_a_per_v2"],
        card["slope_factor"],
        drain_v,
    )
    tau_s = load_ohm * loading.capacitance_f
    if tau_s == 0.0:
        return drain_v
    lagged_v = np.empty_like(drain_v)
    low_pass(time_s, drain_v, tau_s, lagged_v)
    return lagged_v
