"""Few of many samples, drawn like all of them: the lowest and the highest of each bin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

BINS = 2000


def thin(values: FloatArray, first: int = 0, last: int | None = None) -> IndexArray:
    """Return which samples to draw of a stretch, ascending (m,).

    Parameters
    ----------
    values : (n,) float64 array
        A bin that holds nothing but NaN stays a gap; NaN beside numbers is passed over.
    first, last : int, optional
        The stretch, last excluded; everything by default.

    Returns
    -------
    (m,) index array
        All samples if they are few; otherwise lowest and highest of `BINS` bins, the first and
        last sample, and the rest that fills no bin.
    """
    stretch = values[first:last]
    if stretch.size <= 2 * BINS:
        return np.arange(first, first + stretch.size)
    width = stretch.size // BINS
    bins = stretch[: BINS * width].reshape(BINS, width)
    rest = thin(stretch, BINS * width)
    starts = np.arange(BINS) * width
    is_nan = np.isnan(bins)
    lowest = starts + np.argmin(np.where(is_nan, np.inf, bins), axis=1)
    highest = starts + np.argmax(np.where(is_nan, -np.inf, bins), axis=1)
    kept = np.concatenate(([0, stretch.size - 1], lowest, highest, rest))
    return np.asarray(first + np.unique(kept))


def thin_view(time_s: FloatArray, values: FloatArray, low_s: float, high_s: float) -> IndexArray:
    """Return which samples to draw: finely from `low_s` to `high_s`, coarsely outside, (m,).

    What is outside stays, so that the extent of all samples can be read off what is drawn.
    """
    first = max(int(np.searchsorted(time_s, low_s)) - 1, 0)
    last = int(np.searchsorted(time_s, high_s, side="right")) + 1
    inside = thin(values, first, last)
    if inside.size == values.size:
        return inside
    outside = thin(values)
    before, after = outside[outside < first], outside[outside >= last]
    return np.concatenate((before, inside, after))
