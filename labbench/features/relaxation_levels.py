"""Relaxation of a filament under a small read voltage: when the current falls through levels.

The current is counted in parts of what the closed filament would carry at the read voltage, from
the end of the falling edge on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, nan, sqrt

import numpy as np
from numpy.typing import NDArray

from labbench.features.feature import Feature, Outcome, Response
from labbench.features.grounded import (
    CurrentReading,
    interval_error_s,
    nothing_seen,
    readings_of_currents,
)
from labbench.stimulus import Stimulus, Waveform

VERSION = "1"

FloatArray = NDArray[np.float64]
LEVELS = (1e-2, 1e-3, 1e-4)
# In the mean, currents above this count as this: a measuring range may end there.
CAP = 0.02
MOST_UNSEEN = 0.2
_NAMES = ("relaxation_level_time", "relaxation_level_time_of_mean")


def relaxation_levels(responses: Sequence[Response]) -> list[Feature]:
    """Return when the read current falls through 1e-2, 1e-3 and 1e-4 of the closed filament's.

    Parameters
    ----------
    responses : sequence of Response
        To a dwell and a read voltage, gate grounded; others are passed over. The conductance of
        the closed filament is the median of the dwells that were not clipped.

    Returns
    -------
    list of Feature
        At each level: ``relaxation_level_time`` (mean of the single trials' times, linear, since a
        jump just before the read makes some of them zero) and ``relaxation_level_time_of_mean``
        (of the mean of all trials' currents, up to 2 % of the closed filament's each; it reaches
        lower). OUT_OF_REACH where the level is below noise or resolution. CENSORED, a bound:
        from below where the read was too short, from above where the tail of the amplifier,
        against the read voltage, hid it.
    """
    reads = [r for r in readings_of_currents(responses) if read_corners(r) is not None]
    closed_s = [c for r in reads if (c := r.closed_s(*_dwell(r))) is not None]
    if not closed_s:
        units = {f"{name}": "s" for name in _NAMES}
        return nothing_seen(responses, **units)
    features: list[Feature] = []
    for level in LEVELS:
        features += _at_level(reads, float(np.median(closed_s)), level, interval_error_s(responses))
    return features


@dataclass(frozen=True, eq=False)
class Relaxation:
    """What the reads show of one level.

    Attributes
    ----------
    single_s : tuple of float or None
        When each single read fell through it, None where it did not; empty if noise or a rail
        hides the level.
    is_hidden : tuple of bool
        Whether it was the amplifier's tail that fell.
    capped : tuple of CurrentReading
        Those whose mean shows the level.
    level_a, cap_a : float
    """

    single_s: tuple[float | None, ...]
    is_hidden: tuple[bool, ...]
    capped: tuple[CurrentReading, ...]
    level_a: float
    cap_a: float

    @classmethod
    def at_level(cls, reads: Sequence[CurrentReading], level: float) -> Relaxation | None:
        """Return what reads of one stimulus show of a level; None if none of them ever closed."""
        closed_s = [c for r in reads if (c := r.closed_s(*_dwell(r))) is not None]
        return _seen_at(reads, float(np.median(closed_s)), level) if closed_s else None

    def of_mean(self) -> tuple[float | None, list[float | None], bool]:
        """Return the time of the mean current, those without each read, and whether hidden."""
        if not self.capped:
            return None, [], False
        return of_mean_s([read_part(r) for r in self.capped], self.level_a, self.cap_a)


def _seen_at(reads: Sequence[CurrentReading], closed_s: float, level: float) -> Relaxation:
    """Choose the reads that show a level, singly and in their mean."""
    closed_a = closed_s * abs(_read_v(reads[0]))
    level_a, cap_a = level * closed_a, CAP * closed_a
    # A rail below the level would be taken for a current that has not fallen yet.
    single = [r for r in reads if _top_a(r) > level_a > r.smallest_a()]
    capped = [r for r in reads if _top_a(r) > cap_a]
    quietest_a = min((read.smallest_a() for read in capped), default=0.0)
    # A first look with a wide range would drown the others.
    capped = [read for read in capped if read.smallest_a() <= 2 * quietest_a]
    if capped and level_a <= max(read.smallest_a(len(capped)) for read in capped):
        capped = []
    return Relaxation(
        single_s=tuple(falls_s(*read_part(read), level_a) for read in single),
        is_hidden=tuple(is_hidden_by_tail(*read_part(read), level_a) for read in single),
        capped=tuple(capped),
        level_a=level_a,
        cap_a=cap_a,
    )


def _at_level(
    reads: Sequence[CurrentReading], closed_s: float, level: float, timing_s: float
) -> list[Feature]:
    """Return both times at a level."""
    seen = _seen_at(reads, closed_s, level)
    hidden = list(seen.is_hidden)
    features = [_timed(_NAMES[0], seen.single_s, hidden, level, _longest_s(reads), timing_s)]
    of_mean = _NAMES[1]
    if not seen.capped:
        return [*features, _timed(of_mean, [], [], level, nan, timing_s)]
    value_s, without_s, is_hidden = seen.of_mean()
    if value_s is None or is_hidden or None in without_s:
        longest_s = _longest_s(reads)
        return [*features, _timed(of_mean, [value_s], [is_hidden], level, longest_s, timing_s)]
    n = len(seen.capped)
    # The spread of the jackknife's values is that of the mean, shrunk by n - 1.
    spread_s = float(np.std(np.array(without_s, float), ddof=1)) if n > 1 else nan
    error_s = hypot((n - 1) * spread_s / sqrt(n), timing_s)
    return [*features, Feature(of_mean, value_s, "s", error_s, n, at={"level": level})]


def _timed(
    name: str,
    times_s: Sequence[float | None],
    hidden: Sequence[bool],
    level: float,
    longest_s: float,
    timing_s: float,
) -> Feature:
    """Return the mean of times; out of reach without any, a bound if many were not seen."""
    at, n = {"level": level}, len(times_s)
    if not n:
        return Feature(name, nan, "s", n=0, outcome=Outcome.OUT_OF_REACH, at=at)
    seen_s = np.array([longest_s if time_s is None else time_s for time_s in times_s])
    unseen = sum(t is None or h for t, h in zip(times_s, hidden, strict=True))
    if unseen > MOST_UNSEEN * n:
        return Feature(name, float(seen_s.mean()), "s", n=n, outcome=Outcome.CENSORED, at=at)
    error_s = float(seen_s.std(ddof=1)) / sqrt(n) if n > 1 else nan
    return Feature(name, float(seen_s.mean()), "s", hypot(error_s, timing_s), n, at=at)


def of_mean_s(
    currents: Sequence[tuple[FloatArray, FloatArray]], level_a: float, cap_a: float
) -> tuple[float | None, list[float | None], bool]:
    """Return the time of the mean current, those without each trial in turn, whether hidden."""
    size = min(time_s.size for time_s, _ in currents)
    time_s, n = currents[0][0][:size], len(currents)
    capped_a = [np.clip(current_a[:size], -cap_a, cap_a) for _, current_a in currents]
    total_a = np.sum(capped_a, axis=0)
    without_s = [falls_s(time_s, (total_a - a) / max(n - 1, 1), level_a) for a in capped_a]
    mean_a = total_a / n
    is_hidden = is_hidden_by_tail(time_s, mean_a, level_a)
    return falls_s(time_s, mean_a, level_a), without_s if n > 1 else [0.0], is_hidden


def falls_s(time_s: FloatArray, current_a: FloatArray, level_a: float) -> float | None:
    """Return the last time above a level; zero if it is below at once, None if it stays above.

    Between samples the resistance is taken as linear in time, which it is as a gap begins.
    """
    above = np.flatnonzero(np.abs(current_a) >= level_a)
    if not above.size:
        return 0.0
    at = int(above[-1])
    if at + 1 == current_a.size:
        return None
    if current_a[at] < 0:
        return float(time_s[at])
    before, after = 1.0 / current_a[at], 1.0 / max(current_a[at + 1], 1e-3 * level_a)
    share = (1.0 / level_a - before) / (after - before)
    return float(time_s[at] + share * (time_s[at + 1] - time_s[at]))


def is_hidden_by_tail(time_s: FloatArray, current_a: FloatArray, level_a: float) -> bool:
    """Whether the last current above a level is the amplifier's tail, against the read voltage."""
    above = np.flatnonzero(np.abs(current_a) >= level_a)
    return bool(above.size and current_a[above[-1]] < 0)


