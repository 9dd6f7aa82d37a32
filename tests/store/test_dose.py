"""What one stimulus does at worst, against closed forms; and as measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labbench.features import Response
from labbench.stimulus import Pulse, PulseTrain, Sweep, Waveform
from labbench.store.dose import measured_dose, worst_dose
from labbench.trace import Channel, Trace

LEVELS = st.lists(st.floats(-3, 3, width=32), min_size=2, max_size=12)


@given(st.floats(1e-5, 1e-2), st.floats(-3, 3).filter(lambda v: abs(v) > 1e-3), st.floats(50, 1e6))
def test_a_trapezoid(width_s, amplitude_v, resistance_ohm):
    edge_s = width_s / 5
    train = PulseTrain((Pulse(0, width_s, amplitude_v, edge_s, edge_s),), duration_s=1.0)
    dose = worst_dose(train, resistance_ohm)
    assert (dose.n_pulses, dose.peak_v) == (1, abs(amplitude_v))
    assert dose.at_voltage_s == pytest.approx(width_s + edge_s)
    assert dose.charge_c == pytest.approx(abs(amplitude_v) * width_s / resistance_ohm)
    flat_s = width_s - edge_s
    energy_j = amplitude_v**2 * (flat_s + 2 * edge_s / 3) / resistance_ohm
    assert dose.energy_j == pytest.approx(energy_j)
    assert not dose.is_measured


@given(LEVELS)
def test_any_waveform_against_samples(levels):
    time_s = np.arange(len(levels), dtype=float)
    dose = worst_dose(Waveform(time_s, np.array(levels), duration_s=time_s[-1]), 2.0)
    fine_s = np.linspace(0, time_s[-1], 4000 * (len(levels) - 1) + 1)
    sampled = np.interp(fine_s, time_s, levels)
    assert dose.charge_c == pytest.approx(np.trapezoid(abs(sampled), fine_s) / 2, abs=1e-6)
    assert dose.energy_j == pytest.approx(np.trapezoid(sampled**2, fine_s) / 2, abs=1e-5)


def test_what_is_not_known_is_not_invented():
    timeless = Sweep(np.array([0.0, 0.5]), dwell_s=None)
    dose = worst_dose(timeless, 50.0)
    assert (dose.peak_v, dose.at_voltage_s, dose.charge_c, dose.energy_j) == (0.5, None, None, None)
    driven = Waveform([0, 1, 2], [0, 1e-3, 0], duration_s=2, unit="A")
    dose = worst_dose(driven, 50.0)
    assert (dose.peak_v, dose.energy_j) == (None, None)
    assert dose.charge_c == pytest.approx(1e-3)
    unknown = worst_dose(PulseTrain((Pulse(0, 1e-3, 1.0),), duration_s=1.0), None)
    assert (unknown.charge_c, unknown.energy_j) == (None, None)


def test_excursions_of_a_waveform_count_as_pulses():
    level = [0, 1, 0, 0, -1, -2, 0, 3]
    dose = worst_dose(Waveform(np.arange(8), level, duration_s=8), 1.0)
    assert dose.n_pulses == 3


def test_a_recorded_current_is_the_dose():
    time_s = np.arange(1001) * 1e-6
    train = PulseTrain((Pulse(0, 5e-4, 0.8),), duration_s=1e-3)
    current = Channel(np.full(1001, -2e-6), "current", "A")
    input_v = Channel(np.full(1001, 0.5), "voltage", "V")
    trace = Trace({"input": input_v, "memristor": current}, interval_s=1e-6)
    worst = worst_dose(train, 50.0)
    dose = measured_dose(Response(train, trace), worst)
    assert dose.is_measured
    assert dose.charge_c == pytest.approx(2e-6 * time_s[-1])
    assert dose.energy_j == pytest.approx(1e-6 * time_s[-1])
    railed = Trace({"memristor": replace(current, rail_low=-2e-6)}, interval_s=1e-6)
    assert measured_dose(Response(train, railed), worst) is worst
    without = Trace({"input": input_v}, interval_s=1e-6)
    assert measured_dose(Response(train, without), worst) is worst
