import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments.simulated.clock import VirtualClock
from instruments.simulated.timeline import Timeline, combine, lagged
from instruments.uninterrupted import Turn, uninterrupted


@given(due=st.lists(st.integers(0, 20), max_size=8), naps=st.lists(st.integers(0, 9), max_size=6))
def test_what_is_due_happens_once_at_its_time_and_in_order(due: list[int], naps: list[int]) -> None:
    clock, seen = VirtualClock(), []
    for number, at_s in enumerate(due):
        clock.at(at_s, lambda number=number: seen.append((clock.now(), number)))
    for nap_s in naps:
        clock.sleep(nap_s)
    asked = sorted((at_s, number) for number, at_s in enumerate(due))
    assert seen == [each for each in asked if each[0] <= sum(naps)][: len(seen)]
    assert len(seen) == sum(at_s <= sum(naps) for at_s in due) or not naps
    assert clock.now() == sum(naps)


def test_what_lets_time_pass_itself_does_not_turn_it_back() -> None:
    clock = VirtualClock()
    clock.at(1.0, lambda: clock.sleep(5.0))
    clock.at(2.0, lambda: seen.append(clock.now()))
    seen: list[float] = []
    clock.sleep(1.5)
    assert clock.now() == 6.0
    assert seen == [2.0]


def test_a_signal_waits_until_what_is_due_has_happened() -> None:
    clock, seen = VirtualClock(), []

    def act() -> None:
        uninterrupted.interrupt("now")
        seen.append(clock.now())

    clock.at(1.0, act)
    clock.at(2.0, lambda: seen.append(clock.now()))
    with pytest.raises(KeyboardInterrupt, match="now"):
        clock.sleep(3.0)
    assert (clock.now(), seen) == (3.0, [1.0, 2.0])

    def turn() -> None:
        with Turn():
            with uninterrupted:
                uninterrupted.interrupt("then")
            seen.append(3.0)

    with pytest.raises(KeyboardInterrupt, match="then"):
        turn()
    assert seen[-1] == 3.0
    with pytest.raises(KeyboardInterrupt, match="at once"):
        uninterrupted.interrupt("at once")


def test_a_paced_clock_goes_with_real_time() -> None:
    clock = VirtualClock(pace=10.0)
    started_s = time.monotonic()
    clock.sleep(1.0)
    assert time.monotonic() - started_s >= 0.099
    time.sleep(0.05)
    clock.catch_up()
    assert clock.now() >= 1.5


times = st.lists(st.integers(0, 100), min_size=1, max_size=6).map(sorted)


@given(one_s=times, other_s=times, data=st.data())
def test_a_sum_of_timelines_is_the_sum_everywhere(
    one_s: list[int], other_s: list[int], data: st.DataObject
) -> None:
    lines, asked_s = [], np.linspace(-1, 101, 513) + 1e-4
    for corner_s in (one_s, other_s):
        level = data.draw(
            st.lists(st.integers(-3, 3), min_size=len(corner_s), max_size=len(corner_s))
        )
        line = Timeline()
        line.corner_s, line.level = np.array(corner_s, float), np.array(level, float)
        lines.append(line)
    corner_s, level = combine(lines, [2.0, -0.5], 1.0)
    expected = 1.0 + sum(
        weight * np.interp(asked_s, line.corner_s, line.level)
        for weight, line in zip((2.0, -0.5), lines, strict=True)
    )
    assert np.interp(asked_s, corner_s, level) == pytest.approx(expected, abs=1e-9)


def test_a_change_keeps_what_was_and_replaces_what_was_to_come() -> None:
    line = Timeline()
    line.change(1.0, [2.0, 4.0], [0.0, 2.0])
    line.change(3.0, [3.0], [-1.0])
    assert np.interp([2.5, 2.999, 3.001, 9.0], line.corner_s, line.level) == pytest.approx(
        [0.5, 0.999, -1.0, -1.0]
    )
    line.forget(3.0)
    assert np.interp(3.5, line.corner_s, line.level) == -1.0


def test_the_lag_is_that_of_a_first_order_circuit() -> None:
    corner_s, level = lagged(np.array([0.0, 1.0, 1.0, 50.0]), np.array([0.0, 0.0, 1.0, 1.0]), 2.0)
    asked_s = np.linspace(0.0, 40.0, 400)
    expected = 1.0 - np.exp(-np.maximum(asked_s - 1.0, 0.0) / 2.0)
    assert np.interp(asked_s, corner_s, level) == pytest.approx(expected, abs=0.01)
