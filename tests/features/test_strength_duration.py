"""Strength-duration curves: exact numbers from exact curves, and what a bent one is told as."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labbench.features import Feature, Outcome
from labbench.features.strength_duration import FORMS, fit_curve, strength_duration

WIDTH_S = np.geomspace(2e-4, 5e-3, 7)


def thresholds(values, stderr_v=3e-3, width_s=WIDTH_S):
    return [
        Feature("threshold_voltage", float(v), "V", stderr_v, 30, at={"width_s": float(w)})
        for w, v in zip(width_s, values, strict=True)
    ]


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=40, deadline=None)
@given(rheobase_v=st.floats(0.05, 5.0), chronaxie_s=st.floats(5e-5, 5e-3))
def test_an_exact_curve_gives_exact_numbers(form, rheobase_v, chronaxie_s):
    exact = FORMS[form](WIDTH_S, rheobase_v, chronaxie_s)
    fit = fit_curve(form, WIDTH_S, exact, 0.003 * exact)
    assert fit.rheobase_v == pytest.approx(rheobase_v, rel=1e-5)
    assert fit.chronaxie_s == pytest.approx(chronaxie_s, rel=1e-5)
    assert fit.misfit < 1e-6


@pytest.mark.parametrize("form", FORMS)
def test_chronaxie_is_the_width_at_twice_the_rheobase(form):
    assert FORMS[form](np.array([3e-4, 1e3]), 0.6, 3e-4) == pytest.approx([1.2, 0.6], rel=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_errors_cover(form):
    draw, z = np.random.default_rng(2), []
    exact = FORMS[form](WIDTH_S, 0.6, 3e-4)
    for _ in range(150):
        fit = fit_curve(form, WIDTH_S, exact * np.exp(draw.normal(0, 0.01, 7)), 0.01 * exact)
        z.append(
            [
                (fit.rheobase_v - 0.6) / fit.rheobase_stderr_v,
                (fit.chronaxie_s - 3e-4) / fit.chronaxie_stderr_s,
            ]
        )
    # The error grows where chance makes the fit poor, and never shrinks below its claim.
    assert (np.std(z, axis=0) < 1.15).all()
    assert (np.std(z, axis=0) > 0.7).all()


def test_the_form_that_fits_shows_the_smaller_misfit():
    features = {
        f.name: f for f in strength_duration(thresholds(FORMS["weiss"](WIDTH_S, 0.6, 3e-4)))
    }
    assert features["misfit_weiss"].value < 1e-6
    assert features["misfit_lapicque"].value > 0.02
    assert features["rheobase_weiss"].value == pytest.approx(0.6, rel=1e-5)
    right, wrong = features["chronaxie_weiss"], features["chronaxie_lapicque"]
    assert wrong.stderr > 2 * right.stderr, "what does not fit knows less"
    assert features["rheobase_lapicque"].outcome is Outcome.CENSORED, "it falls on: a bound"
    expected = np.log(1.06 / (1 + 3e-4 / WIDTH_S[-2])) / np.log(WIDTH_S[-1] / WIDTH_S[-2])
    assert features["threshold_slope"].value == pytest.approx(expected, rel=1e-4)


def test_a_threshold_that_still_falls_bounds_the_rheobase():
    values = FORMS["weiss"](WIDTH_S, 0.6, 3e-4)
    values[-1] *= 0.8
    features = {f.name: f for f in strength_duration(thresholds(values, stderr_v=1e-3))}
    lapicque = features["rheobase_lapicque"]
    assert lapicque.outcome is Outcome.CENSORED
    assert lapicque.value == pytest.approx(values[-1])
    assert features["threshold_slope"].value < -0.3


def test_a_flat_curve_does_not_tell_the_chronaxie():
    draw = np.random.default_rng(1)
    flat = 0.6 * np.exp(draw.normal(0, 0.01, 7))
    features = {f.name: f for f in strength_duration(thresholds(flat, stderr_v=6e-3))}
    assert features["chronaxie_weiss"].outcome is Outcome.NOT_IDENTIFIABLE
    assert features["rheobase_weiss"].value == pytest.approx(0.6, rel=0.03)


def test_two_thresholds_are_no_curve():
    few = thresholds([1.0, 0.7], width_s=WIDTH_S[:2])
    silent = Feature("threshold_voltage", nan, "V", outcome=Outcome.TOO_FEW, at={"width_s": 1e-4})
    assert strength_duration([*few, silent]) == []
