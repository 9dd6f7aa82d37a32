"""Traces: exact scaling, censoring at the rails, time bases, and nothing that can be changed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal

from labbench.errors import TraceError
from labbench.trace import Channel, Trace

FAST = settings(max_examples=50, deadline=None)


def trace(n: int = 3, **fields) -> Trace:
    return Trace({"output": Channel(np.arange(float(n)), "voltage", "V")}, **fields)


@FAST
@given(
    hnp.arrays(st.sampled_from([np.int8, np.int16]), st.integers(0, 20)),
    st.floats(-1e3, 1e3),
    st.floats(-1e3, 1e3),
)
def test_counts_times_scale_plus_offset_exactly(counts, scale, offset):
    channel = Channel(counts, "voltage", "V", scale, offset)
    expected = [float(count) * scale + offset for count in counts]
    assert channel.values.dtype == np.float64
    assert_array_equal(channel.values, expected)


def test_an_integer_scale_does_not_overflow():
    channel = Channel(np.array([30_000], np.int16), "voltage", "V", scale=10, offset=0)
    assert_array_equal(channel.values, [300_000.0])


@FAST
@given(hnp.arrays(np.float64, st.integers(0, 20)))
def test_floats_are_kept_bit_by_bit(values):
    assert_array_equal(Channel(values, "current", "A").values, values)


@FAST
@given(st.floats(1e-9, 1e3), st.sampled_from([-1.0, 1.0]), st.floats(-10.0, 10.0))
def test_counts_at_the_rails_are_censored_whatever_the_scale(size, sign, offset):
    counts = np.array([-128, -127, 0, 126, 127], np.int8)
    ends = sorted(count * sign * size + offset for count in (-128, 127))
    channel = Channel(
        counts, "voltage", "V", sign * size, offset, rail_low=ends[0], rail_high=ends[1]
    )
    assert_array_equal(channel.is_censored, [True, False, False, False, True])


def test_rails_of_floats():
    values = np.array([-2.0, -1.0, 0.0, 1.0, np.nan, np.inf])
    one = Channel(values, "current", "A", rail_high=1.0)
    assert_array_equal(one.is_censored, [False, False, False, True, False, True])
    both = Channel(values, "current", "A", rail_low=-1.0, rail_high=1.0)
    assert_array_equal(both.is_censored, [True, True, False, True, False, True])
    assert not Channel(values, "current", "A").is_censored.any()


def test_even_time():
    assert_array_equal(trace(start_s=-1.0, interval_s=0.5).time_s, [-1.0, -0.5, 0.0])


def test_uneven_time():
    time_s = np.array([0.0, 0.1, 5.0])
    assert_array_equal(trace(uneven_time_s=time_s).time_s, time_s)


def test_order_only():
    ordered = trace()
    assert len(ordered) == 3
    assert not ordered.has_time
    with pytest.raises(TraceError, match="no time axis"):
        _ = ordered.time_s


@pytest.mark.parametrize(
    "time_s",
    [np.arange(2.0), np.arange(3.0)[:, None], np.array([0.0, 2.0, 1.0]), np.array([0, np.nan, 1])],
)
def test_impossible_uneven_times_are_refused(time_s):
    with pytest.raises(TraceError):
        trace(uneven_time_s=time_s)


@pytest.mark.parametrize("interval_s", [0.0, -1.0, np.nan, np.inf])
def test_impossible_intervals_are_refused(interval_s):
    with pytest.raises(TraceError, match="interval"):
        trace(interval_s=interval_s)


def test_a_trace_starts_somewhere():
    with pytest.raises(TraceError, match="start"):
        trace(interval_s=1.0, start_s=np.nan)


def test_channels_of_unequal_length_are_refused_with_both_lengths():
    short, long = (Channel(np.zeros(n), "voltage", "V") for n in (2, 3))
    with pytest.raises(TraceError, match="'a': 2, 'b': 3"):
        Trace({"a": short, "b": long})


def test_no_channels_are_no_trace():
    with pytest.raises(TraceError, match="one length"):
        Trace({})


def test_a_channel_is_one_row():
    with pytest.raises(TraceError, match=r"\(2, 2\)"):
        Channel(np.zeros((2, 2)), "voltage", "V")


def test_an_unknown_channel_names_those_that_are_there():
    with pytest.raises(TraceError, match=r"'gate'; it has output"):
        trace().values("gate")


def test_a_trace_cannot_be_written_to_and_the_callers_arrays_stay_as_they_are():
    raw, time_s = np.arange(3.0), np.arange(3.0)
    channels = {"output": Channel(raw, "voltage", "V")}
    made = Trace(channels, uneven_time_s=time_s)
    assert raw.flags.writeable
    assert time_s.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        made.values("output")[0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        made.time_s[0] = 1.0
    with pytest.raises(TypeError):
        made.channels["gate"] = channels["output"]  # type: ignore[index]
    channels.clear()
    assert list(made.channels) == ["output"]


@given(
    counts=st.lists(st.integers(-128, 127), min_size=1, max_size=40),
    scale=st.sampled_from([0.5, -0.25, 1e-3, 3.3e-5]),
    offset=st.sampled_from([0.0, 0.7, -2e-3]),
    rails=st.tuples(st.integers(-140, 140), st.integers(-140, 140)),
    kept=st.sampled_from([(True, True), (True, False), (False, True), (False, False)]),
)
@FAST
def test_counts_at_a_rail_are_censored_as_their_values_are(counts, scale, offset, rails, kept):
    low, high = sorted(rail * scale + offset for rail in rails)
    ends = {"rail_low": low if kept[0] else None, "rail_high": high if kept[1] else None}
    channel = Channel(np.array(counts, np.int8), "voltage", "V", scale, offset, **ends)
    margin = 1e-6 * abs(scale)
    expected = np.zeros(len(counts), bool)
    if kept[0]:
        expected |= channel.values <= low + margin
    if kept[1]:
        expected |= channel.values >= high - margin
    assert_array_equal(channel.is_censored, expected)


def test_infinite_rails_censor_nothing_or_all():
    channel = Channel(np.array([1, 2], np.int16), "voltage", "V", rail_high=np.inf)
    assert not channel.is_censored.any()
    assert Channel(channel.raw, "voltage", "V", rail_low=np.inf).is_censored.all()
