"""The exponential fit: exact on exact data, honest about its errors, silent where data are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labbench.features.exponential import exponential_fit, pooled_spread

X = np.array([0.1, 0.3, 0.7, 1.2, 2.0, 3.5])


@settings(deadline=None)
@given(st.floats(0.2, 3.0), st.floats(0.1, 10), st.floats(-5, 5), st.booleans(), st.floats(-6, 3))
def test_exact_data_give_their_parameters_back(tau, amplitude, level, is_known, decade):
    x = X * 10**decade
    y = level + amplitude * np.exp(-X / tau)
    fit = exponential_fit(x, y, np.full(X.size, 0.01), level if is_known else None)
    assert fit.tau.value == pytest.approx(tau * 10**decade, rel=1e-4)
    assert fit.amplitude.value == pytest.approx(amplitude, rel=1e-3)
    assert fit.level.value == pytest.approx(level, abs=1e-3 * amplitude)


def test_a_level_measured_on_its_own_is_a_point_at_infinity():
    y = 1.0 - 0.5 * np.exp(-X / 0.8)
    fit = exponential_fit([*X, np.inf], [*y, 1.0], np.full(7, 0.01))
    bare = exponential_fit(X, y, np.full(6, 0.01))
    assert fit.tau.value == pytest.approx(0.8, rel=1e-5)
    assert fit.tau.stderr < 0.9 * bare.tau.stderr
    in_us = exponential_fit(1e-6 * X, y, np.full(6, 0.01))
    assert in_us.tau.stderr == pytest.approx(1e-6 * bare.tau.stderr, rel=1e-4)


def test_the_standard_error_is_the_scatter_of_repeats():
    rng = np.random.default_rng(1)
    truth, error = 2.0 - np.exp(-X / 0.8), 0.02
    fits = [
        exponential_fit(X, truth + rng.normal(0, error, 6), np.full(6, error)) for _ in range(300)
    ]
    taus = np.array([fit.tau for fit in fits if fit is not None])
    assert len(taus) > 290
    z = (taus[:, 0] - 0.8) / taus[:, 1]
    assert abs(np.mean(z)) < 0.25
    assert 0.75 < np.std(z) < 1.15


@pytest.mark.parametrize("y", [X, np.ones(6), [0, 0, 0, 0, 0, 1]])
def test_what_is_no_exponential_is_not_called_one(y):
    fit = exponential_fit(X, y, np.full(6, 0.1))
    assert fit is None or not fit.is_identified


def test_too_few_points():
    assert exponential_fit([1, 2], [1, 0], [1, 1]) is None
    assert exponential_fit([1, 1, 1], [1, 0, 2], [1, 1, 1]) is None


def test_pooled_spread_is_that_within_the_groups():
    assert pooled_spread([[1, 3], [11, 13], [7]]) == pytest.approx(np.sqrt(2))
    assert pooled_spread([[1], [2]]) == np.inf
    assert pooled_spread([]) == np.inf
