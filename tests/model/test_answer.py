"""What a bench would record, whatever the circuit."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from labbench.connection import Connection
from labbench.errors import CardError
from labbench.features import Response
from labbench.model import Loading, read_card, simulate
from labbench.model.answer import answer
from labbench.model.chain import in_a_row, simulate_chain
from labbench.model.replay import replay_response
from labbench.stimulus import Pulse, PulseTrain
from procedures.players import ModelPlayer

TRAIN = PulseTrain((Pulse(0.0, 8e-3, 0.7),), 10e-3)
RECORD = {"interval_s": 2e-6, "start_s": -1e-4}
PROBE = Loading(1e7, 1e-11)
B1, CHAIN = read_card("b1"), read_card("b1-chain")


def test_a_neuron_answers_as_it_is_simulated():
    given = {"seed": 3, "trial": 5, "loading": PROBE, **RECORD}
    assert_array_equal(
        answer(B1, TRAIN, **given).values("output"),
        simulate(B1, TRAIN, **given).trace.values("output"),
    )


def test_a_chain_shows_both_drains_and_its_first_neuron_is_alone():
    trace = answer(CHAIN, TRAIN, seed=3, trial=5, loading=PROBE, **RECORD)
    assert {"input", "output", "output2"} <= set(trace.channels)
    assert (trace.start_s, trace.interval_s) == (-1e-4, 2e-6)
    alone = answer(B1, TRAIN, seed=3, trial=5, loading=PROBE, **RECORD)
    # Other samples, other steps of the integrator: equal to its tolerance.
    np.testing.assert_allclose(trace.values("output"), alone.values("output"), atol=1e-3)
    # A probe's share of the supply, on either drain at rest.
    rest_v = 0.5 * 1e7 / (1e7 + 47e3)
    for name in ("output", "output2"):
        assert trace.values(name)[:40] == pytest.approx(rest_v, rel=1e-3)


def test_a_chain_that_does_not_converge_has_no_answer_beyond(monkeypatch):
    from labbench.model import answer as room

    first, second = simulate_chain(CHAIN, TRAIN, sample_s=np.linspace(0, 1e-2, 11))
    monkeypatch.setattr(room, "simulate_chain", lambda *a, **k: (first,))
    trace = answer(CHAIN, TRAIN, sample_s=np.linspace(0, 1e-2, 11))
    assert np.isnan(trace.values("output2")).all()
    assert second.has_converged


def test_a_recorded_response_of_a_chain_is_played_again():
    connection = Connection(supply_v=0.4, load_resistance_ohm=47e3)
    player = ModelPlayer(CHAIN, 6, 2e-6, -1e-4, PROBE)
    assert player.reaches(connection)
    recorded = player.play(TRAIN, connection)
    assert recorded.connection.supply_v == 0.4
    again = replay_response(recorded, CHAIN, seed=6, trial=0, loading=PROBE)
    assert isinstance(again, Response)
    for name in ("output", "output2"):
        assert_array_equal(again.trace.values(name), recorded.trace.values(name))
        assert recorded.trace.values(name).max() == pytest.approx(0.4, rel=1e-2)


def test_a_neuron_in_a_row_is_the_shipped_chain():
    chain = in_a_row(B1, {"interstage_gain": 2.5})
    assert (chain.circuit, dict(chain.values)) == ("chain", dict(CHAIN.values))
    with pytest.raises(CardError, match="stand in a row"):
        in_a_row(read_card("memristor"), {})
    with pytest.raises(CardError, match="gain"):
        in_a_row(B1, {"gain": 2.0})
