"""The trigger model of one channel: arm, source, measure, end of pulse, end of sweep."""

from __future__ import annotations

from collections.abc import Iterator
from math import log10
from typing import TYPE_CHECKING, Any

from instruments.simulated.keithley2636b.buffer import ReadingBuffer
from instruments.simulated.keithley2636b.measuring import Wanted
from instruments.simulated.keithley2636b.ranges import MOST_A, MOST_V
from instruments.simulated.keithley2636b.triggers import Detector, Events
from instruments.simulated.tsp.lua import ScriptError, Table

if TYPE_CHECKING:
    from instruments.simulated.keithley2636b.meter import SourceMeter2636B
    from instruments.simulated.keithley2636b.smu import Smu

_EVENTS = ("SWEEPING", "ARMED", "SOURCE_COMPLETE", "MEASURE_COMPLETE", "PULSE_COMPLETE",
           "SWEEP_COMPLETE", "IDLE")  # fmt: skip
_STAGES = ("arm", "source", "measure", "endpulse")
_ASYNC = 2
# A pulse beyond the limits of a steady current ends by itself.
_MOST_POINTS = 1_000_000


class Sweep:
    """The trigger model; `initiate` lets it run beside the script.

    Parameters
    ----------
    meter : SourceMeter2636B
    smu : Smu
    events : Events
    """

    def __init__(self, meter: SourceMeter2636B, smu: Smu, events: Events) -> None:
        self._meter, self._smu, self._events = meter, smu, events
        self.event = {name: events.new() for name in _EVENTS}
        self.detectors = {
            stage: Detector(events, lambda stage=stage: smu.settings[f"trigger.{stage}.stimulus"])
            for stage in _STAGES
        }
        self._kind, self._levels = "", [0.0]
        self._point: Any = lambda number: 0.0
        self._wanted: Wanted = []
        self._extend(smu.table.members["trigger"])

    def forget(self) -> None:
        """Go back to no levels and no buffers."""
        self._kind, self._wanted = "", []

    def abort(self) -> None:
        """Stop, the source going back to its level."""
        if self._smu.is_sweeping:
            self._meter.end(self._smu)
            self._finish(is_complete=False)

    def initiate(self) -> None:
        """Start."""
        if self._smu.is_sweeping:
            self._smu.busy_error()
            return
        for detector in self.detectors.values():
            detector.clear()
        for _, buffer in self._wanted:
            if buffer is not None:
                buffer.begin()
        self._smu.is_sweeping = True
        self._meter.status.sweeping(self._smu.letter, True)
        self._meter.begin(self._smu, self._run())

    def _run(self) -> Iterator[float | Detector]:
        settings, clock = self._smu.settings, self._smu.clock
        rounds = int(settings["trigger.arm.count"])
        done = 0
        while not rounds or done < rounds:
            yield from self._wait("arm")
            self._events.fire(self.event["ARMED" if done else "SWEEPING"])
            self._events.fire(self.event["ARMED"]) if not done else None
            points = int(settings["trigger.count"])
            number = 0
            while not points or number < points:
                yield from self._one(number)
                number += 1
                if not points:
                    yield clock.now() + 1e-6
            done += 1
            self._events.fire(self.event["SWEEP_COMPLETE"])
            if not rounds:
                yield clock.now() + 1e-6
        self._finish()

    def _one(self, number: int) -> Iterator[float | Detector]:
        settings, smu = self._smu.settings, self._smu
        yield from self._wait("source")
        if settings["trigger.source.action"] and self._kind == smu.sourced:
            limit_name = "trigger.source.limiti" if self._kind == "v" else "trigger.source.limitv"
            smu.force(self._point(number), settings[limit_name] or None)
            yield smu.clock.now() + smu.source_delay_s()
        self._events.fire(self.event["SOURCE_COMPLETE"])
        action = settings["trigger.measure.action"]
        if action == _ASYNC:
            self._meter.begin(None, self._measured())
        else:
            yield from self._wait("measure")
            if action:
                yield from smu.measuring.measure(_appending(self._wanted))
            self._events.fire(self.event["MEASURE_COMPLETE"])
        yield from self._wait("endpulse")
        if not settings["trigger.endpulse.action"]:
            smu.force(settings[f"source.level{smu.sourced}"])
        self._events.fire(self.event["PULSE_COMPLETE"])

    def _measured(self) -> Iterator[float | Detector]:
        yield from self._wait("measure")
        yield from self._smu.measuring.measure(_appending(self._wanted))
        self._events.fire(self.event["MEASURE_COMPLETE"])

    def _wait(self, stage: str) -> Iterator[Detector]:
        if not self._smu.settings[f"trigger.{stage}.stimulus"]:
            return
        detector = self.detectors[stage]
        while not detector.is_set:
            yield detector
        detector.clear()

    def _finish(self, is_complete: bool = True) -> None:
        smu = self._smu
        smu.is_sweeping = False
        hold = is_complete and smu.settings["trigger.endsweep.action"]
        if hold and self._kind == smu.sourced and smu.settings["trigger.source.action"]:
            last = int(smu.settings["trigger.count"]) - 1
            smu.settings[f"source.level{smu.sourced}"] = self._point(max(0, last))
        smu.act()
        self._meter.status.sweeping(smu.letter, False)
        self._events.fire(self.event["IDLE"])

    # Levels.

    def _line(self, kind: str, is_log: bool) -> Any:
        def choose(*arguments: Any) -> None:
            numbers = _numbers(arguments, 4 if is_log else 3, is_log)
            start, stop, points = numbers[0], numbers[1], int(numbers[2])
            asymptote = numbers[3] if is_log and len(numbers) > 3 else 0.0
            if not 1 <= points <= _MOST_POINTS:
                self._meter.push(1101 if points > 1 else 1102)
                return
            if is_log and (start - asymptote) * (stop - asymptote) <= 0.0:
                self._meter.push(-224)
                return
            if self._is_too_big(kind, [start, stop]):
                return

            def point(number: int) -> float:
                share = (number % points) / max(1, points - 1)
                if not is_log:
                    return start + (stop - start) * share
                ratio = log10((stop - asymptote) / (start - asymptote))
                return asymptote + (start - asymptote) * 10.0 ** (ratio * share)

            self._kind, self._point = kind, point

        return choose

    def _list(self, kind: str) -> Any:
        def choose(levels: Any = None) -> None:
            listed = self._meter.lua.listed(levels)
            if not listed or not all(isinstance(each, (int, float)) for each in listed):
                raise ScriptError(f"bad argument #1 to `list{kind}' (table of numbers expected)")
            if not self._is_too_big(kind, listed):
                values = [float(each) for each in listed]
                self._kind, self._point = kind, lambda number: values[number % len(values)]

        return choose

    def _is_too_big(self, kind: str, levels: list[float]) -> bool:
        most = MOST_V * 1.01 if kind == "v" else MOST_A * 1.01
        if any(abs(level) > most for level in levels):
            self._meter.push(1101)
            return True
        return False

    # What scripts find.

    def _extend(self, table: Table) -> None:
        table.members |= {f"{name}_EVENT_ID": number for name, number in self.event.items()}
        table.members["initiate"] = self.initiate
        source, measure = table.members["source"], table.members["measure"]
        for kind in "vi":
            source.members[f"linear{kind}"] = self._line(kind, is_log=False)
            source.members[f"log{kind}"] = self._line(kind, is_log=True)
            source.members[f"list{kind}"] = self._list(kind)
        for names in ("i", "v", "r", "p", "iv"):
            measure.members[names] = self._into(names)
        for stage, detector in self.detectors.items():
            table.members[stage].members["set"] = detector.set

    def _into(self, names: str) -> Any:
        def choose(*buffers: Any) -> None:
            if len(buffers) < len(names) or not all(
                isinstance(buffer, ReadingBuffer) for buffer in buffers
            ):
                raise ScriptError(f"bad argument to `{names}' (reading buffer expected)")
            self._wanted = list(zip(names, buffers, strict=False))

        return choose


class _Appending(ReadingBuffer):
    """Stores into another buffer without clearing it: a sweep cleared it at its start."""

    def __init__(self, buffer: ReadingBuffer) -> None:
        self._buffer = buffer

    def begin(self) -> None:
        """Leave what the sweep stored."""

    def store(self, reading: Any) -> None:
        """Add a reading."""
        self._buffer.store(reading)


def _appending(wanted: Wanted) -> Wanted:
    return [(name, None if buffer is None else _Appending(buffer)) for name, buffer in wanted]


def _numbers(arguments: tuple[Any, ...], most: int, is_log: bool) -> list[float]:
    least = 3
    if not least <= len(arguments) <= max(most, least) or not all(
        isinstance(each, (int, float)) for each in arguments
    ):
        raise ScriptError(f"bad arguments ({'4' if is_log else '3'} numbers expected)")
    return [float(each) for each in arguments]
