"""Relaxation levels: when a decaying current falls through parts of the closed filament's."""

import numpy as np
import pytest

from labbench.features.relaxation_levels import relaxation_levels
from labbench.stimulus import Waveform

from .currents import ON_S, respond

TAU_S = 20e-6
READ = Waveform(
    [0.0, 1e-6, 1e-3, 1.001e-3, 2e-3, 2.001e-3], [0.0, 1.0, 1.0, -0.2, -0.2, 0.0], 2.01e-3
)


def fading(tau_s=TAU_S):
    """Return a conductance that decays exponentially from the beginning of the read on."""

    def conductance(time_s):
        fade = np.exp(-np.clip(time_s - 1.001e-3, 0, None) / tau_s)
        return ON_S * np.where(time_s < 3e-4, 1e-6, fade)

    return conductance


def labelled(responses):
    return {f.label: f for f in relaxation_levels(responses)}


def test_an_exponential_reaches_each_level_after_its_logarithm():
    found = labelled([respond(READ, fading())])
    for level in (1e-2, 1e-3, 1e-4):
        for name in ("relaxation_level_time", "relaxation_level_time_of_mean"):
            feature = found[f"{name} at level={level:g}"]
            assert feature.value == pytest.approx(TAU_S * np.log(1 / level), abs=2e-7)


def test_single_trials_are_averaged_in_linear_time():
    taus_s = [10e-6, 20e-6, 60e-6]
    found = labelled([respond(READ, fading(tau_s)) for tau_s in taus_s])
    feature = found["relaxation_level_time at level=0.01"]
    expected_s = np.array(taus_s) * np.log(100)
    assert feature.value == pytest.approx(expected_s.mean(), rel=2e-3)
    assert feature.stderr == pytest.approx(expected_s.std(ddof=1) / 3**0.5, rel=2e-2)
    # The mean current is that of the slowest in the end, a third of it.
    of_mean = found["relaxation_level_time_of_mean at level=0.0001"].value
    assert of_mean == pytest.approx(60e-6 * np.log(1e4 / 3), rel=0.01)


def test_averaging_reaches_below_the_noise_of_one_trial():
    trials = [respond(READ, fading(), noise_a=1e-9, seed=k) for k in range(30)]
    found = labelled(trials)
    reach = "out of reach of the wiring"
    # Levels of 2, 0.2 and 0.02 nA; five standard deviations are 5 nA, of thirty trials 0.9 nA.
    assert found["relaxation_level_time at level=0.01"].outcome == reach
    mean = found["relaxation_level_time_of_mean at level=0.01"]
    assert mean.outcome == "ok"
    assert abs(mean.value - TAU_S * np.log(100)) < 4 * mean.stderr
    for level in (0.001, 0.0001):
        assert found[f"relaxation_level_time_of_mean at level={level:g}"].outcome == reach


def test_a_converters_step_is_not_averaged_away():
    coarse = [respond(READ, fading(), count_a=1e-9, noise_a=1e-10, seed=k) for k in range(100)]
    found = labelled(coarse)
    assert found["relaxation_level_time at level=0.01"].outcome == "ok"
    below = found["relaxation_level_time_of_mean at level=0.001"]
    assert below.outcome == "out of reach of the wiring"


def test_a_clipped_read_counts_as_above_and_the_dwell_is_taken_from_another():
    whole, fine = (
        respond(READ, fading()),
        [respond(READ, fading(), count_a=3e-12) for _ in range(3)],
    )
    # The fine range ends at 6 nA: it clips the dwell, and the read down to 3 % of it.
    found = labelled([whole, *fine])
    for level in (1e-2, 1e-3):
        feature = found[f"relaxation_level_time at level={level:g}"]
        assert feature.n == 4
        assert feature.value == pytest.approx(TAU_S * np.log(1 / level), abs=3e-7)
    assert {f.outcome for f in relaxation_levels(fine)} == {"too few data"}


def test_a_read_that_ends_too_soon_gives_a_bound():
    feature = labelled([respond(READ, fading(3e-4))])["relaxation_level_time at level=0.0001"]
    assert feature.outcome == "censored"
    assert feature.value == pytest.approx(0.999e-3, rel=0.01)
