"""What a function generator's settings mean: the corners of one cycle, and programs of bursts.

Levels of a cycle are relative: from -1 at the low to 1 at the high level. A sine is a polygon
within 0.013 % of its amplitude. A program is asked for corners when somebody looks (see
`Terminal.play`), so that what has no end takes no memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil, floor, inf, isfinite

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

# A transition is stated between 10 % and 90 %; the straight line goes on to both levels.
STATED_PART_OF_EDGE = 0.8
_SINE_CORNERS = 200
_NOISE_SAMPLES = 1024
# Peak to standard deviation of the noise.
NOISE_CREST = 4.6
# Corners handed out at once.
_MOST_AT_ONCE = 200_000
# Feedback of the registers behind the pseudo-random sequences, x^n + x^m + 1.
_SECOND_TAP = {3: 2, 5: 3, 6: 5, 7: 6, 9: 5, 10: 7, 11: 9, 15: 14, 17: 14, 18: 11, 20: 17}
LARGEST_SEQUENCE = 20
# A cycle boundary that rounding moved is still one.
_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Cycle:
    """One cycle of a waveform.

    Attributes
    ----------
    duration_s : float
    at_s, level : (k,) float64 arrays
        Corners from 0 to `duration_s`, and the relative level, which ends where it began.
    """

    duration_s: float
    at_s: FloatArray
    level: FloatArray

    @property
    def start_level(self) -> float:
        """Where the cycle starts, and the output rests between bursts."""
        return float(self.level[0])

    def levels(self, count: int) -> FloatArray:
        """Return the levels of some cycles (count, k)."""
        return np.broadcast_to(self.level, (count, self.level.size))

    def rotated(self, fraction: float) -> Cycle:
        """Return the cycle begun at another place, a fraction of the period later."""
        at_s = (fraction % 1.0) * self.duration_s
        if at_s == 0.0:
            return self
        first = float(np.interp(at_s, self.at_s, self.level))
        later, sooner = self.at_s > at_s, self.at_s <= at_s
        moved_s = np.r_[
            0.0, self.at_s[later] - at_s, self.at_s[sooner] + (self.duration_s - at_s),
            self.duration_s,
        ]  # fmt: skip
        level = np.r_[first, self.level[later], self.level[sooner], first]
        return Cycle(self.duration_s, moved_s, level)


@dataclass(frozen=True, eq=False)
class NoiseCycle(Cycle):
    """Some samples of noise, drawn anew for every cycle."""

    random: np.random.Generator

    def levels(self, count: int) -> FloatArray:
        """Return the levels of some cycles (count, k)."""
        drawn = self.random.standard_normal((count, self.at_s.size)) / NOISE_CREST
        drawn[:, 0], drawn[:, -1] = self.level[0], self.level[-1]
        return np.clip(drawn, -1.0, 1.0)


def sine(period_s: float) -> Cycle:
    """Return a sine, from its rising zero."""
    fraction = np.linspace(0.0, 1.0, _SINE_CORNERS + 1)
    level = np.sin(2 * np.pi * fraction)
    level[[0, -1]] = 0.0
    return Cycle(period_s, fraction * period_s, level)


def ramp(period_s: float, symmetry: float, edge_s: float) -> Cycle:
    """Return a ramp that rises for a part `symmetry` of the period, from its rising middle."""
    least = min(edge_s / STATED_PART_OF_EDGE / period_s, 0.5)
    rising = min(max(symmetry, least), 1.0 - least)
    at = np.array([0.0, rising / 2, 1.0 - rising / 2, 1.0])
    return Cycle(period_s, at * period_s, np.array([0.0, 1.0, -1.0, 0.0]))


def pulse(period_s: float, width_s: float, leading_s: float, trailing_s: float) -> Cycle:
    """Return a pulse, from the foot of its leading edge; the width lies between the half levels."""
    up_s, down_s = leading_s / STATED_PART_OF_EDGE, trailing_s / STATED_PART_OF_EDGE
    top_s = up_s / 2 + width_s - down_s / 2
    at_s = np.array([0.0, up_s, top_s, top_s + down_s, period_s])
    return Cycle(period_s, np.maximum.accumulate(at_s), np.array([-1.0, 1.0, 1.0, -1.0, -1.0]))


def square(period_s: float, duty: float, edge_s: float) -> Cycle:
    """Return a square wave that is high for a part `duty` of the period."""
    most_s = STATED_PART_OF_EDGE * period_s * min(duty, 1.0 - duty)
    edge_s = min(edge_s, most_s)
    return pulse(period_s, duty * period_s, edge_s, edge_s)


def constant() -> Cycle:
    """Return the high level, for good."""
    return Cycle(inf, np.zeros(1), np.ones(1))


def noise(bandwidth_hz: float, random: np.random.Generator) -> NoiseCycle:
    """Return Gaussian noise, sampled at twice its bandwidth and clipped at the levels."""
    at_s = np.arange(_NOISE_SAMPLES + 1) / (2 * bandwidth_hz)
    return NoiseCycle(float(at_s[-1]), at_s, np.zeros(at_s.size), random)


def pseudo_random_bits(order: int) -> NDArray[np.bool_]:
    """Return one period (2^order - 1,) of the maximal sequence, begun with all ones."""
    if order not in _SECOND_TAP:
        raise ValueError(f"there is no sequence of order {order}")
    far, near = order, _SECOND_TAP[order]
    bits = np.ones(2**order - 1, np.bool_)
    known = order
    while known < bits.size:
        # The square of the recurrence holds too, and reaches further back at once.
        while known >= 2 * far:
            far, near = 2 * far, 2 * near
        upto = min(known + near, bits.size)
        count = upto - known
        bits[known:upto] = (
            bits[known - far : known - far + count] ^ bits[known - near : known - near + count]
        )
        known = upto
    return bits


def bit_sequence(bits: NDArray[np.bool_], bit_s: float, edge_s: float) -> Cycle:
    """Return a sequence of bits with edges that begin with each bit."""
    line_s = min(edge_s / STATED_PART_OF_EDGE, bit_s)
    level = np.where(bits, 1.0, -1.0)
    before = np.roll(level, 1)
    turn = np.flatnonzero(level != before)
    at_s = np.c_[turn * bit_s, turn * bit_s + line_s].ravel()
    levels = np.c_[before[turn], level[turn]].ravel()
    whole_s = bits.size * bit_s
    return Cycle(whole_s, np.r_[0.0, at_s, whole_s], np.r_[before[0], levels, level[-1]])


def samples(level: ArrayLike, interval_s: float, is_stair: bool, step: float) -> Cycle:
    """Return an arbitrary waveform, a staircase or lines between its samples (n,).

    Parameters
    ----------
    step : float
        Of the DAC: the codes of a straight line turn by one step at most.
    """
    level = np.asarray(level, dtype=np.float64)
    closed = np.append(level, level[0])
    if is_stair:
        corner = np.repeat(np.arange(closed.size), 2)[1:]
        closed = np.repeat(closed, 2)[:-1]
        is_step = np.r_[True, np.diff(closed) != 0, True]
        matters = is_step[1:] | is_step[:-1]
        corner, closed = corner[matters], closed[matters]
    else:
        corner = _corners(closed, step)
        closed = closed[corner]
    return Cycle(level.size * interval_s, corner * interval_s, closed)


def _corners(level: FloatArray, step: float) -> NDArray[np.intp]:
    """Return the samples that matter: the integrator stops at each corner of its source.

    If leaving out turns of one step of the DAC moves the line by more than a step anywhere, all
    samples stay.
    """
    turns = np.abs(np.diff(level, 2)) > 1.5 * step
    corner = np.flatnonzero(np.r_[True, turns, True])
    index = np.arange(level.size)
    if np.abs(np.interp(index, corner, level[corner]) - level).max() > 1.5 * step:
        return index
    return corner


@dataclass(eq=False)
class Burst:
    """Some cycles, from a time on; infinitely many if they are stopped from outside."""

    start_s: float
    cycle: Cycle
    count: float = inf

    @property
    def end_s(self) -> float:
        """When the last cycle ends."""
        return self.start_s + self.count * self.cycle.duration_s if self.count else self.start_s

    def stop_after(self, time_s: float) -> None:
        """End with the cycle that is played at a time."""
        played = (time_s - self.start_s) / self.cycle.duration_s
        self.count = min(self.count, max(1, ceil(played - _SAME)))

    def corners(self, from_s: float, to_s: float) -> tuple[FloatArray, FloatArray, float]:
        """Return whole cycles, or what is left of the first one, as `Program.corners` does."""
        cycle = self.cycle
        if not isfinite(cycle.duration_s):
            return np.array([from_s]), cycle.level[:1], inf
        first = max(0, floor((from_s - self.start_s) / cycle.duration_s + _SAME))
        last = max(first + 1, ceil((to_s - self.start_s) / cycle.duration_s - _SAME))
        if isfinite(self.count):
            last = int(self.count)
        last = int(min(last, self.count, first + max(1, _MOST_AT_ONCE // cycle.at_s.size)))
        begun_s = self.start_s + np.arange(first, last) * cycle.duration_s
        corner_s = (begun_s[:, None] + cycle.at_s).ravel()
        level = cycle.levels(last - first).ravel()
        # Each cycle begins where the one before ended: one corner does for both.
        twice = np.arange(1, last - first) * cycle.at_s.size
        corner_s, level = np.delete(corner_s, twice), np.delete(level, twice)
        if corner_s[0] < from_s:
            now = np.interp(from_s, corner_s, level)
            later = corner_s > from_s
            corner_s, level = np.r_[from_s, corner_s[later]], np.r_[now, level[later]]
        return corner_s, level, self.start_s + last * cycle.duration_s


@dataclass(eq=False)
class Program:
    """What an output does: bursts one after the other, at rest in between.

    Attributes
    ----------
    before : float
        Relative level until the first burst.
    volt : callable
        From relative levels to volts.
    bursts : list of Burst
        In order of time; the last one may be without end.
    every_s : float
        If finite, the last burst comes again and again with this period.
    """

    before: float
    volt: Callable[[FloatArray], FloatArray]
    bursts: list[Burst] = field(default_factory=list)
    every_s: float = inf

    @property
    def end_s(self) -> float:
        """When the last burst ends."""
        if not self.bursts:
            return -inf
        return inf if isfinite(self.every_s) else self.bursts[-1].end_s

    def corners(self, from_s: float, to_s: float) -> tuple[FloatArray, FloatArray, float]:
        """Return corners (k,), volts (k,), and until when they are known: a `circuit.Source`."""
        found_s: list[FloatArray] = []
        found: list[FloatArray] = []
        time_s, size = from_s, 0
        while True:
            burst, next_s = self._at(time_s)
            if burst is not None and time_s < burst.end_s - _SAME * burst.cycle.duration_s:
                corner_s, level, known_s = burst.corners(time_s, min(to_s, next_s))
                if known_s > next_s:
                    cut = np.interp(next_s, corner_s, level)
                    kept = corner_s < next_s
                    corner_s, level = np.r_[corner_s[kept], next_s], np.r_[level[kept], cut]
                    known_s = next_s
            else:
                rest = self.before if burst is None else burst.cycle.start_level
                if found and not isfinite(next_s):
                    time_s = inf
                    break
                is_last = not isfinite(next_s)
                corner_s = np.array([time_s] if is_last else [time_s, next_s])
                level, known_s = np.full(corner_s.size, rest), next_s
            found_s.append(corner_s)
            found.append(level)
            time_s, size = known_s, size + corner_s.size
            if not isfinite(time_s) or time_s > to_s or size >= _MOST_AT_ONCE:
                break
        # Where pieces meet, rounding must not have time run backwards.
        corner_s = np.clip(np.maximum.accumulate(np.concatenate(found_s)), from_s, time_s)
        return corner_s, self.volt(np.concatenate(found)), time_s

    def _at(self, time_s: float) -> tuple[Burst | None, float]:
        """Return the burst that began last, and when the next one begins."""
        last, next_s = None, inf
        for burst in self.bursts:
            if burst.start_s > time_s + _SAME * min(burst.cycle.duration_s, 1.0):
                return last, burst.start_s
            last = burst
        if last is not None and isfinite(self.every_s):
            number = floor((time_s - last.start_s) / self.every_s + _SAME)
            start_s = last.start_s + number * self.every_s
            next_s = last.start_s + (number + 1) * self.every_s
            last = Burst(start_s, last.cycle, last.count)
        return last, next_s
