"""One verdict among many: closed forms."""

from math import inf, isnan, nan

import numpy as np
import pytest
from scipy.stats import norm, ttest_ind_from_stats

from labbench.compare import AGREES, CANNOT_TELL, DISAGREES
from labbench.compare.estimates import NEAR, spread_of_pairs
from labbench.compare.margins import equivalent, floor_of, matters
from labbench.compare.published import PUBLISHED, published
from labbench.compare.verdict import difference, holm, judge
from labbench.features import PROPERTIES


def test_two_means_are_compared_as_by_welch():
    found = difference(1.0, 0.7, [(0.1, 4), (0.05, 9)])
    expected = ttest_ind_from_stats(1.0, 0.1 * 5**0.5, 5, 0.7, 0.05 * 10**0.5, 10, equal_var=False)
    assert found.sigma == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)


def test_with_many_trials_it_is_the_normal_law():
    found = difference(2.0, 0.0, [(0.6, inf), (0.8, inf)])
    assert found.p_value == pytest.approx(2 * norm.sf(2.0), rel=1e-6)


def test_all_errors_count():
    parts = difference(1.0, 0.0, [(0.3, 10), (0.4, 10), (1.2, 8), (0.0, inf)])
    assert parts.stderr == pytest.approx(1.3)
    assert isnan(difference(1.0, 0.0, [(nan, 3), (0.1, 3)]).p_value)
    assert isnan(difference(1.0, 1.0, [(0.0, 3)]).p_value)


def test_holm_keeps_the_family_of_comparisons():
    random = np.random.default_rng(1)
    alarms = [min(holm(random.random(100).tolist())) < 0.05 for _ in range(1000)]
    assert 0.03 < np.mean(alarms) < 0.07
    # The second smallest of three has two tests left.
    assert holm([0.01, nan, 0.02, 0.5])[2] == pytest.approx(0.04)


@pytest.mark.parametrize(
    ("size", "reach", "p", "verdict"),
    [
        (0.1, 0.2, 1e-6, DISAGREES),
        (0.01, 0.02, 1e-6, AGREES),  # significant, but it does not matter
        (0.1, 0.2, 0.5, AGREES),
        (0.1, 0.4, 0.5, CANNOT_TELL),
        (0.1, 0.2, nan, CANNOT_TELL),
    ],
)
def test_a_discrepancy_is_significant_and_matters(size, reach, p, verdict):
    assert judge(size, reach, p, matters=0.05, equal=0.25) == verdict


def test_margins_are_of_the_value_or_of_the_whole():
    assert floor_of("s", -2.0) == pytest.approx(0.006)
    assert floor_of("1", 2.0) == 0.0
    assert matters("latency", "s", 1e-3) == pytest.approx(2e-5)
    assert matters("fire_probability", "1", 0.0) == matters("fire_probability", "1", 1.0) > 0
    assert equivalent("latency_lag1", "1", 0.001) == 0.25


def test_the_spread_of_pairs_is_that_of_a_linear_feature():
    slopes = np.array([0.3, -0.4])
    sides = NEAR * np.sqrt(2) * np.eye(2) @ slopes
    assert spread_of_pairs([(5 + s, 5 - s) for s in sides]) == pytest.approx(0.5)
    assert spread_of_pairs([]) == 0.0
    assert isnan(spread_of_pairs([(1.0, nan), (nan, 1.0), (1.0, 2.0)]))


def test_every_extractor_has_one_property():
    assert {published(name) for name in PROPERTIES} >= set(PUBLISHED)
    assert published("volatile_switching") == "volatile_switching"
    identifying = ("ramp_threshold", "step_latency", "pump_probe", "gate_discharge",
                   "interval_by_index", "dwell_gap_test", "hold_voltage", "relaxation_levels",
                   "off_current")  # fmt: skip
    assert {published(name) for name in identifying} <= set(PUBLISHED)
