"""Fewer points for the same curve: no edge is lost, and the error is bounded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labbench.errors import StimulusError
from labbench.model.compiled import compiled
from labbench.model.layout import FloatArray


@compiled
def _keep(time_s: FloatArray, level: FloatArray, tolerance: float, kept: NDArray[np.bool_]) -> int:
    """Mark the points to keep, in one pass; return how many.

    A door swings from the last kept point: between the steepest and the flattest line that pass
    within the tolerance of all points since. A point that neither line can reach shuts it, and
    the point before is kept.
    """
    kept[0] = True
    count, last = 1, 0
    steepest, flattest = np.inf, -np.inf
    for i in range(1, time_s.size):
        is_step = not time_s[i] > time_s[i - 1]
        dt = time_s[i] - time_s[last]
        if not is_step and flattest <= (level[i] - level[last]) / dt <= steepest:
            steepest = min(steepest, (level[i] + tolerance - level[last]) / dt)
            flattest = max(flattest, (level[i] - tolerance - level[last]) / dt)
            continue
        if i - 1 > last:
            kept[i - 1] = True
            count += 1
            last = i - 1
        dt = time_s[i] - time_s[last]
        if not is_step:
            steepest = (level[i] + tolerance - level[last]) / dt
            flattest = (level[i] - tolerance - level[last]) / dt
        else:
            # A step: both of its ends are points of the curve.
            kept[i] = True
            count += 1
            last = i
            steepest, flattest = np.inf, -np.inf
    if not kept[time_s.size - 1]:
        kept[time_s.size - 1] = True
        count += 1
    return count


def decimate(time_s: FloatArray, level: FloatArray, tolerance: float) -> NDArray[np.intp]:
    """Return which points of a curve to keep, (m,).

    Parameters
    ----------
    time_s, level : (n,) float64 arrays
        Times never decrease; two points at one time are a step and are both kept.
    tolerance : float
        Straight lines through the kept points pass all others at most this far off.

    Raises
    ------
    StimulusError
        If the two differ in length, or are empty, or the tolerance is negative.
    """
    if time_s.shape != level.shape or not time_s.size or not tolerance >= 0.0:
        raise StimulusError(
            f"A curve has as many times as levels, and a tolerance from 0: got {time_s.size}, "
            f"{level.size} and {tolerance}."
        )
    kept = np.zeros(time_s.size, dtype=np.bool_)
    _keep(time_s, level, tolerance, kept)
    return np.flatnonzero(kept)
