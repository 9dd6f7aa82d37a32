from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from labbench.store.importers.breakpoints import find_breakpoints


@given(
    level=hnp.arrays(float, st.integers(2, 60), elements=st.floats(-10, 10)),
    tolerance=st.floats(0, 5),
)
def test_no_sample_is_farther_off_than_the_tolerance(level, tolerance):
    time_s = np.arange(level.size) * 1e-3
    corners = find_breakpoints(time_s, level, tolerance)
    assert corners[0] == 0
    assert corners[-1] == level.size - 1
    line = np.interp(time_s, time_s[corners], level[corners])
    assert np.max(np.abs(line - level)) <= tolerance + 1e-9


def test_a_pulse_needs_only_its_edges():
    level = np.repeat([0.1, 1.0, 0.1], 100)
    assert find_breakpoints(np.arange(300.0), level, 0.01).tolist() == [0, 99, 100, 199, 200, 299]


def test_both_sides_of_a_step_without_duration_stay():
    time_s = np.array([0.0, 1.0, 1.0, 2.0])
    corners = find_breakpoints(time_s, np.array([0.0, 0.0, 1.0, 1.0]), 0.01)
    assert corners.tolist() == [0, 1, 2, 3]
