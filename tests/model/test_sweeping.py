"""Sweeps of the model: a resistor's law, compliance, transistor in equilibrium, replay."""

from dataclasses import replace

import numpy as np
import pytest

from labbench.connection import OPEN, Connection
from labbench.errors import StimulusError
from labbench.features import Response
from labbench.model import read_card
from labbench.model.output import drain_current
from labbench.model.replay import replay_response
from labbench.model.sweeping import limited_channel, simulate_sweep
from labbench.stimulus import Sweep

B1 = read_card("b1")
GROUND = {"gate": 0.0}
LEVELS = np.r_[np.linspace(0, 1, 21), np.linspace(0.95, 0, 20)]


def test_a_closed_filament_is_a_resistor():
    sweep = Sweep(LEVELS, 0.01, bias=GROUND)
    trace = simulate_sweep(B1, sweep, OPEN, noise="off")
    on = slice(15, 25)
    assert trace.values("memristor")[on] == pytest.approx(LEVELS[on] / B1["r_on_ohm"], rel=1e-6)
    assert trace.values("input") == pytest.approx(LEVELS)
    assert trace.time_s == pytest.approx((np.arange(41) + 1) * 0.01)


def test_a_compliance_is_a_rail_and_the_source_sags():
    sweep = Sweep(LEVELS, 0.01, 2e-7, bias=GROUND)
    trace = simulate_sweep(B1, sweep, OPEN, noise="off")
    memristor = trace.channel("memristor")
    assert memristor.is_censored[15:25].all()
    assert not memristor.is_censored[:8].any()
    assert memristor.values[15:25] == pytest.approx(2e-7, rel=1e-3)
    assert (trace.values("input")[15:25] < 0.5).all()


def test_the_transistor_meets_its_law_through_the_load():
    gate_v = np.linspace(0.0, 0.6, 13)
    sweep = Sweep(gate_v, 0.01, terminal="gate", bias={"supply": 0.5})
    trace = simulate_sweep(B1, sweep, OPEN)
    current_a = trace.values("supply_current")
    drain_v = 0.5 - current_a * B1["load_resistance_ohm"]
    assert drain_current(B1, gate_v, drain_v) == pytest.approx(current_a, rel=1e-5, abs=1e-13)
    assert trace.values("gate_current") == pytest.approx(gate_v / B1["control_resistance_ohm"])
    supply_v = np.linspace(-0.1, 0.5, 7)
    other = simulate_sweep(B1, Sweep(supply_v, 0.01, terminal="supply", bias={"gate": 0.3}), OPEN)
    at_once = np.interp(0.3, gate_v, current_a)
    assert other.values("supply_current")[-1] == pytest.approx(at_once, rel=1e-6)
    # A negative supply finds the body diode: the load alone limits.
    assert other.values("supply_current")[0] == pytest.approx(-0.1 / 47e3)


@pytest.mark.parametrize(
    "sweep",
    [
        Sweep([0.1], 0.01, terminal="gate", bias={"input": 0.0}),
        Sweep([0.1], 0.01, bias={"gate": 0.2}),
        Sweep([0.1], None, bias=GROUND),
    ],
)
def test_what_the_model_cannot_hold(sweep):
    with pytest.raises(StimulusError):
        simulate_sweep(B1, sweep, OPEN)
    with pytest.raises(StimulusError, match="needs a neuron"):
        simulate_sweep(read_card("memristor"), replace(sweep, terminal="supply", bias={}), OPEN)


def test_a_response_is_played_again_at_its_terminal():
    sweep = Sweep(np.linspace(-1, 1, 5), 0.01, 1e-6, terminal="gate")
    first = Response(sweep, simulate_sweep(B1, sweep, OPEN), Connection())
    again = replay_response(first, B1)
    assert np.array_equal(again.stimulus.voltage_v, sweep.voltage_v), "not mirrored"
    assert np.array_equal(again.trace.values("gate_current"), first.trace.values("gate_current"))


def test_readings_a_little_below_the_limit_are_censored():
    current_a = np.array([1e-9, 0.995e-6, 0.999e-6, 3e-7, np.inf])
    channel = limited_channel(current_a, np.array([False, True, True, True, False]), 1e-6)
    assert channel.is_censored.tolist() == [False, True, True, False, True]
    assert channel.values[-1] == 1e-6, "an overflow is not beyond the limit"
