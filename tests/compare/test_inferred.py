"""What is inferred with a card stands beside what was measured, marked as such."""

import pytest

from labbench.compare import (
    Scorecard,
    compare_responses,
    energy_of,
    inferred_energy,
    inferred_rows,
    replay,
)
from labbench.connection import Connection
from labbench.features import Response, energy_per_spike
from labbench.model import Loading, read_card
from labbench.model.answer import answer
from labbench.report.energy import energy_branches, energy_words
from labbench.report.rows import headline
from labbench.report.verdict import property_verdicts
from labbench.stimulus import Pulse, PulseTrain

B1 = read_card("b1")
PROBE = Loading(1e7, 1e-11)
KNOWN = Connection(load_resistance_ohm=47e3, supply_v=0.5)


@pytest.fixture(scope="module")
def responses():
    trains = [PulseTrain((Pulse(0.0, w, 0.7),), w + 3e-3) for w in (3e-3, *[15e-3] * 6)]
    return [
        Response(
            train,
            answer(B1, train, seed=8, trial=i, interval_s=2e-6, start_s=-1e-4, loading=PROBE),
            KNOWN,
        )
        for i, train in enumerate(trains)
    ]


@pytest.fixture(scope="module")
def inferred(responses):
    return inferred_energy(B1, responses, seed=1, loading=PROBE)


def test_the_input_branch_closes_and_is_marked(inferred):
    values = {f.name: f.value for f in inferred}
    parts = ("memristor_energy", "control_resistor_energy", "stored_energy")
    assert sum(values[part] for part in parts) == pytest.approx(values["input_energy"], rel=1e-5)
    assert 1e-12 < values["input_energy"] < 1e-11
    for feature in inferred:
        assert feature.inferred
        assert feature.is_usable
        assert feature.n > 10
        # Where spikes were measured, and nowhere else.
        assert feature.at == {"amplitude_v": 0.7, "width_s": 15e-3}


def test_a_chain_infers_for_its_first_neuron(responses, inferred):
    chain = inferred_energy(read_card("b1-chain"), responses, seed=1, loading=PROBE)
    assert [f.value for f in chain] == pytest.approx([f.value for f in inferred], rel=1e-9)


def test_nothing_is_inferred_where_nothing_was_measured(responses):
    assert inferred_energy(read_card("memristor"), responses, seed=1) == []
    assert inferred_energy(B1, [], seed=1) == []
    assert energy_of(B1, energy_per_spike([]), []) == {}


def test_measured_and_inferred_are_one_split_on_the_scorecard(responses, inferred):
    simulated = replay(responses, B1, seed=9, repeats=4, loading=PROBE)
    rows = compare_responses({"energy_per_spike": responses}, {"energy_per_spike": simulated})
    compared = {row.feature.split(" at ")[0]: row for row in rows}
    for name in ("supply_energy", "load_energy", "transistor_energy"):
        assert compared[name].verdict == "agrees"
        assert compared[name].simulated.n > 3 * compared[name].measured.n
    assert (compared["latched_time"].measured.value, compared["latched_time"].verdict) == (
        0.0,
        "agrees",
    )
    extra = inferred_rows("energy_per_spike", inferred)
    assert {row.verdict for row in extra} == {"inferred"}
    energy = energy_of(B1, energy_per_spike(responses), inferred)
    card = Scorecard("d", "b1", 0, (), (*rows, *extra), energy)
    (verdict,) = (v for v in property_verdicts(card) if v.property == "energy_per_spike")
    assert verdict.verdict == "agrees"
    # Inferred ones neither agree nor disagree.
    assert f"of {len(rows)} features" in verdict.summary
    assert f"of {len(rows)} features" in headline(card, None)[0].text
    document = card.to_dict()
    assert document["properties"][-1]["measured"]["value"] is None
    supply, load, transistor = (energy["energy_j"][n] for n in ("supply", "load", "transistor"))
    assert supply == pytest.approx(load + transistor)
    assert [branch.name for branch in energy_branches(energy)] == ["Input", "Output"]
    words = energy_words(energy)
    assert "measured at the drain" in words
    assert "inferred with the card b1" in words
