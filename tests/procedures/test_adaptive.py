"""Adaptive searches on drawn devices: they converge, stay low, and know how well they know."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labbench.features import Outcome
from labbench.features.statistics import logistic_fit
from procedures.adaptive import CLIMB, HalfPointSearch, Posterior, Staircase

START_V, STOP_V = 0.2, 2.0


def drive(search, v50_v, relative_width, seed):
    """Let a logistic device answer a search; return its amplitudes and outcomes."""
    draw = np.random.default_rng(seed)
    amplitudes_v, fired = [], []
    while (v := search.next_v()) is not None:
        did = bool(draw.random() < 1 / (1 + np.exp(-(v - v50_v) / (relative_width * v50_v))))
        search.tell(did)
        amplitudes_v.append(v)
        fired.append(did)
    return amplitudes_v, fired


def half_point(tolerance=0.01, most=40):
    return HalfPointSearch(START_V, STOP_V, tolerance, most)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.25, 4.0), st.floats(0.004, 0.08), st.integers(0, 10_000))
@pytest.mark.parametrize("make", [half_point, lambda: Staircase(START_V, STOP_V)])
def test_no_search_exceeds_its_stop_amplitude_or_goes_far_above_the_device(
    make, v50_v, relative_width, seed
):
    search = make()
    amplitudes_v, _ = drive(search, v50_v, relative_width, seed)
    result = search.result()
    assert max(amplitudes_v) <= STOP_V
    assert all(v == round(v, 3) for v in amplitudes_v)
    assert result.n == len(amplitudes_v)
    reach = 1 + 9 * relative_width
    assert max(amplitudes_v) <= max(CLIMB, 1.25) * reach * v50_v
    if v50_v > 1.8 * STOP_V:
        assert result.outcome is Outcome.DID_NOT_FIRE
        assert not result.has_fired


@pytest.mark.parametrize("relative_width", [0.005, 0.02, 0.05])
def test_half_points_are_found_and_their_errors_cover(relative_width):
    draw, z, n = np.random.default_rng(1), [], []
    for seed in range(60):
        v50_v, search = float(draw.uniform(0.3, 1.6)), half_point()
        drive(search, v50_v, relative_width, seed)
        found = search.result()
        z.append((found.v50_v - v50_v) / found.stderr_v)
        n.append(found.n)
        assert found.outcome is Outcome.NOT_CONVERGED or found.stderr_v < 0.01 * found.v50_v
    assert np.std(z) < 1.4
    assert abs(np.mean(z)) < 0.6
    # About ten pulses of climb; then the sharper the law, the fewer.
    assert np.mean(n) < {0.005: 28, 0.02: 44, 0.05: 52}[relative_width]


def test_a_fit_of_the_pulses_of_a_search_covers_too():
    """Features read the pulses again, by a logistic fit that knows nothing of the search."""
    draw, z = np.random.default_rng(2), []
    for seed in range(60):
        v50_v = float(draw.uniform(0.3, 1.6))
        fit = logistic_fit(*drive(half_point(0.004, 30), v50_v, 0.02, seed))
        if fit is not None:
            z.append((fit[0] - v50_v) / fit[1])
    assert len(z) > 55
    assert np.std(z) < 1.4


def test_a_device_that_fires_below_the_first_amplitude_is_still_found():
    search = half_point()
    drive(search, 0.12, 0.02, 0)
    assert search.result().v50_v == pytest.approx(0.12, rel=0.03)


def test_a_false_spike_on_the_way_is_forgiven():
    search = half_point(most=60)
    draw, seen = np.random.default_rng(0), 0
    while (v := search.next_v()) is not None:
        fired = bool(draw.random() < 1 / (1 + np.exp(-(v - 0.7) / 0.01)))
        seen += 1
        search.tell(True if v > 0.55 and seen < 8 else fired)
    assert search.result().v50_v == pytest.approx(0.7, rel=0.05)


def test_the_posterior_is_a_probability_and_learns():
    belief = Posterior.between(0.5, 1.0)
    prior_sd_v = belief.sd_v
    assert belief.weight.sum() == pytest.approx(1.0)
    low = belief.updated(0.6, fired=True)
    high = belief.updated(0.6, fired=False)
    assert low.mean_v < belief.mean_v < high.mean_v
    for _ in range(8):
        belief = belief.updated(0.72, True).updated(0.68, False)
    assert belief.weight.sum() == pytest.approx(1.0)
    assert belief.mean_v == pytest.approx(0.70, abs=0.01)
    assert belief.sd_v < 0.2 * prior_sd_v
    # What is to be expected is what comes, averaged over what may come.
    p = float((belief.fire_probability(0.7)[0] * belief.weight).sum())
    after = sum(
        chance * _entropy(belief.updated(0.7, fired))
        for chance, fired in ((p, True), (1 - p, False))
    )
    assert belief.expected_entropy(np.array([0.7]))[0] == pytest.approx(after)
    assert after < _entropy(belief)


def _entropy(belief):
    weight = belief.weight[belief.weight > 0]
    return -float((weight * np.log(weight)).sum())


@pytest.mark.parametrize("target", [0.25, 0.5, 0.75])
def test_a_staircase_stays_at_its_target(target):
    width = 0.03
    expected_v = 0.8 * (1 + width * np.log(target / (1 - target)))
    found = []
    for seed in range(60):
        stairs = Staircase(START_V, STOP_V, reversals=16, most=200, target=target)
        drive(stairs, 0.8, width, seed)
        found.append(stairs.result().v50_v)
        assert stairs.result().outcome is Outcome.OK
    # Half a step of bias is what a staircase has.
    assert np.mean(found) == pytest.approx(expected_v, rel=0.02)


def test_a_staircase_without_end_says_that_it_did_not_converge():
    stairs = Staircase(START_V, STOP_V, reversals=100, most=40)
    amplitudes_v, _ = drive(stairs, 0.8, 0.02, 0)
    assert len(amplitudes_v) == 40
    assert stairs.result().outcome is Outcome.NOT_CONVERGED