def read_corners(reading: CurrentReading) -> FloatArray | None:
    """Return times of the dwell's start and end and the read's start and end, (4,)."""
    return corners_of_read(reading.stimulus)


def corners_of_read(stimulus: Stimulus) -> FloatArray | None:
    """Return the corners of a stimulus as `read_corners` does those of a reading."""
    if not isinstance(stimulus, Waveform):
        return None
    time_s, level_v = stimulus.breakpoints()
    driven = np.flatnonzero(level_v != 0)
    if driven.size != 4 or abs(level_v[driven[2]] - level_v[driven[3]]) > 1e-3:
        return None
    return time_s[driven]


def _dwell(reading: CurrentReading) -> tuple[float, float]:
    corners = read_corners(reading)
    assert corners is not None
    return float(corners[0]), float(corners[1])


def _read_v(reading: CurrentReading) -> float:
    corners = read_corners(reading)
    assert corners is not None
    return float(reading.stimulus.sample([0.5 * (corners[2] + corners[3])])[0])


def read_part(reading: CurrentReading) -> tuple[FloatArray, FloatArray]:
    """Return time since the read began, and the current along the read voltage."""
    corners = read_corners(reading)
    assert corners is not None
    inside = (reading.time_s >= corners[2] - 1e-12) & (reading.time_s <= corners[3])
    sign = 1.0 if _read_v(reading) > 0 else -1.0
    return reading.time_s[inside] - corners[2], sign * reading.current_a[inside]


def _longest_s(readings: Sequence[CurrentReading]) -> float:
    """Return how long all of them were read, at least."""
    return min(float(read_part(reading)[0][-1]) for reading in readings)


def _top_a(reading: CurrentReading) -> float:
    """Return the largest current that was recorded as it is; infinite without a rail."""
    if not reading.is_censored.any():
        return float("inf")
    return float(np.abs(reading.current_a[reading.is_censored]).min())
