"""The shape of samples: known moments, errors that cover, independence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from labbench.features import Outcome
from labbench.features.shape import Times, describe_shape, lag_correlation, spread_and_skew

NONE = np.empty(0)


def singles(values) -> list[np.ndarray]:
    return [np.array([x]) for x in values]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.5, 10.0), min_size=4, max_size=30), st.floats(1e-6, 1e3))
def test_moments_are_those_of_the_textbook_in_any_unit(values, unit):
    sample = unit * np.array(values)
    (cv, _), (skew, _) = spread_and_skew(singles(sample))
    if np.ptp(sample) < 1e-6 * unit:
        return
    assert cv == pytest.approx(sample.std(ddof=1) / sample.mean(), rel=1e-6)
    assert skew == pytest.approx(stats.skew(sample), rel=1e-4, abs=1e-4)


def test_equal_times_have_no_skew():
    assert spread_and_skew(singles([1e-3] * 9))[0] == (0.0, 0.0)
    assert np.isnan(spread_and_skew(singles([1e-3] * 9))[1]).all()


def test_errors_of_trains_cover():
    """Trains whose intervals depend on each other: the jackknife goes by trains."""
    draw, z = np.random.default_rng(0), []
    for _ in range(200):
        rows = [1e-3 * (1 + 0.05 * draw.normal() + 0.1 * draw.normal(size=10)) for _ in range(20)]
        (cv, error), _ = spread_and_skew(rows)
        z.append((cv - np.hypot(0.05, 0.1)) / error)
    assert 0.8 < np.std(z) < 1.3


def test_a_rare_long_time_is_in_the_error_of_a_sample_that_holds_none():
    draw = np.random.default_rng(1)
    z = np.zeros((100, 2))
    everything = 1e-3 * (1 + 0.2 * draw.random(40_000) + 1.5 * (draw.random(40_000) < 0.005))
    true = [everything.std() / everything.mean(), stats.skew(everything)]
    for i, part in enumerate(everything.reshape(100, 400)):
        for j, (value, error) in enumerate(spread_and_skew(singles(part))):
            z[i, j] = (value - true[j]) / error
    assert np.mean(np.abs(z) > 3) < 0.15
    # Most samples hold one or two of them; the claim is about right for those.
    assert np.median(np.abs(z)) < 1.2


def test_independent_times_have_no_correlation_and_a_chain_has():
    draw = np.random.default_rng(2)
    white = draw.normal(size=2000)
    chain = np.convolve(white, [1.0, 1.0], "valid")
    z = [lag_correlation([np.exp(0.1 * part)])[0] * np.sqrt(99) for part in white.reshape(20, 100)]
    assert 0.6 < np.std(z) < 1.4
    value, error, n = lag_correlation([np.exp(0.1 * chain)])
    assert value == pytest.approx(0.5, abs=3 * error)
    assert n == chain.size - 1


def test_a_drift_that_all_trains_share_is_no_dependence():
    draw = np.random.default_rng(3)
    drift = np.linspace(2.0, 1.0, 12)
    rows = [drift * np.exp(0.02 * draw.normal(size=12)) for _ in range(20)]
    value, error, n = lag_correlation(rows)
    assert n == 220
    assert abs(value) < 3 * error
    assert lag_correlation([np.concatenate(rows)])[0] > 0.4, "in one row it would look like one"


def test_pairs_with_a_time_that_was_not_seen_are_left_out():
    assert lag_correlation([np.array([1.0, np.nan, 2.0, 3.0, 2.5, 2.7])])[2] == 3


def test_an_atom_is_no_part_of_the_law():
    """A free shift would run to the atom and win; taken out, the law of the others is found."""
    draw = np.random.default_rng(4)
    others = 1.1e-3 + draw.gamma(3.0, 1e-4, 400)
    atom = np.full(100, 1e-3)
    order = draw.permutation(500)
    trials = singles(np.r_[atom, others][order])
    with_atom = {f.name: f for f in describe_shape("latency", Times(trials, NONE, atom), 1e-6, {})}
    plain = {
        f.name: f for f in describe_shape("latency", Times(singles(others), NONE, NONE), 1e-6, {})
    }
    for name, feature in plain.items():
        if "_aic_" in name:
            assert with_atom[name].value == pytest.approx(feature.value)
            assert with_atom[name].n == 400
    assert with_atom["latency_aic_gamma_shifted"].value * 400 < 6
    assert with_atom["latency_cv"].n == 500


def test_censored_shapes_say_so():
    seen = np.random.default_rng(5).gamma(1.5, 4e-4, 400)
    times = Times([*singles(seen), np.array([np.nan])], np.array([5e-3]), NONE)
    features = {f.name: f for f in describe_shape("latency", times, 1e-6, {"amplitude_v": 0.7})}
    assert features["latency_cv"].outcome is Outcome.CENSORED
    assert features["latency_aic_gamma"].n == 401
    assert all(f.at == {"amplitude_v": 0.7} for f in features.values())
    laws = [f for f in features.values() if "_aic_" in f.name]
    assert min(f.value for f in laws) == 0.0
    assert {f.outcome for f in laws} == {Outcome.OK, Outcome.NOT_IDENTIFIABLE}
