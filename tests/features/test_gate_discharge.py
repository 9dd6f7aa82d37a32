"""Gate discharge against closed forms: traces whose intervals and decay are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labbench.connection import Connection
from labbench.features import Outcome, Response, gate_discharge
from labbench.features.gate_discharge import decay_time_s
from labbench.stimulus import Pulse, PulseTrain
from labbench.trace import Channel, Trace

REST_V, INTERVAL_S, START_S = 0.5, 2e-6, -1e-4


def response(width_s, behind_s, connection, **channels):
    pulse = Pulse(0.0, width_s, 0.9)
    stimulus = PulseTrain((pulse,), pulse.end_s + behind_s)
    time_s = np.arange(START_S, stimulus.duration_s, INTERVAL_S)
    made = {name: Channel(make(time_s), "voltage", "V") for name, make in channels.items()}
    return Response(stimulus, Trace(made, START_S, INTERVAL_S), connection)


def spiking(resistance_ohm, interval_s, width_s=10e-3):
    """Return a step whose output is down for 50 us every interval."""

    def output(time_s):
        phase_s = (time_s - 1e-3) % interval_s
        is_down = (time_s > 1e-3) & (time_s < width_s) & (phase_s < 5e-5)
        return np.where(is_down, 0.02, REST_V)

    connection = Connection(control_resistance_ohm=resistance_ohm)
    return response(width_s, 1e-4, connection, output=output)


def steady(level_v, resistance_ohm=1e8, from_s=1e-3):
    connection = Connection(control_resistance_ohm=resistance_ohm)
    return response(10e-3, 1e-4, connection, output=lambda t: np.where(t > from_s, level_v, REST_V))


def decaying(tau_s, start_v=0.5, noise_v=0.0, offset_v=0.0, seed=0, peak_v=0.8):
    """Return a pulse whose gate rises, and decays from `start_v` on behind its end."""
    random = np.random.default_rng(seed)

    def gate(time_s):
        level_v = np.where(time_s < 0.0, 0.0, np.where(time_s < 1e-3, peak_v, 0.0))
        end_s = Pulse(0.0, 1e-3, 0.9).end_s
        behind = time_s >= end_s
        level_v[behind] = start_v * np.exp(-(time_s[behind] - end_s) / tau_s)
        return level_v + offset_v + noise_v * random.standard_normal(time_s.size)

    def output(time_s):
        return np.where((time_s > 2e-4) & (time_s < 8e-4), 0.02, REST_V)

    return response(1e-3, 5e-3, Connection("follower"), gate=gate, output=output)


def by_label(responses):
    return {f.label: f for f in gate_discharge(responses)}


@given(
    st.lists(st.sampled_from([2e7, 3e7, 5e7, 8e7, 1e8]), min_size=2, max_size=5, unique=True),
    st.floats(5e-12, 2e-11),
    st.floats(1e-4, 5e-4),
)
@settings(max_examples=25, deadline=None)
def test_a_line_comes_out_as_it_went_in(resistances_ohm, slope, offset_s):
    features = by_label(
        [
            spiking(each, slope * each + offset_s, width_s=12e-3)
            for each in resistances_ohm
            for _ in range(3)
        ]
    )
    for each in resistances_ohm:
        found = features[f"interval at control_resistance_ohm={each:g}"]
        assert found.value == pytest.approx(slope * each + offset_s, abs=INTERVAL_S)
        assert found.n == 3
    for name, expected in (("interval_slope", slope), ("interval_offset", offset_s)):
        found = features[name]
        assert abs(found.value - expected) < 4 * found.stderr


def test_what_the_line_does_not_explain_is_in_its_error():
    straight = {2e7: 0.4e-3, 5e7: 0.7e-3, 8e7: 1.0e-3}
    bent = straight | {5e7: 0.9e-3}
    errors = [
        by_label([spiking(r, isi) for r, isi in each.items() for _ in range(4)])[
            "interval_slope"
        ].stderr
        for each in (straight, bent)
    ]
    assert errors[1] > 10 * errors[0]


def test_short_pulses_of_a_search_are_no_steps():
    steps = [spiking(r, isi) for r, isi in ((2e7, 4e-4), (5e7, 7e-4)) for _ in range(3)]
    search = [spiking(1e8, 1e-4, width_s=3e-3) for _ in range(5)]
    assert by_label([*search, *steps]).keys() == by_label(steps).keys()


def test_nothing_switched_and_no_follower_is_out_of_reach():
    assert {f.name: f.outcome for f in gate_discharge([])} == {
        "interval_slope": Outcome.OUT_OF_REACH,
        "interval_offset": Outcome.OUT_OF_REACH,
        "gate_decay": Outcome.OUT_OF_REACH,
    }
    only_gate = by_label([decaying(1e-3, seed=k, noise_v=2e-3) for k in range(4)])
    assert only_gate["interval_slope"].outcome is Outcome.OUT_OF_REACH
    assert only_gate["gate_decay"].is_usable


def test_silent_and_latched_steps_say_so():
    silent, latched = steady(REST_V), steady(0.02)
    found = by_label([silent] * 3)
    assert {f.outcome for f in found.values()} == {Outcome.DID_NOT_FIRE}
    found = by_label([latched] * 3)
    assert found["interval at control_resistance_ohm=1e+08"].outcome is Outcome.LATCHED
    found = by_label([latched] * 3 + [spiking(5e7, 7e-4)] * 3)
    assert found["interval_slope"].outcome is Outcome.TOO_FEW


@given(st.floats(2e-4, 2e-3), st.floats(0.25, 0.8), st.floats(-0.05, 0.05))
@settings(max_examples=30, deadline=None)
def test_the_decay_of_a_clean_gate_is_exact(tau_s, start_v, offset_v):
    found_s = decay_time_s(decaying(tau_s, start_v, offset_v=offset_v))
    assert found_s == pytest.approx(tau_s, rel=1e-6)


def test_noise_averages_and_does_not_bias():
    times = [decaying(1e-3, noise_v=5e-3, offset_v=0.01, seed=k) for k in range(40)]
    found = by_label(times)["gate_decay"]
    assert found.n == 40
    assert 0 < found.stderr < 2e-6
    assert abs(found.value - 1e-3) < 4 * found.stderr


def test_what_is_no_decay_is_not_read():
    assert decay_time_s(decaying(1e-3, start_v=0.05)) is None, "discharged with the drive"
    assert decay_time_s(decaying(50e-3)) is None, "the record ends too soon"
    assert decay_time_s(decaying(1e-3, start_v=0.0, peak_v=0.0)) is None
    found = by_label([decaying(1e-3)] * 2)["gate_decay"]
    assert (found.outcome, found.n) == (Outcome.TOO_FEW, 2)
