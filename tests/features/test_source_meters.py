"""Features of source meter sweeps: exact curves give back what made them."""

from math import isnan, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labbench.connection import Connection
from labbench.features import (
    Outcome,
    Response,
    contact,
    endurance,
    forming,
    ramp_rate,
    relaxation_read,
    resistor,
    state_read,
    transistor,
)
from labbench.features.contact import advice
from labbench.features.transistor_law import drain_current_a
from labbench.stimulus import Sweep
from labbench.trace import Channel, Trace

LOAD_OHM = 47e3


def answer(stimulus, limit_a=None, connection=None, **channels):
    """Return a response of channels, currents by their names, with the limit as rails."""
    made = {}
    for name, values in channels.items():
        is_current = name.endswith("current") or name == "memristor"
        made[name] = Channel(
            np.asarray(values, dtype=float),
            "current" if is_current else "voltage",
            "A" if is_current else "V",
            rail_low=-limit_a if is_current and limit_a else None,
            rail_high=limit_a if is_current and limit_a else None,
        )
    size = stimulus.voltage_v.size
    trace = Trace(made, uneven_time_s=(np.arange(size) + 1) * stimulus.dwell_s)
    return Response(stimulus, trace, connection or Connection())


def loop_response(threshold_v, hold_v, peak_v=1.0, step_v=0.01, dwell_s=1e-2):
    """Return a loop of a device with sharp thresholds: 1 MOhm on, 1 TOhm off."""
    up = np.linspace(0, peak_v, round(peak_v / step_v) + 1)
    level_v = np.r_[up, up[-2::-1]]
    is_down = np.arange(level_v.size) >= up.size
    is_on = np.where(is_down, level_v > hold_v, level_v >= threshold_v - 1e-9)
    is_on &= threshold_v <= peak_v
    current_a = np.where(is_on, level_v / 1e6, level_v / 1e12)
    return answer(Sweep(level_v, dwell_s, 1e-6), limit_a=1e-6, input=level_v, memristor=current_a)


def by_label(features):
    return {feature.label: feature for feature in features}


def gate_sweep(resistance_ohm, bend_per_v=0.0, offset_a=0.0, noise_a=0.0, limit_a=1e-6):
    level_v = np.linspace(-1, 1, 41)
    current_a = offset_a + level_v / resistance_ohm * (1 - bend_per_v * np.abs(level_v))
    current_a = current_a + noise_a * np.random.default_rng(1).standard_normal(41)
    current_a = np.clip(current_a, -limit_a, limit_a)
    stimulus = Sweep(level_v, 0.02, limit_a, terminal="gate")
    return answer(stimulus, limit_a=limit_a, gate=level_v, gate_current=current_a)


@given(st.floats(1e6, 1e10), st.floats(-0.1, 0.1), st.floats(-1e-13, 1e-13))
def test_a_resistor_comes_back(resistance_ohm, bend_per_v, offset_a):
    found = by_label(resistor([gate_sweep(resistance_ohm, bend_per_v, offset_a)]))
    assert found["voltage_coefficient"].value == pytest.approx(bend_per_v, abs=1e-6)
    assert found["offset_current"].value == pytest.approx(offset_a, abs=1e-15)
    if bend_per_v == 0.0:
        assert found["control_resistance"].value == pytest.approx(resistance_ohm, rel=1e-9)


def test_a_noisy_resistor_lies_within_its_error():
    found = by_label(resistor([gate_sweep(1e8, noise_a=1e-10)]))
    feature = found["control_resistance"]
    assert abs(feature.value - 1e8) < 3 * feature.stderr
    # The stderr of a slope: noise / (spread of the voltages).
    expected = 1e-10 / np.sqrt(np.sum(np.linspace(-1, 1, 41) ** 2)) * 1e16
    assert feature.stderr == pytest.approx(expected, rel=0.3)


def test_resistors_that_are_none():
    assert resistor([]) == []
    assert resistor([gate_sweep(1e5)])[0].value == pytest.approx(1e5), "three points suffice"
    assert resistor([gate_sweep(1.0)])[0].outcome is Outcome.COMPLIANCE
    assert resistor([gate_sweep(1e30, noise_a=1e-12)])[0].outcome in (Outcome.OPEN, Outcome.OK)


