"""What no bench would do, done to the integrator: it says so, and it ends."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from labbench.errors import LabbenchError, StimulusError
from labbench.features import Outcome
from labbench.model import ModelCard, advance, read_card, resting, simulate
from labbench.stimulus import Waveform

B1 = read_card("b1")
DC = Waveform([0.0, 0.0, 5e-3], [0.0, 0.9, 0.9], 5e-3)


@pytest.mark.parametrize(
    ("corner_s", "level", "sample_s"),
    [
        ([0.0, np.nan], [0.0, 1.0], [1e-3]),
        ([0.0, 1e-3], [0.0, np.nan], [1e-3]),
        ([0.0, 1e-3], [0.0, np.inf], [1e-3]),
        ([0.0, 1e-3], [0.0], [1e-3]),
        ([1e-3, 0.0], [0.0, 1.0], [1e-3]),
        ([], [], [1e-3]),
        ([0.0], [1.0], [np.nan]),
        ([0.0], [1.0], [-1e-3]),
        ([0.0], [1.0], []),
    ],
)
def test_courses_without_sense_are_refused(corner_s, level, sample_s):
    with pytest.raises(StimulusError):
        advance(B1, resting(B1), np.array(corner_s), np.array(level), np.array(sample_s))


def test_a_waveform_has_finite_levels():
    for levels in ([0.0, np.nan], [np.inf, 0.0]):
        with pytest.raises(LabbenchError):
            Waveform([0.0, 1e-3], levels, 1e-3)


@pytest.mark.parametrize("rtol", [0.0, -1e-6, np.nan])
def test_a_tolerance_that_cannot_be_is_an_outcome(rtol: float):
    assert simulate(B1, DC, rtol=rtol).outcome is Outcome.NOT_CONVERGED


def test_a_node_far_faster_than_the_record_is_an_outcome():
    # 50 Ohm and 100 pF for a second: two hundred million time constants.
    card = ModelCard(circuit="memristor", values={"shunt_capacitance_f": 100e-12})
    times_s = np.array([0.0, 1.0])
    made = advance(card, resting(card), times_s, np.full(2, 0.1), times_s, max_steps=100_000)
    assert made.outcome is Outcome.NOT_CONVERGED
    assert "after 100000 steps" in made.remedy
    assert "within 5e-09 s" in made.remedy
    # Without the capacitance, which this source charges at once, it is a matter of 2000 steps.
    static = card.with_values({"shunt_capacitance_f": 0.0})
    made = advance(static, resting(static), times_s, np.full(2, 0.1), times_s, max_steps=10_000)
    assert made.outcome is Outcome.DID_NOT_FIRE
    assert made.remedy == ""


def test_a_node_that_follows_at_once_takes_no_steps_of_its_own():
    # The reference model with nothing but its 10 pF behind 50 Ohm: half a nanosecond.
    card = ModelCard(model="ref-2026", circuit="memristor")
    drive = Waveform([0.0, 1e-5, 5.0], [0.0, 1.2, 1.2], 5.0)
    fast, slow = (
        simulate(one, drive, noise="off").solution
        for one in (card, card.with_values({"shunt_capacitance_f": 1e-8}))
    )
    assert fast.n_steps < 1000 < slow.n_steps
    # The slow one lags by its half microsecond.
    assert fast.event_times_s("on").size == 1
    assert_allclose(fast.event_times_s("on"), slow.event_times_s("on"), rtol=0, atol=2e-6)


def test_samples_on_events_and_corners():
    corner_s, level = np.array([0.0, 0.0, 2e-3, 2e-3, 4e-3]), np.array([0.0, 0.9, 0.9, 0.3, 0.3])
    first = advance(B1, resting(B1), corner_s, level, np.array([5e-3]), noise="off")
    at_s = np.sort(np.r_[first.event_s, first.event_s, corner_s, 5e-3])
    made = advance(B1, resting(B1), corner_s, level, at_s, noise="off")
    assert np.all(np.isfinite(made.samples))
    assert_array_equal(made.event_s, first.event_s)
    spike = np.isin(at_s, made.event_times_s("spike"))
    assert_allclose(made.node_v[spike], 0.2, atol=1e-9)


def test_corners_that_repeat_are_one_step():
    def play(corner_s, level):
        end_s = np.array([5e-3])
        return advance(B1, resting(B1), np.array(corner_s), np.array(level), end_s, noise="off")

    once = play([1e-3, 1e-3, 3e-3, 3e-3], [0.0, 0.9, 0.9, 0.0])
    # What happens in no time is not seen, and the last one counts.
    often = play([1e-3] * 5 + [3e-3] * 3, [0.0, 5.0, -3.0, 0.0, 0.9, 0.9, 7.0, 0.0])
    assert_array_equal(once.event_s, often.event_s)
    assert_array_equal(once.state.y, often.state.y)


@pytest.mark.parametrize("coupled_f", [0.0, 1e-12])
def test_a_step_at_the_very_end_belongs_to_what_follows(coupled_f: float):
    card = B1.with_values({"parallel_capacitance_f": coupled_f})
    corner_s, level = np.array([0.0, 0.0, 1e-3, 1e-3]), np.array([0.0, 0.5, 0.5, 0.9])
    at_end = advance(card, resting(card), corner_s, level, np.array([1e-3]), noise="off")
    without = advance(card, resting(card), corner_s[:2], level[:2], np.array([1e-3]), noise="off")
    assert_array_equal(at_end.state.y, without.state.y)
    end_s = np.array([3e-3])
    on = advance(card, at_end.state, corner_s, level, end_s, noise="off")
    whole = advance(card, resting(card), corner_s, level, end_s, noise="off")
    assert_allclose(on.event_s, whole.event_s, rtol=1e-12)
    assert_allclose(on.state.y, whole.state.y, rtol=1e-9)


def test_no_time_at_all():
    made = advance(B1, resting(B1), np.zeros(1), np.ones(1), np.zeros(3))
    assert made.n_steps == 0
    assert_array_equal(made.samples, [[0.0, 0.0, 0.0, 1.0]] * 3)


@pytest.mark.parametrize("start_s", [-1.0, 1e3])
def test_the_time_of_the_clock_does_not_matter(start_s: float):
    def spikes_s(start_s: float) -> np.ndarray:
        made = advance(
            B1,
            resting(B1, start_s=start_s),
            np.array([start_s]),
            np.full(1, 0.9),
            np.array([start_s + 5e-3]),
            noise="off",
        )
        return made.event_times_s("spike") - start_s

    # A thousand seconds leave 1e-13 s of a double, and each turn-off amplifies.
    assert_allclose(spikes_s(start_s), spikes_s(0.0), rtol=0, atol=1e-9)


# Found by playing some hundred random cards and courses at several tolerances.

REF = ModelCard(
    model="ref-2026",
    circuit="memristor",
    values={
        "mu_per_v_s": 5850.0,
        "alpha": 0.0208,
        "beta_per_s": 27.6,
        "gamma1_per_s": 55.8,
        "gamma2_per_s": 4.02,
        "lambda": 0.124,
        "r_on_ohm": 1.65e4,
        "r_off_ohm": 1e11,
        "rate_max_per_s": np.inf,
        "parallel_capacitance_f": 0.0,
        "current_clip_a": np.inf,
        "compliance_a": 3.78e-8,
        "series_resistance_ohm": 1e4,
        "shunt_resistance_ohm": 1e7,
    },
)


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8, 1e-9])
def test_a_source_that_passes_zero_leaves_its_compliance(rtol: float):
    # From +1 to -0.8 V within 1.6 ms, in compliance on both sides; around zero the filament opens
    # for a microsecond, and the source is back at its limit: a step may be longer than that.
    corner_s = np.array([10.4458, 10.4458, 10.6077, 13.3704, 15.7529, 17.3436, 19.5588]) * 1e-3
    level = np.array([0.0, 0.382, 0.931, 0.513, 0.971, -0.823, -0.515])
    ends_s = np.array([19.5e-3])
    made = advance(REF, resting(REF), corner_s, level, ends_s, noise="off", rtol=rtol)
    kinds = [event.kind for event in made.events]
    assert kinds == ["compliance", "on", "off", "on", "compliance"]
    zero_s = corner_s[4] + (corner_s[5] - corner_s[4]) * 0.971 / (0.971 + 0.823)
    off_s, on_s = made.event_times_s("off")[0], made.event_times_s("on")[1]
    assert off_s < zero_s < on_s
    assert on_s - off_s < 2e-6


@pytest.mark.parametrize("start_v", [0.0, 1e-17, -1e-17, 1e-9])
def test_a_ramp_may_start_next_to_zero(start_v: float):
    # From a standstill the way to the closing is endless, and says nothing about the step.
    card = read_card("memristor").with_values({}, polarity="symmetric")
    corner_s, end_s = np.array([1.0, 1.0 + 1e-3]), np.array([1.0 + 1e-3])
    on_s = [
        advance(
            card, resting(card), corner_s, np.array([v, 1.2]), end_s, noise="off", rtol=1e-8
        ).event_times_s("on")
        for v in (start_v, 0.0)
    ]
    assert on_s[0].size == 1
    assert_allclose(on_s[0], on_s[1], rtol=0, atol=1e-10)


def test_a_compliance_just_behind_the_closing_makes_no_step_backwards():
    card = ModelCard(
        circuit="memristor",
        drive="current",
        polarity="symmetric",
        values={
            "mu_per_v_s": 329.31596343072647,
            "gamma1_per_s": 200.70161629049315,
            "alpha": 0.011624139695993121,
            "beta_per_s": 53.11954660493367,
            "gamma2_per_s": 21.937066174412738,
            "lambda": 0.20647791575997865,
            "r_on_ohm": 242319.93569015036,
            "r_off_ohm": 1e11,
            "shunt_capacitance_f": 1e-9,
            "shunt_resistance_ohm": 1e7,
            "compliance_v": 1.0,
        },
    )
    corner_s = np.array([6.248535, 6.248535, 7.546826, 8.851756, 11.416517, 11.416517]) * 1e-3
    level = np.array([0.0, -0.688128532, 0.086056515, -1.793894401, -1.802419499, 0.0]) * 1e-6
    ends = [
        advance(card, resting(card), corner_s, level, np.array([30e-3]), noise="off", rtol=rtol)
        for rtol in (1e-3, 1e-4, 1e-5, 1e-8)
    ]
    assert all(made.has_converged for made in ends)
    for made in ends:
        assert_allclose(made.event_times_s("on")[:1], ends[-1].event_times_s("on")[:1], rtol=1e-3)
