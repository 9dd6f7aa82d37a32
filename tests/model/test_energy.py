"""Energy and charge are kept: what the source gives is burnt or stored."""

from __future__ import annotations

import numpy as np
import pytest

from labbench.features import Outcome
from labbench.model import Loading, ModelCard, read_card, simulate
from labbench.stimulus import Pulse, PulseTrain, Stimulus, Waveform

B1 = read_card("b1")
MEMRISTOR = read_card("memristor")

EDGES = PulseTrain(
    tuple(Pulse(1e-4 + 2e-3 * i, 1e-3, 1.0, 1e-5, 2e-5) for i in range(4)), duration_s=8e-3
)
STEPS = PulseTrain(tuple(Pulse(2e-3 * i, 1e-3, 1.0, 0.0, 0.0) for i in range(4)), duration_s=7.5e-3)
# It ends while the source is on and everything is charged.
CUT = Waveform([0.0, 1e-3, 1e-3, 6e-3], [0.2, 1.0, 0.7, 1.0], 6e-3)
CURRENTS = Waveform([0.0, 1e-5, 3e-3, 3e-3, 6e-3], [0.0, 1e-5, 1e-5, 2e-6, 2e-6], 6e-3, unit="A")


def assert_balanced(card: ModelCard, stimulus: Stimulus, noise: str = "off") -> None:
    made = simulate(card, stimulus, noise=noise, rtol=1e-8)
    assert made.outcome is Outcome.OK  # it switched, so there is something to balance
    e = made.energy_j
    assert e["source"] > 0
    spent_j = e["memristor"] + e["resistors"] + e["stored"]
    assert spent_j == pytest.approx(e["source"], rel=1e-6)


@pytest.mark.parametrize("noise", ["off", "random", "mean"])
@pytest.mark.parametrize("stimulus", [EDGES, STEPS, CUT], ids=["edges", "steps", "cut"])
@pytest.mark.parametrize("parallel_f", [0.0, 50e-15, 10e-12])
def test_neuron(stimulus: Stimulus, parallel_f: float, noise: str):
    assert_balanced(B1.with_values({"parallel_capacitance_f": parallel_f}), stimulus, noise)


@pytest.mark.parametrize("stimulus", [EDGES, STEPS, CUT], ids=["edges", "steps", "cut"])
@pytest.mark.parametrize(
    "fixture",
    [
        {},
        {"series_resistance_ohm": 0.0, "shunt_capacitance_f": 1e-9},
        {"series_resistance_ohm": 1e5, "shunt_resistance_ohm": 1e7},
        {"series_resistance_ohm": 1e5, "shunt_capacitance_f": 1e-10, "shunt_resistance_ohm": 1e7},
        {"series_resistance_ohm": 1e5, "parallel_capacitance_f": 1e-11},
    ],
    ids=["plain", "stiff", "resistors", "capacitance", "own capacitance"],
)
def test_memristor_on_a_voltage(stimulus: Stimulus, fixture: dict[str, float]):
    assert_balanced(MEMRISTOR.with_values(fixture), stimulus)


@pytest.mark.parametrize(
    "fixture",
    [{"shunt_resistance_ohm": 1e6}, {"shunt_resistance_ohm": 1e6, "shunt_capacitance_f": 1e-10}],
    ids=["resistor", "capacitance"],
)
def test_memristor_on_a_current(fixture: dict[str, float]):
    card = MEMRISTOR.with_values(fixture, drive="current")
    assert_balanced(card, CURRENTS)


def test_the_output_branch_is_balanced_too():
    for loading in (Loading(), Loading(10e6, 10e-12)):
        e = simulate(B1, EDGES, loading=loading).energy_j
        assert e["supply"] > 0
        assert e["load"] + e["transistor"] == pytest.approx(e["supply"], rel=1e-12)


def test_the_input_of_a_spike_is_picojoules_and_the_output_nanojoules():
    made = simulate(B1, Waveform([0.0, 0.0, 20e-3], [0.0, 0.8, 0.8], 20e-3), noise="off")
    spikes = made.solution.event_times_s("spike").size
    # Charging 10 pF to 0.7 V from 0.8 V takes 5.6 pJ.
    assert 1e-12 < made.energy_j["source"] / spikes < 20e-12
    assert 1e-9 < made.energy_j["supply"] / spikes < 20e-9


def test_kirchhoff_at_the_gate():
    # Charge through the memristor = charge on the gate + charge through the control resistor.
    made = simulate(B1, EDGES, noise="off", rtol=1e-8, interval_s=1e-7).solution
    came = np.trapezoid(made.memristor_a, made.time_s)
    left = np.trapezoid(made.node_v / B1["control_resistance_ohm"], made.time_s)
    kept = B1["gate_capacitance_f"] * (made.node_v[-1] - made.node_v[0])
    # The trapezoid is good to the square of the sampling over the 10 us gate rise.
    assert left + kept == pytest.approx(came, rel=1e-3)


def test_static_fixture_is_a_divider():
    fixture = {"series_resistance_ohm": 1e5, "shunt_resistance_ohm": 1e7}
    made = simulate(MEMRISTOR.with_values(fixture), EDGES, noise="off").solution
    series_a = (made.input - made.node_v) / 1e5
    np.testing.assert_allclose(
        series_a, made.memristor_a + made.node_v / 1e7, rtol=1e-9, atol=1e-20
    )
