"""A simulated Keithley 2636B: two source meters and a Lua interpreter in one instrument."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import inf
from typing import Any

import numpy as np

from instruments.simulated.circuit import Terminal
from instruments.simulated.clock import VirtualClock
from instruments.simulated.instrument import FaultUnknownError
from instruments.simulated.keithley2636b.buffer import Column, ReadingBuffer
from instruments.simulated.keithley2636b.panel import Display, interfaces, local_node, user_strings
from instruments.simulated.keithley2636b.ranges import HIGH_V, LEAST_LIMIT_A
from instruments.simulated.keithley2636b.smu import Smu
from instruments.simulated.keithley2636b.status import Status
from instruments.simulated.keithley2636b.sweep import Sweep
from instruments.simulated.keithley2636b.triggers import (
    Detector,
    Events,
    Line,
    parts_of,
    trigger_table,
)
from instruments.simulated.lua import Attribute, ScriptError, Table
from instruments.simulated.tsp import TspInstrument

Waiting = Iterator[float | Detector]


class SourceMeter2636B(TspInstrument):
    """Terminal 1 is channel A, terminal 2 channel B."""

    last_terminal = 2

    def __init__(
        self,
        identity: str,
        clock: VirtualClock,
        terminals: Mapping[int, Terminal],
        noise: np.random.Generator,
    ) -> None:
        self.line_hz = 50.0
        self.is_interlock_open = False
        self._terminals, self._noise = terminals, noise
        self._running: dict[int, tuple[Smu | None, Waiting]] = {}
        self._started = 0
        self._timer_from_s = clock.now()
        self.digital_lines: list[Line] = []
        super().__init__(identity, clock)

    @property
    def other_summaries(self) -> int:
        """Bits of the status byte that are the instrument's own."""
        return self.status.summaries

    @property
    def is_busy(self) -> bool:
        """Whether an overlapped operation is pending."""
        return bool(self._running)

    def wait(self) -> None:
        """Let time pass until no operation is pending.

        Raises
        ------
        ScriptError
            If the operations wait for something that will never be.
        """
        while self.is_busy:
            until_s = self.clock.next_s()
            if until_s == inf:
                if not self.lua.is_running:
                    return
                raise ScriptError("the script was aborted: nothing will end what it waits for")
            self.clock.sleep(until_s - self.clock.now())

    def reset(self) -> None:
        """Go back to the settings of ``reset()``, both outputs off."""
        super().reset()
        for smu in self.smus.values():
            smu.reset()
        for part in parts_of(self._triggers.members["timer"]):
            part.reset()
        for part in parts_of(self._triggers.members["blender"]):
            part.reset()
        for line in self.digital_lines:
            line.reset()

    def clear_status(self) -> None:
        """Forget errors and events."""
        super().clear_status()
        self.status.clear()

    def triggered(self) -> None:
        """Act on ``*TRG``."""
        self.events.fire(self._bus_event)

    def external_edge(self, at_s: float) -> None:
        """Take an edge at digital line 1, at a time that may lie ahead."""
        self.clock.at(at_s, self.digital_lines[0].fire)

    def device_clear(self) -> None:
        """Stop everything, and forget the answers that wait."""
        super().device_clear()
        for sweep in self.sweeps.values():
            sweep.abort()
        self._running.clear()

    def fail(self, kind: str, value: float | None) -> None:
        """Have a fault of the instrument's own."""
        if kind == "queue_overflow":
            for _ in range(101):
                self.push(-350)
        elif kind == "over_range":
            for smu in self.smus.values():
                smu.measuring.overflows_left = 1
        elif kind == "interlock":
            self._open_interlock()
        elif kind == "trip":
            for letter, smu in self.smus.items():
                smu.trip()
                self.status.hot(letter)
        elif kind == "compliance":
            for smu in self.smus.values():
                smu.settings["source.limiti"] = value or LEAST_LIMIT_A
                smu.act()
        else:
            raise FaultUnknownError(kind)

    # Operations that run beside a script.

    def begin(self, smu: Smu | None, waiting: Waiting) -> None:
        """Let an operation of a channel go on by itself."""
        self._started += 1
        number = self._started
        self._running[number] = (smu, waiting)
        self._continue(number)

    def end(self, smu: Smu) -> None:
        """Drop what a channel has running."""
        for number, (whose, waiting) in list(self._running.items()):
            if whose is smu:
                del self._running[number]
                if not getattr(waiting, "gi_running", False):
                    waiting.close()  # type: ignore[attr-defined]

    def _continue(self, number: int) -> None:
        if number not in self._running:
            return
        _, waiting = self._running[number]
        try:
            until = next(waiting)
        except StopIteration:
            self._running.pop(number, None)
            self.settle()
            return
        if isinstance(until, Detector):
            # Woken from within an event: go on once that is over.
            until.woken = lambda: self.clock.at(self.clock.now(), lambda: self._continue(number))
        else:
            self.clock.at(until, lambda: self._continue(number))

    def _open_interlock(self) -> None:
        self.is_interlock_open = True
        self.status.interlock(False)
        for smu in self.smus.values():
            level = abs(smu.settings[f"source.level{smu.sourced}"])
            reach = level if smu.sourced == "v" else smu.settings["source.limitv"]
            if smu.is_on and reach > HIGH_V:
                smu.trip()
                self.push(802)

    # What scripts find.

    def _define(self) -> None:
        define = self.lua.define
        self.events = Events(self.clock, self.push)
        self._bus_event = self.events.new()
        self.status = Status(
            self.standard,
            self.notice,
            lambda: self.summary,
            Attribute(lambda: self.service_enable, self._write_service_enable),
        )
        self.status.interlock(True)
        self.sweeps: dict[str, Sweep] = {}
        self.smus: dict[str, Smu] = {}
        for number, letter in enumerate("ab", start=1):
            # A channel of its own: what one measures must not change the other's noise.
            noise = self._noise.spawn(1)[0]
            smu = self.smus[letter] = Smu(self, letter, self._terminals[number], noise)
            self.sweeps[letter] = Sweep(self, smu, self.events)
            define(f"smu{letter}", smu.table)
        self._triggers = trigger_table(self.events, self._bus_event)
        node = local_node(self)
        found = interfaces(self, self.events) | {
            "status": self.status.table,
            "trigger": self._triggers,
            "display": Display(self),
            "timer": Table(
                reset=self._reset_timer,
                measure=Table(t=lambda: self.clock.now() - self._timer_from_s),
            ),
            "setup": Table(save=lambda *_: None, recall=lambda *_: self.reset(), poweron=0),
        }
        for name, table in found.items():
            define(name, table)
            node.members.setdefault(name, table)
        node.members |= {f"smu{letter}": smu.table for letter, smu in self.smus.items()}
        define("localnode", node)
        define("node", _nodes(node))
        define("reset", lambda *_: self.reset())
        define("printbuffer", self._print_buffer)
        define("bit", _bit_table())
        define("userstring", user_strings())
        define("gettimezone", lambda: "+00:00")
        define("settime", lambda *_: None)
        super()._define()

    def _reset_timer(self) -> None:
        self._timer_from_s = self.clock.now()

    def _write_service_enable(self, value: Any) -> None:
        self.service_enable = int(value) & 0xBF

    def _print_buffer(self, first: Any = None, last: Any = None, *buffers: Any) -> None:
        if not isinstance(first, (int, float)) or not isinstance(last, (int, float)):
            raise ScriptError("bad argument #1 to `printbuffer' (number expected)")
        columns: list[list[Any]] = []
        for buffer in buffers:
            if isinstance(buffer, ReadingBuffer):
                values: Any = buffer.columns["readings"].values()
            else:
                values = buffer.values() if isinstance(buffer, Column) else self.lua.listed(buffer)
            if values is None:
                raise ScriptError("bad argument #3 to `printbuffer' (reading buffer expected)")
            columns.append(values)
        if not columns:
            raise ScriptError("bad argument #3 to `printbuffer' (reading buffer expected)")
        if first < 1 or last < first:
            self.push(1102)
            return
        rows = list(zip(*(column[int(first) - 1 : int(last)] for column in columns), strict=False))
        flat = [value for row in rows for value in row]
        if any(isinstance(value, str) for value in flat):
            self.say(", ".join(v if isinstance(v, str) else self.number(v) for v in flat))
        elif flat:
            self.send_numbers([float(value) for value in flat])
        else:
            self.say("nil")


def _nodes(node: Table) -> Table:
    made = Table()
    made.members[1] = node
    return made


def _bit_table() -> Table:
    def place(function: Callable[[int, int], Any]) -> Callable[..., Any]:
        return lambda value, index: function(int(value), int(index) - 1)

    def set_field(value: Any, index: Any, width: Any, field: Any) -> int:
        mask = (1 << int(width)) - 1
        return int(value) & ~(mask << int(index) - 1) | (int(field) & mask) << int(index) - 1

    return Table(
        bitand=lambda a, b: int(a) & int(b),
        bitor=lambda a, b: int(a) | int(b),
        bitxor=lambda a, b: int(a) ^ int(b),
        set=place(lambda value, index: value | 1 << index),
        clear=place(lambda value, index: value & ~(1 << index)),
        toggle=place(lambda value, index: value ^ 1 << index),
        test=place(lambda value, index: bool(value >> index & 1)),
        get=place(lambda value, index: value & 1 << index),
        getfield=lambda value, index, width: int(value) >> int(index) - 1 & (1 << int(width)) - 1,
        setfield=set_field,
    )
