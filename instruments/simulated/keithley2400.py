"""A simulated Keithley 2400 as the supply of the neuron: forces a voltage, measures the current.

Sourcing current can be set and read but not switched on (settings conflict, -221). Two habits of
the instrument that surprise drivers are kept: ``:MEASure:CURRent?`` brings the current limit back
to its default of 105 uA, and a limit below what the lowest range can hold is ignored without an
error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from instruments.simulated.circuit import Terminal
from instruments.simulated.clock import VirtualClock
from instruments.simulated.message import Parameter, ScpiError, number
from instruments.simulated.scpi import ERROR_TEXTS, ScpiInstrument

DEFAULT_LIMIT_A = 1.05e-4
# 0.1 % of the lowest range, 1 uA.
LEAST_LIMIT_A = 1e-9
# Bits of the status word of a reading.
OVERFLOW, IN_COMPLIANCE, SOURCING_VOLTAGE = 1 << 0, 1 << 3, 1 << 14
NOT_A_NUMBER, TOO_LARGE = 9.91e37, 9.9e37
_LINE_HZ = 50.0
_RANGES_A = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
_SAMPLES = 1000
# Noise of a reading at one power line cycle: a share of the range, and a floor.
_CURRENT_NOISE, _CURRENT_FLOOR_A, _VOLTAGE_NOISE_V = 1e-5, 1e-11, 5e-6
_ELEMENTS = ("VOLTage", "CURRent", "RESistance", "TIME", "STATus")


class SourceMeter(ScpiInstrument):
    """One output, wired to the supply of the circuit."""

    last_terminal = 1
    errors = ERROR_TEXTS | {803: "Not permitted with OUTPUT off"}
    no_error = '0,"No error"'
    number_format = ".6E"

    def __init__(
        self,
        identity: str,
        clock: VirtualClock,
        terminals: Mapping[int, Terminal],
        noise: np.random.Generator,
    ) -> None:
        super().__init__(identity, clock)
        self._terminal = terminals[1]
        self._noise = noise
        self._last: dict[str, float] = {}
        self._add_commands()

    def reset(self) -> None:
        """Go back to the settings of ``*RST``; output off."""
        super().reset()
        self._apply()

    def changed(self, name: str, channel: int) -> None:
        """Let a new setting act on the supply."""
        if self.settings["output", 0] and self.settings["function", 0] != "VOLT":
            raise ScpiError(-221, "the simulated output sources voltage only")
        if name in ("output", "level_v", "limit_a"):
            self._apply()

    def _add_commands(self) -> None:
        self.flag(":OUTPut[:STATe]", "output", False)
        self.choice(":OUTPut:SMODe", "off_state", "HIMPedance NORMal ZERO GUARd", "NORM")
        self.choice(":SOURce:FUNCtion[:MODE]", "function", "VOLTage CURRent", "VOLT")
        amplitude = "[:LEVel][:IMMediate][:AMPLitude]"
        self.number(f":SOURce:VOLTage{amplitude}", "level_v", 0.0, -210.0, 210.0)
        self.number(f":SOURce:CURRent{amplitude}", "level_a", 0.0, -1.05, 1.05)
        self.number(":SOURce:DELay", "delay", 0.0, 0.0, 999.9999)
        self.flag(":SOURce:DELay:AUTO", "delay_auto", True)
        self.flag(":SOURce:CLEar:AUTO", "clear_auto", False)
        for word, name, most in (("VOLTage", "v", 210.0), ("CURRent", "a", 1.05)):
            self.number(f":SOURce:{word}:RANGe", f"source_range_{name}", most, -most, most)
            self.flag(f":SOURce:{word}:RANGe:AUTO", f"source_auto_{name}", True)
            self.number(f":SENSe:{word}[:DC]:RANGe[:UPPer]", f"range_{name}", most, -most, most)
            self.flag(f":SENSe:{word}[:DC]:RANGe:AUTO", f"auto_{name}", True)
            self.number(f":SENSe:{word}[:DC]:NPLCycles", "nplc", 1.0, 0.01, 10.0)
        self.number(":SENSe:RESistance:NPLCycles", "nplc", 1.0, 0.01, 10.0)
        self.choice(":SENSe:RESistance:MODE", "ohms_mode", "MANual AUTO", "MAN")
        self.number(":SENSe:VOLTage[:DC]:PROTection[:LEVel]", "limit_v", 21.0, -210.0, 210.0)
        self.remember("limit_a", DEFAULT_LIMIT_A)
        limit = ":SENSe:CURRent[:DC]:PROTection"
        self.on(f"{limit}[:LEVel]", self._set_limit)
        self.on(f"{limit}[:LEVel]?", lambda c, p: self.format_number(self.settings["limit_a", 0]))
        self.on(f"{limit}:TRIPped?", lambda c, p: str(int(self._measure_tripped())))
        self.flag(":SENSe:AVERage[:STATe]", "average", False)
        self.choice(":SENSe:AVERage:TCONtrol", "filter", "MOVing REPeat", "REP")
        self.number(":SENSe:AVERage:COUNt", "average_count", 10, 1, 100, integer=True)
        self.on(":SENSe:FUNCtion[:ON]", lambda c, p: None)
        self.on(":SENSe:FUNCtion[:ON]:ALL", lambda c, p: None)
        self.on(":SENSe:FUNCtion:CONCurrent", lambda c, p: None)
        self._elements: tuple[str, ...] = _ELEMENTS
        self.on(":FORMat:ELEMents[:SENSe]", self._set_elements)
        self.on(":READ?", lambda c, p: self._read())
        self.on(":MEASure:CURRent[:DC]?", lambda c, p: self._measure_current())
        self.on(":MEASure:VOLTage[:DC]?", lambda c, p: self._read())
        self.on(":FETCh?", lambda c, p: self._answer())
        self.on(":ABORt", lambda c, p: None)
        self.number(":TRIGger:COUNt", "trigger_count", 1, 1, 2500, integer=True)
        self.number(":ARM:COUNt", "arm_count", 1, 1, 2500, integer=True)
        self.choice(":TRIGger:SOURce", "trigger_source", "IMMediate TLINk", "IMM")
        self.choice(":ARM:SOURce", "arm_source", "IMMediate TLINk TIMer MANual BUS", "IMM")
        self.choice(":TRACe:FEED:CONTrol", "feed", "NEVer NEXT", "NEV")
        self.flag(":SYSTem:RSENse", "four_wire", False)
        self.flag(":SYSTem:AZERo[:STATe]", "auto_zero", True)
        self.number(":SYSTem:LFRequency", "line", 50, 50, 60, integer=True)
        self.choice(":ROUTe:TERMinals", "terminals", "FRONt REAR", "FRON")
        self.flag(":DISPlay:ENABle", "display", True)
        self.on(":SYSTem:BEEPer[:IMMediate]", lambda c, p: None)

    def _set_limit(self, channel: int, parameters: Sequence[Parameter]) -> None:
        words = {"MIN": LEAST_LIMIT_A, "MAX": 1.05, "DEF": DEFAULT_LIMIT_A}
        if not parameters:
            raise ScpiError(-109)
        value = words.get(str(parameters[0]).upper()[:3])
        value = abs(number(parameters[0])) if value is None else value
        if value > 1.05:
            raise ScpiError(-222)
        if value >= LEAST_LIMIT_A:
            self.settings["limit_a", 0] = value
            self._apply()

    def _set_elements(self, channel: int, parameters: Sequence[Parameter]) -> None:
        names = [re.sub(r"\W", "", str(p)).upper() for p in parameters]
        chosen = [e for e in _ELEMENTS if e.upper() in names or e.upper()[:4] in names]
        if not names or len(chosen) != len(names):
            raise ScpiError(-224)
        self._elements = tuple(chosen)

    def _apply(self) -> None:
        """Force the supply: the level, or 0 V while the output is off."""
        if self.settings["output", 0]:
            self._terminal.drive([self.clock.now()], [self.settings["level_v", 0]])
            self._terminal.connect("voltage", 0.0, self.settings["limit_a", 0])
        else:
            self._terminal.disconnect()

    def _measure_current(self) -> str:
        self.settings["limit_a", 0] = DEFAULT_LIMIT_A
        self._apply()
        return self._read()

    def _measure_tripped(self) -> bool:
        self._read()
        return bool(int(self._last["STATus"]) & IN_COMPLIANCE)

    def _read(self) -> str:
        """Integrate over the aperture and answer with the elements chosen."""
        if not self.settings["output", 0]:
            raise ScpiError(803)
        aperture_s = self.settings["nplc", 0] / _LINE_HZ
        start_s = self.clock.now()
        step_s = aperture_s / _SAMPLES
        self._terminal.watch(start_s)
        self.clock.sleep(aperture_s)
        time_s = start_s + (np.arange(_SAMPLES) + 0.5) * step_s
        current_a, terminal_v = self._terminal.current(time_s), self._terminal.voltage(time_s)
        self._terminal.unwatch()
        limited = bool(np.any(np.abs(current_a) >= self.settings["limit_a", 0] * (1 - 1e-9)))
        self._note(float(current_a.mean()), float(terminal_v.mean()), start_s, limited)
        return self._answer()

    def _note(self, current_a: float, voltage_v: float, time_s: float, limited: bool) -> None:
        status = SOURCING_VOLTAGE | IN_COMPLIANCE * limited
        if self.settings["auto_a", 0]:
            range_a = next((r for r in _RANGES_A if abs(current_a) <= 1.05 * r), _RANGES_A[-1])
        else:
            wanted_a = abs(self.settings["range_a", 0])
            range_a = next((r for r in _RANGES_A if wanted_a <= 1.05 * r), _RANGES_A[-1])
        quiet = 1.0 / np.sqrt(self.settings["nplc", 0])
        draw = self._noise.standard_normal(2) * quiet
        reading_a = current_a + draw[0] * (_CURRENT_NOISE * range_a + _CURRENT_FLOOR_A)
        if abs(current_a) > 1.05 * range_a:
            reading_a, status = TOO_LARGE, status | OVERFLOW
        self._last = {
            "VOLTage": voltage_v + float(draw[1]) * _VOLTAGE_NOISE_V,
            "CURRent": float(reading_a),
            "RESistance": NOT_A_NUMBER,
            "TIME": time_s,
            "STATus": float(status),
        }

    def _answer(self) -> str:
        if not self._last:
            raise ScpiError(-230)
        return ",".join(format(self._last[name], "+.6E") for name in self._elements)
