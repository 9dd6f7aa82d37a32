"""Stochasticity on drawn latencies."""

from __future__ import annotations

import numpy as np
import pytest

from labbench.features import Outcome, Response, stochasticity
from labbench.model import read_card, simulate
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


def single(latency_s: float | None, amplitude_v: float = 0.8) -> Response:
    pulse = Pulse(0.0, 9e-3, amplitude_v)
    return respond([pulse], [] if latency_s is None else [pulse.edge_s + latency_s])


def test_spread_of_a_lognormal_law():
    draw = np.random.default_rng(8)
    latencies_s = np.exp(draw.normal(np.log(1.5e-3), 0.3, 100))
    spread = stochasticity([single(float(x)) for x in latencies_s])[0]
    assert (spread.name, spread.unit, spread.n) == ("latency_spread", "1", 100)
    assert abs(spread.value - 0.3) < 3 * spread.stderr
    assert spread.at == {"amplitude_v": 0.8}


def test_atom():
    draw = np.random.default_rng(9)
    others_s = 1e-3 * (1.5 + draw.random(30))
    features = {f.name: f for f in stochasticity([single(x) for x in [1e-3] * 10 + [*others_s]])}
    assert set(features) == {"latency_spread", "atom_fraction", "atom_latency"}, "40 have no shape"
    assert features["atom_fraction"].value == 0.25
    assert features["atom_latency"].value == pytest.approx(1e-3, rel=1e-3)
    assert features["atom_latency"].n == 10


def test_without_ties_there_is_no_atom():
    names = {f.name for f in stochasticity([single(x) for x in np.linspace(1e-3, 5e-3, 30)])}
    assert names == {"latency_spread"}


def test_few_or_censored_trials_are_passed_over():
    assert stochasticity([]) == []
    assert stochasticity([single(1e-3)] * 19) == []
    assert stochasticity([single(1e-3)] * 15 + [single(None)] * 15) == []
    # Each amplitude for itself.
    mixed = [single(1e-3)] * 30 + [single(None, 0.6)] * 30
    assert {f.at["amplitude_v"] for f in stochasticity(mixed)} == {0.8}


def test_one_censored_trial_among_hundreds_hides_nothing():
    draw = np.random.default_rng(10)
    late_s = 1e-3 * np.exp(draw.normal(0.5, 0.1, 180))
    fired = [single(float(x)) for x in [1e-3] * 20 + [*late_s]]
    names = ("latency_spread", "atom_fraction", "atom_latency")
    every, with_one = (
        {f.name: f for f in stochasticity(trials) if f.name in names}
        for trials in (fired, [*fired, single(None)])
    )
    assert set(with_one) == set(every) == set(names)
    assert with_one["atom_latency"].value == every["atom_latency"].value
    # It counts as one of all trials, and as one that took the whole pulse.
    assert with_one["atom_fraction"].value == pytest.approx(20 / 201)
    assert with_one["latency_spread"].n == 201
    assert 0 < with_one["latency_spread"].value - every["latency_spread"].value < 0.05


def test_a_quiet_neuron_is_all_atom_and_a_noisy_one_is_not():
    card, train = read_card("b1"), PulseTrain((Pulse(0.0, 4e-3, 0.8),), 5e-3)
    for noise in ("off", "random"):
        responses = [
            Response(
                train,
                simulate(
                    card, train, trial=trial, noise=noise, interval_s=2e-6, start_s=-1e-4
                ).trace,
            )
            for trial in range(30)
        ]
        features = {f.name: f for f in stochasticity(responses)}
        if noise == "off":
            assert features["latency_spread"].value == pytest.approx(0.0, abs=1e-12)
            assert features["atom_fraction"].value == 1.0
        else:
            assert features["latency_spread"].value > 0.1


def test_many_trials_have_a_shape_and_censored_ones_are_counted():
    draw = np.random.default_rng(10)
    latencies_s = 1e-3 * (1 + draw.gamma(2.0, 0.3, 300))
    pulse = Pulse(0.0, 2.2e-3, 0.8)
    answered = [[pulse.edge_s + float(s)] if s < pulse.width_s else [] for s in latencies_s]
    trials = [respond([pulse], spikes, duration_s=3e-3) for spikes in answered]
    missed = answered.count([])
    assert 20 < missed < 60
    features = {f.name: f for f in stochasticity(trials)}
    restricted = np.log(np.minimum(latencies_s, pulse.width_s))
    spread = features["latency_spread"]
    assert (spread.value, spread.n) == (pytest.approx(restricted.std(ddof=1), rel=1e-2), 300)
    assert features["censored_fraction"].value == missed / 300
    assert features["latency_cv"].outcome is Outcome.CENSORED
    laws = {name: f for name, f in features.items() if "_aic_" in name}
    assert len(laws) == 9
    assert all(f.n == 300 for f in laws.values())
    assert laws["latency_aic_gamma_shifted"].value * 300 < 6
    assert laws["latency_aic_weibull"].outcome is Outcome.OK


def test_half_of_the_trials_are_too_few_for_a_law():
    trials = [single(1e-3 + 1e-6 * i) for i in range(50)] + [single(None)] * 60
    assert [f.name for f in stochasticity(trials)] == ["censored_fraction"]


def test_two_widths_are_two_conditions():
    trials = [single(1e-3 + 1e-6 * i) for i in range(30)]
    short = [respond([Pulse(0.0, 5e-3, 0.8)], [1e-3 + 1e-5 * i]) for i in range(30)]
    at = [f.at for f in stochasticity(trials + short)]
    assert at == [{"amplitude_v": 0.8, "width_s": w} for w in (5e-3, 9e-3)]
    # A few pulses of another width are no condition.
    assert [f.at for f in stochasticity(trials + short[:5])] == [{"amplitude_v": 0.8}]


def test_intervals_of_trains_settle_first():
    draw = np.random.default_rng(11)
    trains = []
    for _ in range(12):
        steps = np.r_[np.linspace(8e-4, 4e-4, 8), 4e-4 * np.exp(0.1 * draw.normal(size=14))]
        spikes = 1e-3 + np.cumsum(np.r_[0.0, steps])
        trains.append(respond([Pulse(0.0, 14e-3, 0.8)], [*spikes], duration_s=15e-3))
    features = {f.name: f for f in stochasticity(trains)}
    assert features["interval"].value == pytest.approx(4e-4, rel=0.03)
    assert features["interval_cv"].value == pytest.approx(0.1, abs=4 * 0.01)
    assert features["interval_cv"].n == 12 * 14
    assert abs(features["interval_lag1"].value) < 4 * features["interval_lag1"].stderr
    assert not any(name.startswith("latency") for name in features)
