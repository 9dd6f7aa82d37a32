"""Spikes: interpolation, re-arming, and what is not a spike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from labbench.spikes import Spikes, falling_crossings, find_spikes, resting_level, rising_crossings
from labbench.trace import Channel, Trace

FAST = settings(max_examples=50, deadline=None)


def spikes_of(output_v, start_s=-2.0, interval_s=1.0) -> Spikes:
    channel = Channel(np.asarray(output_v, dtype=float), "voltage", "V")
    return find_spikes(Trace({"output": channel}, start_s=start_s, interval_s=interval_s))


levels = st.lists(st.floats(0.0, 1.2), min_size=1, max_size=60)


@FAST
@given(levels, st.integers(-20, 20), st.floats(1e-3, 1e3))
def test_scale_of_the_voltage_changes_nothing(tail, power, interval_s):
    # A power of two scales without rounding, so that even ties stay ties.
    output_v = np.array([1.0, 1.0, *tail])
    plain = spikes_of(output_v, -2 * interval_s, interval_s)
    scaled = spikes_of(output_v * 2.0**power, -2 * interval_s, interval_s)
    assert_allclose(scaled.time_s, plain.time_s, rtol=1e-12, atol=1e-12)
    assert scaled.resting_v == plain.resting_v * 2.0**power


@FAST
@given(levels, st.integers(0, 1000))
def test_a_shift_in_time_shifts_the_spikes(tail, shift):
    output_v = np.array([1.0, *tail])
    plain = spikes_of(output_v, start_s=0.0)
    later = spikes_of(np.r_[np.ones(shift), output_v], start_s=0.0)
    assert_allclose(later.time_s, plain.time_s + shift, atol=1e-9)


@FAST
@given(levels)
def test_spikes_alternate_with_returns(tail):
    output_v = np.array([1.0, 1.0, *tail])
    found = spikes_of(output_v)
    time_s = -2.0 + np.arange(output_v.size)
    for earlier, later in zip(found.time_s, found.time_s[1:], strict=False):
        between = output_v[(time_s > earlier) & (time_s < later)]
        assert between.min() < 0.5
        assert between.max() >= 0.8


@FAST
@given(st.floats(0.0, 0.49), st.floats(0.51, 2.0), st.floats(1e-6, 1e3))
def test_a_straight_edge_is_interpolated_exactly(low, high, interval_s):
    output_v = np.array([1.0, 1.0, high, low])
    found = spikes_of(output_v, -2 * interval_s, interval_s)
    assert_allclose(found.time_s, [(high - 0.5) / (high - low) * interval_s], rtol=1e-9)


def test_crossings_of_a_straight_line_do_not_depend_on_the_sampling():
    for n in (3, 10, 101):
        time_s = np.linspace(0.0, 1.0, n)
        assert_allclose(falling_crossings(time_s, 1 - time_s, 0.3), [0.7])
        assert_allclose(rising_crossings(time_s, time_s, 0.3), [0.3])


def test_noise_on_the_edge_counts_once_and_a_full_return_counts_again():
    edge = [0.6, 0.45, 0.55, 0.4, 0.52, 0.1, 0.48, 0.51, 0.45]
    assert_allclose(spikes_of([1.0, 1.0, *edge]).time_s, [2 / 3])
    assert len(spikes_of([1.0, 1.0, *edge, 0.79, 0.1])) == 1
    assert len(spikes_of([1.0, 1.0, *edge, 0.81, 0.1])) == 2


def test_noisy_pulses_are_counted_right():
    noise = np.random.default_rng(1)
    time_s = np.arange(-0.1, 1.0, 1e-4)
    clean = 1.0 - 0.9 * np.clip(2 * np.sin(2 * np.pi * 10 * time_s), 0, 1) * (time_s > 0)
    for _ in range(20):
        noisy = clean + noise.normal(0, 0.03, time_s.size)
        assert len(spikes_of(noisy, -0.1, 1e-4)) == 10


def test_latched_is_one_spike():
    assert len(spikes_of([1.0, 1.0, 1.0, *[0.01] * 100])) == 1


def test_no_spike():
    assert len(spikes_of([1.0, 1.0, 0.9, 0.6, 0.51, 1.0])) == 0
    assert len(spikes_of([0.0, 0.0, 1.0, 0.0])) == 0  # no supply
    assert len(spikes_of([-1.0, -1.0, -2.0])) == 0
    assert len(spikes_of([0.3])) == 0


def test_no_samples():
    found = spikes_of([])
    assert found.time_s.shape == (0,)
    assert np.isnan(found.resting_v)


def test_nan():
    assert len(spikes_of([np.nan] * 5)) == 0
    assert len(spikes_of([1.0, 1.0, 1.0, np.nan, 0.1, 0.1])) == 0  # the edge was not seen
    assert_array_equal(spikes_of([1.0, 1.0, np.nan, 1.0, 0.0]).time_s, [1.5])


def test_the_resting_level_is_the_median_before_time_zero():
    time_s = np.array([-3.0, -2.0, -1.0, 0.0, 1.0])
    assert resting_level(time_s, np.array([1.0, 9.0, 1.2, 0.0, 0.0])) == 1.2
    assert resting_level(time_s[3:], np.array([0.7, 0.0])) == 0.7


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_sample_on_the_level_counts_once(sign):
    time_s = np.arange(5.0)
    values = sign * np.array([1.0, 0.5, 0.0, 0.5, 1.0])
    find = falling_crossings if sign > 0 else rising_crossings
    assert_allclose(find(time_s, values, sign * 0.5), [1.0])
