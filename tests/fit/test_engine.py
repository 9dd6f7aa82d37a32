"""The fit without noise and on request, for several models and circuits."""

from dataclasses import replace

import lmfit
import numpy as np
import pytest

from labbench.errors import FitError
from labbench.fit.engine import fit_items, space_of
from labbench.fit.objective import MeanField
from labbench.fit.options import FitOptions
from labbench.fit.plan import Plan
from labbench.fit.reference import reference_items, scale_of, with_trials, with_values
from labbench.fit.request import aic, bootstrap, profile
from labbench.fit.screen import screen
from labbench.fit.start import closed_form_start
from labbench.fit.statistics import Statistic
from labbench.fit.summary import result_of
from labbench.model import Loading, read_card
from labbench.model.connected import grounded

LOADING = Loading(1e7, 1e-11)
RATES = ("mu_per_v_s", "alpha", "beta_per_s", "gamma1_per_s", "gamma2_per_s", "lambda", "r_off_ohm")


def exact(card):
    """Return the plan's items with the model's own values, and their statistics."""
    items = [i for i in reference_items(card, scale_of(card, LOADING)) if i.kind != "recovery"]
    values, _ = Plan(tuple(items), LOADING).quiet([card], range(len(items)))
    items = [with_values(i, np.full(40, v)) for i, v in zip(items, values[0], strict=True)]
    return [item for item in items if item.is_usable]


def recovered(truth, prior):
    items = exact(truth)
    space = space_of(prior, FitOptions(priors=dict.fromkeys(RATES), known={}))
    statistics = tuple(Statistic(place, "mean") for place in range(len(items)))
    field = MeanField(Plan(tuple(items), LOADING), statistics)
    target = np.log([item.centre for item in items])
    start = closed_form_start(items, prior, LOADING)
    found = screen(
        field, target, 1e-4 * np.eye(target.size), space,
        np.log([start[n] for n in space.names]), restarts=3, seed=0, is_exact=True,
        good_enough=1e-6,
    )  # fmt: skip
    return np.abs(found.theta - np.log([truth[n] for n in space.names])).max()


@pytest.fixture(scope="module")
def b1():
    return read_card("b1").with_values({"kappa_per_s": 0.0})


def test_without_noise_all_comes_back_from_a_poor_start(b1):
    values = {"mu_per_v_s": 1700.0, "gamma1_per_s": 4200.0, "alpha": 0.08, "gamma2_per_s": 80.0}
    assert recovered(b1.with_values(values), b1) < 1e-5


def test_so_it_does_for_another_model(b1):
    keys = ("parameters", "neuron")
    document = {k: v for k, v in b1.to_dict().items() if k in keys}
    known = read_card("t1").values
    values = {n: v for part in document.values() for n, v in part.items() if n in known}
    card = replace(read_card("t1"), values={**known, **values})
    assert card.model == "ne-si-2025"
    assert recovered(card.with_values({"mu_per_v_s": 2200.0, "beta_per_s": 26.0}), card) < 1e-4


def test_and_for_a_bare_memristor(b1):
    card = grounded(b1)
    assert recovered(card.with_values({"mu_per_v_s": 2200.0, "lambda": 0.2}), card) < 1e-4


@pytest.fixture(scope="module")
def noisy():
    truth = read_card("b1").with_values({"mu_per_v_s": 2500.0, "gamma1_per_s": 5600.0})
    scale = scale_of(truth, LOADING)
    cheap = ("step", "second", "recovery", "off_current", "relaxation")
    items = [i for i in reference_items(truth, scale) if i.kind in cheap]
    return truth, with_trials(items, truth, LOADING, seed=4, effort=0.4)


@pytest.fixture(scope="module")
def fitted(noisy):
    options = FitOptions(points=(32, 64))
    return fit_items(noisy[1], read_card("b1"), LOADING, options)


def test_the_truth_lies_within_the_errors(noisy, fitted):
    error = fitted.theta - np.log([noisy[0][n] for n in fitted.space.names])
    assert np.all(np.abs(error) < 4 * np.sqrt(np.diag(fitted.covariance)))
    result = result_of(fitted, "found", {}, "test")
    assert result.discrepancy == ""
    remedies = {p.name: p.remedy for p in result.parameters if not p.is_identifiable}
    assert "dwell_gap_test" in remedies["gamma2_per_s"]
    assert "hold_voltage" in remedies["alpha"]


def test_the_profile_is_about_the_parabola(fitted):
    i = fitted.space.names.index("gamma1_per_s")
    found = profile(fitted, "gamma1_per_s", inflation=FitOptions.inflation)
    low, high = found.interval()
    spread = 1.96 * np.sqrt(fitted.covariance[i, i])
    assert np.log(high / low) == pytest.approx(2 * spread, rel=0.15)
    assert low < fitted.card["gamma1_per_s"] < high


def test_the_bootstrap_scatters_as_the_covariance_says(fitted):
    drawn = bootstrap(fitted, 12, seed=2)
    own = np.sqrt(np.diag(fitted.covariance)) / FitOptions.inflation
    # A dozen tells a standard deviation to a fifth, all parameters together to a tenth.
    assert np.mean(drawn.std(axis=0) / own) == pytest.approx(1.0, abs=0.3)


def test_the_right_model_has_the_smaller_criterion(noisy, fitted):
    fixed = lmfit.Parameters()
    fixed.add("gamma1_per_s", value=7500.0, vary=False)
    options = FitOptions(points=(16, 32), parameters=fixed, restarts=0)
    other = fit_items(noisy[1], read_card("b1"), LOADING, options)
    assert other.card["gamma1_per_s"] == 7500.0
    assert aic(fitted) + 10 < aic(other)
    assert "does not explain" in result_of(other, "wrong", {}, "test").discrepancy


def test_lmfit_ties_and_bounds(noisy):
    given = lmfit.Parameters()
    given.add("gamma1_per_s", value=6000.0, min=1e3, max=5.5e3 + 1e3)
    given.add("beta_per_s", value=20.0, min=0)
    given.add("gamma2_per_s", expr="2.5 * beta_per_s")
    options = FitOptions(parameters=given, has_surrogate=False)
    found = fit_items(noisy[1], read_card("b1"), LOADING, options).card
    assert found["gamma2_per_s"] == pytest.approx(2.5 * found["beta_per_s"])
    assert found["gamma1_per_s"] <= 6.5e3


def test_unknown_parameters_are_one_clear_error(noisy):
    given = lmfit.Parameters()
    given.add("speed", value=1.0)
    with pytest.raises(FitError, match="no parameter 'speed'"):
        fit_items(noisy[1], read_card("b1"), LOADING, FitOptions(parameters=given))
