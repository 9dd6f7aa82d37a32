"""The solution at any time, and curves by fewer points."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from labbench.errors import StimulusError
from labbench.model import ModelCard, advance, read_card, resting
from labbench.model.decimation import decimate
from labbench.model.solution import Solution

B1 = read_card("b1")
CORNER_S = np.array([0.0, 1e-6, 5e-3, 5e-3, 6e-3, 8e-3])
LEVEL = np.array([0.0, 0.9, 0.9, 0.2, 0.2, 1.0])
END_S = 10e-3


def play(card: ModelCard, sample_s, **fields) -> Solution:
    return advance(card, resting(card), CORNER_S, LEVEL, np.asarray(sample_s), **fields)


@pytest.mark.parametrize("noise", ["off", "random"])
def test_dense_output_is_what_samples_are(noise: str):
    dense = play(B1, [END_S], noise=noise, is_dense=True).dense
    assert dense is not None
    rng = np.random.default_rng(1)
    asked_s = np.sort(np.r_[rng.uniform(0.0, END_S, 500), 0.0, END_S])
    samples = play(B1, asked_s, noise=noise).samples
    assert_allclose(dense(asked_s), samples, rtol=1e-9, atol=1e-12)
    # In any order, and one at a time.
    assert_array_equal(dense(asked_s[::-1]), dense(asked_s)[::-1])
    assert_array_equal(dense(asked_s[7:8]), dense(asked_s)[7:8])
    assert dense(np.empty(0)).shape == (0, 4)


def test_dense_output_at_events_and_corners():
    made = play(B1, [END_S], is_dense=True)
    assert made.dense is not None
    at_s = np.sort(np.r_[made.event_s, CORNER_S, END_S])
    sampled = play(B1, at_s).samples
    assert_allclose(made.dense(at_s), sampled, rtol=1e-9, atol=1e-12)
    spike_v = made.dense(made.event_times_s("spike"))[:, 2]
    assert spike_v.size > 2
    assert_allclose(spike_v, 0.2, rtol=0, atol=1e-9)
    closed = made.dense(made.event_times_s("on"))
    assert_allclose(closed[:, 0] + closed[:, 1], 1.0, atol=1e-6)
    # An edge gives the value before it: a jump takes its share just behind.
    jump_s = made.event_times_s("jump")
    before, behind = made.dense(jump_s)[:, 0], made.dense(jump_s + 1e-11)[:, 0]
    assert_allclose(behind / before, 1 - B1["eta"], atol=1e-4)
    assert_array_equal(made.dense(np.array([END_S]))[0, :2], made.samples[-1, :2])


@pytest.mark.parametrize("time_s", [-1e-9, END_S * (1 + 1e-9), np.nan, np.inf])
def test_outside_there_is_no_solution(time_s: float):
    dense = play(B1, [END_S], is_dense=True).dense
    assert dense is not None
    with pytest.raises(StimulusError, match=r"from 0 s to 0\.01 s"):
        dense(np.array([1e-3, time_s]))


def test_dense_output_begins_where_a_piece_begins():
    half = play(B1, [4e-3]).state
    dense = advance(B1, half, CORNER_S, LEVEL, np.array([END_S]), is_dense=True).dense
    assert dense is not None
    assert_allclose(dense(np.array([4e-3]))[0], half.y[:4], rtol=1e-12)
    with pytest.raises(StimulusError):
        dense(np.array([3e-3]))


def test_no_time_at_all_is_a_solution_too():
    made = advance(B1, resting(B1), CORNER_S, LEVEL, np.zeros(1), is_dense=True)
    assert made.dense is not None
    with pytest.raises(StimulusError):
        made.dense(np.array([1e-9]))
    with pytest.raises(StimulusError):
        made.dense(np.zeros(1))


def test_without_being_asked_there_is_none():
    assert play(B1, [END_S]).dense is None


def test_asking_changes_nothing():
    sample_s = np.linspace(0.0, END_S, 101)
    plain, asked = play(B1, sample_s), play(B1, sample_s, is_dense=True)
    assert plain.n_steps == asked.n_steps
    assert_array_equal(plain.samples, asked.samples)
    assert_array_equal(plain.event_s, asked.event_s)


def test_many_steps_find_room():
    # More than the 1024 places that are tried first.
    card = B1.with_values({"kappa_per_s": 2e6, "eta": 1e-3})
    made = play(card, [END_S], is_dense=True)
    assert made.dense is not None
    assert len(made.dense.step) > 4000
    assert np.all(np.diff(made.dense.step_s) >= 0)
    assert np.all(np.isfinite(made.dense(np.linspace(0.0, END_S, 10_000))))


# Decimation.

CURVES = st.lists(
    st.tuples(
        # Steps, crowded points and gaps.
        st.sampled_from([0.0, 1e-9, 0.1, 1.0, 1.0, 30.0]),
        st.floats(-10.0, 10.0, allow_subnormal=False),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(curve=CURVES, tolerance=st.sampled_from([0.0, 1e-6, 0.1, 1.0, 100.0]))
def test_no_point_is_further_off_than_the_tolerance(curve, tolerance: float):
    time_s = np.cumsum([dt for dt, _ in curve])
    level = np.array([value for _, value in curve])
    kept = decimate(time_s, level, tolerance)
    assert kept[0] == 0
    assert kept[-1] == time_s.size - 1
    assert np.all(np.diff(kept) > 0)
    # Both ends of a step are points of the curve.
    steps = np.flatnonzero(np.diff(time_s) == 0)
    assert np.isin(np.r_[steps, steps + 1], kept).all()
    for left, right in pairwise(kept):
        if time_s[right] == time_s[left]:
            continue
        inside = slice(left, right + 1)
        share = (time_s[inside] - time_s[left]) / (time_s[right] - time_s[left])
        line = level[left] + share * (level[right] - level[left])
        assert np.abs(line - level[inside]).max() <= tolerance + 1e-12


def test_a_straight_line_is_two_points():
    time_s = np.linspace(0.0, 1.0, 1000)
    assert_array_equal(decimate(time_s, 3.0 * time_s - 1.0, 1e-9), [0, 999])


def test_a_parabola_takes_as_many_points_as_it_must():
    # A line between points d apart passes a parabola t^2 at most d^2 / 4 off, and the door is
    # wide enough for that, or for twice the points of it.
    time_s = np.linspace(0.0, 1.0, 100_001)
    tolerance = 1e-4
    best = 1.0 / np.sqrt(4 * tolerance)
    assert best <= decimate(time_s, time_s**2, tolerance).size <= 2 * best + 2


@pytest.mark.parametrize("tolerance", [-1e-9, np.nan])
def test_an_impossible_tolerance_is_refused(tolerance: float):
    with pytest.raises(StimulusError, match="tolerance"):
        decimate(np.arange(3.0), np.arange(3.0), tolerance)


def test_curves_of_no_or_of_two_lengths_are_refused():
    for time_s, level in ((np.empty(0), np.empty(0)), (np.arange(3.0), np.arange(2.0))):
        with pytest.raises(StimulusError):
            decimate(time_s, level, 0.1)
