"""The front of a TSP instrument: messages are Lua chunks, answers are what they print.

Every ``print`` is a response message of its own. Errors do not answer, they wait in the error
queue; only those of Lua itself stop a script.
"""

from __future__ import annotations

import re
import struct
from collections import deque
from collections.abc import Callable
from importlib.resources import files
from math import inf
from typing import Any

from instruments.simulated.clock import VirtualClock
from instruments.simulated.instrument import MESSAGE_AVAILABLE, REQUESTED_SERVICE, Instrument
from instruments.simulated.keithley2636b.registers import Register
from instruments.simulated.tsp.errors import ERRORS
from instruments.simulated.tsp.library import assign, event_log, member, seconds
from instruments.simulated.tsp.lua import Attribute, Lua, LuaError, ScriptError, Table

_NO_SEVERITY, _RECOVERABLE = 0, 20
_QUEUE_LENGTH = 100
ERROR_AVAILABLE, EVENT_SUMMARY = 4, 32
_OPERATION_COMPLETE, _QUERY_ERROR, _DEVICE_ERROR, _EXECUTION_ERROR, _COMMAND_ERROR = 1, 4, 8, 16, 32
_POWER_ON = 128
# What a command costs, so that scripts that wait for a time get there.
_ACCESS_S = 1e-5
ASCII, REAL32, REAL64 = 1, 2, 3
_LOAD = re.compile(r"(loadscript|loadandrunscript)(?:\s+(\w+))?\s*", re.IGNORECASE)


