"""Dwell, gap, test: the time to switch again."""

import numpy as np
import pytest

from labbench.features import PROPERTIES, refractory_period, threshold_firing
from labbench.features.dwell_gap_test import dwell_gap_test
from labbench.features.off_current import off_current
from labbench.stimulus import Pulse, PulseTrain

from .currents import closing, respond

DWELL = Pulse(0.0, 3e-3, 1.0)


def train(gap_s=1e-3):
    test = Pulse(round(DWELL.end_s + gap_s, 9), 2e-3, 0.7)
    return PulseTrain((DWELL, test), test.end_s + 1e-5)


def switching(after_s, gap_s=1e-3):
    stimulus = train(gap_s)
    edge_s = stimulus.pulses[1].edge_s
    first, second = closing(4e-4, DWELL.end_s), closing(edge_s + after_s)
    return respond(stimulus, lambda t: np.maximum(first(t), second(t)))


def test_times_are_grouped_by_dwell_and_gap():
    times_s = [3e-4, 4e-4, 5e-4]
    responses = [switching(t) for t in times_s] + [switching(6e-4, 5e-3)]
    short, long = dwell_gap_test(responses)
    assert short.at == {"dwell_s": 3e-3, "gap_s": 1e-3}
    assert short.value == pytest.approx(np.exp(np.log(times_s).mean()), abs=1e-6)
    assert (short.n, short.outcome) == (3, "ok")
    assert long.value == pytest.approx(6e-4, abs=1e-6)


def test_trials_that_do_not_switch_count_with_the_width_and_are_said():
    (feature,) = dwell_gap_test([switching(5e-4), switching(1.0)])
    assert feature.value == pytest.approx((5e-4 * 2e-3) ** 0.5, rel=2e-3)
    assert feature.outcome == "censored"


def test_a_filament_that_never_opened_switches_at_once():
    (feature,) = dwell_gap_test([respond(train(), closing(4e-4))])
    assert feature.value < 2e-6


def test_a_dwell_that_does_not_close_says_nothing():
    (feature,) = dwell_gap_test([respond(train(), closing(1.0))])
    assert (feature.outcome, feature.n) == ("too few data", 0)


def test_an_off_current_is_seen_or_said_to_be_out_of_reach():
    pulse = PulseTrain((Pulse(0.0, 2e-3, 0.5),), 2.1e-3)
    seen = [respond(pulse, lambda t: 0 * t + 1e-9, noise_a=1e-10, seed=k) for k in range(5)]
    (feature,) = off_current(seen)
    assert abs(feature.value - 5e-10) < 4 * feature.stderr
    assert (feature.n, feature.at) == (5, {"amplitude_v": 0.5})
    weak = [respond(pulse, lambda t: 0 * t + 1e-12, noise_a=1e-10, seed=k) for k in range(5)]
    assert off_current(weak)[0].outcome == "out of reach of the wiring"
    # A step of 1 nA hides half of one, however often it is repeated.
    coarse = [respond(pulse, lambda t: 0 * t + 1e-9, noise_a=1e-10, count_a=1e-9, seed=k)
              for k in range(5)]  # fmt: skip
    assert off_current(coarse)[0].outcome == "out of reach of the wiring"


def test_properties_of_the_output_pass_over_a_grounded_gate():
    responses = [switching(5e-4)] * 5
    assert {f.outcome for f in refractory_period(responses)} == {"too few data"}
    assert {f.outcome for f in threshold_firing(responses)} == {"too few data"}
    for name in ("step_latency", "pump_probe", "interval_by_index", "ramp_threshold"):
        assert {f.outcome for f in PROPERTIES[name][0](responses)} == {"too few data"}
