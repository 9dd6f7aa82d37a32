"""Measured beside simulated: agreement where there is agreement, and only there."""

import json
from math import isnan, nan

import pytest

from labbench.compare import Scorecard, compare_responses, energy_per_spike, replay
from labbench.compare.properties import holm
from labbench.features import Response
from labbench.model import read_card, simulate
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
    energy = energy_per_spike(read_card("b1"), measured)["energy_j"]
    left = energy["source"] - energy["memristor"] - energy["resistors"] - energy["stored"]
    assert abs(left) < 1e-6 * energy["source"]
    branch = energy["supply"] - energy["load"] - energy["transistor"]
    assert abs(branch) < 1e-3 * energy["supply"]
    assert energy["supply"] > 100 * energy["source"]


def test_a_scorecard_has_no_nan_in_json(measured):
    rows = tuple(verdicts(measured, read_card("b1")).values())
    card = Scorecard("d", "c", 0, (), rows, {}, nan)
    assert json.loads(json.dumps(card.to_dict(), allow_nan=False))["redchi"] is None
