"""A SCPI instrument without a front: headers, settings, IEEE 488.2 status, error queue.

Messages are worked off unit by unit. A unit that has to wait (``*WAI``, ``*OPC?``, a reading that
is not finished) raises `NotYet` and keeps what stands behind it waiting; the clock brings the
instrument back to it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from instruments.simulated.clock import VirtualClock
from instruments.simulated.instrument import MESSAGE_AVAILABLE, REQUESTED_SERVICE, Instrument
from instruments.simulated.scpi.errors import ERROR_TEXTS
from instruments.simulated.scpi.message import (
    Parameter,
    ScpiError,
    choice,
    complete_messages,
    header_regex,
    number,
    quoted,
    split_message,
)

# Bits of the standard event register, by the hundreds of the error code.
_EVENT_BITS = {1: 32, 2: 16, 4: 4}
_DEVICE_ERROR, _OPERATION_COMPLETE, _POWER_ON = 8, 1, 128
ERROR_AVAILABLE, EVENT_SUMMARY = 4, 32

Answer = str | bytes | None
Unit = tuple[str, Sequence[Parameter]]


class NotYet(Exception):  # noqa: N818 - it is no error
    """A unit that has to wait; it is tried again at a time, or when `poll` is called."""

    def __init__(self, until_s: float = inf) -> None:
        super().__init__(until_s)
        self.until_s = until_s


@dataclass(frozen=True)
class _Command:
    regex: re.Pattern[str]
    run: Callable[[int, Sequence[Parameter]], Answer]
    last_channel: int


class ScpiInstrument(Instrument):
    """Answers program messages; subclasses add commands and physics.

    Settings are kept by (name, channel), channel 0 where there is none. `changed` is called after
    a setting took a new value; a ScpiError raised there undoes it.
    """

    errors: dict[int, str] = ERROR_TEXTS
    has_blocks = True
    no_error = '+0,"No error"'
    number_format = "+.14E"
    queue_length = 20

    def __init__(self, identity: str, clock: VirtualClock) -> None:
        super().__init__(identity, clock)
        self.settings: dict[tuple[str, int], Any] = {}
        self._defaults: dict[tuple[str, int], Any] = {}
        self._commands: list[_Command] = []
        self._found: dict[str, tuple[_Command, int]] = {}
        self._queue: deque[ScpiError] = deque()
        # Messages that are not worked off: units still to do, and answers so far.
        self._waiting: deque[tuple[deque[Unit], list[bytes]]] = deque()
        self._retry_s = inf
        self._is_working = False
        self._event, self._event_enable, self._service_enable = _POWER_ON, 0, 0
        self._completing = False
        self._add_common()

    # What the link calls.

    def message(self, data: bytes) -> None:
        """Take one complete program message, or several, each on a line of its own."""
        lines, rest = [data], b""
        if data.find(self.terminator, 0, -1) >= 0:
            lines, rest = complete_messages(data, self.terminator)
        for line in [*lines, rest] if rest or not lines else lines:
            units: deque[Unit] = deque()
            try:
                units.extend(split_message(line))
            except ScpiError as error:
                self.push(error)
            self._waiting.append((units, []))
        self.poll()

    def poll(self) -> None:
        """Go on with what waits, as far as it goes."""
        if self._is_working:
            return  # somebody let time pass within a unit
        self._is_working = True
        try:
            while self._waiting and self._work(*self._waiting[0]):
                self._waiting.popleft()
        finally:
            self._is_working = False
        self._complete()
        self.notice()

    @property
    def next_answer_s(self) -> float:
        """When there will be an answer, as far as the instrument knows; infinite if never."""
        if self.answers:
            return self.clock.now()
        return max(self._retry_s, self.clock.now()) if self._waiting else inf

    @property
    def is_pending(self) -> bool:
        """Whether messages are not worked off yet."""
        return bool(self._waiting)

    def taken(self) -> None:
        """Note that an answer was read: it only matters to who waits for service."""
        if self._service_enable:
            self.notice()

    def unterminated(self) -> None:
        """Note that somebody tried to read an answer that there is not."""
        self.push(ScpiError(-420))

    def device_clear(self) -> None:
        """Forget what is being worked on, and the answers that wait."""
        super().device_clear()
        self._waiting.clear()
        self._completing = False

    def group_trigger(self) -> None:
        """Take an interface trigger."""
        self.message(b"*TRG")

    @property
    def summary(self) -> int:
        """The status byte, with the master summary in bit 6."""
        status = ERROR_AVAILABLE * bool(self._queue) | MESSAGE_AVAILABLE * bool(self.answers)
        status |= EVENT_SUMMARY * bool(self._event & self._event_enable) | self.other_summaries
        return status | REQUESTED_SERVICE * bool(status & self._service_enable)

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
        self._setting(pattern, name, default, read, quoted, channels)

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
        if len(self._queue) >= self.queue_length:
            self._queue[-1] = ScpiError(-350)
            self._event |= _DEVICE_ERROR
        else:
            self._queue.append(error)
        self.notice()

    @property
    def other_summaries(self) -> int:
        """Bits of the status byte that are the instrument's own: measurement, operation, ..."""
        return 0

    def changed(self, name: str, channel: int) -> None:
        """Act on a new value; a ScpiError raised here takes it back."""

    def reset(self) -> None:
        """Go back to the settings of ``*RST``."""
        self.settings.update(self._defaults)

    @property
    def done_s(self) -> float:
        """When the pending operations will be done; infinite if nobody knows yet."""
        return -inf

    @property
    def is_busy(self) -> bool:
        """Whether an operation is pending."""
        return self.clock.now() < self.done_s

    def wait(self) -> None:
        """Have the unit that is being worked on wait until nothing is pending."""
        if self.is_busy:
            raise NotYet(self.done_s)

    def _entry(self, error: ScpiError) -> str:
        detail = f";{error.detail}" if error.detail else ""
        return f'{error.code:+d},"{self.errors[error.code]}{detail}"'

    def _work(self, units: deque[Unit], answers: list[bytes]) -> bool:
        """Work a message off; return whether it is done."""
        if self.answers and units and not answers:
            # The one before was not read before this one came.
            self.answers.clear()
            self.push(ScpiError(-410))
        while units:
            header, parameters = units[0]
            try:
                answer = self._run(header, parameters)
            except NotYet as delay:
                self._retry_s = delay.until_s
                if delay.until_s < inf:
                    self.clock.at(delay.until_s, self.poll)
                return False
            except ScpiError as error:
                self.push(error)
                if -200 < error.code <= -100:
                    break  # after a command error nothing of the rest is to be trusted
                answer = None
            except Exception:
                units.clear()  # a fault of the simulator's own must not come back for ever
                raise
            units.popleft()
            if answer is not None:
                answers.append(answer if isinstance(answer, bytes) else answer.encode())
        if answers:
            self.answers.append(b";".join(answers) + self.terminator)
        return True

    def _complete(self) -> None:
        """Note the end of what ``*OPC`` waits for."""
        if not self._completing:
            return
        if not self.is_busy:
            self._event |= _OPERATION_COMPLETE
            self._completing = False
        elif self.done_s < inf:
            self.clock.at(self.done_s, self.poll)

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
                suffix = match[1] if match.re.groups else ""
                # Of a suffix too long to be anything the first digits say as much.
                channel = int(suffix[:9] or 1) if suffix else 1
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
        self.on("*OPC?", lambda c, p: self.wait() or "1")
        self.on("*WAI", lambda c, p: self.wait())
        self.on("*ESR?", lambda c, p: self._read_event())
        self.on("*ESE", lambda c, p: setattr(self, "_event_enable", _register(p)))
        self.on("*ESE?", lambda c, p: str(self._event_enable))
        # Bit 6 of the enable register means nothing, and reads back as 0.
        self.on(
            "*SRE",
            lambda c, p: setattr(self, "_service_enable", _register(p) & ~REQUESTED_SERVICE),
        )
        self.on("*SRE?", lambda c, p: str(self._service_enable))
        self.on("*STB?", lambda c, p: str(self.summary))
        self.on("*TST?", lambda c, p: "0")
        self.on("*OPT?", lambda c, p: "0")
        self.on(":SYSTem:ERRor[:NEXT]?", lambda c, p: self._next_error())
        self.on(":SYSTem:VERSion?", lambda c, p: "1999.0")

    def _clear_status(self) -> None:
        self._queue.clear()
        self._event, self._completing = 0, False

    def _read_event(self) -> str:
        self._complete()
        event, self._event = self._event, 0
        return str(event)

    def _next_error(self) -> str:
        return self._entry(self._queue.popleft()) if self._queue else self.no_error


def _register(parameters: Sequence[Parameter]) -> int:
    if len(parameters) != 1:
        raise ScpiError(-108 if parameters else -109)
    value = round(number(parameters[0]))
    if not 0 <= value <= 255:
        raise ScpiError(-222)
    return value
