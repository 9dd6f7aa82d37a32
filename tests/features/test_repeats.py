from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
import pytest

from labbench.features.feature import Outcome
from labbench.features.repeats import fraction, geometric_mean, last_where, mean_and_spread, median


def test_the_grid_is_part_of_the_doubt():
    mean, sd, _ = mean_and_spread("v", [0.3, 0.3, 0.3, 0.3], "V", {}, resolution=0.012)
    assert mean.value == pytest.approx(0.3)
    assert mean.stderr == pytest.approx(0.012 / sqrt(12))
    assert sd.value == pytest.approx(0.0)


def test_empty_and_single_samples_have_an_outcome():
    nothing = mean_and_spread("v", [], "V", {}, nothing=Outcome.DID_NOT_FIRE)
    assert {f.outcome for f in nothing} == {Outcome.DID_NOT_FIRE}
    one = mean_and_spread("v", [0.3], "V", {})
    assert one[0].value == 0.3
    assert not one[0].is_usable
    assert geometric_mean("t", [], {})[0].outcome is Outcome.TOO_FEW
    assert geometric_mean("t", [], {}, longer_than_s=[1.0])[0].outcome is Outcome.CENSORED
    assert fraction("p", 0, 0, {}).outcome is Outcome.TOO_FEW
    assert median("m", [], "A", {}).outcome is Outcome.TOO_FEW


def test_never_seen_is_not_surely_never():
    assert fraction("p", 0, 10, {}).value == 0
    assert fraction("p", 0, 10, {}).stderr > 0.05


def test_the_stderr_covers_the_mean():
    rng = np.random.default_rng(3)
    off = []
    for _ in range(400):
        mean, _ = geometric_mean("t", list(np.exp(rng.normal(-7, 1.5, 30))), {})
        off.append((mean.value - exp(-7)) / mean.stderr)
    assert np.mean(np.abs(off) < 2) > 0.9


def test_censored_times_enter_the_likelihood():
    """A third of the times is cut off; leaving them out would give half the mean."""
    rng = np.random.default_rng(4)
    times_s = np.exp(rng.normal(log(1e-3), 1.0, 600))
    window_s = float(np.quantile(times_s, 0.67))
    seen_s = [t for t in times_s.tolist() if t < window_s]
    bounds_s = [window_s] * (times_s.size - len(seen_s))
    mean, log_sd = geometric_mean("t", seen_s, {}, longer_than_s=bounds_s)
    assert mean.value == pytest.approx(1e-3, abs=3 * mean.stderr)
    assert log_sd.value == pytest.approx(1.0, abs=3 * log_sd.stderr)
    assert mean.n == 600
    mean, _ = geometric_mean("t", [1 / t for t in seen_s], {}, shorter_than_s=[1 / window_s] * 198)
    assert mean.value == pytest.approx(1e3, abs=3 * mean.stderr)


@pytest.mark.parametrize(
    ("shares", "least", "value", "stderr"),
    [
        ({1: (8, 8), 2: (8, 8), 4: (0, 8)}, True, 3.0, 2 / 12**0.5),
        ({1: (0, 8), 2: (0, 8), 4: (8, 8)}, False, 3.0, 2 / 12**0.5),
        # A half is on neither side and widens the bracket.
        ({1: (8, 8), 2: (4, 8), 4: (0, 8)}, True, 2.5, 3 / 12**0.5),
    ],
)
def test_the_last_condition_where_half_answer(shares, least, value, stderr):
    found = last_where("critical_gap", shares, "s", least=least)
    assert (found.value, found.n, found.outcome) == (value, 24, Outcome.OK)
    assert found.stderr == pytest.approx(stderr)


def test_a_bound_at_either_end_is_censored():
    below = last_where("gap", {1: (0, 8), 2: (0, 8)}, "s", least=True)
    above = last_where("gap", {1: (8, 8), 2: (8, 8)}, "s", least=True)
    assert (below.value, below.outcome) == (1, Outcome.CENSORED)
    assert (above.value, above.outcome) == (2, Outcome.CENSORED)
    assert last_where("gap", {}, "s", least=True).outcome is Outcome.TOO_FEW