def curve(supply_v, threshold_v, kp, slope, sigma_v=0.0):
    """Return a transfer curve through the load, parametrised by the drain voltage it has."""
    gate_v = np.linspace(0.0, 0.6, 61)
    drain_v = np.empty_like(gate_v)
    for i, one_v in enumerate(gate_v):
        low, high = 0.0, supply_v
        for _ in range(60):
            middle = 0.5 * (low + high)
            drain_a = drain_current_a(np.array([one_v]), np.array([middle]), threshold_v, kp, slope)
            low, high = (
                (middle, high) if (supply_v - middle) / LOAD_OHM > drain_a[0] else (low, middle)
            )
        drain_v[i] = 0.5 * (low + high)
    stimulus = Sweep(gate_v, 0.02, 1e-6, terminal="gate", bias={"supply": supply_v})
    return answer(
        stimulus,
        connection=Connection(load_resistance_ohm=LOAD_OHM),
        gate=gate_v,
        supply=np.full(61, supply_v),
        supply_current=(supply_v - drain_v) / LOAD_OHM,
    )


@pytest.mark.parametrize(
    ("threshold_v", "kp", "slope"), [(0.22, 7.5e-4, 1.4), (0.3, 2e-4, 1.1), (0.35, 5e-4, 1.6)]
)
def test_a_transistor_comes_back(threshold_v, kp, slope):
    curves = [curve(supply_v, threshold_v, kp, slope) for supply_v in (0.15, 0.5)]
    found = by_label(transistor(curves))
    assert found["threshold_voltage"].value == pytest.approx(threshold_v, abs=1e-6)
    assert found["transconductance"].value == pytest.approx(kp, rel=1e-5)
    assert found["slope_factor"].value == pytest.approx(slope, rel=1e-5)
    # Below threshold a current grows tenfold for n V_T ln 10.
    swing = found["subthreshold_slope at supply_v=0.5"]
    least_v = slope * 25.85e-3 * log(10)
    assert least_v < swing.value < 1.08 * least_v, "and for a little more where inversion sets in"
    # The law has no drain-induced lowering beyond what saturation itself shifts.
    assert abs(found["dibl"].value) < 0.02


def test_the_extrapolated_threshold_of_a_square_law():
    gate_v = np.linspace(0, 0.6, 61)
    current_a = 1e-5 * np.maximum(gate_v - 0.2, 0.0) ** 2
    stimulus = Sweep(gate_v, 0.02, 1e-6, terminal="gate", bias={"supply": 5.0})
    response = answer(
        stimulus,
        connection=Connection(load_resistance_ohm=LOAD_OHM),
        gate=gate_v,
        supply=np.full(61, 5.0),
        supply_current=current_a,
    )
    found = by_label(transistor([response, response]))
    feature = found["threshold_voltage_extrapolated at supply_v=5"]
    assert feature.value == pytest.approx(0.2, abs=1e-6)
    # I = 1e-7 A at an overdrive of 0.1 V.
    feature = found["threshold_voltage_constant_current at supply_v=5, current_a=1e-07"]
    assert abs(feature.value - 0.3) <= 0.001


def test_a_transistor_behind_an_unknown_load():
    bare = curve(0.5, 0.22, 7.5e-4, 1.4)
    unknown = Response(bare.stimulus, bare.trace)
    assert transistor([unknown])[0].outcome is Outcome.NOT_IDENTIFIABLE
    assert transistor([]) == []


def small(terminal, current, resistance_ohm, limit_a=1e-6, noise_a=0.0):
    level_v = np.linspace(0, 0.05, 5)
    drawn = noise_a * np.random.default_rng(2).standard_normal(5)
    current_a = np.clip(level_v / resistance_ohm + drawn, -limit_a, limit_a)
    stimulus = Sweep(level_v, 0.02, limit_a, terminal=terminal)
    return answer(stimulus, limit_a=limit_a, **{terminal: level_v, current: current_a})


