"""Refractory period on drawn pairs and on the simulated decay of the gate."""

from __future__ import annotations

import numpy as np
import pytest

from labbench.features import Feature, Outcome, Response, refractory_period
from labbench.features.refractory_period import recovery_time_s
from labbench.model import read_card, simulate
from labbench.model.output import output_voltage
from labbench.stimulus import Pulse, PulseTrain
from labbench.trace import Channel, Trace

RESTING_V = 0.5
INTERVAL_S = 1e-6


def respond(pulses: list[Pulse], spike_s: list[float], duration_s: float = 10e-3) -> Response:
    """Draw an output that falls to a tenth within a sample at each spike, for 100 us."""
    time_s = -1e-4 + INTERVAL_S * np.arange(round((duration_s + 1e-4) / INTERVAL_S))
    output_v = np.full(time_s.size, RESTING_V)
    for at_s in spike_s:
        # Half a sample after the last high one the straight edge passes half the resting level.
        output_v[(time_s > at_s) & (time_s < at_s + 1e-4)] = 0.0
    channel = Channel(output_v, "voltage", "V")
    trace = Trace({"output": channel}, start_s=-1e-4, interval_s=INTERVAL_S)
    return Response(PulseTrain(tuple(pulses), duration_s), trace)


def pair(gap_s: float, *, first: bool = True, second: bool = True, ratio: float = 0.5) -> Response:
    """The first pulse fires after 400 us, the second after that times a ratio."""
    one = Pulse(0.0, 1e-3, 0.8, 1e-6, 1e-6)
    two = Pulse(one.end_s + gap_s, 1e-3, 0.8, 1e-6, 1e-6)
    spikes_s = [one.edge_s + 4e-4] * first + [two.edge_s + 4e-4 * ratio] * second
    return respond([one, two], spikes_s)


def by_label(responses: list[Response]) -> dict[str, Feature]:
    return {f.label: f for f in refractory_period(responses)}


def test_shares_and_ratios_at_each_gap():
    features = by_label([pair(1e-3, second=False)] * 6 + [pair(3e-3)] * 6)
    assert features["second_fire_probability at gap_s=0.001"].value == 0.0
    assert features["second_fire_probability at gap_s=0.003"].value == 1.0
    ratio = features["latency_ratio at gap_s=0.003"]
    assert ratio.value == pytest.approx(0.5, rel=1e-2)
    assert ratio.n == 6
    assert "latency_ratio at gap_s=0.001" not in features


def test_the_largest_silent_gap_and_its_doubt():
    gaps = [(1e-3, False), (2e-3, False), (3e-3, True), (4e-3, True)]
    responses = [pair(gap_s, second=fires) for gap_s, fires in gaps for _ in range(5)]
    absolute = by_label(responses)["absolute_refractory"]
    assert absolute.value == pytest.approx(2.5e-3)
    assert absolute.stderr == pytest.approx(1e-3 / np.sqrt(12))
    assert absolute.outcome is Outcome.OK


@pytest.mark.parametrize(("fires", "gap_s"), [(True, 1e-3), (False, 2e-3)])
def test_beyond_the_gaps_tried_it_is_censored(fires: bool, gap_s: float):
    responses = [pair(gap, second=fires) for gap in (1e-3, 2e-3) for _ in range(5)]
    absolute = by_label(responses)["absolute_refractory"]
    assert absolute.outcome is Outcome.CENSORED
    assert absolute.value == pytest.approx(gap_s)
    assert not absolute.is_usable


def test_too_few_pairs_are_an_outcome():
    for responses in ([], [pair(1e-3)] * 4, [pair(1e-3, first=False)] * 20):
        features = by_label(responses)
        assert features["absolute_refractory"].outcome is Outcome.TOO_FEW
        assert not any(name.startswith("second_fire") for name in features)
    assert by_label([])["recovery_time"].outcome is Outcome.TOO_FEW


def test_pairs_whose_first_pulse_is_silent_say_nothing():
    features = by_label([pair(1e-3)] * 5 + [pair(1e-3, first=False)] * 5)
    assert features["second_fire_probability at gap_s=0.001"].n == 5


def ramp(noise_v: float = 0.0, seed: int = 0) -> Response:
    """An output that falls at 1 ms and climbs back linearly from 1.1 to 2.1 ms."""
    time_s = -1e-4 + INTERVAL_S * np.arange(4000)
    output_v = RESTING_V * np.interp(time_s, [0, 1e-3, 1.001e-3, 1.1e-3, 2.1e-3], [1, 1, 0, 0, 1])
    output_v = output_v + np.random.default_rng(seed).normal(0, noise_v, time_s.size)
    trace = Trace(
        {"output": Channel(output_v, "voltage", "V")}, start_s=-1e-4, interval_s=INTERVAL_S
    )
    return Response(PulseTrain((Pulse(0.0, 1e-3, 0.8),), 3.9e-3), trace)


def test_recovery_of_a_straight_return_is_half_of_it():
    assert recovery_time_s(ramp()) == pytest.approx(0.5e-3, rel=1e-9)


def test_recovery_under_noise_is_unbiased():
    times_s = np.array([recovery_time_s(ramp(0.002, seed)) for seed in range(50)])
    # 2 mV of noise on 0.5 V/ms are 4 us.
    assert times_s.std() < 4e-6
    assert times_s.mean() == pytest.approx(0.5e-3, abs=3e-6)


def test_no_recovery_where_it_is_cut_short_or_there_was_no_spike():
    response = ramp()
    trace = response.trace
    for end in (1500, 1700):  # before the fall is over, and at 70 % of the way back
        channel = Channel(trace.values("output")[:end], "voltage", "V")
        cut = Trace({"output": channel}, start_s=-1e-4, interval_s=INTERVAL_S)
        assert recovery_time_s(Response(response.stimulus, cut)) is None
    assert recovery_time_s(respond([Pulse(0.0, 1e-3, 0.8)], [])) is None


@pytest.mark.parametrize("control_ohm", [100e6, 200e6])
def test_recovery_follows_the_gate_of_a_simulated_neuron(control_ohm: float):
    card = read_card("b1").with_values({"control_resistance_ohm": control_ohm})
    train = PulseTrain((Pulse(0.0, 1e-3, 0.9),), 12e-3)
    made = simulate(card, train, noise="off", interval_s=2e-6, start_s=-1e-4)
    found_s = recovery_time_s(Response(train, made.trace))
    # Where the drain crosses a quarter and three quarters the gate has two known voltages.
    gate_v = np.linspace(0.0, 0.5, 50_001)
    drain_v = output_voltage(card, np.arange(gate_v.size, dtype=float), gate_v)
    resting_v = drain_v[0]
    low_v, high_v = (
        gate_v[np.searchsorted(-drain_v, -share * resting_v)] for share in (0.25, 0.75)
    )
    tau_s = control_ohm * card["gate_capacitance_f"]
    # The filament's rest still leaks a little into the gate.
    assert found_s == pytest.approx(tau_s * np.log(low_v / high_v), rel=0.02)


def test_recovery_needs_five_responses():
    responses = [ramp()] * 4
    assert by_label(responses)["recovery_time"].outcome is Outcome.TOO_FEW
    recovery = by_label([*responses, ramp()])["recovery_time"]
    assert recovery.value == pytest.approx(0.5e-3)
    assert recovery.n == 5
