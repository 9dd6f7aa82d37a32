"""Gate discharge, played to the model: which connections it asks for, and what comes of it."""

from math import log

import pytest

from labbench.connection import OPEN, Connection
from labbench.errors import SettingError
from labbench.features import PROPERTIES, Outcome
from labbench.model import read_card
from procedures import configure, find_procedure
from procedures.players import ModelPlayer

B1 = read_card("b1")
TOTALS_OHM = (50e6, 25e6, 100e6)


class Wired(ModelPlayer):
    """The model as a bench whose wiring does not reach everything."""

    def __init__(self, card, resistances_ohm=(), gates=("open", "grounded", "follower")):
        super().__init__(card, 3, 2e-6, -1e-4, control_resistances_ohm=resistances_ohm)
        self.gates, self.asked = gates, []

    def reaches(self, connection):
        return connection.gate in self.gates

    def play(self, stimulus, connection=OPEN):
        self.asked.append((stimulus, connection))
        return super().play(stimulus, connection)


def play(player, **given):
    procedure = configure(find_procedure("gate_discharge"), given)
    responses, percent = [], []
    procedure.player = player
    procedure.record = lambda ordinal, response: responses.append(response)
    procedure.should_stop = lambda: False
    procedure.emit = lambda topic, value: percent.append(value) if topic == "progress" else None
    procedure.execute()
    (extract, _) = PROPERTIES[procedure.properties[0]]
    assert percent == sorted(percent)
    return {f.label: f for f in extract(responses)}


def test_resistors_go_up_and_down_and_the_gate_is_watched_last():
    player = Wired(B1, TOTALS_OHM)
    features = play(player, repeats=2, pulses=3)
    connections = [connection for _, connection in player.asked]
    first = next(i for i, each in enumerate(connections) if each != OPEN)
    resistances = [each.control_resistance_ohm for each in connections[first:-3]]
    up = [r for r in sorted(TOTALS_OHM) for _ in range(2)]
    assert resistances == up + up[::-1]
    assert connections[-3:] == [Connection("follower")] * 3
    threshold_v = player.asked[first - 1][0].peak
    assert [stimulus.peak for stimulus, _ in player.asked[first:]] == pytest.approx(
        [1.3 * threshold_v] * (len(connections) - first), abs=1e-3
    )
    assert all(f.is_usable for f in features.values())


def test_the_line_and_the_decay_are_those_of_the_circuit():
    player = Wired(B1, TOTALS_OHM)
    features = play(player, repeats=6)
    intervals = [f.value for f in features.values() if f.name == "interval"]
    assert intervals == sorted(intervals)
    # ISI ~ Rc Cg ln(u / (u - V_th)) + latency: a rough law, its slope within a factor of two.
    drive_v = player.asked[-1][0].peak
    threshold_v = drive_v / 1.3
    law = B1["gate_capacitance_f"] * log(drive_v / (drive_v - threshold_v))
    slope = features["interval_slope"]
    assert 0.5 * law < slope.value < 2 * law
    assert slope.value > 5 * slope.stderr
    tau_s = B1["gate_capacitance_f"] * B1["control_resistance_ohm"]
    assert features["gate_decay"].value == pytest.approx(tau_s, rel=2e-3)


def test_only_what_the_wiring_reaches_is_asked_for():
    player = Wired(B1, gates=("open",))
    features = play(player)
    assert not player.asked
    assert {f.outcome for f in features.values()} == {Outcome.OUT_OF_REACH}
    player = Wired(B1, TOTALS_OHM, gates=("open",))
    features = play(player)
    assert {connection.gate for _, connection in player.asked} == {"open"}
    assert features["gate_decay"].outcome is Outcome.OUT_OF_REACH
    assert features["interval_slope"].is_usable


def test_a_device_that_never_fires_is_left_after_the_search():
    player = Wired(B1.with_values({"gamma1_per_s": 1e6}), TOTALS_OHM)
    features = play(player)
    assert {connection for _, connection in player.asked} == {OPEN}
    assert {f.outcome for f in features.values()} == {Outcome.DID_NOT_FIRE}


def test_settings_that_contradict_each_other():
    with pytest.raises(SettingError, match="search_s"):
        configure(find_procedure("gate_discharge"), {"search_s": 1e-2, "step_s": 1e-3})
