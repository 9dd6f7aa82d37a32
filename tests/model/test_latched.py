"""A gate that stays up for ten of its time constants after a spike is latched, and says so."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from labbench.features import Outcome
from labbench.model import ModelCard, Solution, advance, read_card, resting
from labbench.model.constants import LATCHED_AFTER
from labbench.stimulus import Pulse, PulseTrain

T1, B1 = read_card("t1"), read_card("b1").with_values({"kappa_per_s": 0.0})
TAU_S = T1["control_resistance_ohm"] * T1["gate_capacitance_f"]


def dc(card: ModelCard, end_s: float, level: float = 0.8, **fields) -> Solution:
    return play(card, np.zeros(1), np.full(1, level), end_s, **fields)


def play(card: ModelCard, corner_s, level, end_s: float, cuts=1, **fields) -> Solution:
    """Return the last of some pieces of equal length, with the events of all."""
    state, events = resting(card), []
    for cut_s in np.linspace(0.0, end_s, cuts + 1)[1:]:
        piece = advance(
            card, state, corner_s, level, np.array([cut_s]), **{"noise": "off", **fields}
        )
        state = piece.state
        events += zip(piece.event_s, piece.event_kind, strict=True)
    piece.__dict__.update(
        event_s=np.array([at_s for at_s, _ in events]),
        event_kind=np.array([kind for _, kind in events], dtype=int),
    )
    return piece


@pytest.mark.parametrize("rtol", [1e-4, 1e-8])
@pytest.mark.parametrize("cuts", [1, 7, 400])
def test_ten_gate_time_constants_after_the_spike(rtol: float, cuts: int):
    made = dc(T1, 0.1, rtol=rtol, cuts=cuts)
    assert made.outcome is Outcome.LATCHED
    spike_s, latched_s = made.event_times_s("spike"), made.event_times_s("latched")
    assert latched_s == pytest.approx(spike_s + LATCHED_AFTER * TAU_S, abs=1e-15)


def test_until_then_it_is_not_latched():
    spike_s = dc(T1, 0.1).event_times_s("spike")[0]
    before, after = (dc(T1, spike_s + LATCHED_AFTER * TAU_S + extra_s) for extra_s in (-1e-9, 1e-9))
    assert before.outcome is Outcome.OK
    assert after.outcome is Outcome.LATCHED


def test_events_are_in_order():
    for made in (dc(T1, 0.3), dc(T1, 0.3, cuts=50)):
        assert np.all(np.diff(made.event_s) >= 0.0)


@pytest.mark.parametrize("rtol", [1e-3, 1e-6])
def test_a_gate_that_returns_is_not_latched(rtol: float):
    made = dc(B1, 20e-3, rtol=rtol)
    assert made.event_times_s("spike").size > 5
    assert made.outcome is Outcome.OK


# A gate without a filament in the way: a capacitance lifts it, and it decays by its resistor alone.
LIFTED = B1.with_values({"parallel_capacitance_f": 10e-12, "mu_per_v_s": 0.0})
LIFTED_TAU_S = 20e-12 * LIFTED["control_resistance_ohm"]


@pytest.mark.parametrize("late", [-1e-3, 1e-3])
@pytest.mark.parametrize("rtol", [1e-2, 1e-6])
def test_what_counts_is_where_the_gate_is_at_that_time(late: float, rtol: float):
    # Lifted to 0.25 V by a step of 0.5 V, then held there by a ramp that gives what Rc takes,
    # 0.25 V / 2 ms of gate or twice that of source; at the end a step down by 1 V.
    end_s = (LATCHED_AFTER + late) * LIFTED_TAU_S
    slope = 2 * 0.25 / LIFTED_TAU_S
    top = 0.5 + slope * end_s
    corner_s, level = np.array([0.0, 0.0, end_s, end_s]), np.array([0.0, 0.5, top, top - 1.0])
    made = play(LIFTED, corner_s, level, 2 * end_s, rtol=rtol)
    assert_allclose(made.event_times_s("spike"), [0.0])
    expected = [] if late < 0 else [LATCHED_AFTER * LIFTED_TAU_S]
    assert_allclose(made.event_times_s("latched"), expected, rtol=1e-12)


def test_a_gate_that_returns_late_in_a_long_step_is_not_latched():
    # Left alone at 9.9 time constants, from 0.2001 V: below the level to re-arm, 0.16 V, at
    # 10.12 time constants: latched; left alone at 9.7, at 9.92: not, however long the step is.
    for left, is_latched in ((9.9, True), (9.7, False)):
        left_s = left * LIFTED_TAU_S
        slope = 2 * 0.2001 / LIFTED_TAU_S
        top = 0.4002 + slope * left_s
        corner_s = np.array([0.0, 0.0, left_s])
        for rtol in (1e-2, 1e-3, 1e-6):
            made = play(LIFTED, corner_s, np.array([0.0, 0.4002, top]), 3 * left_s, rtol=rtol)
            assert (made.outcome is Outcome.LATCHED) is is_latched


def test_a_gate_that_cycles_above_the_level_to_re_arm_is_latched():
    # Residue lowers the threshold of B1: in the end the gate falls to 0.16 V no more, though the
    # filament opens and closes on. These are no spikes, and the outcome says why.
    made = dc(B1, 50e-3)
    latched_s = made.event_times_s("latched")
    assert latched_s.size == 1
    assert made.outcome is Outcome.LATCHED
    assert np.sum(made.event_times_s("on") > latched_s[0]) > 10
    assert not np.any(made.event_times_s("spike") > latched_s[0])


def test_a_train_with_long_gaps_lets_it_return():
    def train(gap_s: float) -> Solution:
        width_s = 20e-3
        pulses = tuple(
            Pulse(i * (width_s + gap_s), width_s, 0.8, 1e-6, 1e-6)
            for i in range(int(0.4 / (width_s + gap_s)))
        )
        return play(T1, *PulseTrain(pulses, 0.4).breakpoints(), 0.4)

    # Ten time constants are 25 ms. A gap of four lets the gate fall below 0.16 V.
    apart = train(4 * TAU_S)
    assert apart.event_times_s("spike").size > 3
    assert apart.outcome is Outcome.OK
    # A gap of a fifth does not: the gate cycles, but above the level at which it is re-armed.
    close = train(0.2 * TAU_S)
    assert close.outcome is Outcome.LATCHED
    assert close.event_times_s("latched").size == 1


def test_a_latched_gate_may_return_and_latch_again():
    corner_s = np.array([0.0, 0.0, 0.15, 0.15, 0.2, 0.2])
    made = play(T1, corner_s, np.array([0.0, 0.8, 0.8, 0.0, 0.0, 0.8]), 0.4)
    spike_s = made.event_times_s("spike")
    assert spike_s.size == 2
    assert_allclose(made.event_times_s("latched"), spike_s + LATCHED_AFTER * TAU_S, rtol=1e-12)


def test_a_memristor_never_latches():
    assert not dc(read_card("memristor"), 0.1, 1.0).event_times_s("latched").size
