"""The source of a 2400: levels, ranges, and the output relay.

In the states NORMal and HIMPedance the switched-off output is open here. (The real one holds zero
with half a percent of its range in NORMal, which is next to nothing against any other source.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from instruments.simulated.circuit import Terminal
from instruments.simulated.devices.base import DeviceError
from instruments.simulated.keithley2400.base import flag, within
from instruments.simulated.keithley2400.ranges import (
    OTHER,
    QUANTITIES,
    VOLTAGE,
    Quantity,
    auto_delay_s,
    exceeds_power,
    fits,
    lowest_range,
)
from instruments.simulated.keithley2400.status import OVER_TEMPERATURE, StatusModel
from instruments.simulated.scpi.message import Parameter, ScpiError, choice

# How long a new level takes to settle.
_SETTLING_S = 1e-4
_PROTECTIONS_V = (20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 160.0, 210.0)


class SourceLayer(StatusModel):
    """What the terminal is forced to."""

    _terminal: Terminal

    def _add_source(self) -> None:
        self._level = 0.0
        self._is_lid_open = False
        self.remember("output", False)
        self.on(":OUTPut[1][:STATe]", self._switch)
        self.query(":OUTPut[1][:STATe]", lambda: str(int(self.value("output"))))
        modes = "HIMPedance NORMal ZERO GUARd"
        self.choice(":OUTPut[1]:SMODe", "off_state", modes, "NORM")
        self.flag(":OUTPut[1]:ENABle[:STATe]", "output_enable", False)
        self.query(":OUTPut[1]:ENABle:TRIPped", lambda: str(int(not self._is_lid_open)))
        self._refusing(":FUNCtion[:MODE]", "function", "VOLT", _function, str)
        self.choice("[:SOURce[1]]:FUNCtion:SHAPe", "shape", "DC", "DC")
        self.decimal("[:SOURce[1]]:DELay", "delay_s", 0.001, 0.0, 9999.999, 5)
        self.flag("[:SOURce[1]]:DELay:AUTO", "delay_auto", True)
        self.query("[:SOURce[1]]:DELay", lambda: format(self.delay_s, ".5f"))
        self.flag("[:SOURce[1]]:CLEar:AUTO", "clear_auto", False)
        self.choice("[:SOURce[1]]:CLEar:AUTO:MODE", "clear_mode", "ALWays TCOunt", "ALW")
        self.action("[:SOURce[1]]:CLEar[:IMMediate]", self.switch_off)
        for quantity in QUANTITIES.values():
            self._add_levels(quantity)
        self.setting("[:SOURce[1]]:VOLTage:PROTection[:LEVel]", "protection_v", 210.0, _protection)
        self.query("[:SOURce[1]]:VOLTage:PROTection:TRIPped", lambda: str(int(self.is_protecting)))

    def _refusing(
        self,
        pattern: str,
        name: str,
        default: Any,
        read: Callable[[Parameter], Any],
        write: Callable[[Any], str],
    ) -> None:
        """Add a setting of the source, which auto ohms does not let anybody touch."""

        def checked(parameter: Parameter) -> Any:
            if self.is_auto_ohms:
                raise ScpiError(825)
            return read(parameter)

        self.setting(f"[:SOURce[1]]{pattern}", name, default, checked, write)

    def _add_levels(self, quantity: Quantity) -> None:
        name, most = quantity.name, quantity.most
        root = f":{quantity.header}"

        def level(parameter: Parameter) -> float:
            return within(parameter, -most, most, 0.0)

        amplitude = f"{root}[:LEVel][:IMMediate][:AMPLitude]"
        self._refusing(amplitude, f"{name} level", 0.0, level, self.format_number)
        self._refusing(
            f"{root}[:LEVel]:TRIGgered[:AMPLitude]", f"{name} next", 0.0, level, self.format_number
        )
        self._refusing(
            f"{root}:RANGe", f"{name} range", quantity.default_range,
            lambda p: self._range(p, quantity, f"{name} range"), self.format_number,
        )  # fmt: skip
        self._refusing(f"{root}:RANGe:AUTO", f"{name} auto", True, flag, _as_digit)
        self._refusing(f"{root}:MODE", f"{name} mode", "FIX", _mode, str)

    # Settings and what follows from them.

    @property
    def source(self) -> Quantity:
        """What is being sourced."""
        return QUANTITIES["CURR" if self.is_auto_ohms else self.value("function")]

    @property
    def is_auto_ohms(self) -> bool:
        """Whether the ohmmeter has taken over the source."""
        return False

    @property
    def is_protecting(self) -> bool:
        """Whether the voltage limit of the source is acting."""
        return abs(self._level) > self.value("protection_v") and self.source is VOLTAGE

    @property
    def effective_limit(self) -> float:
        """The compliance that acts, in A or V."""
        return float(self.value(f"{OTHER[self.source.name].name} limit"))

    @property
    def delay_s(self) -> float:
        """The source delay."""
        if not self.value("delay_auto"):
            return float(self.value("delay_s"))
        is_voltage = self.source is VOLTAGE
        return auto_delay_s(self.value("CURR sense range" if is_voltage else "CURR range"))

    def changed(self, name: str, channel: int) -> None:
        """Let a new setting act."""
        kind, _, what = name.partition(" ")
        if kind in QUANTITIES:
            self._changed_level(QUANTITIES[kind], what)
        elif name == "function":
            self._check_power()
            self.switch_off()
            self._level = self.value(f"{self.value('function')} level")
        elif name == "delay_s":
            self.put("delay_auto", False)

    def _changed_level(self, quantity: Quantity, what: str) -> None:
        name = quantity.name
        level = self.value(f"{name} level")
        is_auto = self.value(f"{name} auto")
        if what in ("level", "next"):
            wanted = self.value(f"{name} {what}")
            if not is_auto and not fits(wanted, self.value(f"{name} range")):
                raise ScpiError(-222)
            before = self.value(f"{name} range")
            if is_auto:
                self.put(f"{name} range", lowest_range(quantity.ranges, wanted))
            try:
                self._check_power()
            except ScpiError:
                self.put(f"{name} range", before)
                raise
            if what == "level":
                self.put(f"{name} next", level)
                self._follow(quantity)
        elif what == "range":
            self._check_power()
            self.put(f"{name} auto", False)
            full = self.value(f"{name} range")
            if not fits(level, full):
                self.put(f"{name} level", float(np.copysign(full, level)))
            self._follow(quantity)
        elif what == "auto" and is_auto:
            self.put(f"{name} range", lowest_range(quantity.ranges, level))
        elif what == "mode" and self.value(f"{name} mode") == "FIX":
            self._follow(quantity)

    def _follow(self, quantity: Quantity) -> None:
        """Bring the output to the level that is set."""
        if quantity is self.source:
            self._level = self.value(f"{quantity.name} level")
            self.apply()

    def _check_power(self) -> None:
        kind = self.value("function")
        volts = self.value("VOLT range" if kind == "VOLT" else "VOLT limit")
        amperes = self.value("CURR limit" if kind == "VOLT" else "CURR range")
        if exceeds_power(volts, amperes):
            raise ScpiError(826)

    def _range(self, parameter: Parameter, quantity: Quantity, name: str) -> float:
        ranges = quantity.ranges
        if str(parameter).upper() in ("UP", "DOWN"):
            step = 1 if str(parameter).upper() == "UP" else -1
            at = ranges.index(lowest_range(ranges, self.value(name))) + step
            return ranges[min(max(at, 0), len(ranges) - 1)]
        wanted = within(parameter, -quantity.most, quantity.most, quantity.default_range)
        if str(parameter).upper()[:3] == "MIN":
            wanted = 0.0
        return lowest_range(ranges, wanted)

    # The output.

    def _switch(self, channel: int, parameters: Sequence[Parameter]) -> None:
        if len(parameters) != 1:
            raise ScpiError(-108 if parameters else -109)
        if flag(parameters[0]):
            self.switch_on()
        else:
            self.switch_off()

    def switch_on(self) -> None:
        """Close the output relay.

        Raises
        ------
        ScpiError
            If the lid is open, or the circuit cannot be driven like this.
        """
        if self._is_lid_open:
            raise ScpiError(802)
        self._check_power()
        if self.value("output"):
            return
        self._terminal.drive([self.clock.now()], [0.0])
        if not self.is_auto_ohms:
            self._level = self.value(f"{self.source.name} level")
        self.put("output", True)
        try:
            self.apply()
        except ScpiError:
            self.switch_off()
            raise

    def switch_off(self) -> None:
        """Open the output relay, or hold zero, as ``:OUTPut:SMODe`` says."""
        self.put("output", False)
        self._terminal.drive([self.clock.now()], [0.0])
        if self.value("off_state") == "ZERO":
            self._terminal.connect("voltage", 0.0, self.value("CURR limit"))
        else:
            self._terminal.disconnect()

    def apply(self) -> None:
        """Force the level that is now, with its limit."""
        if not self.value("output"):
            return
        quantity = self.source
        level = self._level
        if quantity is VOLTAGE:
            most_v = self.value("protection_v")
            level = min(max(level, -most_v), most_v)
        try:
            kind = "voltage" if quantity is VOLTAGE else "current"
            self._terminal.connect(kind, 0.0, self.effective_limit)
        except DeviceError as error:
            raise ScpiError(-221, str(error)) from error
        level = quantity.quantised(level, self.source_range(level))
        self._terminal.drive([self.clock.now() + _SETTLING_S], [level])

    def source_range(self, level: float) -> float:
        """Return the range that a level is sourced in."""
        if self.is_auto_ohms:
            return lowest_range(self.source.ranges, level)
        return float(self.value(f"{self.source.name} range"))

    def step_to(self, level: float, levels: np.ndarray) -> None:
        """Source one of the levels of a sweep."""
        quantity = self.source
        name = quantity.name
        if not self.is_auto_ohms and self.value(f"{name} mode") != "FIX":
            if self.value("ranging") == "FIX":
                full = self.value(f"{name} range")
                level = float(np.clip(level, -full, full))
            else:
                is_best = self.value("ranging") == "BEST"
                most = float(np.abs(levels).max()) if is_best else level
                self.put(f"{name} range", lowest_range(quantity.ranges, most))
        elif not self.is_auto_ohms:
            self.put(f"{name} level", level)
        if level != self._level or not self.value("output"):
            self._level = level
            self.apply()

    def fail(self, kind: str, value: float | None) -> None:
        """Have an open lid, an overheated output, or a limit that nobody asked for."""
        if kind == "interlock":
            self._is_lid_open = value != 0.0
            if self._is_lid_open:
                self.switch_off()
        elif kind == "trip":
            self.add_event("MEAS", OVER_TEMPERATURE)
            self.switch_off()
        elif kind == "compliance":
            limited = OTHER[self.source.name]
            self.put(f"{limited.name} limit", limited.least_limit if value is None else value)
            self.apply()
        elif kind == "queue_overflow":
            while len(self._queue) < self.queue_length:
                self.push(ScpiError(-200))
            self.push(ScpiError(-200))
        else:
            super().fail(kind, value)
        self.notice()


def _function(parameter: Parameter) -> str:
    return choice(parameter, ("VOLTage", "CURRent"))


def _mode(parameter: Parameter) -> str:
    return choice(parameter, ("FIXed", "SWEep", "LIST"))


def _as_digit(value: bool) -> str:
    return str(int(value))


def _protection(parameter: Parameter) -> float:
    if str(parameter).upper() == "NONE":
        return _PROTECTIONS_V[-1]
    wanted = abs(within(parameter, -210.0, 210.0, 210.0))
    return next(each for each in _PROTECTIONS_V if wanted <= each)
