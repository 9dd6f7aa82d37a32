"""Intrinsic plasticity on drawn bursts and tests."""

from __future__ import annotations

import numpy as np
import pytest

from labbench.features import Feature, Outcome, Response, intrinsic_plasticity
from labbench.stimulus import Pulse, PulseTrain
from labbench.trace import Channel, Trace

INTERVAL_S = 5e-6
RESTED_S, TAU_S, SHARE = 1e-3, 20e-3, 0.6
GAPS_S = (3e-3, 8e-3, 20e-3, 40e-3)
# Intervals of 2 ms, then of 1 ms.
BURST_S = tuple(1e-3 * np.array([1.0, 3.0, 5.0, 7.0, 8.0, 9.0, 10.0, 11.0]))


def respond(pulses: list[Pulse], spikes_s: list[float]) -> Response:
    stimulus = PulseTrain(tuple(pulses), pulses[-1].end_s + 3e-4)
    time_s = -1e-4 + INTERVAL_S * np.arange(round((stimulus.duration_s + 1e-4) / INTERVAL_S))
    output_v = np.full(time_s.size, 0.5)
    for at_s in spikes_s:
        output_v[(time_s > at_s) & (time_s < at_s + 1e-4)] = 0.0
    channel = Channel(output_v, "voltage", "V")
    return Response(stimulus, Trace({"output": channel}, start_s=-1e-4, interval_s=INTERVAL_S))


def rested(factor: float = 1.0, amplitude_v: float = 0.7) -> Response:
    test = Pulse(0.0, 4e-3, amplitude_v)
    return respond([test], [test.edge_s + factor * RESTED_S])


def after(gap_s: float, factor: float = 1.0, spikes: int = 8, fires: bool = True) -> Response:
    burst = Pulse(0.0, 12e-3, 0.8)
    test = Pulse(burst.end_s + gap_s, 4e-3, 0.7)
    ratio = factor * np.exp(-SHARE * np.exp(-gap_s / TAU_S))
    spikes_s = [burst.edge_s + t for t in BURST_S[:spikes]]
    return respond([burst, test], spikes_s + [test.edge_s + ratio * RESTED_S] * fires)


def by_label(responses: list[Response]) -> dict[str, Feature]:
    return {f.label: f for f in intrinsic_plasticity(responses)}


def test_ratio_recovery_and_intervals_come_back():
    rng = np.random.default_rng(3)
    factors = iter(np.exp(rng.normal(0, 0.05, 100)))
    responses = [rested(next(factors)) for _ in range(20)]
    responses += [after(gap_s, next(factors)) for gap_s in GAPS_S for _ in range(10)]
    responses += [rested(0.1, amplitude_v=0.9)] * 9
    found = by_label(responses)
    for gap_s in GAPS_S:
        ratio = found[f"latency_ratio at gap_s={gap_s:g}"]
        assert abs(ratio.value - np.exp(-SHARE * np.exp(-gap_s / TAU_S))) < 3 * ratio.stderr
    recovery = found["recovery_time"]
    assert recovery.stderr < 0.2 * TAU_S
    assert abs(recovery.value - TAU_S) < 3 * recovery.stderr
    assert found["rested_latency"].n == 20
    assert found["interval_ratio"].value == pytest.approx(0.5, rel=0.01)


def test_bursts_too_short_for_eight_spikes_are_not_picked_among():
    responses = [after(3e-3)] * 5 + [after(3e-3, spikes=6)] * 5
    assert by_label(responses)["interval_ratio"].outcome is Outcome.CENSORED


def test_tests_that_did_not_fire_leave_no_ratio():
    responses = [rested()] * 6 + [after(3e-3)] * 3 + [after(3e-3, fires=False)] * 3
    found = by_label(responses)
    assert found["latency_ratio at gap_s=0.003"].outcome is Outcome.CENSORED
    assert found["test_fire_probability at gap_s=0.003"].value == 0.5


def test_nothing_to_tell():
    found = by_label([])
    assert {f.outcome for f in found.values()} == {Outcome.TOO_FEW}
    assert set(found) == {"rested_latency", "recovery_time", "interval_ratio"}
