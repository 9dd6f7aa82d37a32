"""Small-sample estimates: known answers, and errors that cover as often as they claim."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from labbench.features.statistics import log_mean, log_spread, logistic_fit, proportion

AMPLITUDES_V = np.linspace(0.5, 0.9, 9)
X50_V, WIDTH_V = 0.7, 0.03


def trials(n: int, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Single trials, n at each amplitude, of a logistic law."""
    x = np.repeat(AMPLITUDES_V, n)
    return x, draw.random(x.size) < 1 / (1 + np.exp(-(x - X50_V) / WIDTH_V))


def assert_covers(hits: int, repeats: int, level: float) -> None:
    """The number of intervals that hold the truth is binomial, but for 5 % of the level."""
    low = stats.binom.ppf(0.001, repeats, level - 0.05)
    high = stats.binom.ppf(0.999, repeats, min(level + 0.05, 1.0))
    assert low <= hits <= high


def test_proportion():
    assert proportion(3, 10)[0] == 0.3
    # For many trials the binomial error.
    assert proportion(300, 1000)[1] == pytest.approx(np.sqrt(0.3 * 0.7 / 1000), rel=0.01)


@pytest.mark.parametrize("n", [1, 5, 100])
def test_proportion_at_none_and_all_keeps_an_error(n: int):
    (none, none_error), (every, every_error) = proportion(0, n), proportion(n, n)
    assert (none, every) == (0.0, 1.0)
    assert none_error == pytest.approx(every_error)
    # Of the order of one trial more or less, half a trial at least.
    assert 0.5 / (n + 1) <= none_error <= 1.0 / (n + 1)


def test_log_mean():
    mean, error = log_mean([1.0, 4.0])
    assert mean == pytest.approx(2.0)
    # Logs are ln 2 away from their mean: sd = sqrt(2) ln 2, over sqrt(2).
    assert error == pytest.approx(2.0 * np.log(2))
    assert log_mean([3.0])[0] == pytest.approx(3.0)
    assert np.isnan(log_mean([3.0])[1])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.1, 10.0), min_size=2, max_size=20), st.floats(1e-6, 1e6))
def test_units_scale_means_and_leave_spreads(values, unit):
    scaled = np.array(values) * unit
    assert_allclose(
        log_mean(scaled), np.multiply(log_mean(values), unit), rtol=1e-6, atol=1e-9 * unit
    )
    assert_allclose(log_spread(scaled), log_spread(values), rtol=1e-5, atol=1e-8)


def test_log_spread_of_equal_values_is_zero():
    assert log_spread([2.0, 2.0, 2.0]) == (0.0, 0.0)


def test_log_mean_and_spread_cover():
    draw = np.random.default_rng(3)
    repeats, hits = 400, np.zeros(2, int)
    for _ in range(repeats):
        values = np.exp(draw.normal(np.log(2e-3), 0.4, 40))
        (mean, mean_error), (spread, spread_error) = log_mean(values), log_spread(values)
        hits += abs(mean - 2e-3) < 1.96 * mean_error, abs(spread - 0.4) < 1.96 * spread_error
    for count in hits:
        assert_covers(int(count), repeats, 0.95)


def test_log_spread_of_heavy_tails_claims_more_doubt():
    draw = np.random.default_rng(4)
    normal = np.exp(draw.normal(0, 0.3, 2000))
    heavy = np.exp(0.3 * draw.standard_t(5, 2000))
    ratios = [error / spread for spread, error in (log_spread(normal), log_spread(heavy))]
    assert ratios[0] == pytest.approx(1 / np.sqrt(2 * 2000), rel=0.1)
    assert ratios[1] > 1.2 * ratios[0]


def test_logistic_fit_recovers_both_and_covers():
    draw = np.random.default_rng(5)
    repeats, hits, z = 100, np.zeros((2, 2), int), []
    for _ in range(repeats):
        fit = logistic_fit(*trials(20, draw))
        assert fit is not None
        off = np.abs([(fit[0] - X50_V) / fit[1], (fit[2] - WIDTH_V) / fit[3]])
        hits += off[:, None] < [1.0, 1.96]
        z.append((fit[0] - X50_V) / fit[1])
    for row in hits:
        assert_covers(int(row[0]), repeats, 0.683)
        assert_covers(int(row[1]), repeats, 0.95)
    assert abs(np.mean(z)) < 4 / np.sqrt(repeats)


def test_logistic_fit_is_the_maximum_likelihood_of_many_trials():
    x, y = trials(20_000, np.random.default_rng(6))
    x50, error, width, width_error = logistic_fit(x, y)  # type: ignore[misc]
    assert abs(x50 - X50_V) < 4 * error < 2e-3
    assert abs(width - WIDTH_V) < 4 * width_error < 2e-3


@settings(max_examples=50, deadline=None)
@given(st.floats(-5.0, 5.0), st.floats(0.01, 100.0))
def test_logistic_fit_shifts_and_scales_with_its_axis(shift, scale):
    x, y = trials(5, np.random.default_rng(7))
    plain = np.array(logistic_fit(x, y))
    moved = np.array(logistic_fit(shift + scale * x, y))
    assert_allclose(moved, scale * plain + [shift, 0, 0, 0], rtol=1e-4, atol=1e-6 * scale)


@pytest.mark.parametrize("n", [1, 2, 5, 200])
@pytest.mark.parametrize("step_v", [0.52, 0.68, 0.88])
def test_a_clean_step_gives_finite_numbers_around_it(n: int, step_v: float):
    x = np.repeat(AMPLITUDES_V, n)
    fit = logistic_fit(x, x > step_v)
    assert fit is not None
    x50, error, width, width_error = fit
    assert np.isfinite(fit).all()
    assert min(error, width, width_error) > 0
    spacing_v = AMPLITUDES_V[1] - AMPLITUDES_V[0]
    assert abs(x50 - step_v) < spacing_v + error
    assert width < 2 * spacing_v


def test_a_clean_step_much_narrower_than_the_range():
    x = np.repeat([0.5, 0.6, 0.68, 0.699, 0.701, 0.8, 0.9], 50)
    x50, error, *_ = logistic_fit(x, x > 0.7)  # type: ignore[misc]
    assert x50 == pytest.approx(0.7, abs=1e-3)
    assert error < 2e-3


@pytest.mark.parametrize(("x", "y"), [([0.0, 1.0], [0, 1]), ([0, 1, 2, 1000.0], [0, 0, 1, 1])])
def test_trials_that_stand_alone_at_their_level(x, y):
    fit = logistic_fit(x, y)
    assert fit is not None
    assert np.isfinite(fit).all()


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([], []),
        ([0.7], [1]),
        ([0.7, 0.7], [0, 1]),
        ([0.6, 0.7], [0, 0]),
        ([0.6, 0.7], [1, 1]),
        ([0.6, 0.7], [1, 0]),  # fires less at more
    ],
)
def test_nothing_to_fit(x, y):
    assert logistic_fit(x, y) is None
