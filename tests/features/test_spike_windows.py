"""Windows of spikes: they cover a record without gaps, whatever the spikes."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labbench.features.spike_windows import cut_record

gaps = st.lists(st.floats(1e-4, 1.0), min_size=0, max_size=8)


@given(gaps_s=gaps, stays=st.lists(st.floats(0.0, 1.0), min_size=8, max_size=8), held_s=gaps)
def test_windows_cover_the_record_in_order(gaps_s, stays, held_s):
    spike_s = np.cumsum(gaps_s)
    end_s = float(np.sum(gaps_s)) + 0.5
    room_s = np.diff(np.r_[spike_s, end_s])
    return_s = spike_s + room_s * np.array(stays[: spike_s.size])
    windows = cut_record(spike_s, return_s, (held_s or [0.1])[0], end_s)
    assert windows[0].start_s == 0.0
    assert windows[-1].end_s == end_s
    for before, after in pairwise(windows):
        assert before.end_s == after.start_s
        assert before.end_s >= before.start_s
    own = [window for window in windows if window.kind != "idle"]
    assert len(own) == spike_s.size


def test_windows_meet_half_way_and_reach_as_far_out_as_in():
    windows = cut_record(np.array([2.0, 3.0, 5.0]), np.array([2.1, 3.1, 5.1]), 1.0, 10.0)
    assert [(w.kind, w.start_s, w.end_s) for w in windows] == [
        ("idle", 0.0, 1.5),
        ("spike", 1.5, 2.5),
        ("spike", 2.5, 4.0),
        ("spike", 4.0, 6.0),
        ("idle", 6.0, 10.0),
    ]


@pytest.mark.parametrize(("end_s", "kind"), [(6.0, "spike"), (5.9, "cut")])
def test_a_last_window_beyond_the_end_is_cut(end_s, kind):
    windows = cut_record(np.array([3.0, 5.0]), np.array([3.1, 5.1]), 1.0, end_s)
    assert windows[-1].kind == kind


def test_a_held_spike_is_latched_until_it_comes_back():
    windows = cut_record(np.array([1.0, 8.0]), np.array([6.0, 8.1]), 2.0, 20.0)
    assert [(w.kind, w.start_s, w.end_s) for w in windows][:3] == [
        ("idle", 0.0, 1.0),
        ("latched", 1.0, 6.0),
        ("spike", 6.0, 11.5),
    ]
