"""The status registers and the error queue of a 2400."""

from __future__ import annotations

from collections.abc import Sequence

from instruments.simulated.keithley2400.base import KeithleyScpi
from instruments.simulated.scpi.message import Parameter, ScpiError, number

# Measurement register.
LIMIT_1_FAILED, LIMITS_PASSED = 1 << 0, 1 << 5
READING_AVAILABLE, READING_OVERFLOW, BUFFER_AVAILABLE, BUFFER_FULL = 64, 128, 256, 512
OUTPUT_ENABLED, OVER_TEMPERATURE, IN_COMPLIANCE = 1 << 11, 1 << 12, 1 << 14
# Operation register.
SWEEPING, WAITING_FOR_TRIGGER, WAITING_FOR_ARM, IDLE = 8, 32, 64, 1024
# Name of each register, and its bit in the status byte.
_REGISTERS = {"MEASurement": 1, "QUEStionable": 8, "OPERation": 128}
_FORMATS = {"ASC": "d", "HEX": "X", "OCT": "o", "BIN": "b"}
_BASES = {"ASC": "", "HEX": "#H", "OCT": "#Q", "BIN": "#B"}


class StatusModel(KeithleyScpi):
    """Condition, event and enable of three registers beside the standard one."""

    def _add_status(self) -> None:
        self.conditions = {"MEAS": OUTPUT_ENABLED, "QUES": 0, "OPER": IDLE}
        self._events = dict.fromkeys(self.conditions, 0)
        self._enables = dict.fromkeys(self.conditions, 0)
        self.choice(":FORMat:SREGister", "register_format", "ASCii HEXadecimal OCTal BINary", "ASC")
        for header in _REGISTERS:
            self._add_register(header)
        self.action(":STATus:PRESet", lambda: self._enables.update(MEAS=0, QUES=0, OPER=0))
        self.query(":STATus:QUEue[:NEXT]", self._next_error)
        self.action(":STATus:QUEue:CLEar", self._queue.clear)
        self.action(":SYSTem:CLEar", self._queue.clear)
        self.query(":SYSTem:ERRor:ALL", self._all_errors)
        self.query(":SYSTem:ERRor:COUNt", lambda: str(len(self._queue)))
        self.query(":SYSTem:ERRor:CODE[:NEXT]", lambda: self._next_error().split(",")[0])
        self.query(":SYSTem:ERRor:CODE:ALL", self._all_codes)

    def set_condition(self, register: str, bits: int, is_set: bool) -> None:
        """Set or clear bits of a condition register; what is new becomes an event."""
        before = self.conditions[register]
        self.conditions[register] = before | bits if is_set else before & ~bits
        self._events[register] |= self.conditions[register] & ~before

    def add_event(self, register: str, bits: int) -> None:
        """Note something that is over at once."""
        self._events[register] |= bits

    def in_format(self, value: int, name: str = "register_format") -> str:
        """Write a register as ``:FORMat:SREGister`` asks for it."""
        base = self.value(name)
        return _BASES[base] + format(value, _FORMATS[base])

    @property
    def other_summaries(self) -> int:
        """Measurement, questionable and operation summary."""
        return sum(
            bit
            for header, bit in _REGISTERS.items()
            if self._events[header[:4]] & self._enables[header[:4]]
        )

    def _add_register(self, header: str) -> None:
        name = header[:4]

        def read_event() -> str:
            event, self._events[name] = self._events[name], 0
            return self.in_format(event)

        def enable(channel: int, parameters: Sequence[Parameter]) -> None:
            if len(parameters) != 1:
                raise ScpiError(-108 if parameters else -109)
            value = round(number(parameters[0]))
            if not 0 <= value <= 65535:
                raise ScpiError(-222)
            self._enables[name] = value

        self.query(f":STATus:{header}[:EVENt]", read_event)
        self.query(f":STATus:{header}:CONDition", lambda: self.in_format(self.conditions[name]))
        self.on(f":STATus:{header}:ENABle", enable)
        self.query(f":STATus:{header}:ENABle", lambda: self.in_format(self._enables[name]))

    def _clear_status(self) -> None:
        super()._clear_status()
        self._events.update(MEAS=0, QUES=0, OPER=0)

    def _all_errors(self) -> str:
        entries = [self._entry(error) for error in self._queue] or [self.no_error]
        self._queue.clear()
        return ",".join(entries)

    def _all_codes(self) -> str:
        return ",".join(entry.split(",")[0] for entry in _entries(self._all_errors()))


def _entries(text: str) -> list[str]:
    parts = text.split('",')
    return [part for part in parts if part]
