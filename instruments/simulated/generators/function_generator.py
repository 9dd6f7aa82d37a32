"""What function generators have in common: outputs that play programs, bursts, triggers, sync.

Simplifications. A new setting of a channel begins its waveform anew, and without a jump of phase
elsewhere. A trigger input sees edges, not levels: each of them triggers, whatever the slope, and
turns a gate over. The sync output of a continuous waveform reports each edge that comes at least
1 ms after the one before, and none while the output is off: listeners are not to be called a
million times a second.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from math import ceil, inf, isfinite
from typing import Any

import numpy as np

from instruments.simulated.circuit import Terminal
from instruments.simulated.clock import VirtualClock
from instruments.simulated.devices.base import DeviceError
from instruments.simulated.generators.waveforms import Burst, Cycle, FloatArray, Program
from instruments.simulated.instrument import FaultUnknownError
from instruments.simulated.scpi.instrument import ScpiInstrument
from instruments.simulated.scpi.message import INFINITY, Parameter, ScpiError, number
from instruments.simulated.scpi.status import StatusRegister

CHANNELS = 2
_SLACK = 1e-9
_LEAST_SYNC_S = 1e-3
_WAITS_FOR_TRIGGER, _OVERLOAD = 32, 1
_QUESTIONABLE_SUMMARY, _OPERATION_SUMMARY = 8, 128

Limits = Callable[[int], tuple[float, float]]


def conflict(detail: str) -> ScpiError:
    """Return a settings conflict with the instrument's own words."""
    return ScpiError(-221, f" {detail}")


def clipped(is_above: bool) -> ScpiError:
    """Return the note of a value that was set to its limit."""
    return ScpiError(-222, f" value clipped to {'upper' if is_above else 'lower'} limit")


