"""Cascade and energy, played to the model: what is played, and what comes of it."""

import pytest

from labbench.connection import Connection
from labbench.features import PROPERTIES, Outcome
from labbench.model import Loading, read_card
from procedures import configure, find_procedure
from procedures.players import ModelPlayer

PROBE = Loading(1e7, 1e-11)


class Limited(ModelPlayer):
    """A model whose supply goes no higher than the usual one."""

    def reaches(self, connection):
        return (connection.supply_v or 0.0) <= 0.5


def play(name, card, settings, kind=ModelPlayer, seed=2):
    procedure = configure(find_procedure(name), {"start_v": 0.6, **settings})
    responses = []
    procedure.player = kind(card, seed, 2e-6, -2e-4, PROBE)
    procedure.record = lambda ordinal, response: responses.append(response)
    procedure.should_stop, procedure.emit = lambda: False, lambda topic, value: None
    procedure.execute()
    return responses, {f.label: f for f in PROPERTIES[name][0](responses)}


def supplies(responses):
    return list(dict.fromkeys(r.connection.supply_v for r in responses))


@pytest.fixture(scope="module")
def chain():
    return read_card("b1-chain")


def test_the_supply_goes_down_until_half_of_the_spikes_fail(chain):
    responses, found = play("cascaded_propagation", chain, {})
    levels = supplies(responses)
    assert levels == sorted(levels, reverse=True)
    assert levels[0] == 0.5
    shares = {f.at["supply_v"]: f.value for f in found.values() if f.name.endswith("probability")}
    low = [v for v in levels if shares.get(v, 1.0) < 0.5]
    # One level beyond the first is enough.
    assert len(low) == 2
    assert low == levels[-2:]
    assert found["gain_margin"].is_usable
    assert found["gain_margin"].value > 1.05


def test_too_little_gain_raises_the_supply_as_far_as_it_may(chain):
    weak = chain.with_values({"interstage_gain": 1.7})
    responses, found = play("cascaded_propagation", weak, {})
    assert supplies(responses) == sorted(supplies(responses))
    assert 0.5 < max(supplies(responses)) <= 1.5 * 0.5
    assert found["gain_margin"].value < 1.0
    responses, found = play("cascaded_propagation", weak, {}, Limited)
    assert supplies(responses) == [0.5]
    assert found["gain_margin"].outcome is Outcome.NOT_IDENTIFIABLE


def test_a_chain_that_never_fires_is_left_alone(chain):
    dead = chain.with_values({"gamma1_per_s": 1e6})
    for name in ("cascaded_propagation", "energy_per_spike"):
        responses, found = play(name, dead, {})
        assert {r.stimulus.pulses[0].width_s for r in responses} == {3e-3}
        assert {f.outcome for f in found.values()} == {Outcome.DID_NOT_FIRE}


def test_more_gain_has_more_margin(chain):
    margins = [
        play("cascaded_propagation", chain.with_values({"interstage_gain": gain}), {})[1][
            "gain_margin"
        ]
        for gain in (2.3, 2.9)
    ]
    ratio = margins[1].value / margins[0].value
    # The ratio of the gains, within what swing and area leave open.
    assert ratio == pytest.approx(2.9 / 2.3, rel=0.12)


def test_energy_follows_the_supply():
    b1 = read_card("b1")
    energies = []
    for supply_v in (0.4, 0.5):
        _, found = play("energy_per_spike", b1.with_values({"supply_v": supply_v}), {})
        energies.append(next(f for f in found.values() if f.name == "supply_energy"))
    assert all(energy.is_usable for energy in energies)
    # More than in proportion: load current and voltage both go with it.
    assert 1.25 < energies[1].value / energies[0].value < (0.5 / 0.4) ** 2


def test_a_connection_says_the_supply_of_a_model(chain):
    player = ModelPlayer(chain, 0, 2e-6, -1e-4)
    procedure = configure(find_procedure("cascaded_propagation"), {})
    pulse = next(procedure.stimuli())
    response = player.play(pulse, Connection(supply_v=0.3))
    assert response.trace.values("output")[0] == pytest.approx(0.3, rel=1e-2)
