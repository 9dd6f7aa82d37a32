"""The fewest corners that a sampled voltage needs, found by splitting (Douglas and Peucker)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def find_breakpoints(
    time_s: NDArray[np.float64], level: NDArray[np.float64], tolerance: float
) -> NDArray[np.intp]:
    """Choose samples such that straight lines between them pass all others within a tolerance.

    The distance is measured along the level, so that an edge keeps its samples however steep.

    Parameters
    ----------
    time_s : (n,) array
        Never decreasing, n >= 2. Equal times are a step; both sides of it are kept.
    level : (n,) array
    tolerance : float
        Largest deviation, in the unit of `level`.

    Returns
    -------
    (k,) intp array
        Indices, rising, with the first and the last sample.
    """
    is_corner = np.zeros(time_s.size, bool)
    is_corner[[0, -1]] = True
    stack = [(0, time_s.size - 1)]
    while stack:
        first, last = stack.pop()
        if last - first < 2:
            continue
        inner = slice(first + 1, last)
        span_s = time_s[last] - time_s[first]
        part = (time_s[inner] - time_s[first]) / span_s if span_s > 0 else 0.0
        line = level[first] + part * (level[last] - level[first])
        deviation = np.abs(level[inner] - line)
        worst = int(np.argmax(deviation))
        if deviation[worst] > tolerance:
            middle = first + 1 + worst
            is_corner[middle] = True
            stack += [(first, middle), (middle, last)]
    return np.flatnonzero(is_corner)
