"""Cascaded propagation read from two drains: what counts as an answer, and the margin."""

from dataclasses import replace

import numpy as np
import pytest

from labbench.connection import OPEN, Connection
from labbench.features import Outcome, Response, cascaded_propagation
from labbench.features.cascaded_propagation import answered
from labbench.model import Loading, read_card
from labbench.model.answer import answer
from labbench.spikes import find_spikes
from labbench.stimulus import Pulse, PulseTrain
from labbench.trace import Channel, Trace

DT_S = 2e-6
TRAIN = PulseTrain((Pulse(0.0, 20e-3, 0.65),), 24e-3)
SPIKES_S = 1e-3 + 2e-3 * np.arange(10)
CHAIN = read_card("b1-chain")


def drain(spikes_s, supply_v=0.5, width_s=0.5e-3, low=0.1):
    time_s = np.arange(-100, 12_000) * DT_S
    drain_v = np.full(time_s.size, supply_v)
    for spike_s in spikes_s:
        drain_v[(time_s >= spike_s) & (time_s < spike_s + width_s)] = low * supply_v
    return Channel(drain_v, "voltage", "V")


def made(first_s, second_s, supply_v=0.5, **fields):
    channels = {"output": drain(first_s, supply_v, **fields), "output2": drain(second_s, supply_v)}
    return Response(TRAIN, Trace(channels, -100 * DT_S, DT_S), Connection(supply_v=supply_v))


def by_name(responses):
    return {feature.name: feature for feature in cascaded_propagation(responses)}


def series(shares, **fields):
    """Return two records at each supply, in which a share of ten spikes is answered."""
    return [
        made(SPIKES_S, SPIKES_S[: round(10 * share)] + 4e-4, supply_v, **fields)
        for supply_v, share in shares.items()
        for _ in range(2)
    ]


def test_an_answer_comes_within_the_window_and_before_the_next_spike():
    first_s = np.array([1e-3, 3e-3, 10e-3, 15e-3])
    # In time; only after the next spike; too late; in time.
    second_s = np.array([1.4e-3, 5.2e-3, 13.5e-3, 15.7e-3])
    assert answered(made(first_s, second_s)) == (3, 4)
    found = by_name([made(first_s, second_s)] * 5)
    assert found["transfer_probability"].value == 0.75
    assert found["transfer_probability"].n == 20
    expected_s = np.mean([0.4e-3, 2.2e-3, 0.7e-3])
    assert found["transfer_delay"].value == pytest.approx(expected_s, abs=DT_S)
    assert found["transfer_delay"].n == 15
    assert found["drain_swing"].value == pytest.approx(0.45)


def test_a_spike_whose_window_the_record_cuts_short_does_not_count():
    assert answered(made(np.array([5e-3, 22e-3]), np.array([5.5e-3]))) == (1, 1)


def test_without_answers_the_delay_did_not_happen():
    found = by_name([made(SPIKES_S, [])] * 2)
    assert found["transfer_probability"].value == 0.0
    assert found["transfer_probability"].stderr > 0
    assert found["transfer_delay"].outcome is Outcome.DID_NOT_FIRE


def test_the_margin_is_the_ratio_of_the_strengths_where_only_the_height_changes():
    # Square pulses of one width: swing and area go with the supply alike.
    found = by_name(series({0.5: 1.0, 0.46: 0.8, 0.44: 0.5, 0.42: 0.2, 0.4: 0.0}))
    margin = found["gain_margin"]
    assert margin.is_usable
    assert margin.value == pytest.approx(0.5 / 0.44, rel=0.01)
    assert margin.stderr < 0.03


