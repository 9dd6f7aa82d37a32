"""Few of many samples, drawn like all of them: the lowest and the highest of each bin."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

IndexArray = NDArray[np.intp]

BINS = 2000


def thin(values: NDArray[Any], first: int = 0, last: int | None = None) -> IndexArray:
    """Return which samples to draw of a stretch, ascending (m,).

    Parameters
    ----------
    values : (n,) array of integers or floats
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
    low = high = bins
    if values.dtype.kind == "f" and (is_nan := np.isnan(bins)).any():
        low, high = np.where(is_nan, np.inf, bins), np.where(is_nan, -np.inf, bins)
    lowest, highest = starts + np.argmin(low, axis=1), starts + np.argmax(high, axis=1)
    kept = np.concatenate(([0, stretch.size - 1], lowest, highest, rest))
    kept.sort()  # and drop what comes twice: np.unique takes ten times as long
    return np.asarray(first + kept[np.append(True, kept[1:] != kept[:-1])])


def thin_view(values: NDArray[Any], first: int, last: int) -> IndexArray:
    """Return which samples to draw: finely from `first` to `last`, coarsely outside, (m,).

    What is outside stays, so that the extent of all samples can be read off what is drawn.
    """
    inside = thin(values, first, last)
    if inside.size == values.size:
        return inside
    outside = thin(values)
    before, after = outside[outside < first], outside[outside >= last]
    return np.concatenate((before, inside, after))
