"""One acquisition, from arming to its last trigger, and the record that is left of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

import numpy as np

from instruments.simulated.circuit import Terminal
from instruments.simulated.infiniivision import signal
from instruments.simulated.infiniivision.signal import FloatArray, Vertical, WordArray
from instruments.simulated.infiniivision.trigger import Trigger
from instruments.simulated.noise import gaussian

# From the end of a record until the next can begin.
DEAD_S = 1e-6
# What the screen, the measurements and :WAVeform:POINts:MODE NORMal see.
MEASURED_POINTS = 62_500
# Samples that a bucket of peak detection is looked at with.
_IN_A_BUCKET = 8
# What is kept of a record that nobody has read for long.
_SETTLED_POINTS = 100_000
_CHANNEL_SEED, _SHOT_SEED = 0x632BE59BD9B4E019, 0xD1342543DE82EF95


@dataclass(frozen=True)
class Setup:
    """What was set when the acquisition started.

    Attributes
    ----------
    span_s, pre_s : float
        Length of the record, and the part of it before the trigger; `pre_s` may lie outside.
    depth : int
        Samples of a record.
    oversampling : float
        Samples of the converter for each of them.
    shots : int
        Triggers that are needed: segments, or averages.
    """

    span_s: float
    pre_s: float
    depth: int
    oversampling: float
    kind: str
    shots: int
    is_segmented: bool
    is_auto: bool
    holdoff_s: float
    vertical: Mapping[int, Vertical]

    @property
    def post_s(self) -> float:
        """From the trigger to the end of the record."""
        return max(0.0, self.span_s - self.pre_s)

    @property
    def bits(self) -> int:
        """Bits of a sample."""
        gathered = {"HRES": self.oversampling, "AVER": float(self.shots)}
        return signal.resolution_bits(gathered.get(self.kind, 1.0))


class Acquisition:
    """Waits for its triggers.

    Attributes
    ----------
    armed_s : float
        When the next trigger will be accepted: the samples before it are in memory then.
    triggers_s : list of float
    """

    def __init__(self, setup: Setup, trigger: Trigger, start_s: float) -> None:
        self.setup, self.trigger = setup, trigger
        self.start_s = start_s
        self.armed_s = self.first_armed_s = start_s + max(0.0, setup.pre_s)
        self.triggers_s: list[float] = []

    def look(self, now_s: float) -> None:
        """Find the triggers that have come."""
        while len(self.triggers_s) < self.setup.shots:
            found_s = self.trigger.after(self.armed_s, now_s, self.setup.is_auto)
            if found_s == inf:
                return
            self.triggers_s.append(found_s)
            next_s = found_s + self.setup.post_s + DEAD_S + max(0.0, self.setup.pre_s)
            self.armed_s = max(next_s, found_s + self.setup.holdoff_s)

    @property
    def done_s(self) -> float:
        """When the record will be complete; infinite while triggers are missing."""
        if len(self.triggers_s) < self.setup.shots:
            return inf
        return self.triggers_s[-1] + self.setup.post_s


class Record:
    """What was acquired; the voltages are looked up when somebody asks for them.

    Parameters
    ----------
    setup : Setup
    triggers_s : list of float
    terminals : mapping of int to Terminal
        Watched since before the first trigger's samples.
    seed : int
        Of the noise.

    Attributes
    ----------
    is_over_range : bool
        Every sample lies beyond the range: a fault.
    """

    def __init__(
        self,
        setup: Setup,
        triggers_s: list[float],
        terminals: Mapping[int, Terminal],
        seed: int,
    ) -> None:
        self.setup, self.triggers_s = setup, triggers_s
        self.is_over_range = self.is_drawn = False
        self._terminals, self._seed = terminals, seed
        self._words: dict[tuple[int, int, int], WordArray] = {}
        self._settled: dict[tuple[int, int], tuple[FloatArray, FloatArray]] = {}

    @property
    def start_s(self) -> float:
        """Of the first sample."""
        return self.triggers_s[0] - self.setup.pre_s

    def time_s(self, points: int) -> FloatArray:
        """Return the times of some evenly spaced samples (points,), the trigger at zero."""
        return np.arange(points) * (self.setup.span_s / points) - self.setup.pre_s

    def words(self, channel: int, points: int, shot: int = 0) -> WordArray:
        """Return evenly spaced samples (points,) as words; the same ones each time."""
        key = (channel, points, shot)
        if key not in self._words:
            self._words[key] = self._digitised(*key)
        self.is_drawn = True
        return self._words[key]

    def volts(self, channel: int, points: int, shot: int = 0) -> FloatArray:
        """Return evenly spaced samples (points,) in volt, as the converter saw them."""
        words = self.words(channel, points, shot)
        return signal.volts(words.astype(float), self.setup.vertical[channel], self.setup.bits)

    def settle(self, now_s: float) -> None:
        """Keep what is needed, so that the past need not be kept any more."""
        points = min(self.setup.depth, max(1000, _SETTLED_POINTS // len(self.triggers_s)))
        for channel in self.setup.vertical:
            for shot, trigger_s in enumerate(self.triggers_s):
                time_s = self.time_s(points) + trigger_s
                self._settled[channel, shot] = time_s, self._seen(channel, shot, time_s, now_s)

    def _digitised(self, channel: int, points: int, shot: int) -> WordArray:
        setup = self.setup
        vertical = setup.vertical[channel]
        if self.is_over_range:
            return np.full(points, signal.CLIPPED_HIGH, np.uint16)
        if setup.kind == "PEAK":
            return self._peaks(channel, points, shot)
        index = np.arange(points)
        if points < setup.depth:
            index = index * setup.depth // points
        noise_v = vertical.noise_v * self._noise(channel, shot, index)
        if setup.kind == "HRES":
            noise_v *= signal.noise_left(setup.oversampling)
        if setup.kind != "AVER":
            level_v = self._level(channel, points, shot)
            return signal.words(level_v + noise_v, vertical, setup.bits)
        total_v = np.zeros(points)
        for each in range(setup.shots):
            total_v += self._level(channel, points, each)
        averaged_v = (total_v + noise_v * setup.shots**0.5) / setup.shots
        return signal.words(averaged_v, vertical, setup.bits)

    def _peaks(self, channel: int, points: int, shot: int) -> WordArray:
        """Return least and greatest word of each bucket in turn (points,)."""
        buckets = points // 2
        fine = buckets * min(_IN_A_BUCKET, max(1, self.setup.depth // buckets))
        vertical = self.setup.vertical[channel]
        noise = self._noise(channel, shot, np.arange(fine) * self.setup.depth // fine)
        level_v = self._level(channel, fine, shot) + vertical.noise_v * noise
        found = signal.words(level_v, vertical, self.setup.bits).reshape(buckets, -1)
        return np.c_[found.min(1), found.max(1)].ravel()

    def _level(self, channel: int, points: int, shot: int) -> FloatArray:
        time_s = self.time_s(points) + self.triggers_s[shot]
        settled = self._settled.get((channel, shot))
        if settled is not None:
            return np.asarray(np.interp(time_s, *settled))
        return self._seen(channel, shot, time_s, float(time_s[-1]))

    def _seen(self, channel: int, shot: int, time_s: FloatArray, now_s: float) -> FloatArray:
        return signal.seen(self._terminals[channel], self.setup.vertical[channel], time_s, now_s)

    def _noise(self, channel: int, shot: int, index: np.ndarray) -> FloatArray:
        seed = (self._seed + channel * _CHANNEL_SEED + shot * _SHOT_SEED) % (1 << 64)
        return gaussian(seed, index)
