"""Leaky integration on the closed form of a leaky integrator, drawn as an output."""

from __future__ import annotations

import numpy as np
import pytest

from labbench.features import Feature, Outcome, Response, leaky_integration
from labbench.stimulus import Pulse, PulseTrain
from labbench.trace import Channel, Trace

INTERVAL_S = 1e-6
LATENCY_S, TAU_S, PUMP_S = 4e-4, 2e-4, 2e-4


def respond(pulses: list[Pulse], spike_s: float | None) -> Response:
    """Draw an output that falls for 50 us at a spike."""
    train = PulseTrain(tuple(pulses), pulses[-1].end_s + 3e-4)
    time_s = -1e-4 + INTERVAL_S * np.arange(round((train.duration_s + 1e-4) / INTERVAL_S))
    output_v = np.full(time_s.size, 0.5)
    if spike_s is not None:
        output_v[(time_s > spike_s) & (time_s < spike_s + 5e-5)] = 0.0
    channel = Channel(output_v, "voltage", "V")
    return Response(train, Trace({"output": channel}, start_s=-1e-4, interval_s=INTERVAL_S))


def train(gap_s: float, fires_at: int | None, count: int = 10) -> Response:
    """A train whose pulse number `fires_at`, from one on, fires."""
    period_s = 1e-4 + 1e-6 + gap_s
    pulses = [Pulse(i * period_s, 1e-4, 0.8) for i in range(count)]
    return respond(pulses, None if fires_at is None else pulses[fires_at - 1].edge_s + 8e-5)


def probe(gap_s: float, jitter_s: float = 0.0, fires: bool = True) -> Response:
    """The pump's head start on the probe leaks with TAU_S."""
    pump = Pulse(0.0, PUMP_S, 0.8)
    second = Pulse(pump.end_s + gap_s, 1.6e-3, 0.8)
    latency_s = LATENCY_S - PUMP_S * np.exp(-gap_s / TAU_S) + jitter_s
    return respond([pump, second], second.edge_s + latency_s if fires else None)


def by_label(responses: list[Response]) -> dict[str, Feature]:
    return {f.label: f for f in leaky_integration(responses)}


def test_counts_and_the_critical_gap():
    responses = [train(2e-5, at) for at in (3, 4, 3, 4, 3, 4)]
    responses += [train(6e-5, 8)] * 6 + [train(1e-4, None)] * 6
    found = by_label(responses)
    counts = found["pulses_to_fire at gap_s=2e-05"]
    assert (counts.value, counts.n, counts.outcome) == (3.5, 6, Outcome.OK)
    assert 0.2 < counts.stderr < 0.3
    assert found["pulses_to_fire at gap_s=6e-05"].stderr > 0
    critical = found["critical_gap"]
    assert critical.value == pytest.approx(8e-5)
    assert critical.stderr == pytest.approx(4e-5 / np.sqrt(12))


def test_trains_that_never_fire_are_a_bound_and_never_left_out():
    found = by_label([train(2e-5, 2)] * 4 + [train(2e-5, None)] * 4)
    counts = found["pulses_to_fire at gap_s=2e-05"]
    assert counts.outcome is Outcome.CENSORED
    assert counts.value == 6.0, "not the mean of the survivors"
    assert found["train_fire_probability at gap_s=2e-05"].value == 0.5


@pytest.mark.parametrize(("fires_at", "gap_s"), [(2, 6e-5), (None, 2e-5)])
def test_a_critical_gap_beyond_the_gaps_is_a_bound(fires_at, gap_s):
    responses = [train(gap, fires_at) for gap in (2e-5, 6e-5) for _ in range(5)]
    critical = by_label(responses)["critical_gap"]
    assert (critical.outcome, critical.is_usable) == (Outcome.CENSORED, False)
    assert critical.value == pytest.approx(gap_s)


GAPS_S = (2e-5, 6e-5, 1.2e-4, 2.5e-4, 5e-4)


def test_the_leak_of_a_leaky_integrator_comes_back():
    rng = np.random.default_rng(2)
    responses = [probe(gap_s, rng.normal(0, 1e-5)) for gap_s in GAPS_S for _ in range(12)]
    leak = by_label(responses)["leak_time_constant"]
    assert leak.outcome is Outcome.OK
    assert leak.stderr < 0.15 * TAU_S
    assert abs(leak.value - TAU_S) < 3 * leak.stderr
    assert leak.n == 60


def test_a_probe_that_did_not_fire_leaves_no_time_constant():
    responses = [probe(gap_s) for gap_s in GAPS_S for _ in range(6)]
    responses.append(probe(GAPS_S[-1], fires=False))
    found = by_label(responses)
    assert found["leak_time_constant"].outcome is Outcome.CENSORED
    assert found[f"probe_latency at gap_s={GAPS_S[-1]:g}"].outcome is Outcome.CENSORED


def test_nothing_to_tell():
    found = by_label([])
    assert found["critical_gap"].outcome is Outcome.TOO_FEW
    assert found["leak_time_constant"].outcome is Outcome.TOO_FEW
    flat = by_label([probe(0.02 + gap_s) for gap_s in GAPS_S for _ in range(6)])
    assert flat["leak_time_constant"].outcome is Outcome.NOT_IDENTIFIABLE
