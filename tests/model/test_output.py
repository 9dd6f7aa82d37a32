"""The output stage: Kirchhoff's law at the drain, probes as dividers and lags."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from labbench.features.transistor_law import THERMAL_VOLTAGE_V
from labbench.model import Loading, ModelCard, read_card
from labbench.model.output import low_pass, output_voltage

B1 = read_card("b1")


def drain_current_a(card: ModelCard, gate_v, drain_v):
    """Equation (9), written once more."""

    def f(z):
        return np.logaddexp(0.0, z / (2 * THERMAL_VOLTAGE_V)) ** 2

    n, pinch = card["slope_factor"], (gate_v - card["threshold_voltage_v"]) / card["slope_factor"]
    scale = 2 * n * card["transconductance_a_per_v2"] * THERMAL_VOLTAGE_V**2
    return scale * (f(pinch) - f(pinch - drain_v))


cards = st.builds(
    lambda vt, kp, n, load, supply: B1.with_values(
        {
            "threshold_voltage_v": vt,
            "transconductance_a_per_v2": kp,
            "slope_factor": n,
            "load_resistance_ohm": load,
            "supply_v": supply,
        }
    ),
    st.floats(-0.5, 1.0),
    st.floats(1e-7, 1e-2),
    st.floats(1.0, 2.0),
    st.floats(1e3, 1e9),
    st.floats(0.1, 5.0),
)


@settings(max_examples=60, deadline=None)
@given(cards, st.floats(1e5, 1e12) | st.just(np.inf))
def test_kirchhoff_at_the_drain_and_monotone(card: ModelCard, probe_ohm: float):
    gate_v = np.linspace(-0.5, 2.0, 101)
    drain_v = output_voltage(card, np.arange(101.0), gate_v, Loading(probe_ohm))
    load_a = (card["supply_v"] - drain_v) / card["load_resistance_ohm"]
    residual_a = load_a - drain_current_a(card, gate_v, drain_v) - drain_v / probe_ohm
    # Of the largest current there can be, plus the rounding of the difference in equation (9):
    # deep in conduction it cancels two terms of kp Vg^2 / (2 n).
    forward_a = drain_current_a(card, gate_v, np.inf)
    limit_a = 1e-9 * card["supply_v"] / card["load_resistance_ohm"] + 2e-15 * forward_a
    assert np.all(np.abs(residual_a) < limit_a)
    assert np.all(np.diff(drain_v) <= 1e-11)
    assert drain_v.min() >= 0
    assert drain_v.max() <= card["supply_v"]


def test_saturation_current_is_the_square_law():
    # Far above threshold, and a supply that keeps the transistor saturated.
    card = B1.with_values({"supply_v": 50.0, "load_resistance_ohm": 1e3})
    gate_v = np.array([2.22])
    load_a = (50.0 - output_voltage(card, np.zeros(1), gate_v)) / 1e3
    kp, n = card["transconductance_a_per_v2"], card["slope_factor"]
    assert_allclose(load_a, kp * 2.0**2 / (2 * n), rtol=1e-6)


def test_an_unloaded_gate_at_rest_leaves_the_supply():
    # exp(-0.22 / (1.4 * 25.85 mV)) of leakage remains.
    assert_allclose(output_voltage(B1, np.zeros(1), np.zeros(1)), 0.5, rtol=1e-3)


def test_a_resistive_probe_divides_the_supply():
    off_v = output_voltage(B1, np.zeros(1), np.array([-2.0]), Loading(resistance_ohm=47e3))
    assert_allclose(off_v, 0.25, rtol=1e-9)


def test_a_probe_capacitance_is_an_exponential_after_a_step():
    # The gate closes the transistor at once: an exponential, whatever the sampling.
    tau_s = 47e3 * 10e-12
    for n in (11, 1001):
        time_s = np.r_[0.0, 1e-12, np.linspace(1e-9, 5 * tau_s, n)]
        gate_v = np.r_[2.0, np.full(n + 1, -2.0)]
        on_v = output_voltage(B1, time_s, gate_v)[0]
        drain_v = output_voltage(B1, time_s, gate_v, Loading(capacitance_f=10e-12))
        expected_v = 0.5 + (on_v - 0.5) * np.exp(-time_s / tau_s)
        # The step takes 1e-12 s, 2e-6 of tau.
        assert_allclose(drain_v[1:], expected_v[1:], atol=2e-6)


def test_the_lag_on_a_ramp():
    tau_s, rate = 0.3, 2.0
    for time_s in (np.linspace(0, 3, 4), np.linspace(0, 3, 301), np.array([0, 0.1, 0.1, 2.0, 3.0])):
        lagged = np.empty_like(time_s)
        low_pass(time_s, rate * time_s, tau_s, lagged)
        expected = rate * (time_s - tau_s * (1 - np.exp(-time_s / tau_s)))
        assert_allclose(lagged, expected, atol=1e-14)


def test_an_unknown_gate_is_an_unknown_drain_and_says_nothing_of_the_next():
    drain_v = output_voltage(B1, np.arange(3.0), np.array([0.0, np.nan, 0.0]))
    assert np.isnan(drain_v[1])
    assert drain_v[0] == pytest.approx(drain_v[2], abs=1e-12)