def test_contacts():
    good, short, no_touch, at_rest = (
        contact([each])[0]
        for each in (
            small("gate", "gate_current", 1e8),
            small("input", "memristor", 1.0),
            small("gate", "gate_current", 1e15, noise_a=1e-15),
            small("input", "memristor", 1e15, noise_a=1e-14),
        )
    )
    assert (good.outcome, good.value) == (Outcome.OK, pytest.approx(1e8))
    assert short.outcome is Outcome.SHORT
    assert no_touch.outcome is Outcome.OPEN
    assert no_touch.value > 1e11
    assert at_rest.outcome is Outcome.CENSORED
    assert 1e11 < at_rest.value < 1e15, "the least resistance that there can be"
    for feature, words in (
        (good, "touches"), (short, "lift"), (no_touch, "lower the needle"), (at_rest, "no proof"),
    ):  # fmt: skip
        assert words in advice(feature)


def test_forming_and_a_device_that_was_formed():
    def cycles(*pairs):
        return [loop_response(threshold, 0.1, peak_v=peak) for peak, threshold in pairs]

    found = by_label(forming(cycles((1.0, 9), (1.5, 9), (2.0, 1.8), (2.0, 0.6))))
    assert found["forming_voltage"].value == pytest.approx(1.8)
    assert found["forming_voltage"].outcome is Outcome.OK
    assert found["forming_cycles"].value == 3
    assert found["highest_voltage"].value == 2.0
    assert found["threshold_after_forming"].value == pytest.approx(0.6)
    found = by_label(forming(cycles((1.0, 0.7), (1.0, 0.69))))
    assert found["forming_voltage"].outcome is Outcome.FORMED_ALREADY
    found = by_label(forming(cycles((1.0, 9), (2.0, 9))))
    assert found["forming_voltage"].outcome is Outcome.DID_NOT_FIRE
    assert found["forming_voltage"].value == 2.0
    assert forming([]) == []


def test_the_slope_of_thresholds_that_lie_on_a_line():
    rates = (1.0, 10.0, 100.0)
    responses = [
        loop_response(0.5 + 0.1 * k, 0.1, dwell_s=0.01 / rate)
        for k, rate in enumerate(rates)
        for _ in range(3)
    ]
    found = by_label(ramp_rate(responses))
    slope = found["threshold_per_decade"]
    assert slope.value == pytest.approx(0.1, rel=1e-6)
    assert 0 < slope.stderr < 0.01
    # All repeats on one level: what is left is the step of the grid.
    first = found["ramp_threshold at rate_v_per_s=1, current_a=1e-08"]
    assert (first.value, first.stderr) == pytest.approx((0.5, 0.01 / 12**0.5))
    mixed = [loop_response(0.5, 0.1), loop_response(9.0, 0.1)]
    assert ramp_rate(mixed)[0].outcome is Outcome.CENSORED
    assert ramp_rate([loop_response(9.0, 0.1)] * 2)[0].outcome is Outcome.DID_NOT_FIRE


def read_set_read(off_ohm, on_ohm, after_ohm, noise_a=0.0, limit_a=1e-5):
    level_v = np.repeat([0.1, 1.0, 0.1], 5)
    resistance_ohm = np.repeat([off_ohm, on_ohm, after_ohm], 5)
    current_a = level_v / resistance_ohm
    current_a = current_a + noise_a * np.random.default_rng(3).standard_normal(15)
    stimulus = Sweep(level_v, 0.02, limit_a)
    current_a = np.clip(current_a, -limit_a, limit_a)
    return answer(stimulus, limit_a=limit_a, input=level_v, memristor=current_a)


