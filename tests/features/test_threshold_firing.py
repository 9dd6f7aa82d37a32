"""Threshold firing on drawn and on simulated responses."""

from __future__ import annotations

import numpy as np
import pytest

from labbench.features import Outcome, Response, threshold_firing
from labbench.model import read_card, simulate
from labbench.model.closed_forms import switching_time_s
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


def single(amplitude_v: float, latency_s: float | None) -> Response:
    pulse = Pulse(0.0, 5e-3, amplitude_v)
    return respond([pulse], [] if latency_s is None else [pulse.edge_s + latency_s])


def test_probability_and_latency_at_each_amplitude():
    responses = [single(0.6, None)] * 10 + [single(0.8, x) for x in (1e-3, 4e-3)] * 5
    features = {f.label: f for f in threshold_firing(responses)}
    assert features["fire_probability at amplitude_v=0.6"].value == 0.0
    assert features["fire_probability at amplitude_v=0.6"].stderr > 0
    assert features["fire_probability at amplitude_v=0.8"].value == 1.0
    latency = features["latency at amplitude_v=0.8"]
    assert latency.value == pytest.approx(2e-3, rel=1e-3)
    assert (latency.unit, latency.n) == ("s", 10)
    assert "latency at amplitude_v=0.6" not in features
    assert features["threshold_voltage"].value == pytest.approx(0.7, abs=1e-6)
    step = features.pop("threshold_width")
    assert step.outcome is Outcome.CENSORED, "a clean step bounds the width from above only"
    assert all(f.is_usable for f in features.values())


def test_latencies_of_which_many_are_missing_are_not_averaged():
    mostly = [single(0.7, 1e-3)] * 7 + [single(0.7, None)] * 3
    names = {f.name for f in threshold_firing(mostly)}
    assert "fire_probability" in names
    assert "latency" not in names


@pytest.mark.parametrize(
    "responses",
    [[], [single(0.7, 1e-3)], [single(0.7, 1e-3)] * 10, [single(v, None) for v in (0.6, 0.7)] * 5],
    ids=["none", "one", "one amplitude", "never fired"],
)
def test_too_few_are_an_outcome(responses):
    last = {f.name: f for f in threshold_firing(responses)}
    for name in ("threshold_voltage", "threshold_width"):
        assert last[name].outcome is Outcome.TOO_FEW
        assert last[name].n == len(responses)
        assert not last[name].is_usable


def test_four_trials_are_too_few_for_a_share():
    assert not any(f.name == "fire_probability" for f in threshold_firing([single(0.7, 1e-3)] * 4))


def test_pairs_are_passed_over():
    pair = respond([Pulse(0.0, 1e-3, 0.8), Pulse(3e-3, 1e-3, 0.8)], [1e-3])
    assert threshold_firing([pair] * 10)[-1].n == 0


def test_simulated_neuron_fires_where_its_switching_time_meets_the_pulse():
    card = read_card("b1").with_values({"kappa_per_s": 0.0, "beta_per_s": 0.0})
    width_s, responses = 2e-3, []
    volts = np.linspace(0.6, 0.75, 16)
    for amplitude_v in np.repeat(volts, 5):
        train = PulseTrain((Pulse(0.0, width_s, amplitude_v),), 5e-3)
        made = simulate(card, train, interval_s=5e-6, start_s=-1e-4)
        responses.append(Response(train, made.trace))
    features = {f.name: f for f in threshold_firing(responses)}
    fires = [v for v in volts if switching_time_s(card, v) < width_s]
    # The gate rises a little and a fired filament needs some 10 us more: half a step of doubt.
    assert features["threshold_voltage"].value == pytest.approx(fires[0] - 0.005, abs=0.01)
    latency = features["latency"]  # the last one, at the highest amplitude
    assert latency.value == pytest.approx(switching_time_s(card, volts[-1]), rel=0.05)


def test_several_widths_have_a_threshold_each_and_a_curve():
    responses = []
    for width_s, step_v in ((1e-3, 0.9), (2e-3, 0.75), (4e-3, 0.675)):
        for v in np.linspace(step_v - 0.055, step_v + 0.055, 12):
            pulse = Pulse(0.0, width_s, float(v))
            responses.append(respond([pulse], [0.9 * width_s] if v > step_v else []))
    features = {f.label: f for f in threshold_firing(responses)}
    for width_s, step_v in ((0.001, 0.9), (0.002, 0.75), (0.004, 0.675)):
        threshold = features[f"threshold_voltage at width_s={width_s:g}"]
        assert threshold.value == pytest.approx(step_v, abs=0.005)
        assert threshold.n == 12
    # Weiss: 0.6 V and 0.5 ms give these thresholds exactly.
    assert features["rheobase_weiss"].value == pytest.approx(0.6, rel=0.02)
    assert features["chronaxie_weiss"].value == pytest.approx(5e-4, rel=0.05)
    assert "threshold_voltage" not in features


def test_a_few_pulses_of_another_width_change_no_name():
    usual = [single(v, 1e-3 if v > 0.7 else None) for v in (0.6, 0.8) for _ in range(6)]
    other = [respond([Pulse(0.0, 2e-3, 0.9)], [1e-3])] * 4
    labels = {f.label for f in threshold_firing([*usual, *other])}
    assert {"threshold_voltage", "latency at amplitude_v=0.8"} <= labels
