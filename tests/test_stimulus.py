"""Stimuli: exact corners, honest refusals, descriptions that come back as they were."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from labbench.errors import StimulusError
from labbench.stimulus import Pulse, PulseTrain, Stimulus, Sweep, Waveform, stimulus_from_spec

FAST = settings(max_examples=50, deadline=None)

times = st.floats(0.0, 1.0)
lengths = st.floats(1e-9, 1.0)
levels = st.floats(-10.0, 10.0)
rests = st.floats(0.0, 100.0)


@st.composite
def pulses(draw, start_s=0.0) -> Pulse:
    rise_s, fall_s = draw(lengths), draw(lengths)
    # No extra width makes a triangle.
    width_s = (rise_s + fall_s) / 2 + draw(st.sampled_from([0.0, 1e-6, 0.3]))
    return Pulse(start_s + draw(times), width_s, draw(levels), rise_s, fall_s)


@st.composite
def trains(draw) -> PulseTrain:
    made: list[Pulse] = []
    for _ in range(draw(st.integers(1, 4))):
        made.append(draw(pulses(made[-1].end_s if made else 0.0)))
    return PulseTrain(tuple(made), made[-1].end_s + draw(times), draw(rests))


@st.composite
def waveforms(draw) -> Waveform:
    corner_s = sorted(draw(st.lists(times, min_size=1, max_size=8)))
    level = [draw(levels) for _ in corner_s]
    unit = draw(st.sampled_from(["V", "A"]))
    return Waveform(corner_s, level, corner_s[-1] + draw(times), draw(rests), unit)


@st.composite
def sweeps(draw) -> Sweep:
    return Sweep(
        draw(st.lists(levels, min_size=1, max_size=8)),
        draw(st.none() | lengths),
        draw(st.none() | lengths),
        draw(rests),
    )


@FAST
@given(trains() | waveforms() | sweeps())
def test_description_round_trip_through_json(stimulus: Stimulus):
    spec = json.loads(json.dumps(stimulus.to_spec()))
    back = stimulus_from_spec(spec)
    assert type(back) is type(stimulus)
    assert back.to_spec() == stimulus.to_spec()


@FAST
@given(trains() | waveforms())
def test_breakpoints_never_decrease_and_samples_hit_them(stimulus: Stimulus):
    corner_s, level = stimulus.breakpoints()
    assert np.all(np.diff(corner_s) >= 0)
    # At a step, the later level counts.
    last = np.searchsorted(corner_s, corner_s, side="right") - 1
    assert_array_equal(stimulus.sample(corner_s), level[last])


@FAST
@given(trains() | waveforms())
def test_zero_outside_and_never_beyond_the_peak(stimulus: Stimulus):
    corner_s, _ = stimulus.breakpoints()
    outside = [corner_s[0] - 1e-9, -1.0, corner_s[-1] + 1e-9, 1e6]
    assert_array_equal(stimulus.sample(outside), 0.0)
    inside = stimulus.sample(np.linspace(-0.1, stimulus.duration_s, 200))
    assert np.abs(inside).max() <= stimulus.peak * (1 + 1e-12)


@FAST
@given(trains() | waveforms())
def test_samples_between_two_corners_lie_on_their_line(stimulus: Stimulus):
    corner_s, level = stimulus.breakpoints()
    for (start_s, end_s), (low, high) in zip(pairwise(corner_s), pairwise(level), strict=True):
        if end_s - start_s > 1e-6:
            middle = stimulus.sample(0.5 * (start_s + end_s))
            assert_allclose(middle, 0.5 * (low + high), atol=1e-9)


@FAST
@given(pulses())
def test_width_is_that_at_half_the_amplitude(pulse: Pulse):
    train = PulseTrain((pulse,), pulse.end_s)
    half_s = [pulse.edge_s, pulse.edge_s + pulse.width_s]
    # Half an edge of 1 ns at 1 s is 2e6 roundings wide, so the level is good to a millionth.
    assert_allclose(train.sample(half_s), pulse.amplitude_v / 2, rtol=1e-6, atol=1e-12)
    assert_allclose(pulse.end_s - pulse.start_s, pulse.width_s + (pulse.rise_s + pulse.fall_s) / 2)


def test_pulse_geometry_by_hand():
    pulse = Pulse(1.0, 10.0, 2.0, rise_s=2.0, fall_s=4.0)
    assert (pulse.edge_s, pulse.end_s) == (2.0, 14.0)
    assert pulse.corners() == [(1.0, 0.0), (3.0, 2.0), (10.0, 2.0), (14.0, 0.0)]


def test_a_triangle_has_no_top_and_never_turns_time_back():
    draw = np.random.default_rng(0)
    for rise_s, fall_s, start_s in draw.uniform(1e-9, 1e-3, (2000, 3)):
        pulse = Pulse(start_s, (rise_s + fall_s) / 2, 1.0, rise_s, fall_s)
        assert np.all(np.diff([time_s for time_s, _ in pulse.corners()]) >= 0)


def test_pulse_without_edges_is_two_steps():
    train = PulseTrain((Pulse(1.0, 2.0, 0.5, 0.0, 0.0),), 4.0)
    assert_array_equal(train.breakpoints()[0], [1.0, 1.0, 3.0, 3.0])
    assert_array_equal(train.sample([0.999, 1.0, 2.0, 2.999, 3.0]), [0, 0.5, 0.5, 0.5, 0])


def test_step_takes_the_later_level():
    step = Waveform([0.0, 1.0, 1.0, 2.0], [1.0, 1.0, 3.0, 3.0], 2.0)
    assert_array_equal(step.sample([0.5, np.nextafter(1.0, 0), 1.0, 1.5]), [1, 1, 3, 3])


def test_sweep_holds_each_level_for_one_dwell():
    sweep = Sweep([0.1, -0.3, 0.2], 0.5)
    assert sweep.duration_s == 1.5
    assert sweep.peak == 0.3
    assert_array_equal(sweep.breakpoints()[0], [0.0, 0.5, 0.5, 1.0, 1.0, 1.5])
    assert_array_equal(sweep.sample([0.0, 0.49, 0.5, 0.99, 1.2]), [0.1, 0.1, -0.3, -0.3, 0.2])


def test_sweep_without_times_has_levels_but_no_breakpoints():
    sweep = Sweep([0.1, 0.2], None)
    assert sweep.peak == 0.2
    with pytest.raises(StimulusError, match="dwell is not known"):
        sweep.breakpoints()
    with pytest.raises(StimulusError, match="dwell is not known"):
        _ = sweep.duration_s


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("start_s", -1e-9),
        ("start_s", np.nan),
        ("width_s", 0.0),
        ("width_s", -1.0),
        ("width_s", np.inf),
        ("amplitude_v", np.nan),
        ("rise_s", -1e-9),
        ("fall_s", np.nan),
        ("fall_s", 3.0),
    ],
)
def test_impossible_pulses_are_refused(field: str, value: float):
    with pytest.raises(StimulusError, match=r"[Pp]ulse"):
        Pulse(**{"start_s": 0.0, "width_s": 1.0, "amplitude_v": 1.0, field: value})


def test_overlap_is_refused_with_both_times_and_touching_is_not():
    first = Pulse(0.0, 1.0, 1.0, 0.5, 0.5)
    PulseTrain((first, Pulse(first.end_s, 1.0, 1.0)), 10.0)
    with pytest.raises(StimulusError, match=r"one ends at 1\.5 s, the next starts at 1\.4 s"):
        PulseTrain((first, Pulse(1.4, 1.0, 1.0)), 10.0)


@pytest.mark.parametrize("duration_s", [1.0, 1.5 - 1e-9, np.nan, np.inf, -1.0])
def test_a_record_shorter_than_its_stimulus_is_refused(duration_s: float):
    with pytest.raises(StimulusError, match="does not hold"):
        PulseTrain((Pulse(0.0, 1.0, 1.0, 0.5, 0.5),), duration_s)
    with pytest.raises(StimulusError, match="does not hold"):
        Waveform([0.0, 1.5], [0.0, 1.0], duration_s)


@pytest.mark.parametrize("rest_s", [-1.0, np.nan, np.inf])
def test_impossible_rests_are_refused(rest_s: float):
    for make in (
        lambda: PulseTrain((Pulse(0.0, 1.0, 1.0),), 2.0, rest_s),
        lambda: Waveform([0.0], [1.0], 1.0, rest_s),
        lambda: Sweep([1.0], 1.0, rest_s=rest_s),
    ):
        with pytest.raises(StimulusError, match="rest"):
            make()


@pytest.mark.parametrize(
    ("time_s", "level", "unit"),
    [
        ([], [], "V"),
        ([0.0, 1.0], [1.0], "V"),
        ([[0.0, 1.0]], [[1.0, 1.0]], "V"),
        ([0.0, np.nan], [1.0, 1.0], "V"),
        ([0.0, 1.0], [1.0, np.inf], "V"),
        ([-1.0, 1.0], [1.0, 1.0], "V"),
        ([1.0, 0.5], [1.0, 1.0], "V"),
        ([0.0, 1.0], [1.0, 1.0], "mV"),
    ],
)
def test_impossible_waveforms_are_refused(time_s, level, unit):
    with pytest.raises(StimulusError):
        Waveform(time_s, level, 10.0, unit=unit)


@pytest.mark.parametrize(
    "fields",
    [
        {"voltage_v": []},
        {"voltage_v": [np.nan]},
        {"voltage_v": [[0.1, 0.2], [0.3, 0.4]]},
        {"dwell_s": 0.0},
        {"dwell_s": np.nan},
        {"compliance_a": 0.0},
        {"compliance_a": np.nan},
    ],
)
def test_impossible_sweeps_are_refused(fields):
    with pytest.raises(StimulusError):
        Sweep(**{"voltage_v": [0.1], "dwell_s": 1.0, **fields})


def test_no_pulses_are_no_train():
    with pytest.raises(StimulusError, match="at least one"):
        PulseTrain((), 1.0)


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"kind": "square"},
        {"kind": "pulse_train", "duration_s": 1.0},
        {"kind": "pulse_train", "pulses": [{"width": 1.0}], "duration_s": 1.0},
        {"kind": "pulse_train", "pulses": [3], "duration_s": 1.0},
        {"kind": "waveform", "time_s": ["a"], "level": [1.0], "duration_s": 1.0},
        {"kind": "waveform", "time_s": [0.0], "level": [1.0], "duration_s": "long"},
        {"kind": "waveform", "time_s": [0.0], "level": [1.0], "duration_s": 1.0, "colour": 1},
        {"kind": "sweep", "voltage_v": [[0.1], [0.1, 0.2]], "dwell_s": 1.0},
    ],
)
def test_impossible_descriptions_are_refused(spec):
    with pytest.raises(StimulusError):
        stimulus_from_spec(spec)


def test_stimuli_are_frozen_and_do_not_hold_the_callers_arrays():
    mine = np.array([0.0, 1.0])
    wave = Waveform(mine, mine, 1.0)
    mine[1] = 0.5
    assert_array_equal(wave.level, [0.0, 1.0])
    assert not wave.level.flags.writeable
    assert not wave.time_s.flags.writeable
    with pytest.raises(FrozenInstanceError):
        wave.duration_s = 2.0  # type: ignore[misc]


def test_sweeps_of_other_terminals_and_old_specs():
    sweep = Sweep([0.0, 0.5], 0.1, 1e-6, terminal="gate", bias={"supply": 0.5})
    back = stimulus_from_spec(sweep.to_spec())
    assert (back.terminal, back.bias) == ("gate", {"supply": 0.5})
    old = {name: each for name, each in sweep.to_spec().items() if name not in ("terminal", "bias")}
    assert (stimulus_from_spec(old).terminal, stimulus_from_spec(old).bias) == ("input", {})


@pytest.mark.parametrize(
    "fields",
    [
        {"terminal": "drain"},
        {"bias": {"input": 0.1}},
        {"bias": {"bulk": 0.0}},
        {"bias": {"gate": float("nan")}},
    ],
)
def test_sweeps_hold_other_terminals_at_finite_voltages(fields):
    with pytest.raises(StimulusError):
        Sweep([0.1], 1.0, **fields)
