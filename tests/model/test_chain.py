"""Neurons in a row: the drain of each drives the next through an inverting stage."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from labbench.errors import CardError, StimulusError
from labbench.features import Outcome
from labbench.model import ModelCard, Solution, advance, read_card, resting, simulate
from labbench.model import chain as room
from labbench.model.chain import drive_of_next, simulate_chain, stage_cards
from labbench.model.output import Loading, output_voltage
from labbench.stimulus import Waveform

B1 = read_card("b1")
END_S = 60e-3
DC = Waveform([0.0, 0.0, END_S], [0.0, 0.65, 0.65], END_S)
ENDS_S = np.array([0.0, END_S])


def chain_of(stages: int = 2, gain: float = 2.5, **values: float) -> ModelCard:
    return ModelCard(
        circuit="chain",
        values={**B1.values, "stages": stages, "interstage_gain": gain, **values},
    )


def play(card: ModelCard, sample_s=ENDS_S, **fields) -> tuple[Solution, ...]:
    return simulate_chain(card, DC, sample_s=sample_s, **{"noise": "off", **fields})


def spikes_s(solution: Solution) -> np.ndarray:
    return solution.event_times_s("spike")


def test_a_spike_goes_on_to_the_second_neuron():
    first, second = (spikes_s(one) for one in play(chain_of()))
    assert first.size > 20
    assert second.size == first.size
    # Each one later by less than the time between the first ones.
    delay_s = second - first
    assert np.all(delay_s > 0.0)
    assert delay_s.max() < 0.2 * np.diff(first).min()


def test_with_too_little_gain_nothing_goes_on():
    first, second = play(chain_of(gain=1.5))
    assert spikes_s(first).size > 20
    assert second.outcome is Outcome.DID_NOT_FIRE
    # More gain, sooner: the charging current goes with the level.
    latency_s = [spikes_s(play(chain_of(gain=gain))[1])[0] for gain in (2.0, 2.5, 3.0)]
    assert latency_s == sorted(latency_s, reverse=True)


def test_nothing_acts_backwards():
    alone = simulate(B1, DC, noise="off", sample_s=ENDS_S).solution
    for values in ({}, {"interstage_output_ohm": 1e5}, {"interstage_input_ohm": 47e3}):
        first = play(chain_of(**values))[0]
        assert_array_equal(spikes_s(first), spikes_s(alone))


def test_a_chain_of_one_is_the_neuron():
    sample_s = np.linspace(0.0, END_S, 1001)
    alone = simulate(B1, DC, seed=5, device=3, trial=2, sample_s=sample_s).solution
    (one,) = play(chain_of(1), sample_s, noise="random", seed=5, device=3, trial=2)
    assert_array_equal(one.event_s, alone.event_s)
    assert_array_equal(one.output_v[:1001], alone.output_v)
    assert_array_equal(one.input[:1001], alone.input)


def test_neuron_k_is_device_plus_k():
    card = chain_of(3)
    made = play(card, noise="random", seed=7, device=11, trial=4, rtol=1e-8)
    cards = stage_cards(card)
    for place in (1, 2):
        alone = advance(
            cards[place],
            resting(cards[place], 7, 11 + place, 4),
            made[place].corner_s,
            made[place].level,
            np.array([END_S]),
            rtol=1e-8,
        )
        jumps_s = alone.event_times_s("jump")
        assert jumps_s.size > 20
        assert_allclose(jumps_s[:20], made[place].event_times_s("jump")[:20], rtol=1e-9)
    assert len({solution.state.key for solution in made}) == 3
    again = play(card, noise="random", seed=7, device=11, trial=4, rtol=1e-8)
    assert_array_equal(made[2].event_s, again[2].event_s)


def test_the_next_input_is_the_inverted_drain():
    sample_s = np.linspace(0.0, END_S, 20_001)
    first, second = play(chain_of(interstage_input_ohm=100e3), sample_s)
    share = 100e3 / (100e3 + B1["load_resistance_ohm"])
    # The stage's input resistance makes a divider of the idle drain.
    assert first.loading == Loading(100e3)
    assert first.output_v.max() == pytest.approx(share * B1["supply_v"], rel=2e-3)
    idle_v = output_voltage(first.card, np.zeros(1), np.zeros(1), first.loading)
    expected = 2.5 * (idle_v - first.output_v)
    assert expected.max() > 0.7
    # As exact as the lines that follow it, and the interpolation between its points.
    assert np.abs(second.input[:-1] - expected[:-1]).max() < 3e-4 * 2.5 * B1["supply_v"]
    # The last one is loaded by nothing.
    assert second.loading == Loading()


def test_the_output_resistance_takes_its_share_of_the_voltage():
    card = chain_of(interstage_output_ohm=3e5)
    about_s = spikes_s(play(card)[1])[0]
    sample_s = about_s + np.linspace(-20e-6, 3e-6, 2301)
    second = play(card, sample_s, rtol=1e-9)[1]
    gate_v, time_s = second.node_v[:-1], second.time_s[:-1]
    # The gate is charged by what the resistance lets through: i = C dV/dt + V / Rc.
    current_a = (
        card["gate_capacitance_f"] * np.gradient(gate_v, time_s)
        + gate_v / card["control_resistance_ohm"]
    )
    dropped_v = second.input[:-1] - current_a * 3e5 - gate_v
    closed = np.flatnonzero(time_s > second.event_times_s("on")[0])[5:-5]
    assert closed.size > 500
    assert_allclose(dropped_v[closed], current_a[closed] * card["r_on_ohm"], rtol=2e-3)
    assert_allclose(second.memristor_a[:-1][closed], current_a[closed], rtol=2e-3)


def test_a_large_output_resistance_delays():
    # A closed filament charges the gate with (Ron + Ro) Cg.
    free_s, slow_s = (
        spikes_s(play(chain_of(interstage_output_ohm=ohm), rtol=1e-8)[1])[0] for ohm in (0.0, 1e6)
    )
    assert 1e-6 < slow_s - free_s < 10e-6


def test_a_finer_following_changes_less_than_a_microsecond(monkeypatch: pytest.MonkeyPatch):
    coarse = spikes_s(play(chain_of(), rtol=1e-8)[1])
    monkeypatch.setattr(room, "POINTS_A_STEP", 128)
    monkeypatch.setattr(room, "FOLLOWED_TO", 1e-6)
    fine = spikes_s(play(chain_of(), rtol=1e-8)[1])
    assert_allclose(coarse, fine, rtol=0, atol=1e-6)


def test_samples_do_not_change_a_chain():
    few, many = (play(chain_of(), np.linspace(0.0, END_S, n))[1] for n in (2, 5000))
    assert_array_equal(few.event_s, many.event_s)


def test_following_needs_the_dense_output():
    plain = simulate(B1, DC, noise="off", sample_s=ENDS_S).solution
    with pytest.raises(StimulusError, match="dense"):
        drive_of_next(chain_of(), plain)


def test_only_a_chain_is_a_chain():
    for card in (B1, read_card("memristor")):
        with pytest.raises(CardError, match="not a chain"):
            simulate_chain(card, DC)


def test_a_current_does_not_drive_a_chain():
    with pytest.raises(StimulusError, match="voltage"):
        simulate_chain(chain_of(), Waveform([0.0], [1e-6], 1e-3, unit="A"))


@pytest.mark.parametrize("sample_s", [[-1e-3, 0.0], [1e-3, 0.0], [0.0, np.nan]])
def test_impossible_samples_are_refused(sample_s):
    with pytest.raises(StimulusError):
        play(chain_of(), np.array(sample_s))


def test_a_chain_ends_where_a_neuron_did_not_converge():
    (only,) = play(chain_of(3), rtol=0.0)
    assert only.outcome is Outcome.NOT_CONVERGED


def test_the_neurons_take_the_cards_values():
    card = chain_of(3, interstage_output_ohm=1e4, source_resistance_ohm=7.0)
    cards = stage_cards(card)
    assert [one.circuit for one in cards] == ["neuron"] * 3
    assert [one["source_resistance_ohm"] for one in cards] == [7.0, 1e4, 1e4]
    assert len({one.name for one in cards}) == 3
    with pytest.raises(CardError, match="whole number"):
        chain_of(1.5)
