"""Few of many samples, drawn like all of them: the lowest and the highest of each bin."""

from __future__ import annotations

from dataclasses import replace
from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labbench.trace import Trace

IndexArray = NDArray[np.intp]
FloatArray = NDArray[np.float64]

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


def points(trace: Trace, name: str, places: IndexArray) -> tuple[FloatArray, FloatArray]:
    """Return times in s and values of some samples of a channel; only of these, two of (m,).

    Where nobody knows the times, they are the numbers of the samples.
    """
    channel = trace.channels[name]
    values = replace(channel, raw=channel.raw[places]).values
    if trace.uneven_time_s is not None:
        return trace.uneven_time_s[places], values
    if trace.interval_s is None:
        return places.astype(np.float64), values
    return np.asarray(trace.start_s + places * trace.interval_s), values


def seen(trace: Trace, low_s: float, high_s: float) -> tuple[int, int]:
    """Return the first sample in sight, or the one before, and the one behind the last."""
    if trace.uneven_time_s is not None:
        first = int(np.searchsorted(trace.uneven_time_s, low_s)) - 1
        last = int(np.searchsorted(trace.uneven_time_s, high_s, side="right")) + 1
    else:
        start, step = trace.start_s, trace.interval_s
        if step is None:
            start, step = 0.0, 1.0
        first, last = floor((low_s - start) / step), ceil((high_s - start) / step) + 1
    return max(first, 0), min(max(last, 0), len(trace))
