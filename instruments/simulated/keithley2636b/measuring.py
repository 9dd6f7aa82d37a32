"""How one channel measures: apertures, ranges, noise, filter, relative offset, buffers.

A measurement is a generator of the times that it waits for, so that it can hold a script up or run
beside it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from statistics import fmean, median
from typing import TYPE_CHECKING

import numpy as np

from instruments.simulated.keithley2636b.buffer import ReadingBuffer
from instruments.simulated.keithley2636b.ranges import (
    FLOOR_A,
    FLOOR_V,
    HEADROOM,
    MEASURE_RANGES_A,
    NOISE,
    OVERFLOW,
    VOLTAGE_RANGES_V,
    auto_delay_s,
    range_for,
)

if TYPE_CHECKING:
    from instruments.simulated.keithley2636b.smu import Smu

UNITS = {"i": "Amps", "v": "Volts", "r": "Ohms", "p": "Watts"}
_SAMPLES = 100
_AUTORANGED, _REMOTE, _RELATIVE, _COMPLIANCE, _FILTERED = 4, 16, 32, 64, 128
_AUTOZERO_OFF, _AUTOZERO_AUTO = 0, 2
_MOVING, _REPEAT, _MEDIAN = 0, 1, 2

Wanted = Sequence[tuple[str, "ReadingBuffer | None"]]


class Measuring:
    """The measuring part of a channel."""

    def __init__(self, smu: Smu, noise: np.random.Generator) -> None:
        self._smu = smu
        self._noise = noise
        self._recent: dict[str, deque[float]] = {}
        self.last: dict[str, float] = {}
        self.overflows_left = 0
        # Readings of one channel may overlap; who else watches keeps watching.
        self._watchers, self._watched_from_s = 0, inf

    def clear(self) -> None:
        """Forget what the moving average remembers."""
        self._recent = {}

    def measure(self, wanted: Wanted, *, count: int | None = None) -> Iterator[float]:
        """Measure, store, and leave the last readings in `last`."""
        smu = self._smu
        settings = smu.settings
        for _, buffer in wanted:
            if buffer is not None:
                buffer.begin()
        yield smu.clock.now() + self._delay_s([kind for kind, _ in wanted])
        start_s = smu.clock.now()
        for number in range(int(settings["measure.count"]) if count is None else count):
            due_s = start_s + number * settings["measure.interval"]
            if due_s > smu.clock.now():
                yield due_s
            yield from self.once(wanted)

    def once(self, wanted: Wanted) -> Iterator[float]:
        """Take one reading of each quantity."""
        smu = self._smu
        settings = smu.settings
        is_filtered = bool(settings["measure.filter.enable"])
        kind = settings["measure.filter.type"]
        repeats = int(settings["measure.filter.count"]) if is_filtered and kind != _MOVING else 1
        taken: list[Mapping[str, float]] = []
        time_s = smu.clock.now()
        limited = False
        for _ in range(repeats):
            values, was_limited = yield from self.look()
            limited = limited or was_limited
            taken.append(self._read(values, [name for name, _ in wanted]))
        smu.note_compliance(limited)
        status = _COMPLIANCE * limited | _REMOTE * bool(settings["sense"])
        status |= _FILTERED * is_filtered
        reduce = median if kind == _MEDIAN else fmean
        for name, buffer in wanted:
            value = reduce([each[name] for each in taken])
            if is_filtered and kind == _MOVING:
                length = int(settings["measure.filter.count"])
                recent = self._recent.setdefault(name, deque())
                recent.append(value)
                while len(recent) > length:
                    recent.popleft()
                value = fmean(recent)
            if settings.get(f"measure.rel.enable{name}"):
                value -= settings[f"measure.rel.level{name}"]
                status |= _RELATIVE
            if settings.get(f"measure.autorange{name}"):
                status |= _AUTORANGED
            self.last[name] = value
            if buffer is not None:
                buffer.store(smu.stored(value, time_s, status, UNITS[name], self.range_of(name)))
                smu.buffer_changed()
        smu.note_overflow(any(abs(self.last[name]) >= OVERFLOW for name, _ in wanted))

    def look(self, aperture_s: float | None = None) -> Iterator[float]:
        """Return mean voltage, current, and whether the limit acted, over one aperture."""
        smu = self._smu
        if aperture_s is None:
            aperture_s = smu.settings["measure.nplc"] / smu.line_hz
            if smu.settings["measure.autozero"] == _AUTOZERO_AUTO:
                # The references are measured before: two more of the same length.
                yield smu.clock.now() + 2.0 * aperture_s
        start_s = smu.clock.now()
        if not self._watchers:
            self._watched_from_s = smu.terminal.watched_from_s
            smu.terminal.watch(min(start_s, self._watched_from_s))
        self._watchers += 1
        try:
            yield start_s + aperture_s
            aperture_s = smu.clock.now() - start_s
            time_s = start_s + (np.arange(_SAMPLES) + 0.5) * (aperture_s / _SAMPLES)
            voltage_v, current_a = smu.terminal.voltage(time_s), smu.terminal.current(time_s)
        finally:
            self._watchers -= 1
            if not self._watchers:
                smu.terminal.watch(self._watched_from_s)
        found = {"v": float(voltage_v.mean()), "i": float(current_a.mean())}
        return found, smu.is_limited(voltage_v, current_a)

    def range_of(self, name: str) -> float:
        """Return the range that a quantity is measured on."""
        smu = self._smu
        kind = name if name in "iv" else "i"
        ranges = MEASURE_RANGES_A if kind == "i" else VOLTAGE_RANGES_V
        if smu.sourced == kind:
            return smu.source_range(kind)
        if smu.settings[f"measure.autorange{kind}"]:
            lowest = smu.settings[f"measure.lowrange{kind}"]
            return range_for(self.last.get(kind, 0.0), ranges, lowest)
        return float(smu.settings[f"measure.range{kind}"])

    def _delay_s(self, names: Sequence[str]) -> float:
        settings = self._smu.settings
        delay_s = float(settings["measure.delay"])
        if delay_s >= 0.0:
            return delay_s
        if "i" not in names and "r" not in names and "p" not in names:
            return 0.0
        return auto_delay_s(self.range_of("i")) * float(settings["measure.delayfactor"])

    def _read(self, values: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
        quiet = 1.0 / np.sqrt(self._smu.settings["measure.nplc"])
        read: dict[str, float] = {}
        for kind, floor in (("v", FLOOR_V), ("i", FLOOR_A)):
            is_auto = self._smu.settings[f"measure.autorange{kind}"]
            if is_auto and self._smu.sourced != kind:
                self.last[kind] = values[kind]
            full = self.range_of(kind)
            draw = float(self._noise.standard_normal()) * quiet
            read[kind] = values[kind] + draw * (NOISE * full + floor)
            # A source in its limit may be beyond the range that it was asked to work on.
            if abs(values[kind]) > HEADROOM * full and self._smu.sourced != kind:
                read[kind] = OVERFLOW if values[kind] > 0 else -OVERFLOW
        if self.overflows_left:
            self.overflows_left -= 1
            read = dict.fromkeys(read, OVERFLOW)
        is_over = max(abs(read["v"]), abs(read["i"])) >= OVERFLOW
        read["r"] = OVERFLOW if is_over or not read["i"] else read["v"] / read["i"]
        read["p"] = OVERFLOW if is_over else read["v"] * read["i"]
        return {name: read[name] for name in names}
