"""Equal laws give even p-values, different ones are found, what cannot be told is not."""

import numpy as np
import pytest

from labbench.compare.distributions import distance, quantile_pairs


def latencies(random, n, shift=0.0, spread=0.2):
    return random.normal(shift, spread, (n, 1))


def test_equal_laws_have_even_p_values():
    random = np.random.default_rng(1)
    found = [
        distance(latencies(random, 30), latencies(random, 60), seed=i).p_value for i in range(100)
    ]
    # Kolmogorov's 1 % bound for 100 draws is 0.163.
    grid = (np.arange(100) + 0.5) / 100
    assert np.abs(np.sort(found) - grid).max() < 0.163


def test_a_shift_and_a_spread_are_found():
    random = np.random.default_rng(2)
    one = latencies(random, 200)
    shifted = distance(one, latencies(random, 400, 0.1), seed=1)
    assert shifted.p_value < 1e-4
    assert shifted.area == pytest.approx(0.1, abs=0.03)
    assert distance(one, latencies(random, 400, spread=0.3), seed=1).p_value < 1e-3


def test_the_distance_is_that_of_its_closed_form():
    # Two points a distance apart: 2 int (F - G)^2 = 2 d, and area d.
    one, other = np.zeros((4, 1)), np.full((4, 1), 0.3)
    found = distance(one, other, seed=1)
    assert found.area == pytest.approx(0.3)
    # Two of the 70 splits are as far apart as that.
    assert found.p_value == pytest.approx(2 / 70, abs=0.01)


def test_an_error_in_common_explains_a_shift_but_not_a_spread():
    random = np.random.default_rng(3)
    one, moved = latencies(random, 200), latencies(random, 200, 0.1)
    assert distance(one, moved, seed=1).p_value < 1e-3
    assert distance(one, moved, common_error=0.08, seed=1).p_value > 0.05
    wide = latencies(random, 200, spread=0.5)
    assert distance(one, wide, common_error=0.08, seed=1).p_value < 0.03


def test_equal_laws_have_no_small_p_values_with_an_error_in_common():
    random = np.random.default_rng(4)
    found = [
        distance(
            latencies(random, 40, random.normal(0, 0.1)),
            latencies(random, 40),
            common_error=0.1,
            seed=i,
        ).p_value
        for i in range(60)
    ]
    assert np.mean(np.array(found) < 0.05) <= 0.1


def test_censored_trials_are_a_point_mass_at_the_end():
    random = np.random.default_rng(5)
    one = np.minimum(latencies(random, 100), 0.1)
    other = np.minimum(latencies(random, 100), 0.1)
    assert distance(one, other, end=0.1, seed=1).p_value > 0.01
    # As many again that never fired: the others are as before.
    silent = np.vstack([other, np.full((60, 1), 0.1)])
    assert distance(one, silent, end=0.1, seed=1).p_value < 1e-3


def test_intervals_of_one_train_stay_together():
    random = np.random.default_rng(6)
    # What scatters is the train, not its intervals: 20 times as many numbers are no more evidence.
    found = [
        distance(
            *(random.normal(0, 0.2, (8, 1)) + random.normal(0, 0.02, (8, 20)) for _ in "ab"),
            seed=i,
        ).p_value
        for i in range(40)
    ]
    assert np.mean(np.array(found) < 0.05) < 0.15


def test_quantiles_pair_up():
    pairs = quantile_pairs(np.arange(100.0), np.arange(100.0) + 5)
    assert pairs.shape == (99, 2)
    assert pairs[:, 1] - pairs[:, 0] == pytest.approx(np.full(99, 5.0))
