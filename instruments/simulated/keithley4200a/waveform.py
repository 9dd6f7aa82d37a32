"""What a channel of the pulse card plays, and where it measures: pulses, sweeps and segments."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from instruments.simulated.keithley4200a.kxci import KxciError

FloatArray = NDArray[np.float64]

MOST_SEGMENTS, MOST_SEQUENCES = 2048, 512
SHORTEST_S, LONGEST_S, TICK_S = 20e-9, 40.0, 10e-9
# Shortest edge of each source range.
SHORTEST_EDGE_S = {10: 20e-9, 40: 100e-9}
_MOST_CORNERS = 400_000
NOTHING, SPOT, WAVEFORM, SPOT_MEAN, WAVEFORM_MEAN = range(5)


@dataclass(frozen=True)
class Window:
    """Where something is measured, in s from the trigger.

    Attributes
    ----------
    is_spot : bool
        Whether only the mean is kept.
    row : int
        Windows of one row stand side by side in the data: high and low of a pulse.
    mean_of : int
        Windows of equal positive numbers are averaged.
    """

    start_s: float
    stop_s: float
    is_spot: bool
    row: int
    mean_of: int = 0


@dataclass(frozen=True)
class Playing:
    """Corners (k,) of the level at the device, and the windows, in ascending order."""

    corner_s: FloatArray
    level_v: FloatArray
    windows: list[Window]

    @property
    def end_s(self) -> float:
        """When the last corner is over."""
        return float(self.corner_s[-1])


@dataclass
class Sequence:
    """One segment sequence: lists of one entry a segment."""

    time_s: list[float] = field(default_factory=list)
    start_v: list[float] = field(default_factory=list)
    stop_v: list[float] = field(default_factory=list)
    measure: list[float] = field(default_factory=list)
    measure_start_s: list[float] = field(default_factory=list)
    measure_stop_s: list[float] = field(default_factory=list)
    trigger: list[float] = field(default_factory=list)
    relay: list[float] = field(default_factory=list)

    def checked(self) -> Sequence:
        """Return it with its open ends filled.

        Raises
        ------
        KxciError
            If it does not fit together.
        """
        count = len(self.time_s)
        measure = self.measure or [0.0] * count
        filled = Sequence(
            self.time_s, self.start_v, self.stop_v, measure,
            self.measure_start_s or [0.0] * count, self.measure_stop_s or list(self.time_s),
        )  # fmt: skip
        lengths = {len(values) for values in vars(filled).values() if values}
        if not count or lengths != {count}:
            raise KxciError(-221, f"A sequence of {count} segments has lists of {sorted(lengths)}")
        jumps = np.flatnonzero(np.abs(np.subtract(self.start_v[1:], self.stop_v[:-1])) > 1e-6)
        if jumps.size:
            raise KxciError(-221, f"Segment {jumps[0] + 2} does not start where the last one ends")
        return filled


def play_sequences(sequences: dict[int, Sequence], order: list[tuple[int, int]]) -> Playing:
    """Return the level and the windows of sequences in their order, each looped."""
    if not order:
        raise KxciError(-221, "No sequence is in the list of the waveform")
    missing = [number for number, _ in order if number not in sequences]
    if missing:
        raise KxciError(-221, f"Sequence {missing[0]} is not defined")
    checked = {number: sequences[number].checked() for number, _ in order}
    corners = sum(2 * len(checked[number].time_s) * loops for number, loops in order)
    if corners > _MOST_CORNERS:
        raise KxciError(-225, f"A waveform of {corners // 2} segments is too long to simulate")
    now_s, times, levels = 0.0, [], []
    windows: list[Window] = []
    for number, loops in order:
        sequence = checked[number]
        duration_s = np.array(sequence.time_s)
        start_s = np.r_[0.0, np.cumsum(duration_s)]
        for _ in range(loops):
            times.append(now_s + np.c_[start_s[:-1], start_s[1:]].ravel())
            levels.append(np.c_[sequence.start_v, sequence.stop_v].ravel())
            windows += _windows(sequence, now_s + start_s, len(windows))
            now_s += float(start_s[-1])
    return Playing(np.concatenate(times), np.concatenate(levels), windows)


def _windows(sequence: Sequence, start_s: FloatArray, row: int) -> list[Window]:
    made: list[Window] = []
    for place, kind in enumerate(sequence.measure):
        begin_s = float(start_s[place]) + sequence.measure_start_s[place]
        end_s = float(start_s[place]) + sequence.measure_stop_s[place]
        if kind and not start_s[place] <= begin_s < end_s <= start_s[place + 1] + 1e-12:
            raise KxciError(-221, f"Segment {place + 1} is measured outside of itself")
        if kind:
            made.append(Window(begin_s, end_s, kind in (SPOT, SPOT_MEAN), row + len(made)))
    return made


@dataclass
class Pulses:
    """A train of pulses, or a sweep of them."""

    base_v: float = 0.0
    amplitude_v: float = 0.0
    period_s: float = 1e-5
    width_s: float = 1e-6
    rise_s: float = 1e-7
    fall_s: float = 1e-7
    delay_s: float = 0.0
    # Levels of a sweep: pairs of base and amplitude.
    swept: list[tuple[float, float]] = field(default_factory=list)
    spot_from: float = 0.75
    spot_to: float = 0.9
    before: float = 0.1
    after: float = 0.1
    has_high: bool = True
    has_low: bool = True

    def check(self) -> None:
        """Refuse times that no pulse can have.

        Raises
        ------
        KxciError
        """
        edges_s = (self.rise_s + self.fall_s) / 2
        if self.width_s <= edges_s:
            raise KxciError(-221, f"A width of {self.width_s:g} s has no room for its edges")
        if self.delay_s + self.width_s + edges_s + 40e-9 > self.period_s * (1 + 1e-9):
            raise KxciError(-221, f"The pulse does not fit into its period of {self.period_s:g} s")

    def play(self, mode: int, count: int, points: int) -> Playing:
        """Return the level and the windows of a burst at each point of a sweep."""
        self.check()
        if 5 * count * points > _MOST_CORNERS:
            raise KxciError(-225, f"{count * points} pulses are too many to simulate")
        swept = self.swept or [(self.base_v, self.amplitude_v)] * points
        if len(swept) != points:
            raise KxciError(-221, f"The channels sweep {len(swept)} and {points} points")
        edge_s = np.cumsum([self.delay_s, self.rise_s, self._top_s, self.fall_s])
        corner_s = np.r_[0.0, edge_s, self.period_s]
        times, levels = [], []
        windows: list[Window] = []
        for number in range(points * count):
            base_v, top_v = swept[number // count]
            times.append(number * self.period_s + corner_s)
            levels.append(np.array([base_v, base_v, top_v, top_v, base_v, base_v]))
            group = number // count + 1 if mode in (SPOT_MEAN, WAVEFORM_MEAN) else 0
            windows += self._windows(mode, number * self.period_s, number, group)
        return Playing(np.concatenate(times), np.concatenate(levels), windows)

    @property
    def _top_s(self) -> float:
        return self.width_s - (self.rise_s + self.fall_s) / 2

    def _windows(self, mode: int, at_s: float, row: int, group: int) -> list[Window]:
        begin_s = at_s + self.delay_s
        if mode in (WAVEFORM, WAVEFORM_MEAN):
            start_s = max(at_s, begin_s - self.before * self.width_s)
            stop_s = begin_s + self.rise_s + self._top_s + self.fall_s + self.after * self.width_s
            return [Window(start_s, min(stop_s, at_s + self.period_s), False, row, group)]
        made = []
        if mode in (SPOT, SPOT_MEAN):
            top_s, rest_s = begin_s + self.rise_s, begin_s + self.rise_s + self._top_s + self.fall_s
            for is_taken, from_s, length_s in (
                (self.has_high, top_s, self._top_s),
                (self.has_low, rest_s, at_s + self.period_s - rest_s),
            ):
                if is_taken:
                    start_s = from_s + self.spot_from * length_s
                    stop_s = from_s + self.spot_to * length_s
                    made.append(Window(start_s, stop_s, True, row, group))
        return made
