"""A simulated Keithley 2400 as a whole.

Two habits of the instrument that surprise drivers are kept: ``:MEASure:CURRent?`` brings the
current limit back to its default of 105 uA, and a limit below what its range can hold is passed
over without an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from instruments.simulated.circuit import Terminal
from instruments.simulated.clock import VirtualClock
from instruments.simulated.keithley2400.base import within
from instruments.simulated.keithley2400.calculate import CalculateLayer
from instruments.simulated.keithley2400.ranges import DEFAULT_OHMS, QUANTITIES
from instruments.simulated.scpi.instrument import Answer
from instruments.simulated.scpi.message import Parameter, ScpiError, number, unquoted

# What :CONFigure and :MEASure? bring back to its default, beside what belongs to a function.
_PLAIN = {
    "arm_count": 1, "trigger_count": 1, "arm_source": "IMM", "trigger_source": "IMM",
    "trigger_delay": 0.0, "math": False, "auto_zero": True, "nplc": 1.0,
}  # fmt: skip
_KEY_OUTPUT, _KEY_TRIGGER, _LAST_KEY = 24, 20, 32
_TEXT_LENGTHS = {1: 20, 2: 32}


class SourceMeter(CalculateLayer):
    """One output, wired to one node."""

    last_terminal = 1

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
        self._add_status()
        self._add_source()
        self._add_sweeps()
        self._add_sense()
        self._add_readings()
        self._add_trigger()
        self._add_trace()
        self._add_calculate()
        self._add_measure()
        self._add_system()
        self._add_display()
        self.add_setups()

    def changed(self, name: str, channel: int) -> None:
        """Let a new setting act."""
        is_off_state = name == "off_state" and not self.value("output")
        if is_off_state or name in ("terminals", "four_wire", "guard"):
            self.switch_off()
        super().changed(name, channel)

    # Signal-oriented commands.

    def _add_measure(self) -> None:
        for quantity in (*QUANTITIES.values(), None):
            header = f"{quantity.header}[:DC]" if quantity else "RESistance"
            name = quantity.name if quantity else "RES"
            self.action(f":CONFigure:{header}", lambda name=name: self._configure(name))
            self.query(f":MEASure:{header}", lambda name=name: self._measure(name))
        self.query(":MEASure", lambda: self._measure(""))
        self.query(":CONFigure", lambda: self._ask_functions())

    def _ask_functions(self) -> Answer:
        return self._run(":SENSE:FUNCTION?", [])

    def _configure(self, name: str) -> None:
        """Select a function and its defaults; the output is on afterwards."""
        self.abort()
        self.settings.update({(key, 0): value for key, value in _PLAIN.items()})
        self.put("feed_control", "NEV")
        if name in QUANTITIES:
            quantity = QUANTITIES[name]
            self.put(f"{name} sense range", quantity.default_range)
            self.put(f"{name} sense auto", True)
            self.put(f"{name} limit", quantity.default_limit)
        else:
            self.put("ohms_mode", "AUTO")
            self.put("ohms_range", DEFAULT_OHMS)
            self.put("ohms_auto", True)
            self.put("ohms_compensated", False)
        self._enable((name,), only=not self.value("concurrent") or name == "RES")
        if name != "RES":
            self._disable(("RES",))
        self.switch_on()
        self.apply()

    def _measure(self, name: str) -> Answer:
        if not self._has_begun_to_read:
            self._configure(name or (*self.value("functions"), "CURR")[0])
        return self._read()

    # The rest of the instrument.

    def _add_system(self) -> None:
        self.query(":SYSTem:VERSion", lambda: "1996.0")
        self.query("*OPT", lambda: "0")
        self.flag(":SYSTem:RSENse", "four_wire", False)
        self.choice(":SYSTem:GUARd", "guard", "OHMS CABLe", "CABL")
        self.flag(":SYSTem:BEEPer:STATe", "beeper", True)
        self.on(":SYSTem:BEEPer[:IMMediate]", self._beep)
        self.choice(":SYSTem:RCMode", "range_mode", "SINGle MULTiple", "SING")
        self.choice(":SYSTem:POSetup", "power_on", "RST PRESet SAV0 SAV1 SAV2 SAV3 SAV4", "RST")
        self.choice(":ROUTe:TERMinals", "terminals", "FRONt REAR", "FRON")
        self.action(":SYSTem:PRESet", self._preset)
        self.action(":SYSTem:MEMory:INITialize", self._clear_buffer)
        self.flag(":SYSTem:RWLock", "locked", False)
        self.action(":SYSTem:REMote", lambda: self.put("local", False))
        self.action(":SYSTem:LOCal", lambda: self.put("local", True))
        self.remember("local", False)
        self.on(":SYSTem:KEY", self._press)
        self.remember("key", 0)
        self.query(":SYSTem:KEY", lambda: str(self.value("key")))

    def _preset(self) -> None:
        """Go back to the settings of the bench, which differ from those of ``*RST`` in this."""
        self.reset()
        self.put("byte_order", "SWAP")

    def _beep(self, channel: int, parameters: Sequence[Parameter]) -> None:
        if len(parameters) != 2:
            raise ScpiError(-108 if len(parameters) > 2 else -109)
        within(parameters[0], 65.0, 2e6, 65.0)
        within(parameters[1], 0.0, 7.9, 0.0)

    def _press(self, channel: int, parameters: Sequence[Parameter]) -> None:
        if len(parameters) != 1:
            raise ScpiError(-108 if parameters else -109)
        key = round(number(parameters[0]))
        if not 1 <= key <= _LAST_KEY:
            raise ScpiError(-222)
        self.put("key", key)
        if key == _KEY_OUTPUT:
            if self.value("output"):
                self.switch_off()
            else:
                self.switch_on()
        elif key == _KEY_TRIGGER and self.is_running:
            self._happen("MAN", is_needed=False)

    def _add_display(self) -> None:
        self.flag(":DISPlay:ENABle", "display", True)
        self.number(":DISPlay:DIGits", "digits", 6, 4, 7, integer=True)
        self.action(":DISPlay:CNDisplay", lambda: None)
        for window, most in _TEXT_LENGTHS.items():
            root = ":DISPlay[:WINDow[1]]" if window == 1 else f":DISPlay:WINDow{window}"
            self.text(
                f"{root}:TEXT[:DATA]", f"text{window}", "", lambda p, most=most: _shown(p, most)
            )
            self.flag(f"{root}:TEXT:STATe", f"text{window}_shown", False)


def _shown(parameter: Parameter, most: int) -> str:
    text = unquoted(parameter)
    if len(text) > most:
        raise ScpiError(-223)
    return text
