"""Levels against time, linear between corners: what sources force on the nodes of the circuit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labbench.model.output import low_pass

FloatArray = NDArray[np.float64]
# Where the response of a first-order lag is followed behind each corner, in time constants.
_FOLLOWED = np.array([0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.4, 1.8, 2.4, 3.0, 4.0, 5.5, 8.0, 12.0])


class Timeline:
    """A level against time, linear between corners, constant outside of them."""

    def __init__(self) -> None:
        self.corner_s = np.zeros(1)
        self.level = np.zeros(1)

    def change(self, at_s: float, corner_s: ArrayLike, level: ArrayLike) -> None:
        """Replace everything after a time by new corners (k,), none of them before it."""
        if self.corner_s[-1] <= at_s and np.all(self.level[-1] == level):
            return  # the integrator would stop at corners that are none
        kept = self.corner_s <= at_s
        before = np.interp(at_s, self.corner_s, self.level)
        self.corner_s = np.r_[self.corner_s[kept], at_s, corner_s]
        self.level = np.r_[self.level[kept], before, level]

    def forget(self, before_s: float) -> None:
        """Drop the corners that lie before a time, but the last of them."""
        if self.corner_s.size < 2 or self.corner_s[1] >= before_s:
            return
        first = max(0, int(np.searchsorted(self.corner_s, before_s)) - 1)
        self.corner_s, self.level = self.corner_s[first:], self.level[first:]


def combine(
    lines: Sequence[Timeline], weights: Sequence[float], constant: float
) -> tuple[FloatArray, FloatArray]:
    """Return the corners (k,) of a weighted sum of timelines and a constant, steps kept."""
    if not lines:
        return np.zeros(1), np.full(1, constant)
    if len(lines) == 1:
        return lines[0].corner_s, lines[0].level * weights[0] + constant
    every_s = np.unique(np.concatenate([line.corner_s for line in lines]))
    before, after = np.full(every_s.size, constant), np.full(every_s.size, constant)
    for line, weight in zip(lines, weights, strict=True):
        before += weight * _level_at(line, every_s, "left")
        after += weight * _level_at(line, every_s, "right")
    return np.repeat(every_s, 2), np.c_[before, after].ravel()


def lagged(corner_s: FloatArray, level: FloatArray, tau_s: float) -> tuple[FloatArray, FloatArray]:
    """Return the corners of a source behind a resistance with a capacitance at its node.

    Straight lines between points on the exact first-order response; within 1 % of a step.
    """
    within_s = corner_s[:, None] + tau_s * _FOLLOWED
    before_next = within_s < np.r_[corner_s[1:], np.inf][:, None]
    time_s = np.sort(np.r_[corner_s, within_s[before_next]], kind="stable")
    driven = np.interp(time_s, corner_s, level)
    # Of a step the sorted times hold both corners, in the order of the source.
    twice = np.flatnonzero(np.diff(corner_s) == 0.0)
    at = np.searchsorted(time_s, corner_s[twice], side="left")
    driven[at] = level[twice]
    followed = np.empty_like(driven)
    low_pass(time_s, driven, tau_s, followed)
    return time_s, followed


def _level_at(line: Timeline, time_s: FloatArray, side: str) -> FloatArray:
    """Return the level just before ("left") or after ("right") some times."""
    if side == "right":
        # numpy gives the last of equal corners; the first one is found in mirrored time.
        return np.asarray(np.interp(time_s, line.corner_s, line.level))
    return np.asarray(np.interp(-time_s, -line.corner_s[::-1], line.level[::-1]))
