"""One channel of the 2636B: its source, its settings, and what scripts find at smua or smub."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from instruments.simulated.circuit import Terminal
from instruments.simulated.clock import VirtualClock
from instruments.simulated.devices import DeviceError
from instruments.simulated.keithley2636b.buffer import NV_CAPACITY, ReadingBuffer, Stored
from instruments.simulated.keithley2636b.measuring import UNITS, Measuring, Wanted
from instruments.simulated.keithley2636b.ranges import (
    HIGH_V,
    MEASURE_RANGES_A,
    MOST_AT_HIGH_A,
    SOURCE_RANGES_A,
    VOLTAGE_RANGES_V,
    auto_delay_s,
    range_for,
)
from instruments.simulated.keithley2636b.settings import (
    ABSOLUTE,
    ACTING,
    CONSTANTS,
    NUMBERS,
    WHOLE,
)
from instruments.simulated.tsp.lua import Attribute, ScriptError, Table

if TYPE_CHECKING:
    from instruments.simulated.keithley2636b.meter import SourceMeter2636B

_OFF, _ON, _HIGH_Z = 0, 1, 2
_NORMAL, _ZERO = 0, 1
_AMPS, _VOLTS = 0, 1
_LOOK_S = 1e-4


class Smu:
    """One channel.

    Parameters
    ----------
    meter : SourceMeter2636B
        Takes errors, and knows the line and the interlock.
    letter : str
    terminal : Terminal
    noise : Generator

    Attributes
    ----------
    settings : dict of str to float
    is_sweeping : bool
        Then settings cannot be changed, nor anything measured.
    """

    def __init__(
        self,
        meter: SourceMeter2636B,
        letter: str,
        terminal: Terminal,
        noise: np.random.Generator,
    ) -> None:
        self.meter = meter
        self.letter = letter
        self.terminal = terminal
        self.settings: dict[str, float] = {name: value[0] for name, value in NUMBERS.items()}
        self.measuring = Measuring(self, noise)
        self.is_sweeping = False
        self.nvbuffers = [ReadingBuffer(NV_CAPACITY, meter.push) for _ in range(2)]
        self.table = self._build()
        try:
            self._drive()
        except DeviceError:
            terminal.disconnect()  # a device that takes no source there is left alone

    @property
    def clock(self) -> VirtualClock:
        """The bench's clock."""
        return self.meter.clock

    @property
    def line_hz(self) -> float:
        """Frequency of the power line."""
        return self.meter.line_hz

    @property
    def sourced(self) -> str:
        """What is sourced: "v", or "i"."""
        return "v" if self.settings["source.func"] == _VOLTS else "i"

    @property
    def is_on(self) -> bool:
        """Whether the output is on."""
        return self.settings["source.output"] == _ON

    @property
    def limit(self) -> float:
        """The limit that acts, in A for a voltage and in V for a current."""
        settings = self.settings
        level = abs(settings[f"source.level{self.sourced}"])
        limit = settings["source.limiti" if self.sourced == "v" else "source.limitv"]
        if settings["source.limitp"] and level:
            limit = min(limit, settings["source.limitp"] / level)
        return limit

    def reset(self) -> None:
        """Go back to the settings of ``smuX.reset()``: level zero, output off."""
        self.settings |= {name: value[0] for name, value in NUMBERS.items()}
        self.meter.sweeps[self.letter].abort()
        self.meter.sweeps[self.letter].forget()
        self.measuring.clear()
        for buffer in self.nvbuffers:
            buffer.defaults()
        self.act()

    def act(self) -> bool:
        """Have the settings act on the terminal; return whether the device lets them."""
        try:
            self._drive()
        except DeviceError:
            self.terminal.disconnect()
            if not self.is_on:
                return True  # a device that takes no source there does not mind an open one
            self.settings["source.output"] = _OFF
            self.meter.push(-221)
            return False
        return True

    def force(self, level: float, limit: float | None = None) -> None:
        """Source another level than the settings say, as a sweep does."""
        if self.is_on:
            self.terminal.drive([self.clock.now()], [level])
            self.terminal.connect(
                "voltage" if self.sourced == "v" else "current", 0.0, limit or self.limit
            )

    def source_range(self, kind: str) -> float:
        """Return the source range in use."""
        ranges = VOLTAGE_RANGES_V if kind == "v" else SOURCE_RANGES_A
        if self.settings[f"source.autorange{kind}"]:
            level = self.settings[f"source.level{kind}"]
            return range_for(level, ranges, self.settings[f"source.lowrange{kind}"])
        return self.settings[f"source.range{kind}"]

    def source_delay_s(self) -> float:
        """Return how long a step of the source settles."""
        delay_s = self.settings["source.delay"]
        return delay_s if delay_s >= 0.0 else auto_delay_s(self.measuring.range_of("i"))

    def is_limited(self, voltage_v: np.ndarray, current_a: np.ndarray) -> bool:
        """Return whether the limit acted at any time."""
        limited = np.abs(current_a if self.sourced == "v" else voltage_v)
        return self.is_on and bool(np.any(limited >= self.terminal.limit * (1 - 1e-6)))

    def note_compliance(self, is_limited: bool) -> None:
        """Tell the status model."""
        self.meter.status.limited(self.letter, self.sourced, is_limited)

    def note_overflow(self, is_over: bool) -> None:
        """Tell the status model."""
        self.meter.status.overflowed(self.letter, is_over)

    def buffer_changed(self) -> None:
        """Tell the status model."""
        has = any(buffer.stored for buffer in self.nvbuffers)
        self.meter.status.buffered(self.letter, has)

    def stored(self, value: float, time_s: float, status: int, unit: str, full: float) -> Stored:
        """Return a reading with what was sourced then."""
        kind = self.sourced
        level = float(np.interp(time_s, self.terminal.line.corner_s, self.terminal.line.level))
        return Stored(
            value, time_s, level, status, unit, full, self.source_range(kind),
            "Voltage" if kind == "v" else "Current", "On" if self.is_on else "Off",
        )  # fmt: skip

    def trip(self) -> None:
        """Have the output go off by itself."""
        self.settings["source.output"] = _OFF
        self.act()

    def _drive(self) -> None:
        settings, now_s = self.settings, self.clock.now()
        if self.is_on:
            self.terminal.drive([now_s], [settings[f"source.level{self.sourced}"]])
            kind, limit = "voltage" if self.sourced == "v" else "current", self.limit
        elif settings["source.output"] == _HIGH_Z or settings["source.offmode"] not in (
            _NORMAL,
            _ZERO,
        ):
            self.terminal.disconnect()
            return
        else:
            # The output is off, and yet it holds zero with a limit of its own.
            is_voltage = settings["source.offfunc"] == _VOLTS
            self.terminal.drive([now_s], [0.0])
            kind = "voltage" if is_voltage else "current"
            limit = settings["source.offlimiti" if is_voltage else "source.offlimitv"]
        self.terminal.connect(kind, 0.0, limit)

    # Settings.

    def put(self, name: str, value: Any) -> None:
        """Write a setting; what cannot be goes into the error queue."""
        try:
            # As Lua does, text that is a number is one.
            value = float("" if isinstance(value, bool) else value)
        except (TypeError, ValueError):
            words = f"bad value for `{name.rpartition('.')[2]}' (number expected)"
            raise ScriptError(words) from None
        if self.is_sweeping and not name.startswith("trigger."):
            self.busy_error()
            return
        _, least, most = NUMBERS[name]
        value = abs(value) if name in ABSOLUTE else value
        if not value <= most:  # nan, too
            self.meter.push(1101)
        elif value < least:
            self.meter.push(1102)
        elif not self._conflict(name, value):
            self._take(name, value)

    def busy_error(self) -> None:
        """Refuse what cannot be done now."""
        words = "Cannot perform requested action while an overlapped operation is in progress"
        self.meter.push(5042, f"SMU {self.letter.upper()}: {words}")

    def _conflict(self, name: str, value: float) -> bool:
        """Push the error of a value that goes not with the others; return whether it is one."""
        settings = self.settings
        quantity = name[-1]
        if name in ("source.levelv", "source.leveli"):
            full = settings[f"source.range{quantity}"]
            if not settings[f"source.autorange{quantity}"] and abs(value) > full * 1.01:
                self.meter.push(1101)
                return True
        wanted = settings | {name: value}
        is_high = abs(wanted["source.levelv"]) > HIGH_V * 1.01 and wanted["source.func"] == _VOLTS
        is_high |= wanted["source.limitv"] > HIGH_V and wanted["source.func"] == _AMPS
        if is_high and wanted["source.output"] == _ON and self.meter.is_interlock_open:
            self.meter.push(802)
            return True
        too_much = wanted["source.limiti" if wanted["source.func"] == _VOLTS else "source.leveli"]
        if is_high and abs(too_much) > MOST_AT_HIGH_A * 1.01:
            self.meter.push(-221)
            return True
        return False

    def _take(self, name: str, value: float) -> None:
        if name in ("source.rangev", "source.rangei", "measure.rangev", "measure.rangei"):
            kind = name[-1]
            amps = SOURCE_RANGES_A if name.startswith("source") else MEASURE_RANGES_A
            value = range_for(value, VOLTAGE_RANGES_V if kind == "v" else amps)
            self.settings[name.replace("range", "autorange")] = 0
        elif name in ("source.autorangev", "source.autorangei") and not value:
            self.settings[f"source.range{name[-1]}"] = self.source_range(name[-1])
        elif name in ("measure.autorangev", "measure.autorangei") and not value:
            self.settings[f"measure.range{name[-1]}"] = self.measuring.range_of(name[-1])
        before = self.settings[name]
        self.settings[name] = round(value) if name in WHOLE else value
        if name in ACTING and not self.act():
            self.settings[name] = _OFF if name == "source.output" else before

    def _get(self, name: str) -> float:
        if name in ("source.rangev", "source.rangei"):
            return self.source_range(name[-1])
        if name in ("measure.rangev", "measure.rangei"):
            return self.measuring.range_of(name[-1])
        return self.settings[name]

    # Measurements.

    def _measure(self, names: str, is_overlapped: bool = False) -> Callable[..., Any]:
        def measure(*buffers: Any) -> Any:
            for buffer in buffers:
                if buffer is not None and not isinstance(buffer, ReadingBuffer):
                    raise ScriptError("bad argument #1 (reading buffer expected)")
            if self.is_sweeping:
                self.busy_error()
                return None
            wanted: Wanted = [
                (name, buffers[place] if place < len(buffers) else None)
                for place, name in enumerate(names)
            ]
            if is_overlapped:
                self.meter.begin(self, self.measuring.measure(wanted))
                return None
            self._hold_up(self.measuring.measure(wanted))
            return tuple(self.measuring.last[name] for name in names)

        return measure

    def _measure_and_step(self, names: str) -> Callable[..., Any]:
        measure = self._measure(names)

        def run(*arguments: Any) -> Any:
            *buffers, level = arguments or (None,)
            result = measure(*buffers)
            self.put(f"source.level{self.sourced}", level)
            return result

        return run

    def _hold_up(self, waiting: Iterator[float]) -> Any:
        """Let the script wait for something; return what it makes."""
        while True:
            try:
                until_s = next(waiting)
            except StopIteration as end:
                return end.value
            self.clock.sleep(until_s - self.clock.now())

    def _compliance(self) -> bool:
        _, is_limited = self._hold_up(self.measuring.look(_LOOK_S))
        self.note_compliance(is_limited)
        return bool(is_limited)

    def _make_buffer(self, capacity: Any = None) -> ReadingBuffer | None:
        if not isinstance(capacity, (int, float)):
            raise ScriptError("bad argument #1 to `makebuffer' (number expected)")
        if not 1 <= capacity <= 1_000_000:
            self.meter.push(1101 if capacity > 1 else 1102)
            return None
        return ReadingBuffer(int(capacity), self.meter.push)

    # What scripts find.

    def _build(self) -> Table:
        table = Table(**CONSTANTS)
        for name in NUMBERS:
            *path, last = name.split(".")
            within = table
            for step in path:
                within = within.members.setdefault(step, Table())
            within.members[last] = Attribute(
                lambda name=name: self._get(name), lambda value, name=name: self.put(name, value)
            )
        source, measure = table.members["source"], table.members["measure"]
        source.members["compliance"] = Attribute(self._compliance)
        for names in (*UNITS, "iv"):
            measure.members[names] = self._measure(names)
            measure.members[f"overlapped{names}"] = self._measure(names, is_overlapped=True)
            table.members[f"measure{names}andstep"] = self._measure_and_step(names)
        contact = table.members["contact"]
        contact.members |= {"check": lambda: True, "r": lambda: (0.0, 0.0)}
        table.members |= {
            "nvbuffer1": self.nvbuffers[0],
            "nvbuffer2": self.nvbuffers[1],
            "makebuffer": self._make_buffer,
            "savebuffer": lambda *_: self.meter.push(-221),
            "reset": self.reset,
            "abort": lambda: self.meter.sweeps[self.letter].abort(),
        }
        return table
