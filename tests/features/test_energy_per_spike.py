"""Energy per spike from the drain: closed forms, the model's own account, what a scope adds."""

from dataclasses import replace
from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labbench.connection import OPEN, Connection
from labbench.features import PROPERTIES, Outcome, Response, energy_per_spike
from labbench.features.energy_per_spike import supply_account
from labbench.model import Loading, read_card
from labbench.model.answer import answer
from labbench.model.energy import spike_energies
from labbench.stimulus import Pulse, PulseTrain
from labbench.trace import Channel, Trace

SUPPLY_V, LOAD_OHM, DT_S = 0.5, 47e3, 1e-6
KNOWN = Connection(load_resistance_ohm=LOAD_OHM, supply_v=SUPPLY_V)
TRAIN = PulseTrain((Pulse(0.0, 20e-3, 0.65),), 23e-3)
PROBE = Loading(1e7, 1e-11)


def square(low_v=0.1, width_s=0.5e-3, period_s=2e-3, count=10, connection=KNOWN, stays=False):
    """Return a drain at the supply that falls to a level for some time, again and again."""
    time_s = np.arange(-200, 23_000) * DT_S
    drain_v = np.full(time_s.size, SUPPLY_V)
    for i in range(count):
        start_s = 1e-3 + i * period_s
        end_s = 1.0 if stays and i == count - 1 else start_s + width_s
        drain_v[(time_s >= start_s - DT_S / 2) & (time_s < end_s - DT_S / 2)] = low_v
    channel = Channel(drain_v, "voltage", "V")
    return Response(TRAIN, Trace({"output": channel}, -2e-4, DT_S), connection)


def by_name(responses):
    return {feature.name: feature for feature in energy_per_spike(responses)}


def through_a_scope(response, bits, noise_v, random):
    """Return a response as an ADC of 0.7 V full scale delivers it."""
    step_v = 0.7 / 2**bits
    seen_v = response.trace.values("output")
    seen_v = seen_v + noise_v * random.standard_normal(seen_v.size)
    raw = np.clip(np.floor((seen_v + 0.1) / step_v), 0, 2**bits - 1).astype(np.int16)
    channel = Channel(raw, "voltage", "V", scale=step_v, offset=-0.1 + step_v / 2)
    trace = response.trace
    return replace(response, trace=Trace({"output": channel}, trace.start_s, trace.interval_s))


@pytest.fixture(scope="module")
def b1_responses():
    card = read_card("b1")
    connection = Connection(load_resistance_ohm=LOAD_OHM, supply_v=SUPPLY_V)
    return [
        Response(
            TRAIN,
            answer(card, TRAIN, seed=4, trial=i, interval_s=DT_S, start_s=-2e-4, loading=PROBE),
            connection,
        )
        for i in range(8)
    ]


def test_square_spikes_cost_what_they_must():
    low_v, width_s = 0.1, 0.5e-3
    found = by_name([square(low_v, width_s), square(low_v, width_s)])
    current_a = (SUPPLY_V - low_v) / LOAD_OHM
    for name, power_w in (
        ("supply_energy", SUPPLY_V * current_a),
        ("load_energy", LOAD_OHM * current_a**2),
        ("transistor_energy", low_v * current_a),
    ):
        # The edges of the square fall between two samples.
        assert found[name].value == pytest.approx(power_w * width_s, rel=2 * DT_S / width_s)
        assert found[name].n == 20
        assert not found[name].inferred
    assert found["idle_power"].value == pytest.approx(0.0, abs=1e-15)
    assert found["latched_time"].value == 0.0
    assert "latched_power" not in found


