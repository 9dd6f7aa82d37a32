"""Whether the times of a file can be trusted: constant, turned back, or rounded away."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Times of which fewer than this part differ tell an order and nothing more.
_LEAST_DISTINCT = 0.5
# A grid of times coarser than this part of the usual step blurs every rate.
_COARSE = 0.1


def check_times(
    time_s: FloatArray, groups: Sequence[slice], line_numbers: NDArray[np.intp]
) -> tuple[FloatArray | None, list[str]]:
    """Return times that a stimulus can start at, None if they tell nothing, and what to note.

    Parameters
    ----------
    time_s : (n,) array
        Finite, as in the file.
    groups : sequence of slice
        The rows of each sweep or trace, two or more.
    line_numbers : (n,) array
        For the notes.
    """
    notes = []
    n_repeated = 0
    usable_s = time_s.copy()
    for group in groups:
        steps_s = np.diff(time_s[group])
        lines = f"{line_numbers[group.start]} to {line_numbers[group.stop - 1]}"
        fault = _find_fault(time_s, group, lines, line_numbers)
        if fault:
            return None, [
                f"time axis destroyed in the file: {fault}; the order is kept, times are not known"
            ]
        n_repeated += int((steps_s == 0).sum())
        start_s, end_s = float(time_s[group.start]), float(time_s[group.stop - 1])
        # A trigger in the middle gives negative times, epoch seconds an endless wait.
        if start_s < 0 or start_s > end_s - start_s:
            usable_s[group] -= start_s
            notes.append(f"times shifted by {-start_s:.9g} s, so that the record starts at 0 s")
        grid_s, step_s = _grid(time_s[group])
        if grid_s > _COARSE * step_s and notes[-1:] != [_coarse_note(grid_s, step_s)]:
            notes.append(_coarse_note(grid_s, step_s))
    if n_repeated:
        notes.append(f"{n_repeated} times repeat the one before: the file rounds its times")
    return usable_s, notes


def _find_fault(
    time_s: FloatArray, group: slice, lines: str, line_numbers: NDArray[np.intp]
) -> str | None:
    times_s = time_s[group]
    steps_s = np.diff(times_s)
    if times_s.min() == times_s.max():
        return f"every time in lines {lines} is {times_s[0]:.9g} s"
    if (steps_s < 0).any():
        row = group.start + int(np.argmax(steps_s < 0)) + 1
        return (
            f"{int((steps_s < 0).sum())} times in lines {lines} go back, the first in line "
            f"{line_numbers[row]} from {time_s[row - 1]:.9g} s to {time_s[row]:.9g} s (a column "
            f"named trace tells repeats apart)"
        )
    n_distinct = np.unique(times_s).size
    if n_distinct < _LEAST_DISTINCT * times_s.size:
        return f"the {times_s.size} times in lines {lines} are rounded to {n_distinct} values"
    return None


def _grid(times_s: FloatArray) -> tuple[float, float]:
    """Return the decimal grid that the last quarter of the times lies on, and its usual step.

    Zero for the grid if the steps are even: then nothing was lost.
    """
    late_s = times_s[-max(times_s.size // 4, 2) :]
    steps_s = np.diff(late_s)
    step_s = float(np.median(steps_s))
    if step_s <= 0 or np.ptp(steps_s) <= 1e-3 * step_s:
        return 0.0, step_s
    for exponent in range(int(np.ceil(np.log10(step_s))), -15, -1):
        grid_s = 10.0**exponent
        if grid_s < _COARSE * step_s:
            break
        counts = late_s / grid_s
        # A float holds some sixteen digits, so that large counts are whole to fewer.
        if np.abs(counts - np.round(counts)).max() <= 1e-6:
            return grid_s, step_s
    return 0.0, step_s


def _coarse_note(grid_s: float, step_s: float) -> str:
    return f"late times are rounded to {grid_s:g} s, where samples are some {step_s:.3g} s apart"
