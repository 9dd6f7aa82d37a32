"""Measured beside simulated: agreement where there is agreement, and only there."""

import json
from math import isnan, nan

import pytest

from labbench.compare import Scorecard, compare_responses, energy_per_spike, replay
from labbench.compare.verdict import holm
from labbench.features import Response
from labbench.model import read_card, simulate
from labbench.model.energy import spike_energies
from labbench.stimulus import Pulse, PulseTrain


@pytest.fixture(scope="module")
def measured():
    card = read_card("b1")
    stimuli = [
        PulseTrain((Pulse(0.0, 2e-3, v),), duration_s=3e-3) for v in (0.6, 0.66, 0.75, 0.9)
    ] * 25
    return [
        Response(
            stimulus,
            simulate(card, stimulus, seed=8, trial=i, interval_s=2e-6, start_s=-1e-4).trace,
        )
        for i, stimulus in enumerate(stimuli)
    ]


def verdicts(measured, card):
    simulated = replay(measured, card, seed=9, repeats=4)
    rows = compare_responses({"threshold_firing": measured}, {"threshold_firing": simulated})
    return {row.feature: row for row in rows}


def test_the_same_card_agrees(measured):
    rows = verdicts(measured, read_card("b1"))
    assert "disagrees" not in {row.verdict for row in rows.values()}
    assert rows["threshold_voltage"].verdict == "agrees"
    assert rows["threshold_voltage"].simulated.n == 4 * rows["threshold_voltage"].measured.n


def test_another_card_disagrees(measured):
    rows = verdicts(measured, read_card("b1").with_values({"gamma1_per_s": 6900.0}))
    assert rows["threshold_voltage"].verdict == "disagrees"
    assert rows["threshold_voltage"].difference_sigma < -3


def test_replay_is_the_same_for_any_number_of_threads(measured):
    card = read_card("b1")
    one, two = (replay(measured[:4], card, seed=1) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        assert (a.trace.values("output") == b.trace.values("output")).all()


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    adjusted = holm([nan, 0.5])
    assert isnan(adjusted[0])
    assert adjusted[1] == 0.5


def test_energy_is_split_and_its_books_close(measured):
    document = energy_per_spike(read_card("b1"), measured)
    assert (document["outcome"], document["spikes"]) == ("ok", 1)
    assert document["latched_s"] == 0.0
    energy = document["energy_j"]
    left = energy["source"] - energy["memristor"] - energy["resistors"] - energy["stored"]
    assert abs(left) < 1e-6 * energy["source"]
    branch = energy["supply"] - energy["load"] - energy["transistor"]
    assert abs(branch) < 1e-6 * energy["supply"]
    assert energy["supply"] > 100 * energy["source"]
    json.dumps(document, allow_nan=False)


def test_energy_of_a_pulse_with_many_spikes_is_that_of_the_whole_ones():
    card, train = read_card("b1"), PulseTrain((Pulse(0.0, 20e-3, 0.65),), duration_s=60e-3)
    response = Response(train, simulate(card, train, noise="off", interval_s=1e-5).trace)
    document = energy_per_spike(card, [response])
    account = spike_energies(card, train, legs=1000)
    assert document["spikes"] == len(account.spikes) > 3
    assert document["energy_j"]["source"] == pytest.approx(account.per_spike.source_j, rel=1e-6)
    # After the last spike nothing is left to pay but what flows at rest, most of it in the output.
    assert 30e-3 < document["idle_s"] < 45e-3
    assert document["idle_j"]["source"] < 0.1 * document["energy_j"]["source"]


def test_energy_of_a_latched_gate_is_no_spikes():
    card = read_card("b1").with_values({"gamma1_per_s": 600.0})
    train = PulseTrain((Pulse(0.0, 40e-3, 1.0),), duration_s=41e-3)
    response = Response(train, simulate(card, train, noise="off", interval_s=1e-5).trace)
    document = energy_per_spike(card, [response])
    assert (document["outcome"], document["spikes"], document["energy_j"]) == ("latched", 0, {})
    assert document["latched_s"] > 35e-3
    assert document["latched_j"]["source"] > 1e-10


def test_a_memristor_has_no_energy_per_spike(measured):
    assert energy_per_spike(read_card("memristor"), measured) == {}


def test_a_scorecard_has_no_nan_in_json(measured):
    rows = tuple(verdicts(measured, read_card("b1")).values())
    card = Scorecard("d", "c", 0, (), rows, {}, nan)
    assert json.loads(json.dumps(card.to_dict(), allow_nan=False))["redchi"] is None
