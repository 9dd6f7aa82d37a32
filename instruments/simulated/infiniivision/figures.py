"""What is measured on a record: figures of a waveform, each NaN where there is none."""

from __future__ import annotations

from functools import cached_property
from math import nan

import numpy as np

from instruments.simulated.infiniivision.signal import FloatArray
from instruments.simulated.infiniivision.trigger import Crossings

_BINS = 128
# A level is flat if so many times the even share of samples lies in its bin.
_FLAT = 4.0
# Base and top lie in this part of the range from either end.
_OUTER = 0.4
# Thresholds of edges and transitions.
STANDARD = (0.1, 0.5, 0.9)
_LOWER, _MIDDLE, _UPPER = 0, 1, 2
# Bins on either side of the fullest one that belong to its level.
_BESIDE = 3
# Of the amplitude, so that noise on an edge is no edge.
_HYSTERESIS = 0.15
# Edges of less than this, in steps of the converter, are noise.
_LEAST_STEPS = 6.0


class Figures:
    """One channel of a record.

    Parameters
    ----------
    time_s, level_v : (n,) float64 arrays
    step_v : float
        Of the converter, 8 bits.
    thresholds : tuple of float
        Lower, middle and upper one: parts of the amplitude, or volts.
    is_absolute : bool
        Whether they are volts.
    """

    def __init__(
        self,
        time_s: FloatArray,
        level_v: FloatArray,
        step_v: float,
        thresholds: tuple[float, float, float] = STANDARD,
        is_absolute: bool = False,
    ) -> None:
        self.time_s, self.level_v, self._step_v = time_s, level_v, step_v
        self._thresholds, self._is_absolute = thresholds, is_absolute

    @cached_property
    def base_top(self) -> tuple[float, float]:
        """Flat levels below and above the middle; the extremes where there is no flat one."""
        low_v, high_v = float(self.level_v.min()), float(self.level_v.max())
        if low_v == high_v:
            return low_v, high_v
        counts, bounds = np.histogram(self.level_v, _BINS)
        centers, outer = (bounds[1:] + bounds[:-1]) / 2, int(_OUTER * _BINS)
        enough = _FLAT * self.level_v.size / _BINS
        below = int(np.argmax(counts[:outer]))
        above = _BINS - outer + int(np.argmax(counts[-outer:]))

        def level_v(at: int) -> float:
            near = slice(max(0, at - _BESIDE), at + _BESIDE + 1)
            return float(np.average(centers[near], weights=counts[near]))

        base_v = level_v(below) if counts[below] > enough else low_v
        return base_v, level_v(above) if counts[above] > enough else high_v

    @property
    def amplitude(self) -> float:
        """Top above base."""
        return self.base_top[1] - self.base_top[0]

    @cached_property
    def edges(self) -> tuple[FloatArray, FloatArray]:
        """Times of rising and falling edges at the middle threshold."""
        return self._passes(_MIDDLE, 1.0), self._passes(_MIDDLE, -1.0)

    def edge_s(self, occurrence: int) -> float:
        """Time of an edge: the first rising one is 1, the first falling one -1."""
        edges = self.edges[0 if occurrence > 0 else 1]
        return _at(edges, abs(occurrence) - 1)

    @property
    def period(self) -> float:
        """Between the first two edges of one kind."""
        found = [float(edges[1] - edges[0]) for edges in self.edges if edges.size > 1]
        return found[0] if found else nan

    @property
    def counted_hz(self) -> float:
        """Frequency over all edges."""
        rising = self.edges[0]
        return (rising.size - 1) / float(rising[-1] - rising[0]) if rising.size > 1 else nan

    def width(self, is_positive: bool) -> float:
        """Length of the first pulse up or down."""
        begins, ends = self.edges if is_positive else self.edges[::-1]
        if not begins.size:
            return nan
        return _at(ends[ends > begins[0]], 0) - float(begins[0])

    def transition(self, is_rising: bool) -> float:
        """Time of the first edge between the outer thresholds."""
        sign = 1.0 if is_rising else -1.0
        early, late = (_LOWER, _UPPER) if is_rising else (_UPPER, _LOWER)
        ends = self._passes(late, sign)
        begins = self._passes(early, sign)
        # The record may begin within an edge.
        ends = ends[ends > begins[0]] if begins.size else begins
        if not ends.size:
            return nan
        return float(ends[0] - begins[begins < ends[0]][-1])

    def pulses(self, is_positive: bool) -> float:
        """Count the pulses that begin and end within the record."""
        begins, ends = self.edges if is_positive else self.edges[::-1]
        return float(np.sum(ends > begins[0])) if begins.size else 0.0

    @property
    def burst_width(self) -> float:
        """From the first edge to the last one."""
        every = np.concatenate(self.edges)
        return float(every.max() - every.min()) if every.size > 1 else nan

    def whole_cycles(self) -> FloatArray:
        """Samples within whole periods; all of them if there is no period."""
        rising = self.edges[0]
        if rising.size < 2:
            return self.level_v
        return self.level_v[(self.time_s >= rising[0]) & (self.time_s < rising[-1])]

    def passed_s(self, level_v: float, occurrence: int) -> float:
        """Time at which a level is passed, upwards for a positive occurrence."""
        sign = 1.0 if occurrence > 0 else -1.0
        found = Crossings(sign * level_v, self._hysteresis_v).find(self.time_s, sign * self.level_v)
        return _at(found, abs(occurrence) - 1)

    @property
    def _hysteresis_v(self) -> float:
        return _HYSTERESIS * self.amplitude

    def _passes(self, which: int, sign: float) -> FloatArray:
        if self.amplitude < _LEAST_STEPS * self._step_v:
            return np.empty(0)
        threshold = self._thresholds[which]
        if self._is_absolute:
            threshold = (threshold - self.base_top[0]) / self.amplitude
        if not 0.0 < threshold < 1.0:
            return np.empty(0)
        # Near an outer threshold there is less room for the hysteresis.
        part = min(_HYSTERESIS, threshold / 2, (1 - threshold) / 2)
        level_v = sign * (self.base_top[0] + threshold * self.amplitude)
        found = Crossings(level_v, part * self.amplitude)
        return found.find(self.time_s, sign * self.level_v)


def delay_s(first: Figures, second: Figures) -> float:
    """Return the time from the first edge of one waveform to the nearest one of the other."""
    start, ends = first.edges[0], second.edges[0]
    if not start.size or not ends.size:
        return nan
    return float(ends[np.argmin(np.abs(ends - start[0]))] - start[0])


def phase_deg(first: Figures, second: Figures) -> float:
    """Return how far the second waveform is behind the first."""
    return delay_s(first, second) / first.period * 360.0


def rms(level_v: FloatArray, is_ac: bool) -> float:
    """Return the root mean square, of the deviation from the mean for AC."""
    return float(level_v.std() if is_ac else np.sqrt(np.mean(level_v**2)))


def area(figures: Figures) -> float:
    """Return the integral over the record."""
    interval_s = figures.time_s[1] - figures.time_s[0]
    return float(figures.level_v.sum() * interval_s)


def _at(values: FloatArray, place: int) -> float:
    return float(values[place]) if 0 <= place < values.size else nan
