"""Laws of times: each found in its own samples, whatever is missing from them."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, stats

from labbench.errors import FeatureError
from labbench.features.distributions import LAWS, TELLING_AIC, fit_law, rank_laws

INTERVAL_S = 1e-6
NONE = np.empty(0)
# Mean of about 1 ms each; as scipy has them, to check against.
TRUE = {
    "normal": stats.norm(1e-3, 1.5e-4),
    "lognormal": stats.lognorm(0.5, scale=0.9e-3),
    "gamma": stats.gamma(2.5, scale=4e-4),
    "weibull": stats.weibull_min(1.8, scale=1.1e-3),
    "inverse_gaussian": stats.invgauss(0.6, scale=1e-3 / 0.6),
}


def sample(law: str, n: int, seed: int = 0) -> np.ndarray:
    return np.asarray(TRUE[law].rvs(n, random_state=seed))


@pytest.mark.parametrize("law", LAWS)
def test_density_and_survival_are_those_of_a_law(law):
    density, survival = LAWS[law]
    location, log_shape = (0.7, -0.3) if law == "normal" else (0.2, 0.4)
    for start in (0.3, 1.0, 2.5):
        area = integrate.quad(
            lambda t: np.exp(density(np.array([t]), location, log_shape))[0], start, np.inf
        )[0]
        assert np.exp(survival(np.array([start]), location, log_shape))[0] == pytest.approx(area)


@pytest.mark.parametrize("law", LAWS)
def test_maximum_likelihood_is_that_of_scipy(law):
    times = sample(law, 400)
    ours = float(fit_law(law, times, NONE, INTERVAL_S).log_likelihood.sum())
    family = TRUE[law].dist
    fitted = family.fit(times) if law == "normal" else family.fit(times, floc=0)
    # Ours are in units of the median.
    theirs = float(family.logpdf(times, *fitted).sum()) + times.size * np.log(np.median(times))
    assert ours == pytest.approx(theirs, abs=1e-4)


@pytest.mark.parametrize("shift_s", [0.0, 1e-3])
@pytest.mark.parametrize("law", LAWS)
def test_each_law_is_found_in_its_own_samples(law, shift_s):
    ranks = rank_laws(sample(law, 3000, seed=3) + shift_s, NONE, INTERVAL_S)
    difference = {rank.fit.name: rank for rank in ranks}
    # A law with a dead time that comes out as zero costs its parameter, and no more.
    own = law if law == "normal" or not shift_s else f"{law}_shifted"
    assert difference[own].aic_difference < 4
    assert not difference[own].is_told or difference[own] is ranks[0]
    wrong = {rank.fit.law for rank in ranks if rank.is_told} - {ranks[0].fit.law}
    assert len(wrong) >= 2, "a few thousand trials do rule laws out"
    if shift_s and law != "normal":
        assert difference[own].fit.shift_s == pytest.approx(shift_s, rel=0.1)
    assert sum(rank.weight for rank in ranks) == pytest.approx(1.0)


def test_a_law_and_itself_with_no_dead_time_differ_by_one_parameter():
    times = stats.gamma(4.0, scale=1.0).ppf((np.arange(500) + 0.5) / 500) * 1e-3
    plain = fit_law("weibull", times**0.5, NONE, INTERVAL_S)
    shifted = fit_law("weibull", times**0.5, NONE, INTERVAL_S, is_shifted=True)
    assert shifted.log_likelihood.sum() >= plain.log_likelihood.sum() - 1e-6
    assert 0.0 <= shifted.shift_s < (times**0.5).min()


@pytest.mark.parametrize("law", [law for law in LAWS if law != "normal"])
@pytest.mark.parametrize("interval_s", [1e-6, 2e-5])
def test_the_shift_stops_one_sampling_interval_below_the_shortest(law, interval_s):
    # An exponential edge: the likelihood of several shifted laws has no bound here.
    times = 1e-3 + np.random.default_rng(1).exponential(3e-4, 200) ** 1.5
    fit = fit_law(law, times, NONE, interval_s, is_shifted=True)
    assert 0.0 <= fit.shift_s <= times.min() - interval_s * (1 - 1e-9)
    assert np.isfinite(fit.log_likelihood).all()


def test_few_trials_cannot_tell_laws_that_are_alike():
    ranks = rank_laws(sample("gamma", 60), NONE, INTERVAL_S)
    assert not ranks[0].is_told
    near = [rank for rank in ranks if rank.aic_difference < TELLING_AIC]
    assert len(near) > 2
    assert not any(rank.is_told for rank in near)


@pytest.mark.parametrize("law", LAWS)
def test_censoring_leaves_the_law_unbiased(law):
    """The interval between two fits of many samples holds zero: with and without the tail."""
    true = TRUE[law]
    window_s = float(true.ppf(0.75))
    off = []
    for seed in range(30):
        times = sample(law, 400, seed)
        seen, missed = times[times < window_s], (times >= window_s).sum()
        cut = fit_law(law, seen, np.full(missed, window_s), INTERVAL_S)
        whole = fit_law(law, times, NONE, INTERVAL_S)
        off.append([np.log(cut.location / whole.location), np.log(cut.shape / whole.shape)])
    off = np.array(off)
    error = off.std(axis=0, ddof=1) / np.sqrt(len(off))
    # Maximum likelihood of a hundred censored trials is itself off by about 1 / n.
    assert (np.abs(off.mean(axis=0)) < 3 * error + 0.005).all()
    # Leaving the censored ones out is not an option.
    naive = fit_law(law, seen, NONE, INTERVAL_S)
    assert naive.location < 0.95 * cut.location


def test_a_bound_below_the_dead_time_is_survived_for_certain():
    times = 1e-3 + sample("gamma", 200)
    early = np.full(50, 1e-4)
    plain = fit_law("gamma", times, NONE, INTERVAL_S, is_shifted=True)
    more = fit_law("gamma", times, early, INTERVAL_S, is_shifted=True)
    assert more.log_likelihood.size == 250
    assert_allclose(more.log_likelihood[200:], 0.0, atol=1e-12)
    assert more.shift_s == pytest.approx(plain.shift_s, rel=1e-3)


def test_the_error_of_a_difference_covers():
    """Two wrong laws: their AIC per trial scatters over samples as one sample claims."""
    values, errors = [], []
    for seed in range(60):
        ranks = rank_laws(sample("gamma", 200, seed), NONE, INTERVAL_S)
        normal = next(rank for rank in ranks if rank.fit.name == "normal")
        values.append(normal.aic_difference)
        errors.append(normal.stderr)
    assert 0.7 < np.std(values) / np.mean(errors) < 1.4


def test_times_scale():
    times = sample("lognormal", 300)
    slow = [rank.aic_difference for rank in rank_laws(1e3 * times, NONE, 1e3 * INTERVAL_S)]
    fast = [rank.aic_difference for rank in rank_laws(times, NONE, INTERVAL_S)]
    assert_allclose(slow, fast, atol=1e-3)


@pytest.mark.parametrize("times", [[], [1e-3] * 9, [1e-3, 2e-3, -1e-3], [1e-3, 2e-3, np.nan, 3e-3]])
def test_what_is_no_sample_of_times_is_refused(times):
    with pytest.raises(FeatureError, match="three different positive times"):
        rank_laws(times, NONE, INTERVAL_S)


def test_five_hundred_latencies_take_no_time():
    times, censored = 1e-3 + sample("gamma", 470), np.full(30, 4e-3)
    rank_laws(times, censored, INTERVAL_S)
    start_s = time.process_time()
    rank_laws(times, censored, INTERVAL_S)
    assert time.process_time() - start_s < 0.3
