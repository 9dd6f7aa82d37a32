"""Noise that depends on a seed and the place of a sample alone, however often it is read."""

from __future__ import annotations

from math import pi

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def gaussian(seed: int, index: NDArray[np.int64]) -> FloatArray:
    """Return normal noise (n,) that depends on the seed and the index of each sample alone.

    So a sample is the same however many of its neighbours are read, and in whatever order.
    """
    bits = _scrambled(index.astype(np.uint64) + np.uint64(seed))
    # Noise needs no more digits than these, and logarithm and cosine take half of the time.
    share = np.float32(2.0**-32)
    high = (bits >> np.uint64(32)).astype(np.float32) + np.float32(0.5)
    low = (bits & np.uint64(0xFFFFFFFF)).astype(np.float32)
    radius = np.sqrt(np.float32(-2.0) * np.log(high * share))
    return np.asarray(radius * np.cos(np.float32(2.0 * pi) * share * low), np.float64)


def _scrambled(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scramble integers (n,) so that neighbours have nothing in common."""
    bits = bits * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        bits = (bits ^ (bits >> np.uint64(shift))) * np.uint64(factor)
    return np.asarray(bits ^ (bits >> np.uint64(31)))
