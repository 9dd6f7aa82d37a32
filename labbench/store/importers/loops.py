"""Sweeps that follow one another without a mark: from zero to one peak and back, each a loop."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# A voltage below this part of the usual step is a zero, however it is written.
_ZERO = 0.5
# A loop starts within this many of its own steps from zero.
_NEAR_ZERO = 1.5
# A measured voltage may step back by this part of its peak and still rise.
_BACK_STEP = 0.02


def cut_loops(voltage_v: FloatArray) -> list[slice] | None:
    """Cut a sweep where its voltage comes back to zero or changes sign.

    Parameters
    ----------
    voltage_v : (n,) array
        Finite, n >= 2.

    Returns
    -------
    list of slice or None
        The rows of each loop, all rows once; the zero at the turn is the end of the loop before.
        None if a part does not go from zero to one peak and back.
    """
    steps_v = np.abs(np.diff(voltage_v))
    moving_v = steps_v[steps_v > 0]
    if not moving_v.size:
        return None
    zero_v = _ZERO * float(np.median(moving_v))
    side = np.where(np.abs(voltage_v) < zero_v, 0, np.sign(voltage_v)).astype(int)
    starts = [0]
    has_left = False
    for row in range(voltage_v.size):
        has_left = has_left or side[row] != 0
        before = side[row - 1] if row else 0
        if has_left and before != 0 and side[row] == 0 and row + 1 < voltage_v.size:
            starts.append(row + 1)
        elif before * side[row] < 0:
            starts.append(row)
    stops = [*starts[1:], voltage_v.size]
    loops = [slice(a, b) for a, b in zip(starts, stops, strict=True)]
    # Zeros after the last return belong to it.
    if len(loops) > 1 and not side[loops[-1]].any():
        loops[-2:] = [slice(loops[-2].start, loops[-1].stop)]
    return loops if all(_is_loop(voltage_v[loop]) for loop in loops) else None


def _is_loop(voltage_v: FloatArray) -> bool:
    level_v = np.abs(voltage_v)
    if level_v.size < 2:
        return False
    peak = level_v.size - 1 - int(np.argmax(level_v[::-1]))
    back_v = _BACK_STEP * level_v[peak]
    is_one_peak = not (
        (np.diff(level_v[: peak + 1]) < -back_v).any() or (np.diff(level_v[peak:]) > back_v).any()
    )
    step_v = float(np.abs(np.diff(voltage_v)).max())
    return bool(is_one_peak and peak > 0 and level_v[0] <= _NEAR_ZERO * step_v)