def test_longer_pulses_at_a_lower_supply_make_the_margin_less_certain():
    shares = {0.5: 1.0, 0.46: 0.8, 0.44: 0.5, 0.42: 0.2}
    one = by_name(series(shares))["gain_margin"]
    responses = series(shares)
    for i, response in enumerate(responses):
        supply_v = response.connection.supply_v
        shown = made(SPIKES_S, [], supply_v, width_s=0.5e-3 * (0.5 / supply_v) ** 0.5)
        channels = {**response.trace.channels, "output": shown.trace.channels["output"]}
        trace = replace(response.trace, channels=channels)
        responses[i] = replace(response, trace=trace)
    other = by_name(responses)["gain_margin"]
    # Between the ratio of swings and that of areas, its root.
    assert (0.5 / 0.44) ** 0.5 < other.value < 0.5 / 0.44
    assert other.stderr > one.stderr


def test_levels_on_one_side_leave_a_bound():
    lower = by_name(series({0.5: 1.0, 0.46: 0.8}))["gain_margin"]
    assert lower.outcome is Outcome.CENSORED
    assert lower.value == pytest.approx(0.5 / 0.46, rel=1e-2)
    upper = by_name(series({0.5: 0.1, 0.6: 0.3}))["gain_margin"]
    assert upper.outcome is Outcome.CENSORED
    assert upper.value == pytest.approx(0.5 / 0.6, rel=1e-2)


@pytest.mark.parametrize("shares", [{0.5: 0.4}, {0.5: 0.4, 0.55: 0.2, 0.6: 0.1}])
def test_a_second_neuron_that_may_be_driven_too_hard_has_no_margin(shares):
    margin = by_name(series(shares))["gain_margin"]
    assert (margin.outcome, margin.n) == (Outcome.NOT_IDENTIFIABLE, 20 * len(shares))


def test_a_second_neuron_that_misses_strong_spikes_has_its_margin_below():
    shares = {0.5: 0.4, 0.48: 0.9, 0.46: 1.0, 0.44: 0.6, 0.42: 0.2, 0.4: 0.0}
    margin = by_name(series(shares))["gain_margin"]
    assert margin.value == pytest.approx(0.5 / 0.435, rel=0.02)


def test_an_unknown_supply_leaves_no_margin():
    responses = [replace(each, connection=OPEN) for each in series({0.5: 0.8})]
    assert by_name(responses)["gain_margin"].outcome is Outcome.OUT_OF_REACH


def test_a_second_neuron_that_stays_up_is_latched():
    latched = made(SPIKES_S, SPIKES_S[:3])
    held = drain(SPIKES_S[:1], width_s=1.0)
    trace = replace(latched.trace, channels={**latched.trace.channels, "output2": held})
    found = by_name([replace(latched, trace=trace), made(SPIKES_S, SPIKES_S)])
    assert found["second_latched"].value == 0.5
    assert found["first_latched"].value == 0.0


def test_one_neuron_alone_is_out_of_reach_and_a_silent_one_says_so():
    channels = {"output": drain(SPIKES_S)}
    (alone,) = cascaded_propagation([Response(TRAIN, Trace(channels, -100 * DT_S, DT_S))])
    assert alone.outcome is Outcome.OUT_OF_REACH
    (silent,) = cascaded_propagation([made([], [])])
    assert silent.outcome is Outcome.DID_NOT_FIRE
    (none,) = cascaded_propagation([])
    assert none.outcome is Outcome.TOO_FEW


def test_spikes_are_found_on_a_drain_that_the_stage_loads():
    # The stage halves the resting drain; what is a spike follows it.
    card = CHAIN.with_values({"interstage_input_ohm": 47e3, "interstage_gain": 5.0})
    probe = Loading(1e7, 1e-11)
    for one in (card, CHAIN):
        trace = answer(one, TRAIN, seed=2, interval_s=DT_S, start_s=-2e-4, loading=probe)
        spikes = find_spikes(trace)
        rest_v = 0.25 if one is card else 0.5
        assert spikes.resting_v == pytest.approx(rest_v, rel=1e-2)
        assert len(spikes) >= 4
        assert len(find_spikes(trace, "output2")) >= 2
