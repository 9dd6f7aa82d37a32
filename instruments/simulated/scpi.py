"""A SCPI instrument without a front: headers, settings, status, error queue, output queue."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from instruments.roles import Clock
from instruments.simulated.message import (
    Parameter,
    ScpiError,
    choice,
    header_regex,
    number,
    split_message,
)

ERROR_TEXTS = {
    -101: "Invalid character",
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -113: "Undefined header",
    -114: "Header suffix out of range",
    -131: "Invalid suffix",
    -161: "Invalid block data",
    -211: "Trigger ignored",
    -221: "Settings conflict",
    -222: "Data out of range",
    -223: "Too much data",
    -224: "Illegal parameter value",
    -230: "Data corrupt or stale",
    -350: "Queue overflow",
    -410: "Query INTERRUPTED",
    -420: "Query UNTERMINATED",
}
_QUEUE_LENGTH = 20
# Bits of the standard event register, by the hundreds of the error code.
_EVENT_BITS = {1: 32, 2: 16, 4: 4}
_DEVICE_ERROR, _OPERATION_COMPLETE = 8, 1
_ERROR_QUEUE, _MESSAGE_AVAILABLE, _EVENT_SUMMARY, _MASTER = 4, 16, 32, 64

Answer = str | bytes | None


@dataclass(frozen=True)
class _Command:
    regex: re.Pattern[str]
    run: Callable[[int, Sequence[Parameter]], Answer]
    last_channel: int


class ScpiInstrument:
    """Answers program messages; subclasses add commands and physics.

    Settings are kept by (name, channel), channel 0 where there is none. `changed` is called after
    a setting took a new value; a ScpiError raised there undoes it.
    """

    errors: dict[int, str] = ERROR_TEXTS
    no_error = '+0,"No error"'
    number_format = "+.14E"

    def __init__(self, identity: str, clock: Clock) -> None:
        self.identity = identity
        self.clock = clock
        self.settings: dict[tuple[str, int], Any] = {}
        self._defaults: dict[tuple[str, int], Any] = {}
        self._commands: list[_Command] = []
        self._found: dict[str, tuple[_Command, int]] = {}
        self._queue: deque[str] = deque()
        self._output = b""
        self._event, self._event_enable, self._service_enable = 128, 0, 0
        self._completing = False
        self._add_common()

    # What the link calls.

    def message(self, data: bytes) -> None:
        """Take one complete program message."""
        if self._output:
            self._output = b""
            self.push(ScpiError(-410))
        answers: list[bytes] = []
        try:
            for header, parameters in split_message(data):
                try:
                    answer = self._run(header, parameters)
                except ScpiError as error:
                    self.push(error)
                    if -200 < error.code <= -100:
                        break  # after a command error nothing of the rest is to be trusted
                    continue
                if answer is not None:
                    answers.append(answer if isinstance(answer, bytes) else answer.encode())
        except ScpiError as error:
            self.push(error)
        if answers:
            self._output = b";".join(answers) + b"\n"

    def take(self, count: int, end: bytes | None = None) -> bytes:
        """Return up to `count` bytes of the answer that waits, at most to an end character."""
        if end and (at := self._output.find(end)) >= 0:
            count = min(count, at + 1)
        taken, self._output = self._output[:count], self._output[count:]
        return taken

    @property
    def is_talking(self) -> bool:
        """Whether an answer waits to be read."""
        return bool(self._output)

    def unterminated(self) -> None:
        """Note that somebody tried to read an answer that there is not."""
        self.push(ScpiError(-420))

    def device_clear(self) -> None:
        """Forget the answer that waits."""
        self._output = b""

    def group_trigger(self) -> None:
        """Take an interface trigger."""
        self.message(b"*TRG")

    @property
    def status_byte(self) -> int:
        """The status byte with its summary bits."""
        status = _ERROR_QUEUE * bool(self._queue) | _MESSAGE_AVAILABLE * bool(self._output)
        status |= _EVENT_SUMMARY * bool(self._event & self._event_enable)
        return status | _MASTER * bool(status & self._service_enable)

    # What instruments build on.

    def on(
        self,
        pattern: str,
        run: Callable[[int, Sequence[Parameter]], Answer],
        last_channel: int = 1,
    ) -> None:
        """Add a command or, with a question mark behind the pattern, a query."""
        self._commands.append(_Command(header_regex(pattern), run, last_channel))

    def number(
        self,
        pattern: str,
        name: str,
        default: float,
        low: float,
        high: float,
        *,
        channels: int = 0,
        integer: bool = False,
    ) -> None:
        """Add a numeric setting."""

        def read(parameter: Parameter) -> float:
            words = {"MIN": low, "MAX": high, "DEF": default}
            value = words.get(str(parameter).upper()[:3])
            value = number(parameter) if value is None else value
            if not low <= value <= high:
                raise ScpiError(-222)
            return round(value) if integer else value

        self._setting(pattern, name, default, read, self.format_number, channels)

    def choice(
        self, pattern: str, name: str, options: str, default: str, *, channels: int = 0
    ) -> None:
        """Add a setting that is one of some keywords."""
        words = tuple(options.split())
        self._setting(pattern, name, default, lambda p: choice(p, words), str, channels)

    def flag(self, pattern: str, name: str, default: bool, *, channels: int = 0) -> None:
        """Add a setting that is on or off."""

        def read(parameter: Parameter) -> bool:
            word = str(parameter).upper()
            return word == "ON" if word in ("ON", "OFF") else bool(round(number(parameter)))

        self._setting(pattern, name, default, read, lambda value: str(int(value)), channels)

    def text(
        self, pattern: str, name: str, default: str, read: Callable[[Parameter], str],
        *, channels: int = 0,
    ) -> None:  # fmt: skip
        """Add a setting that is a string."""
        self._setting(pattern, name, default, read, lambda value: f'"{value}"', channels)

    def remember(self, name: str, default: Any, channels: int = 0) -> None:
        """Keep a setting and its value after ``*RST``."""
        keys = [(name, channel) for channel in range(1, channels + 1)] or [(name, 0)]
        for key in keys:
            self.settings[key] = self._defaults[key] = default

    def format_number(self, value: float) -> str:
        """Write a number as this instrument does; integers as integers, as drivers expect."""
        return str(value) if isinstance(value, int) else format(value, self.number_format)

    def push(self, error: ScpiError) -> None:
        """Put an error into the queue and set its bit in the event register."""
        # Positive codes are the instrument's own, and its own fault.
        self._event |= _EVENT_BITS.get(-error.code // 100, _DEVICE_ERROR)
        if len(self._queue) >= _QUEUE_LENGTH:
            self._queue[-1] = self._entry(ScpiError(-350))
        else:
            self._queue.append(self._entry(error))

    def changed(self, name: str, channel: int) -> None:
        """Act on a new value; a ScpiError raised here takes it back."""

    def reset(self) -> None:
        """Go back to the settings of ``*RST``."""
        self.settings.update(self._defaults)

    def finish(self) -> bool:
        """Let the pending operation end, if it ever will, and say whether it did."""
        return True

    @property
    def is_busy(self) -> bool:
        """Whether an operation is pending."""
        return False

    def _entry(self, error: ScpiError) -> str:
        detail = f";{error.detail}" if error.detail else ""
        return f'{error.code:+d},"{self.errors[error.code]}{detail}"'

    def _setting(
        self,
        pattern: str,
        name: str,
        default: Any,
        read: Callable[[Parameter], Any],
        write: Callable[[Any], str],
        channels: int,
    ) -> None:
        self.remember(name, default, channels)

        def put(channel: int, parameters: Sequence[Parameter]) -> None:
            key = (name, channel if channels else 0)
            if len(parameters) != 1:
                raise ScpiError(-108 if parameters else -109)
            before, self.settings[key] = self.settings[key], read(parameters[0])
            try:
                self.changed(*key)
            except ScpiError:
                self.settings[key] = before
                raise

        def ask(channel: int, parameters: Sequence[Parameter]) -> str:
            if parameters:  # MIN, MAX or DEF
                return write(read(parameters[0]))
            return write(self.settings[name, channel if channels else 0])

        self.on(pattern, put, channels or 1)
        self.on(pattern + "?", ask, channels or 1)

    def _run(self, header: str, parameters: Sequence[Parameter]) -> Answer:
        found = self._found.get(header)
        if found is None:
            found = self._found[header] = self._find(header)
        command, channel = found
        return command.run(channel, parameters)

    def _find(self, header: str) -> tuple[_Command, int]:
        for command in self._commands:
            match = command.regex.fullmatch(header)
            if match:
                channel = int(match[1] or 1) if match.re.groups else 1
                if not 1 <= channel <= command.last_channel:
                    raise ScpiError(-114)
                return command, channel
        raise ScpiError(-113)

    # IEEE 488.2 common commands.

    def _add_common(self) -> None:
        self.on("*IDN?", lambda c, p: self.identity)
        self.on("*RST", lambda c, p: self.reset())
        self.on("*CLS", lambda c, p: self._clear_status())
        self.on("*OPC", lambda c, p: setattr(self, "_completing", True))
        self.on("*OPC?", lambda c, p: "1" if self.finish() else None)
        self.on("*WAI", lambda c, p: self._wait())
        self.on("*ESR?", lambda c, p: self._read_event())
        self.on("*ESE", lambda c, p: setattr(self, "_event_enable", _register(p)))
        self.on("*ESE?", lambda c, p: str(self._event_enable))
        self.on("*SRE", lambda c, p: setattr(self, "_service_enable", _register(p)))
        self.on("*SRE?", lambda c, p: str(self._service_enable))
        self.on("*STB?", lambda c, p: str(self.status_byte))
        self.on("*TST?", lambda c, p: "0")
        self.on("*OPT?", lambda c, p: "0")
        self.on(":SYSTem:ERRor[:NEXT]?", lambda c, p: self._next_error())
        self.on(":SYSTem:VERSion?", lambda c, p: "1999.0")

    def _wait(self) -> None:
        self.finish()

    def _clear_status(self) -> None:
        self._queue.clear()
        self._event, self._completing = 0, False

    def _read_event(self) -> str:
        if self._completing and not self.is_busy:
            self._event |= _OPERATION_COMPLETE
            self._completing = False
        event, self._event = self._event, 0
        return str(event)

    def _next_error(self) -> str:
        return self._queue.popleft() if self._queue else self.no_error


def _register(parameters: Sequence[Parameter]) -> int:
    if not parameters:
        raise ScpiError(-109)
    value = round(number(parameters[0]))
    if not 0 <= value <= 255:
        raise ScpiError(-222)
    return value
