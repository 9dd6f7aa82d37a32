"""Thinning: what is drawn of a million samples looks like all of them."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_array_equal

from labbench.gui.thinning import BINS, thin, thin_view


def test_few_samples_are_all_drawn():
    assert_array_equal(thin(np.zeros(2 * BINS)), np.arange(2 * BINS))
    assert thin(np.empty(0)).size == 0


def test_one_sample_in_a_million_is_not_lost():
    values = np.zeros(1_000_003)
    values[123_457], values[987_654], values[-1] = 1.0, -2.0, 3.0
    drawn = thin(values)
    assert {0, 123_457, 987_654, values.size - 1} <= set(drawn.tolist())
    assert drawn.size <= 4 * BINS
    assert np.all(np.diff(drawn) > 0)


def test_each_bin_keeps_its_extremes():
    values = np.random.default_rng(1).normal(size=BINS * 50)
    kept = np.full(values.size, np.nan)
    drawn = thin(values)
    kept[drawn] = values[drawn]
    by_bin, all_of_it = kept.reshape(BINS, 50), values.reshape(BINS, 50)
    assert_array_equal(np.nanmin(by_bin, axis=1), all_of_it.min(axis=1))
    assert_array_equal(np.nanmax(by_bin, axis=1), all_of_it.max(axis=1))


def test_counts_are_thinned_as_their_values():
    counts = np.random.default_rng(2).integers(-2000, 2000, BINS * 50 + 7).astype(np.int16)
    assert_array_equal(thin(counts), thin(counts.astype(np.float64)))


def test_nan_hides_no_number_and_stays_a_gap():
    values = np.ones(BINS * 10)
    values[15], values[30:40] = np.nan, np.nan
    drawn = thin(values)
    shown = values[drawn]
    assert np.isfinite(shown[(drawn >= 10) & (drawn < 20)]).all()
    assert np.isnan(shown[(drawn >= 30) & (drawn < 40)]).all()


def test_a_zoom_draws_all_it_sees_and_keeps_the_extent():
    values = np.sin(np.arange(1_000_000) * 1e-3)
    drawn = thin_view(values, 500_000, 501_001)
    assert {0, values.size - 1} <= set(drawn.tolist())
    assert np.all(np.isin(np.arange(500_000, 501_000), drawn))
    assert np.all(np.diff(drawn) > 0)