class TspInstrument(Instrument):
    """Runs Lua; subclasses define what scripts find.

    Attributes
    ----------
    lua : Lua
    standard : Register
        The standard event register.
    """

    def __init__(self, identity: str, clock: VirtualClock) -> None:
        super().__init__(identity, clock)
        self.lua = Lua(self._touched)
        self._queue: deque[tuple[int, str, int]] = deque()
        self._loading: list[str] | None = None
        self._load_name, self._load_runs = "", False
        self._scripts: dict[str, Table] = {}
        self.prompts = self.prompts_4882 = self.show_errors = 0
        self._completing: list[str] = []
        self.precision, self.data, self.byteorder = 6, ASCII, 1
        self.standard = Register(0xFFFF, self.notice)
        self.standard.event = _POWER_ON
        self.service_enable = 0
        self._common: dict[str, Callable[[str], str | None]] = self._common_commands()
        self._define()

    # What the link calls.

    def message(self, data: bytes) -> None:
        """Take one complete program message."""
        text = data.decode("latin-1").strip("\0").rstrip("\r\n")
        if self._loading is not None or _LOAD.match(text.lstrip()):
            self._load(text)
        elif text.lstrip().startswith("*"):
            self._run_common(text.strip())
        elif text.strip():
            self._execute(text)
        if self.show_errors:
            while self._queue:
                code, words, *_ = self._queue.popleft()
                self.say(f"{code:d}\t{words}")
        if self.prompts:
            self.say(">>>>" if self._loading is not None else "TSP?" if self._queue else "TSP>")
        self.settle()

    @property
    def next_answer_s(self) -> float:
        """When there will be an answer, as far as the instrument knows; infinite if never."""
        if self.answers:
            return self.clock.now()
        return self.clock.next_s() if "*OPC?" in self._completing else inf

    def unterminated(self) -> None:
        """Note that somebody tried to read an answer that there is not."""
        self.push(-420)

    def device_clear(self) -> None:
        """Forget what is being worked on, and the answers that wait."""
        super().device_clear()
        self._loading = None
        self._completing.clear()

    def group_trigger(self) -> None:
        """Take an interface trigger."""
        self.message(b"*TRG")

    @property
    def summary(self) -> int:
        """The status byte, with the master summary in bit 6."""
        status = ERROR_AVAILABLE * bool(self._queue) | MESSAGE_AVAILABLE * bool(self.answers)
        status |= EVENT_SUMMARY * self.standard.is_summary | self.other_summaries
        return status | REQUESTED_SERVICE * bool(status & self.service_enable)

    # What instruments build on.

    def push(self, code: int, words: str = "") -> None:
        """Put an error into the queue and set its bit in the standard event register."""
        bit = _DEVICE_ERROR
        if -500 < code < 0:
            hundreds = (_COMMAND_ERROR, _EXECUTION_ERROR, _DEVICE_ERROR, _QUERY_ERROR)
            bit = hundreds[-code // 100 - 1]
        if len(self._queue) >= _QUEUE_LENGTH:
            self._queue[-1] = (-350, ERRORS[-350], _RECOVERABLE)
        else:
            self._queue.append((code, words or ERRORS[code], _RECOVERABLE))
        self.standard.happened(bit)

    def say(self, text: str) -> None:
        """Answer with a line."""
        self.answers.append(text.encode("latin-1", "replace") + self.terminator)

    def settle(self) -> None:
        """Note the end of what ``*OPC`` waits for; called whenever something may have ended."""
        if not self.is_busy:
            completing, self._completing = self._completing, []
            for command in completing:
                if command == "*OPC?":
                    self.say("1")
                else:
                    self.standard.happened(_OPERATION_COMPLETE)
        self.notice()

    @property
    def other_summaries(self) -> int:
        """Bits of the status byte that are the instrument's own."""
        return 0

    @property
    def is_busy(self) -> bool:
        """Whether an overlapped operation is pending."""
        return False

    def wait(self) -> None:
        """Let time pass until no operation is pending."""

    def triggered(self) -> None:
        """Act on ``*TRG``."""

    def reset(self) -> None:
        """Go back to the settings of ``reset()``."""
        self.precision, self.data, self.byteorder = 6, ASCII, 1

    def written(self, value: Any) -> str:
        """Write a value as ``print`` does."""
        if value is None:
            return "nil"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (int, float)):
            return self.number(value)
        if isinstance(value, str):
            return value
        return f"{self.lua.type_of(value)}: {id(value) & 0xFFFFFFFF:08x}"

    def number(self, value: float) -> str:
        """Write a number with ``format.asciiprecision`` digits."""
        if self.precision == 0:
            return format(float(value), ".15g")
        return format(float(value), f".{self.precision - 1}e")

    def send_numbers(self, values: list[float]) -> None:
        """Answer with numbers in the format chosen."""
        if self.data == ASCII:
            self.say(", ".join(map(self.number, values)))
            return
        order = "<" if self.byteorder else ">"
        kind = "f" if self.data == REAL32 else "d"
        if kind == "f":
            most = struct.unpack("<f", b"\xff\xff\x7f\x7f")[0]
            values = [max(-most, min(most, value)) for value in values]
        packed = struct.pack(f"{order}{len(values)}{kind}", *values)
        self.answers.append(b"#0" + packed + self.terminator)

    # Chunks and scripts.

    def _touched(self) -> None:
        self.clock.sleep(_ACCESS_S)

    def _execute(self, text: str, is_script: bool = False) -> None:
        try:
            chunk = self.lua.compile(text)
        except LuaError as error:
            self.push(-285, f"TSP Syntax error at line {error.line}: {error.words}")
            return
        self.run_chunk(chunk)

    def run_chunk(self, chunk: Any) -> None:
        """Run a compiled chunk; what stops it goes into the error queue."""
        try:
            self.lua.run(chunk)
        except LuaError as error:
            self.push(-286, f"TSP Runtime error at line {error.line}: {error.words}")

    def _load(self, text: str) -> None:
        for line in re.split(r"\r\n|\n|\r", text):
            if self._loading is None:
                found = _LOAD.fullmatch(line.strip())
                if found is None:
                    if line.strip():
                        self._execute(line)
                    continue
                self._loading = []
                self._load_runs = found[1].lower() == "loadandrunscript"
                self._load_name = found[2] or ""
            elif line.strip().lower() == "endscript":
                source, self._loading = "\n".join(self._loading), None
                script = self._new_script(source, self._load_name or None)
                if script is not None and self._load_runs:
                    script.members["run"]()
            else:
                self._loading.append(line)

    def _new_script(self, source: str, name: str | None = None) -> Table | None:
        try:
            chunk = self.lua.compile(source)
        except LuaError as error:
            self.push(-285, f"TSP Syntax error at line {error.line}: {error.words}")
            return None

        made = Table(source=source, autorun="no", name=name or "")

        def run() -> None:
            self.lua.call(chunk)

        made.members |= {
            "run": lambda *_: run() if self.lua.is_running else self.run_chunk(chunk),
            "save": lambda *_: None,
            "list": lambda: [self.say(line) for line in source.split("\n")] and None,
        }
        self._scripts[name or "anonymous"] = made
        if name:
            self.lua.define(name, made)
        self.lua.globals.script.anonymous = self.lua.to_lua(self._scripts.get("anonymous"))
        return made

    def _delete_script(self, name: str) -> None:
        self._scripts.pop(name, None)

    # Common commands.

    def _run_common(self, text: str) -> None:
        answers: list[str] = []
        for unit in text.split(";"):
            words = unit.strip().split(None, 1)
            if not words:
                continue
            command = self._common.get(words[0].upper())
            if command is None:
                self.push(-285, f"TSP Syntax error at line 1: unexpected symbol near `{words[0]}'")
                break
            answer = command(words[1] if len(words) > 1 else "")
            if answer is not None:
                answers.append(answer)
        if answers:
            self.say(";".join(answers))

    def _common_commands(self) -> dict[str, Callable[[str], str | None]]:
        return {
            "*IDN?": lambda p: self.identity,
            "*RST": lambda p: self.reset(),
            "*CLS": lambda p: self.clear_status(),
            "*OPC": lambda p: self._completing.append("*OPC"),
            "*OPC?": lambda p: self._completing.append("*OPC?") if self.is_busy else "1",
            "*WAI": lambda p: self.wait(),
            "*TST?": lambda p: "0",
            "*TRG": lambda p: self.triggered(),
            "*ESE": lambda p: self._set_enable(p, "standard"),
            "*ESE?": lambda p: str(self.standard.enable),
            "*ESR?": lambda p: str(self.standard.take()),
            "*SRE": lambda p: self._set_enable(p, "service"),
            "*SRE?": lambda p: str(self.service_enable),
            "*STB?": lambda p: str(self.summary),
        }

    def _set_enable(self, text: str, which: str) -> None:
        try:
            value = round(float(text))
        except ValueError:
            self.push(-109 if not text else -224)
            return
        if not 0 <= value <= 255:
            self.push(-222)
        elif which == "standard":
            self.standard.enable = value
        else:
            self.service_enable = value & ~REQUESTED_SERVICE

    def clear_status(self) -> None:
        """Forget errors and events."""
        self._queue.clear()
        self.standard.take()
        self._completing.clear()

    # What scripts find.

    def _define(self) -> None:
        define = self.lua.define
        define("print", self._print)
        define("printnumber", self._print_numbers)
        define("errorqueue", self._error_table())
        define("eventlog", event_log())
        define("format", self._format_table())
        define("opc", lambda: self._completing.append("*OPC") or self.settle())
        define("waitcomplete", lambda *group: self.wait())
        define("delay", self._delay)
        define("exit", self.lua.leave)
        define("makegetter", lambda table, key: lambda: member(table, key))
        define("makesetter", lambda table, key: lambda value: assign(table, key, value))
        self.lua.globals.script = self.lua.to_lua([])
        self.lua.globals.script.new = self.lua.to_lua(self._new_script)
        self.lua.globals.script.newautorun = self.lua.to_lua(self._new_script)
        self.lua.globals.script.run = self.lua.to_lua(self._run_anonymous)
        self.lua.globals.script.delete = self.lua.to_lua(self._delete_script)
        self.lua.globals.script.user = self.lua.to_lua(Table(catalog=self._catalog))
        define("os", Table(time=lambda when=None: seconds(self.clock, when), clock=self.clock.now))
        self.lua.run(self.lua.compile(files(__package__).joinpath("factory.lua").read_text()))
        self.lua.keep()

    def _catalog(self) -> Callable[[], str | None]:
        """Return an iterator over the names of the scripts, as loops want it."""
        names = iter([name for name in self._scripts if name != "anonymous"])
        return lambda *_: next(names, None)

    def _run_anonymous(self) -> None:
        script = self._scripts.get("anonymous")
        if script is None:
            raise ScriptError("attempt to call a nil value")
        script.members["run"]()

    def _print(self, *values: Any) -> None:
        self.say("\t".join(map(self.written, values)))

    def _print_numbers(self, *values: Any) -> None:
        if not values or not all(isinstance(value, (int, float)) for value in values):
            raise ScriptError("bad argument to `printnumber' (number expected)")
        self.send_numbers([float(value) for value in values])

    def _delay(self, seconds: Any = None) -> None:
        if not isinstance(seconds, (int, float)):
            raise ScriptError("bad argument #1 to `delay' (number expected)")
        if seconds > 1e5:
            self.push(1101)
        else:
            self.clock.sleep(max(0.0, float(seconds)))

    def _next_error(self) -> tuple[int, str, int, int]:
        if not self._queue:
            return 0, ERRORS[0], _NO_SEVERITY, 1
        code, words, severity = self._queue.popleft()
        return code, words, severity, 1

    def _error_table(self) -> Table:
        return Table(
            count=Attribute(lambda: len(self._queue)),
            next=self._next_error,
            clear=self._queue.clear,
        )

    def _format_table(self) -> Table:
        def choose(name: str, most: int, least: int, code: int) -> Attribute:
            def write(value: Any) -> None:
                if isinstance(value, (int, float)) and least <= value <= most:
                    setattr(self, name, int(value))
                else:
                    self.push(code)

            return Attribute(lambda: getattr(self, name), write)

        return Table(
            ASCII=ASCII, REAL32=REAL32, SREAL=REAL32, REAL64=REAL64, REAL=REAL64, DREAL=REAL64,
            NORMAL=0, NETWORK=0, BIGENDIAN=0, SWAPPED=1, LITTLEENDIAN=1,
            data=choose("data", 3, 1, -224),
            asciiprecision=choose("precision", 16, 0, 1405),
            byteorder=choose("byteorder", 1, 0, -224),
        )  # fmt: skip
