"""Latencies of steps, of probes after pumps, intervals by index, thresholds on ramps."""

import numpy as np
import pytest

from labbench.features import Response
from labbench.features.interval_by_index import interval_by_index
from labbench.features.pump_probe import pump_probe
from labbench.features.ramp_threshold import ramp_threshold
from labbench.features.step_latency import step_latency
from labbench.stimulus import Pulse, Waveform

from .test_pulses import respond


def single(latency_s, width_s=4e-3, amplitude_v=0.8):
    pulse = Pulse(0.0, width_s, amplitude_v)
    spikes_s = [] if latency_s is None else [pulse.edge_s + latency_s]
    return respond([pulse], spikes_s, duration_s=5e-3)


def test_mean_and_median_of_a_lognormal_law():
    latencies_s = np.exp(np.random.default_rng(5).normal(np.log(1e-3), 0.2, 200))
    mean, median = step_latency([single(x) for x in latencies_s])
    assert abs(mean.value - 1e-3) < 3 * mean.stderr
    assert mean.stderr == pytest.approx(1e-3 * 0.2 / 200**0.5, rel=0.1)
    assert median.value == pytest.approx(np.median(latencies_s), rel=1e-3)


def test_one_that_did_not_fire_counts_with_the_width():
    few = [single(1e-3)] * 9 + [single(None)]
    assert step_latency(few)[0].value == pytest.approx(1e-3 * 4**0.1, rel=1e-3)
    assert step_latency(few)[0].outcome == "ok"
    assert step_latency([*few, *few[-1:] * 3])[0].outcome == "censored"
    (silent,) = step_latency([single(None)] * 5)
    assert (silent.outcome, silent.n) == ("did not fire", 5)


def test_of_several_widths_the_usual_one_counts():
    search = [single(None, width_s=1e-3), single(1.5e-3, width_s=2e-3)]
    mean = step_latency([*search, *[single(1e-3)] * 5])[0]
    assert (mean.n, mean.value) == (5, pytest.approx(1e-3, rel=1e-3))


def test_a_pump_that_fired_is_no_pump():
    pump, probe = Pulse(0.0, 1e-3, 0.8), Pulse(1.2e-3, 2e-3, 0.8)
    kept = [respond([pump, probe], [probe.edge_s + x]) for x in (4e-4, 5e-4)]
    fired = respond([pump, probe], [5e-4, probe.edge_s + 1e-3])
    (feature,) = pump_probe([*kept, fired])
    assert feature.n == 2
    assert feature.value == pytest.approx((4e-4 * 5e-4) ** 0.5, rel=2e-3)
    assert feature.at["gap_s"] == pytest.approx(1.99e-4, rel=0.02)


def test_intervals_by_index():
    # 2 ms first, 1 ms later on; the record holds nine spikes.
    times_s = [1e-3, 3e-3, *(3e-3 + 1e-3 * np.arange(1, 7))]
    long = Pulse(0.0, 9.5e-3, 0.8)
    first, late = interval_by_index([respond([long], times_s)] * 4)
    assert first.value == pytest.approx(2e-3, rel=1e-3)
    assert late.value == pytest.approx(1e-3, rel=1e-3)
    seldom = [respond([long], times_s[:5])] * 2 + [respond([long], times_s)] * 2
    first, late = interval_by_index(seldom)
    assert (first.n, late.n, late.outcome) == (4, 2, "did not fire")


def ramp(at_v, peak_v=1.0):
    top_s = peak_v / 100.0
    stimulus = Waveform([0.0, top_s, top_s + 1e-6], [0.0, peak_v, 0.0], 10.1e-3)
    spikes_s = [] if at_v is None else [at_v / 100.0]
    return Response(stimulus, respond([Pulse(0.0, 1e-3, 1.0)], spikes_s, 10.1e-3).trace)


def test_the_threshold_on_a_ramp_is_a_median_that_censored_ramps_do_not_move():
    volts = [0.6, 0.62, 0.64, 0.66, 0.68]
    (whole,) = ramp_threshold([ramp(v) for v in volts])
    assert whole.value == pytest.approx(0.64, abs=2e-4)
    assert whole.at == {"rate_v_per_s": 100.0}
    (cut,) = ramp_threshold([*(ramp(v) for v in volts[:3]), ramp(None), ramp(None)])
    assert cut.value == pytest.approx(0.64, abs=2e-4)
    (bound,) = ramp_threshold([ramp(0.6), ramp(None), ramp(None)])
    assert (bound.outcome, bound.value) == ("censored", 1.0)
    assert ramp_threshold([ramp(None)] * 3)[0].outcome == "did not fire"


def test_lower_ramps_of_a_search_do_not_count():
    (feature,) = ramp_threshold([ramp(None, 0.5), ramp(0.64), ramp(0.64)])
    assert (feature.n, feature.outcome) == (2, "ok")
