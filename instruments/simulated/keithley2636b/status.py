"""The status model of the 2636B: register sets below ``status``, summed up in the status byte."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from instruments.simulated.keithley2636b.registers import Register
from instruments.simulated.tsp.lua import Attribute, Table

_MEASUREMENT, _SYSTEM, _QUESTIONABLE, _OPERATION = 1, 2, 8, 128
_CHANNEL_BIT = {"a": 2, "b": 4}
_INSTRUMENT = 1 << 13
_VOLTAGE_LIMIT, _CURRENT_LIMIT, _OVERFLOW, _BUFFER, _OUTPUT = 1, 2, 128, 256, 2048
_SWEEPING, _REMOTE = 8, 1 << 11
_OVER_TEMPERATURE = 1 << 12
_CHANNEL_BITS = {"SMUA": 2, "SMUB": 4}
_MEASUREMENT_BITS = {
    "VOLTAGE_LIMIT": 1, "VLMT": 1, "CURRENT_LIMIT": 2, "ILMT": 2, "READING_OVERFLOW": 128,
    "ROF": 128, "BUFFER_AVAILABLE": 256, "BAV": 256,
}  # fmt: skip
_OPERATION_BITS = {
    "CALIBRATING": 1, "CAL": 1, "SWEEPING": 8, "SWE": 8, "MEASURING": 16, "MEAS": 16,
    "TRIGGER_OVERRUN": 1024, "TRGOVR": 1024,
}  # fmt: skip
_QUESTIONABLE_BITS = {
    "CALIBRATION": 256, "CAL": 256, "UNSTABLE_OUTPUT": 512, "UO": 512,
    "OVER_TEMPERATURE": 4096, "OTEMP": 4096,
}  # fmt: skip
_STANDARD_BITS = {
    "OPERATION_COMPLETE": 1, "OPC": 1, "QUERY_ERROR": 4, "QYE": 4, "DEVICE_DEPENDENT_ERROR": 8,
    "DDE": 8, "EXECUTION_ERROR": 16, "EXE": 16, "COMMAND_ERROR": 32, "CME": 32,
    "USER_REQUEST": 64, "URQ": 64, "POWER_ON": 128, "PON": 128,
}  # fmt: skip
_BYTE_BITS = {
    "MEASUREMENT_SUMMARY_BIT": 1, "MSB": 1, "SYSTEM_SUMMARY_BIT": 2, "SSB": 2, "ERROR_AVAILABLE": 4,
    "EAV": 4, "QUESTIONABLE_SUMMARY_BIT": 8, "QSB": 8, "MESSAGE_AVAILABLE": 16, "MAV": 16,
    "EVENT_SUMMARY_BIT": 32, "ESB": 32, "MASTER_SUMMARY_STATUS": 64, "MSS": 64,
    "OPERATION_SUMMARY_BIT": 128, "OSB": 128,
}  # fmt: skip


class Status:
    """The register sets.

    Parameters
    ----------
    standard : Register
    notice : callable
        Called when an event was added.
    byte : callable
        Returns the status byte.
    enable : Attribute
        The service request enable register.
    """

    def __init__(
        self, standard: Register, notice: Callable[[], None], byte: Callable[[], int],
        enable: Attribute,
    ) -> None:  # fmt: skip
        self._notice = notice
        self.registers: dict[str, Register] = {"standard": standard}
        node = Attribute(byte)
        self.table = Table(
            **_BYTE_BITS, condition=node, request_event=node, node_event=node,
            request_enable=enable, node_enable=enable, reset=self.preset,
        )  # fmt: skip
        self.table.members["standard"] = _register_table(standard, _STANDARD_BITS)
        for name, bits, extra in (
            ("measurement", _MEASUREMENT_BITS, {"OUTPUT_ENABLE": 2048, "OE": 2048}),
            ("operation", _OPERATION_BITS, {"REMOTE": 2048, "REM": 2048, "USER": 4096,
                                            "PROGRAM_RUNNING": 16384, "PROG": 16384}),
            ("questionable", _QUESTIONABLE_BITS, {}),
        ):  # fmt: skip
            top = self._add(self.table, name, bits | extra | {"INSTRUMENT": 8192, "INST": 8192})
            both = self._add(top, "instrument", _CHANNEL_BITS, name)
            for letter in "ab":
                self._add(both, f"smu{letter}", bits, f"{name}.instrument")
        for name, below in (
            ("measurement", ("voltage_limit", "current_limit", "reading_overflow",
                             "buffer_available")),
            ("operation", ("calibrating", "sweeping", "measuring", "trigger_overrun")),
            ("questionable", ("calibration", "unstable_output", "over_temperature")),
        ):  # fmt: skip
            for each in below:
                self._add(self.table.members[name], each, _CHANNEL_BITS, name)
        self._add(self.table, "system", {"EXTENSION_BIT": 1, "EXT": 1})
        for number in range(2, 6):
            self._add(self.table, f"system{number}", {"EXTENSION_BIT": 1, "EXT": 1})
        self.registers["operation"].condition = _REMOTE

    @property
    def summaries(self) -> int:
        """The bits of the status byte that the register sets make."""
        found = {
            "measurement": _MEASUREMENT, "system": _SYSTEM, "questionable": _QUESTIONABLE,
            "operation": _OPERATION,
        }  # fmt: skip
        return sum(bit for name, bit in found.items() if self.registers[name].is_summary)

    def preset(self) -> None:
        """Go back to the filters and enable registers at power-on."""
        for register in self.registers.values():
            register.preset()

    def clear(self) -> None:
        """Forget all events."""
        for register in self.registers.values():
            register.take()

    def limited(self, letter: str, sourced: str, is_limited: bool) -> None:
        """Note whether the limit of what is not sourced acts."""
        for kind, name, bit in (
            ("i", "voltage_limit", _VOLTAGE_LIMIT), ("v", "current_limit", _CURRENT_LIMIT),
        ):  # fmt: skip
            self._set("measurement", name, letter, bit, is_limited and sourced == kind)

    def overflowed(self, letter: str, is_over: bool) -> None:
        """Note whether the last reading was beyond its range."""
        self._set("measurement", "reading_overflow", letter, _OVERFLOW, is_over)

    def buffered(self, letter: str, has_readings: bool) -> None:
        """Note whether there are readings in nvbuffer1 or nvbuffer2."""
        self._set("measurement", "buffer_available", letter, _BUFFER, has_readings)

    def sweeping(self, letter: str, is_sweeping: bool) -> None:
        """Note whether a sweep runs."""
        self._set("operation", "sweeping", letter, _SWEEPING, is_sweeping)

    def hot(self, letter: str) -> None:
        """Note an over-temperature."""
        self._set("questionable", "over_temperature", letter, _OVER_TEMPERATURE, True)

    def interlock(self, is_closed: bool) -> None:
        """Note the state of the output enable line."""
        self.registers["measurement"].now(_OUTPUT * is_closed, of=_OUTPUT)

    def _set(self, top: str, below: str, letter: str, bit: int, is_set: bool) -> None:
        channel = _CHANNEL_BIT[letter]
        find = self.registers
        smu = find[f"{top}.instrument.smu{letter}"]
        smu.now(bit * is_set, of=bit)
        find[f"{top}.{below}"].now(channel * is_set, of=channel)
        both = find[f"{top}.instrument"]
        both.now(channel * smu.is_summary, of=channel)
        any_below = bool(find[f"{top}.{below}"].condition)
        find[top].now(bit * any_below | _INSTRUMENT * both.is_summary, of=bit | _INSTRUMENT)

    def _add(self, table: Table, name: str, bits: dict[str, int], path: str = "") -> Table:
        mask = 0
        for bit in bits.values():
            mask |= bit
        full = f"{path}.{name}" if path else name
        register = self.registers[full] = Register(mask, self._notice)
        made = table.members[name] = _register_table(register, bits)
        return made


def _register_table(register: Register, bits: dict[str, int]) -> Table:
    def field(name: str) -> Attribute:
        def write(value: Any) -> None:
            setattr(register, name, int(value) & (register.bits or 0xFFFF))

        return Attribute(lambda: getattr(register, name), write)

    return Table(
        **bits,
        condition=Attribute(lambda: register.condition),
        event=Attribute(register.take),
        enable=field("enable"),
        ptr=field("ptr"),
        ntr=field("ntr"),
    )
