import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments.arbitrary import FULL_CODE, Samples, digitise
from labbench.errors import StimulusError
from labbench.stimulus import Pulse, PulseTrain, Stimulus, Sweep, Waveform


def sampled(stimulus: Stimulus) -> Samples:
    return digitise(stimulus, max_rate_hz=160e6, max_voltage_v=10.0, min_amplitude_v=2e-3)


def levels(samples: Samples) -> np.ndarray:
    return samples.offset_v + samples.amplitude_v / 2 * samples.codes / FULL_CODE


@given(
    start=st.integers(0, 1000),
    width=st.integers(2, 1000),
    rise=st.integers(1, 2),
    amplitude_v=st.floats(-9, 9).filter(lambda v: abs(v) > 1e-3),
)
def test_what_is_emitted_is_what_the_samples_say(
    start: int, width: int, rise: int, amplitude_v: float
) -> None:
    pulse = Pulse(start * 1e-6, width * 1e-6, amplitude_v, rise * 1e-6, 1e-6)
    stimulus = PulseTrain((pulse,), duration_s=3e-3)
    samples = sampled(stimulus)
    time_s = np.arange(samples.codes.size) * samples.interval_s
    step_v = samples.amplitude_v / (2 * FULL_CODE)
    assert samples.codes[-1] == samples.codes[0]
    assert abs(levels(samples)[0]) < 1e-12
    assert np.abs(levels(samples) - stimulus.sample(time_s)).max() <= 0.51 * step_v
    assert np.abs(levels(samples) - samples.emitted.sample(time_s)).max() <= 1.01 * step_v
    corner_s, level_v = samples.emitted.breakpoints()
    at = np.round(corner_s / samples.interval_s).astype(int)
    assert np.abs(levels(samples)[at] - level_v).max() < 1e-9


def test_the_grid_is_the_slowest_that_holds_all_breakpoints() -> None:
    stimulus = PulseTrain((Pulse(2e-5, 1e-4, 1.0, 2e-6, 2e-6),), duration_s=1e-3)
    assert sampled(stimulus).interval_s == pytest.approx(2e-6)
    even = Waveform(np.array([0, 1e-3, 3e-3]), np.array([0.0, 1.0, 0.0]), duration_s=3e-3)
    assert sampled(even).interval_s == pytest.approx(1e-3)


def test_a_step_becomes_an_edge_and_the_emitted_stimulus_says_so() -> None:
    sweep = Sweep(np.array([0.5, 1.0, -0.5]), dwell_s=1e-3)
    samples = sampled(sweep)
    assert samples.interval_s == pytest.approx(1e-6)
    emitted = samples.emitted
    middle_s = np.array([0.5e-3, 1.5e-3, 2.5e-3])
    assert emitted.sample(middle_s) == pytest.approx([0.5, 1.0, -0.5], abs=1e-4)
    assert emitted.sample(np.array([1e-3, 1e-3 + 1e-6])) == pytest.approx([0.5, 1.0], abs=1e-4)
    assert emitted.duration_s >= sweep.duration_s


@pytest.mark.parametrize(
    ("stimulus", "words"),
    [
        (PulseTrain((Pulse(0, 1e-4, 11.0),), 1e-3), "beyond"),
        (PulseTrain((Pulse(0, 1.23456789e-4, 1.0),), 1e-3), "finest"),
        (PulseTrain((Pulse(0, 1e-4, 1.0), Pulse(2.0, 1e-4, 1.0)), 3.0), "points"),
        (Waveform(np.array([0.0, 1.0]), np.array([0.0, 1e-6]), 1.0, unit="A"), "in A"),
    ],
)
def test_what_cannot_be_played_is_refused(stimulus: Stimulus, words: str) -> None:
    with pytest.raises(StimulusError, match=words):
        sampled(stimulus)
