"""Where the gate stands when the output falls through half its rest, and how much later that is.

The integrator's spike is a crossing of the gate; a bench sees the output under a probe. With a
closed filament the gate rises as an exponential, so both follow from the transistor's law and the
probe's lag without integrating anything.
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, log

import numpy as np
from scipy.optimize import brentq

from labbench.model import Loading, ModelCard
from labbench.model.output import drain_current, drain_voltage, low_pass
from labbench.spikes import FIRE_FRACTION

_NAMES = (
    "supply_v",
    "load_resistance_ohm",
    "threshold_voltage_v",
    "transconductance_a_per_v2",
    "slope_factor",
)
# Of the rise time of the gate: how far beyond the crossing it is followed, and how finely.
_AFTER, _POINTS = 1.5, 600


def gate_at_v(card: ModelCard, loading: Loading, fraction: float) -> float:
    """Return the gate voltage at which the output rests at a fraction of its resting level."""
    return _gate_at(tuple(card[name] for name in _NAMES), loading, fraction)


@lru_cache(maxsize=4096)
def _gate_at(values: tuple[float, ...], loading: Loading, fraction: float) -> float:
    card = ModelCard(values=dict(zip(_NAMES, values, strict=True), **_ANY))
    share = 1.0 / (1.0 + card["load_resistance_ohm"] / loading.resistance_ohm)
    rest_v = float(_drain(card, np.zeros(1), share)[0])
    wanted_v = fraction * rest_v
    through_a = (card["supply_v"] * share - wanted_v) / (card["load_resistance_ohm"] * share)

    def excess(gate_v: float) -> float:
        return float(drain_current(card, np.array([gate_v]), np.array([wanted_v]))[0]) - through_a

    high = max(card["threshold_voltage_v"], 0.0) + 1.0
    while excess(high) < 0 and high < 1e3:
        high *= 2
    return float(brentq(excess, -1.0, high, xtol=1e-12))


# A card needs a memristor; none of it matters here.
_ANY = {
    "mu_per_v_s": 1.0, "alpha": 0.1, "beta_per_s": 0.0, "gamma1_per_s": 1.0, "gamma2_per_s": 1.0,
    "lambda": 0.1, "r_on_ohm": 1.0, "r_off_ohm": 1.0,
}  # fmt: skip


def _drain(card: ModelCard, gate_v: np.ndarray, share: float) -> np.ndarray:
    drain_v = np.empty_like(gate_v)
    drain_voltage(
        gate_v, card["supply_v"] * share, card["load_resistance_ohm"] * share,
        card["threshold_voltage_v"], card["transconductance_a_per_v2"], card["slope_factor"],
        drain_v,
    )  # fmt: skip
    return drain_v


def output_lag_s(card: ModelCard, drive_v: float, loading: Loading) -> float:
    """Return how long after the gate's crossing the probe shows the output's, in seconds."""
    if loading.capacitance_f == 0.0 or not np.isfinite(drive_v):
        return 0.0
    series_ohm = card["r_on_ohm"] + card["source_resistance_ohm"]
    control_ohm = card["control_resistance_ohm"]
    share = control_ohm / (control_ohm + series_ohm)
    tau_s = series_ohm * share * card["gate_capacitance_f"]
    crossing_v = gate_at_v(card, loading, FIRE_FRACTION)
    values = tuple(card[name] for name in _NAMES)
    return _lag(values, loading, float(drive_v * share), tau_s, crossing_v)


@lru_cache(maxsize=4096)
def _lag(
    values: tuple[float, ...], loading: Loading, end_v: float, tau_s: float, crossing_v: float
) -> float:
    if end_v <= crossing_v:
        return 0.0
    card = ModelCard(values=dict(zip(_NAMES, values, strict=True), **_ANY))
    share = 1.0 / (1.0 + card["load_resistance_ohm"] / loading.resistance_ohm)
    lag_s = card["load_resistance_ohm"] * share * loading.capacitance_f
    begins_s = -tau_s * log(end_v / (end_v - crossing_v))
    time_s = np.linspace(begins_s, _AFTER * tau_s + 6 * lag_s, _POINTS)
    gate_v = end_v - (end_v - crossing_v) * np.exp(-time_s / tau_s)
    drain_v = _drain(card, gate_v, share)
    seen_v = np.empty_like(drain_v)
    low_pass(time_s, drain_v, lag_s, seen_v)
    below = seen_v < FIRE_FRACTION * drain_v[0]
    if not below.any():
        return 0.0
    at = int(np.argmax(below))
    part = (seen_v[at - 1] - FIRE_FRACTION * drain_v[0]) / (seen_v[at - 1] - seen_v[at])
    return float(time_s[at - 1] + part * (time_s[at] - time_s[at - 1]))


def recovery_s(card: ModelCard, loading: Loading, low: float, high: float) -> float:
    """Return how long the output takes between two fractions of its rest while the gate decays.

    ``Rc Cg ln(V_low / V_high)``, with the gate voltages at which the output is there; the open
    filament and the probe's lag, which is the same at both, are left out.
    """
    low_v, high_v = gate_at_v(card, loading, low), gate_at_v(card, loading, high)
    tau_s = card["control_resistance_ohm"] * card["gate_capacitance_f"]
    return tau_s * log(low_v / high_v) if high_v > 0 else 1e3 * exp(-high_v)