def test_states():
    found = by_label(state_read([read_set_read(1e12, 1e6, 5e11)] * 2))
    assert found["off_resistance at read_v=0.1"].value == pytest.approx(1e12)
    assert found["on_resistance at set_v=1"].value == pytest.approx(1e6)
    assert found["on_off_ratio at read_v=0.1, set_v=1"].value == pytest.approx(1e6)
    assert found["after_set_ratio at read_v=0.1, set_v=1"].value == pytest.approx(2.0)
    found = by_label(state_read([read_set_read(1e12, 1e4, 1e12)] * 2))
    assert found["on_resistance at set_v=1"].outcome is Outcome.COMPLIANCE
    found = by_label(state_read([read_set_read(1e15, 1e6, 1e15, noise_a=1e-13)] * 2))
    off = found["off_resistance at read_v=0.1"]
    assert off.outcome is Outcome.CENSORED
    assert off.value < 1e15
    assert found["on_off_ratio at read_v=0.1, set_v=1"].outcome is Outcome.CENSORED
    found = by_label(state_read([read_set_read(1e12, 1e12, 1e12)] * 2))
    assert found["on_resistance at set_v=1"].outcome is Outcome.DID_NOT_FIRE


def test_a_drift_over_cycles():
    responses = [loop_response(0.5 + 0.01 * k, 0.2, step_v=0.01) for k in range(20)]
    found = by_label(endurance(responses))
    drift = found["endurance_threshold_drift at current_a=1e-08"]
    assert drift.value == pytest.approx(0.01, rel=1e-6)
    assert found["endurance_hold_drift at current_a=1e-09"].value == pytest.approx(0, abs=1e-9)
    for name in ("cycles_to_no_switching", "cycles_to_stuck_on"):
        assert (found[name].outcome, found[name].value) == (Outcome.CENSORED, 20)


def test_ends_of_a_life():
    lives, dead, stuck = loop_response(0.5, 0.2), loop_response(9.0, 0.2), loop_response(0.5, -1.0)
    current_a = np.maximum(stuck.trace.values("memristor"), 2e-8)
    stuck = answer(stuck.stimulus, input=stuck.trace.values("input"), memristor=current_a)
    found = by_label(endurance([lives, lives, dead, lives, dead, dead, dead]))
    assert found["cycles_to_no_switching"].value == 5
    assert found["cycles_to_stuck_on"].outcome is Outcome.CENSORED
    found = by_label(endurance([lives, stuck, stuck, stuck]))
    assert found["cycles_to_stuck_on"].value == 2


def decay(tau_s, dwell_s, noise_a=0.0, n=60):
    level_v = np.repeat([1.0, 0.05], [5, n])
    time_s = (np.arange(n) + 1) * dwell_s
    current_a = np.r_[np.full(5, 1e-6), 5e-8 * np.exp(-time_s / tau_s)]
    current_a[5:] += noise_a * np.random.default_rng(4).standard_normal(n)
    return answer(Sweep(level_v, dwell_s, 1e-5), limit_a=1e-5, input=level_v, memristor=current_a)


@given(st.floats(1.0, 5.0))
def test_a_relaxation_between_readings(tau_in_dwells):
    dwell_s = 1e-3
    found = by_label(relaxation_read([decay(tau_in_dwells * dwell_s, dwell_s)] * 2))
    for fraction in (0.1, 1e-4):
        feature = found[f"relaxation_time at fraction={fraction:g}"]
        expected_s = -log(fraction) * tau_in_dwells * dwell_s
        assert feature.outcome is Outcome.OK
        # Interpolated in the logarithms, which an exponential bends a little.
        assert feature.value == pytest.approx(expected_s, abs=0.15 * dwell_s)


def test_relaxations_out_of_reach():
    fast = by_label(relaxation_read([decay(1e-5, 1e-3)] * 2))
    feature = fast["relaxation_time at fraction=0.1"]
    assert (feature.outcome, feature.value) == (Outcome.CENSORED, pytest.approx(1e-3))
    slow = by_label(relaxation_read([decay(10.0, 1e-3)] * 2))
    feature = slow["relaxation_time at fraction=0.0001"]
    assert feature.outcome in (Outcome.CENSORED, Outcome.NOT_IDENTIFIABLE)
    hidden = by_label(relaxation_read([decay(1e-5, 1e-3, noise_a=1e-10)] * 2))
    feature = hidden["relaxation_time at fraction=0.0001"]
    assert feature.outcome is Outcome.NOT_IDENTIFIABLE
    assert isnan(feature.value)
