"""Adaptive procedures on source meters: forming with feedback, endurance that stops early."""

import numpy as np
import pytest

from labbench.errors import SettingError
from labbench.features import Outcome, endurance, forming
from labbench.features.forming import closing_voltage
from labbench.model import read_card
from labbench.stimulus import Sweep
from procedures import PROCEDURES, configure, find_procedure
from procedures.players import ModelPlayer
from procedures.sweeping import loop

SWEEPING = [name for name, each in PROCEDURES.items() if "pulse_source" not in each.needs]


class ChangingPlayer:
    """A device that is another one after some stimuli: a player for each."""

    control_resistances_ohm = ()

    def __init__(self, *players, changes_after):
        self.players, self.changes_after = players, changes_after
        self.responses = []

    def play(self, stimulus, *connection):
        is_changed = self.changes_after(self.responses)
        response = self.players[is_changed].play(stimulus, *connection)
        self.responses.append(response)
        return response


def run(name, settings, player):
    procedure = configure(find_procedure(name), settings)
    procedure.player, procedure.record = player, lambda ordinal, response: None
    procedure.should_stop, procedure.emit = lambda: False, lambda *args: None
    procedure.execute()


def model(factor=1.0, card="memristor"):
    card = read_card(card)
    return ModelPlayer(card.with_values({"mu_per_v_s": card["mu_per_v_s"] / factor}), 3, 1e-6, 0.0)


def has_closed(responses):
    """Whether half of the compliance has flowed once."""
    return any(not np.isnan(closing_voltage(response)) for response in responses)


def test_forming_stops_at_the_first_cycle_that_formed():
    # A fresh device needs eight times the voltage of one that was formed.
    player = ChangingPlayer(model(8.0), model(), changes_after=has_closed)
    run("forming", {"start_v": 0.4, "stop_v": 3.0, "rise_v": 0.2}, player)
    peaks_v = [response.stimulus.peak for response in player.responses]
    rising = peaks_v[:-2]
    assert rising == pytest.approx(0.4 + 0.2 * np.arange(len(rising)))
    assert peaks_v[-2:] == [rising[-1]] * 2, "two cycles more, and no more voltage"
    assert 0.8 < rising[-1] < 2.0
    found = {feature.name: feature for feature in forming(player.responses)}
    assert found["forming_voltage"].outcome is Outcome.OK
    assert rising[-1] - 0.2 < found["forming_voltage"].value <= rising[-1]
    assert found["threshold_after_forming"].value < 0.5 * found["forming_voltage"].value
    assert found["forming_cycles"].value == len(rising)


def test_forming_never_goes_above_its_stop():
    player = ChangingPlayer(model(50.0), changes_after=lambda responses: False)
    run("forming", {"start_v": 0.5, "stop_v": 0.9, "rise_v": 0.15}, player)
    assert max(response.stimulus.peak for response in player.responses) == 0.9
    assert len(player.responses) == 4
    feature = forming(player.responses)[0]
    assert (feature.outcome, feature.value) == (Outcome.DID_NOT_FIRE, 0.9)


def test_a_formed_device_says_so():
    player = ChangingPlayer(model(), changes_after=lambda responses: False)
    run("forming", {}, player)
    assert len(player.responses) == 3
    assert forming(player.responses)[0].outcome is Outcome.FORMED_ALREADY


@pytest.mark.parametrize(
    ("other", "name"),
    [
        (model(1e3), "cycles_to_no_switching"),
        # A filament that never decays.
        (
            ModelPlayer(read_card("memristor").with_values({"r_off_ohm": 1e7}), 0, 1e-6, 0.0),
            "cycles_to_stuck_on",
        ),
    ],
)
def test_endurance_stops_at_a_device_that_failed(other, name):
    player = ChangingPlayer(model(), other, changes_after=lambda responses: len(responses) >= 4)
    run("endurance", {"cycles": 50}, player)
    assert len(player.responses) == 4 + 3
    found = {feature.name: feature for feature in endurance(player.responses)}
    assert (found[name].outcome, found[name].value) == (Outcome.OK, 5)


@pytest.mark.parametrize("name", SWEEPING)
def test_every_stimulus_keeps_to_its_settings(name):
    player = ChangingPlayer(model(card="b1"), changes_after=lambda responses: False)
    run(name, {}, player)
    assert player.responses
    roles = {"input": "meter", "gate": "gate_meter", "supply": "supply"}
    procedure = find_procedure(name)
    for response in player.responses:
        sweep = response.stimulus
        assert isinstance(sweep, Sweep)
        assert sweep.compliance_a is not None
        assert sweep.peak <= 3.0
        if name != "contact_check" and sweep.terminal != "input":
            assert {roles[each] for each in (sweep.terminal, *sweep.bias)} <= set(procedure.needs)


def test_settings_that_contradict_each_other():
    with pytest.raises(SettingError, match="start_v = 4 V is above stop_v = 3 V"):
        configure(find_procedure("forming"), {"start_v": 4.0})


def test_a_loop_goes_up_and_back():
    levels = loop(1.0, 0.25)
    assert levels.tolist() == [0, 0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 0.25, 0]