@given(
    levels=st.lists(st.floats(-0.05, 0.55), min_size=4, max_size=40),
    noise_v=st.floats(0.0, 20e-3),
    bits=st.sampled_from([8, 12]),
    load_ohm=st.floats(1e3, 1e7),
)
def test_the_split_adds_up_whatever_the_scope_delivers(levels, noise_v, bits, load_ohm):
    time_s = np.arange(-20, 400) * DT_S
    drain_v = np.interp(time_s, np.linspace(0.0, 4e-4, len(levels)), levels, left=SUPPLY_V)
    connection = Connection(load_resistance_ohm=load_ohm, supply_v=SUPPLY_V)
    exact = Response(
        replace(TRAIN, pulses=(Pulse(0.0, 3e-4, 0.65),), duration_s=4e-4),
        Trace({"output": Channel(drain_v, "voltage", "V")}, -20 * DT_S, DT_S),
        connection,
    )
    seen = through_a_scope(exact, bits, noise_v, np.random.default_rng(1))
    for response in (exact, seen):
        account = supply_account(response)
        supply_j, load_j, transistor_j = account.energy_j.T
        scale_j = SUPPLY_V**2 / load_ohm * 4e-4
        assert np.abs(supply_j - load_j - transistor_j).max() < 1e-12 * scale_j
        # And all of it is there: what the supply gave over the whole record.
        whole_j = np.trapezoid(
            SUPPLY_V * (SUPPLY_V - response.trace.values("output"))[20:] / load_ohm, dx=DT_S
        )
        assert supply_j.sum() == pytest.approx(whole_j, abs=1e-9 * scale_j)


def test_the_drain_tells_what_the_models_own_account_says(b1_responses):
    found = by_name(b1_responses)
    accounts = [
        spike_energies(
            read_card("b1"), TRAIN, noise="random", seed=4, trial=i, loading=PROBE, legs=50
        )
        for i in range(8)
    ]
    spikes = [window for account in accounts for window in account.spikes]
    assert found["supply_energy"].n == len(spikes) > 30
    for name in ("supply", "load", "transistor"):
        expected_j = np.mean([getattr(window.energy, f"{name}_j") for window in spikes])
        # Spikes are timed at the drain here and at the gate there: a little idle time moves over.
        assert found[f"{name}_energy"].value == pytest.approx(expected_j, rel=1e-3)


@pytest.mark.parametrize(("bits", "noise_v"), [(12, 1.4e-3), (8, 1.4e-3), (8, 0.0), (8, 10e-3)])
def test_what_a_scope_adds_is_within_the_errors(b1_responses, bits, noise_v):
    random = np.random.default_rng(2)
    exact = by_name(b1_responses)
    seen = by_name([through_a_scope(each, bits, noise_v, random) for each in b1_responses])
    offset_w = SUPPLY_V * 0.7 / 2**bits / 2 / LOAD_OHM
    for name in ("supply_energy", "load_energy", "transistor_energy"):
        assert seen[name].value == pytest.approx(exact[name].value, rel=5e-3)
    assert abs(seen["idle_power"].value - exact["idle_power"].value) < 2 * offset_w + 1e-9


def test_errors_cover_the_mean_of_many_trials(b1_responses):
    halves = [by_name(b1_responses[i::2]) for i in range(2)]
    for name in ("supply_energy", "load_energy", "transistor_energy"):
        one, two = (half[name] for half in halves)
        assert abs(one.value - two.value) < 5 * np.hypot(one.stderr, two.stderr)
        assert one.is_usable


def test_a_latched_output_is_no_spike():
    found = by_name([square(count=2, stays=True)] * 6 + [square()] * 2)
    # From 3 ms until the record ends, in six of eight.
    assert found["latched_time"].value == pytest.approx(6 / 8 * 20e-3, rel=1e-2)
    current_a = 0.4 / LOAD_OHM
    assert found["latched_power"].value == pytest.approx(SUPPLY_V * current_a, rel=1e-2)
    assert found["supply_energy"].n == 6 + 20


def test_only_latched_outputs_leave_no_energy_of_a_spike():
    found = by_name([square(count=1, stays=True)] * 3)
    assert found["supply_energy"].outcome is Outcome.LATCHED
    assert isnan(found["supply_energy"].value)
    assert found["latched_time"].value == pytest.approx(22e-3, rel=1e-2)


@pytest.mark.parametrize(
    "connection",
    [OPEN, Connection(load_resistance_ohm=LOAD_OHM), Connection(supply_v=0.5)],
)
def test_without_load_and_supply_it_is_out_of_reach(connection):
    (found,) = energy_per_spike([square(connection=connection)] * 3)
    assert (found.outcome, found.n) == (Outcome.OUT_OF_REACH, 0)


def test_a_silent_neuron_and_a_single_spike_say_so():
    (silent,) = energy_per_spike([square(count=0)] * 3)
    assert silent.outcome is Outcome.DID_NOT_FIRE
    (few,) = energy_per_spike([square(count=1)])
    assert few.outcome is Outcome.TOO_FEW
    assert PROPERTIES["energy_per_spike"][0]([])[0].outcome is Outcome.TOO_FEW