class FunctionGenerator(ScpiInstrument):
    """Two channels, of which wired ones drive the circuit.

    Subclasses say what one cycle is, what a level is, and which settings there are: "output" and
    "burst", "burst_mode", "cycles", "burst_period", "trigger", "delay", "count", "timer".
    """

    last_terminal = CHANNELS
    bus_word = "BUS"

    def __init__(
        self,
        identity: str,
        clock: VirtualClock,
        terminals: Mapping[int, Terminal],
        noise: np.random.Generator,
    ) -> None:
        super().__init__(identity, clock)
        self.noise = noise
        self._terminals = terminals
        self._programs: dict[int, Program] = {}
        self._generation = dict.fromkeys(range(1, CHANNELS + 1), 0)
        self._triggers_left = dict.fromkeys(range(1, CHANNELS + 1), 0)
        self._tripped: set[int] = set()
        self._saved: dict[int, dict[tuple[str, int], Any]] = {}
        self._operation = StatusRegister(self, ":STATus:OPERation", self._operation_now)
        self._questionable = StatusRegister(self, ":STATus:QUEStionable", self._questionable_now)
        self.on(":STATus:PRESet", lambda c, p: self._preset())
        self.on("*TRG", lambda c, p: self._bus_trigger(range(1, CHANNELS + 1)))
        self.on("*SAV", self._save)
        self.on("*RCL", self._recall)
        self.on("*PSC", lambda c, p: None)
        self.on("*PSC?", lambda c, p: "1")
        self.on(":SYSTem:BEEPer[:IMMediate]", lambda c, p: None)

    # What subclasses say.

    @abstractmethod
    def cycle(self, channel: int) -> Cycle:
        """Return one cycle of what is set.

        Raises
        ------
        ScpiError
            If it cannot be emitted.
        """

    @abstractmethod
    def volts(self, channel: int) -> tuple[float, float]:
        """Return the offset and half of the amplitude, signed, in open-circuit volts."""

    @property
    @abstractmethod
    def output_ohm(self) -> float:
        """Source resistance."""

    def is_waiting(self, channel: int) -> bool:
        """Return whether a channel waits for triggers rather than play by itself."""
        return bool(self.settings["burst", channel])

    def is_sync_on(self, channel: int) -> bool:
        """Return whether the edges of a channel come out of a trigger or sync output."""
        return True

    def refusal(self, channel: int) -> str:
        """Return why a channel cannot be switched on as it is set, or nothing."""
        return ""

    # Settings.

    def ranged(
        self, pattern: str, name: str, default: float, limits: Limits, *, channels: int = CHANNELS,
        integer: bool = False, with_infinity: bool = False,
    ) -> None:  # fmt: skip
        """Add a numeric setting that goes to its limit, with an error, if it is out of range."""
        self.remember(name, default, channels)

        def key(channel: int) -> tuple[str, int]:
            return name, channel if channels else 0

        def read(channel: int, parameter: Parameter) -> float:
            low, high = limits(channel)
            word = str(parameter).upper()
            known = {"MIN": low, "MAX": high, "DEF": default}.get(word[:3])
            if known is not None:
                return round(known) if integer else known
            value = number(parameter)
            if with_infinity and value >= INFINITY:
                return inf
            slack = _SLACK * max(abs(low), abs(high))
            if not low - min(slack, _SLACK * abs(value)) <= value <= high + slack:
                self.push(clipped(value > high))
            value = min(max(value, low), high)
            return round(value) if integer else value

        def put(channel: int, parameters: Sequence[Parameter]) -> None:
            if len(parameters) != 1:
                raise ScpiError(-108 if parameters else -109)
            self.put(name, key(channel)[1], read(channel, parameters[0]))

        def ask(channel: int, parameters: Sequence[Parameter]) -> str:
            if not parameters:
                return self.format_number(self.settings[key(channel)])
            return self.format_number(read(channel, parameters[0]))

        self.on(pattern, put, channels or 1)
        self.on(pattern + "?", ask, channels or 1)

    def put(self, name: str, channel: int, value: Any) -> None:
        """Set a value and let it act; a ScpiError from there takes it back."""
        before, self.settings[name, channel] = self.settings[name, channel], value
        try:
            self.changed(name, channel)
        except ScpiError:
            self.settings[name, channel] = before
            raise

    def format_number(self, value: float) -> str:
        """Write a number; infinity as SCPI does."""
        return "9.9E+37" if value >= INFINITY else super().format_number(value)

    def changed(self, name: str, channel: int) -> None:
        """Begin the waveform of a channel anew."""
        if channel:
            if name == "output":
                self._tripped.discard(channel)
            self.restart(channel)

    def reset(self) -> None:
        """Go back to the settings of ``*RST``, outputs off."""
        super().reset()
        self._tripped.clear()
        for channel in range(1, CHANNELS + 1):
            self.restart(channel)

    def _save(self, channel: int, parameters: Sequence[Parameter]) -> None:
        self._saved[self._place(parameters)] = dict(self.settings)

    def _recall(self, channel: int, parameters: Sequence[Parameter]) -> None:
        saved = self._saved.get(self._place(parameters))
        if saved is None:
            raise ScpiError(-221, " the memory location is empty")
        self.settings.update(saved)
        for each in range(1, CHANNELS + 1):
            self.restart(each)

    def _place(self, parameters: Sequence[Parameter]) -> int:
        if not parameters:
            raise ScpiError(-109)
        place = round(number(parameters[0]))
        if not 0 <= place <= 4:
            raise ScpiError(-222)
        return place

    # What comes out.

    def restart(self, channel: int) -> None:
        """Play what is set from now on: at rest where triggers are waited for."""
        terminal = self._terminals[channel]
        self._generation[channel] += 1
        self._programs.pop(channel, None)
        if not self.settings["output", channel]:
            terminal.disconnect()
            if terminal.is_playing:
                terminal.drive([self.clock.now()], [0.0])
            return
        reason = self.refusal(channel)
        if reason:
            raise conflict(reason)
        cycle = self.cycle(channel)
        program = Program(cycle.start_level, self._volt(channel))
        now_s = self.clock.now()
        if not self.is_waiting(channel):
            program.bursts.append(Burst(now_s, cycle))
        elif self._own_period_s(channel) < inf:
            count = self.settings["cycles", channel]
            program.bursts.append(Burst(now_s + self.settings["delay", channel], cycle, count))
            program.every_s = self._own_period_s(channel)
        self._programs[channel] = program
        terminal.play(program.corners)
        try:
            terminal.connect("voltage", self.output_ohm)
        except DeviceError as error:
            raise conflict(f"the output cannot be connected: {error}") from error
        if program.bursts and isfinite(cycle.duration_s):
            own_s = program.every_s if isfinite(program.every_s) else cycle.duration_s
            self._tick(channel, self._generation[channel], program.bursts[0].start_s, own_s)

    def _volt(self, channel: int) -> Callable[[FloatArray], FloatArray]:
        offset_v, half_v = self.volts(channel)
        return lambda level: offset_v + half_v * level

    def _own_period_s(self, channel: int) -> float:
        if self.settings["burst_mode", channel] == "GAT":
            return inf
        return {
            "IMM": self.settings["burst_period", channel],
            "TIM": self.settings["timer", channel],
        }.get(self.settings["trigger", channel], inf)

    def _tick(self, channel: int, generation: int, edge_s: float, period_s: float) -> None:
        """Report an edge of the sync output, and have a later one reported."""
        if generation != self._generation[channel] or not self.edge_listeners:
            return
        self._sync(channel, edge_s)
        skipped = max(1, ceil(_LEAST_SYNC_S / period_s))
        next_s = edge_s + skipped * period_s
        self.clock.at(next_s, lambda: self._tick(channel, generation, next_s, period_s))

    def _sync(self, channel: int, at_s: float) -> None:
        if self.is_sync_on(channel):
            for listener in self.edge_listeners:
                listener(at_s)

    # Triggers.

    def trigger(self, channel: int, at_s: float) -> bool:
        """Take a trigger of a channel's own source; return whether it was obeyed."""
        if not self.is_waiting(channel) or self.settings["burst_mode", channel] == "GAT":
            return False
        if not self._is_armed(channel):
            return False
        program = self._programs.get(channel)
        start_s = at_s + self.settings["delay", channel]
        if program is not None:
            if at_s < program.end_s * (1 - 1e-15):
                return False
            burst = Burst(start_s, self.cycle(channel), self.settings["cycles", channel])
            program.bursts = [burst]
            self._terminals[channel].play(program.corners)
        self._triggers_left[channel] -= 1
        self._sync(channel, start_s)
        return True

    def _is_armed(self, channel: int) -> bool:
        return bool(self.settings["continuous", channel]) or self._triggers_left[channel] > 0

    def initiate(self, channel: int) -> None:
        """Take as many triggers as are set, where not all are taken anyway."""
        if self.settings["continuous", channel]:
            raise ScpiError(-213)
        self._triggers_left[channel] = self.settings["count", channel]

    def _bus_trigger(self, channels: Sequence[int]) -> None:
        now_s = self.clock.now()
        waiting = [c for c in channels if self.settings["trigger", c] == self.bus_word]
        # All of them: two channels start together.
        if not [c for c in waiting if self.trigger(c, now_s)]:
            raise ScpiError(-211)

    def external_edge(self, at_s: float) -> None:
        """Take an edge at the trigger input, at a time that may lie ahead."""
        if at_s > self.clock.now():
            self.clock.at(at_s, lambda: self._external(at_s))
        else:
            self._external(self.clock.now())

    def _external(self, at_s: float) -> None:
        for channel in range(1, CHANNELS + 1):
            if self.settings["burst", channel] and self.settings["burst_mode", channel] == "GAT":
                self._turn_gate(channel, at_s)
            elif self.settings["trigger", channel] == "EXT":
                self.trigger(channel, at_s)
        self.poll()

    def _turn_gate(self, channel: int, at_s: float) -> None:
        program = self._programs.get(channel)
        if program is None:
            return
        if program.bursts and at_s < program.bursts[-1].end_s == inf:
            program.bursts[-1].stop_after(at_s)
        elif at_s >= program.end_s:
            program.bursts = [Burst(at_s, self.cycle(channel))]
            self._sync(channel, at_s)
        self._terminals[channel].play(program.corners)

    def stop(self) -> None:
        """Have all channels wait for triggers again."""
        for channel in range(1, CHANNELS + 1):
            self._triggers_left[channel] = 0
            self.restart(channel)

    @property
    def done_s(self) -> float:
        """When the triggered bursts end."""
        return max(
            (
                program.end_s
                for channel, program in self._programs.items()
                if self.is_waiting(channel) and not isfinite(program.every_s)
            ),
            default=-inf,
        )

    # Status and faults.

    def fail(self, kind: str, value: float | None) -> None:
        """Overflow the error queue, or have the protection open the outputs."""
        if kind == "queue_overflow":
            for _ in range(self.queue_length + 1):
                self.push(ScpiError(-113))
        elif kind == "trip":
            for channel in range(1, CHANNELS + 1):
                if self.settings["output", channel]:
                    self._tripped.add(channel)
                    self.settings["output", channel] = False
                    self.restart(channel)
            self.notice()
        else:
            raise FaultUnknownError(kind)

    @property
    def other_summaries(self) -> int:
        """Summaries of the questionable and the operation status."""
        if not hasattr(self, "_questionable"):
            return 0  # not built yet
        return (
            _QUESTIONABLE_SUMMARY * self._questionable.is_summary
            | _OPERATION_SUMMARY * self._operation.is_summary
        )

    def _operation_now(self) -> int:
        is_waiting = any(
            self.settings["output", c] and self.is_waiting(c) and self._own_period_s(c) == inf
            for c in range(1, CHANNELS + 1)
        )
        return _WAITS_FOR_TRIGGER * (is_waiting and not self.is_busy)

    def _questionable_now(self) -> int:
        return _OVERLOAD * bool(self._tripped)

    def _preset(self) -> None:
        self._operation.preset()
        self._questionable.preset()

    def _clear_status(self) -> None:
        super()._clear_status()
        self._operation.clear()
        self._questionable.clear()
