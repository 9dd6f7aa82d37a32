"""What a 2400 measures, and how: functions, ranges, compliance, integration, filter."""

from __future__ import annotations

from collections.abc import Sequence

from instruments.simulated.keithley2400.base import strings, within
from instruments.simulated.keithley2400.ranges import (
    DEFAULT_OHMS,
    OHMS,
    OTHER,
    QUANTITIES,
    Quantity,
    lowest_range,
)
from instruments.simulated.keithley2400.sweeps import SweepLayer
from instruments.simulated.scpi.message import Parameter, ScpiError

# Below this part of its range a limit cannot be held.
_LEAST_OF_RANGE = 1e-3
_NAMES = {"VOLT": "VOLT:DC", "CURR": "CURR:DC", "RES": "RES"}
_WORDS = {
    "VOLT": "VOLT", "VOLTAGE": "VOLT", "VOLT:DC": "VOLT", "VOLTAGE:DC": "VOLT",
    "CURR": "CURR", "CURRENT": "CURR", "CURR:DC": "CURR", "CURRENT:DC": "CURR",
    "RES": "RES", "RESISTANCE": "RES",
}  # fmt: skip


class SenseLayer(SweepLayer):
    """Functions and their ranges."""

    def _add_sense(self) -> None:
        self._was_auto_ohms = False
        self.remember("functions", ("CURR",))
        root = "[:SENSe[1]]:FUNCtion"
        self.on(f"{root}[:ON]", lambda c, p: self._enable(_functions(p), only=False))
        self.query(f"{root}[:ON]", lambda: _quoted(self.value("functions")))
        self.action(f"{root}[:ON]:ALL", lambda: self._enable(tuple(_NAMES), only=True))
        self.query(f"{root}[:ON]:COUNt", lambda: str(len(self.value("functions"))))
        self.on(f"{root}:OFF", lambda c, p: self._disable(_functions(p)))
        self.query(f"{root}:OFF", lambda: _quoted(self._disabled()))
        self.action(f"{root}:OFF:ALL", lambda: self._disable(tuple(_NAMES)))
        self.query(f"{root}:OFF:COUNt", lambda: str(len(self._disabled())))
        self.on(f"{root}:STATe?", lambda c, p: self._is_on(p))
        self.flag(f"{root}:CONCurrent", "concurrent", True)
        for quantity in QUANTITIES.values():
            self._add_quantity(quantity)
        self._add_ohms()
        average = "[:SENSe[1]]:AVERage"
        self.flag(f"{average}[:STATe]", "average", False)
        self.choice(f"{average}:TCONtrol", "filter", "MOVing REPeat", "REP")
        self.number(f"{average}:COUNt", "average_count", 10, 1, 100, integer=True)

    def _add_quantity(self, quantity: Quantity) -> None:
        name = quantity.name
        root = f"[:SENSe[1]]:{quantity.header}[:DC]"
        self.setting(
            f"{root}:RANGe[:UPPer]", f"{name} sense range", quantity.default_range,
            lambda p: self._range(p, quantity, f"{name} sense range"),
        )  # fmt: skip
        # What is sourced is measured in the range that it is sourced in.
        self.on(f"{root}:RANGe[:UPPer]?", lambda c, p: self._ask_range(quantity, p))
        self._commands.insert(0, self._commands.pop())
        self.flag(f"{root}:RANGe:AUTO", f"{name} sense auto", True)
        self.query(
            f"{root}:RANGe:AUTO:ULIMit", lambda: self.format_number(self._limit_range(quantity))
        )
        least = quantity.ranges[0] / 1.05
        self.number(
            f"{root}:RANGe:AUTO:LLIMit", f"{name} least", least, -quantity.most, quantity.most
        )
        self._add_nplc(root)
        most = quantity.most
        protection = f"{root}:PROTection"
        self.setting(
            f"{protection}[:LEVel]", f"{name} limit", quantity.default_limit,
            lambda p: self._read_limit(p, quantity, most),
        )  # fmt: skip
        self.query(f"{protection}:TRIPped", lambda: str(int(self._is_tripped(quantity))))
        self.flag(f"{protection}:RSYNchronize", f"{name} synchronised", False)

    def _add_ohms(self) -> None:
        root = "[:SENSe[1]]:RESistance"
        self.choice(f"{root}:MODE", "ohms_mode", "MANual AUTO", "AUTO")
        self.flag(f"{root}:OCOMpensated", "ohms_compensated", False)
        self.setting(f"{root}:RANGe[:UPPer]", "ohms_range", DEFAULT_OHMS, self._read_ohms)
        self.flag(f"{root}:RANGe:AUTO", "ohms_auto", True)
        self.number(f"{root}:RANGe:AUTO:ULIMit", "ohms_most", 2.1e8, 0.0, 2.1e8)
        self.number(f"{root}:RANGe:AUTO:LLIMit", "ohms_least", 21.0, 0.0, 2.1e8)
        self._add_nplc(root)

    def _add_nplc(self, root: str) -> None:
        """Add one of the names of the integration time, which is the same for all functions."""
        self.decimal(f"{root}:NPLCycles", "nplc", 1.0, 0.01, 10.0, 2)

    @property
    def is_auto_ohms(self) -> bool:
        """Whether the ohmmeter has taken over the source."""
        return "RES" in self.value("functions") and self.value("ohms_mode") == "AUTO"

    @property
    def effective_limit(self) -> float:
        """The compliance that acts: what was set, or a fixed measuring range below it."""
        quantity = OTHER[self.source.name]
        limit = float(self.value(f"{quantity.name} limit"))
        if self.is_auto_ohms or self.value(f"{quantity.name} sense auto"):
            return limit
        return min(limit, float(self.value(f"{quantity.name} sense range")))

    @property
    def is_range_limited(self) -> bool:
        """Whether the measuring range limits the output before the compliance does."""
        return self.effective_limit < self.value(f"{OTHER[self.source.name].name} limit")

    def changed(self, name: str, channel: int) -> None:
        """Let a new setting act."""
        kind, _, what = name.partition(" ")
        if kind in QUANTITIES and what in ("sense range", "sense auto", "limit", "least"):
            self._changed_sense(QUANTITIES[kind], what)
        elif name == "ohms_range":
            self.put("ohms_auto", False)
        elif name == "concurrent":
            if not self.value("concurrent"):
                self.put("functions", ("VOLT",))
        else:
            super().changed(name, channel)
        if name in ("ohms_mode", "ohms_range", "concurrent"):
            self._functions_changed()

    def _changed_sense(self, quantity: Quantity, what: str) -> None:
        name = quantity.name
        if what == "sense range":
            if self.is_auto_ohms:
                raise ScpiError(825)
            if quantity is self.source:
                raise ScpiError(823)
            full = self.value(f"{name} sense range")
            if full > self._limit_range(quantity) * (1 + 1e-9):
                if not self.value(f"{name} synchronised"):
                    raise ScpiError(824)
                self.put(f"{name} limit", full)
            self.put(f"{name} sense auto", False)
        elif what == "limit":
            self._check_power()
        self.apply()

    def _read_limit(self, parameter: Parameter, quantity: Quantity, most: float) -> float:
        """Read a compliance; one that its range cannot hold is passed over without an error."""
        name = quantity.name
        wanted = abs(within(parameter, -most, most, quantity.default_limit))
        if str(parameter).upper()[:3] == "MIN":
            wanted = quantity.least_limit
        least = quantity.least_limit
        if not self.value(f"{name} sense auto") and quantity is not self.source:
            least = max(least, self.value(f"{name} sense range") / 1.05 * _LEAST_OF_RANGE)
        if wanted < least * (1 - 1e-9):
            return float(self.value(f"{name} limit"))
        return wanted

    def _limit_range(self, quantity: Quantity) -> float:
        return lowest_range(quantity.ranges, self.value(f"{quantity.name} limit"))

    def sense_range(self, quantity: Quantity) -> float:
        """Return the range that a quantity is measured in."""
        if quantity is self.source:
            return self.source_range(self._level)
        return float(self.value(f"{quantity.name} sense range"))

    def _ask_range(self, quantity: Quantity, parameters: Sequence[Parameter]) -> str:
        if parameters:
            return self.format_number(
                self._range(parameters[0], quantity, f"{quantity.name} range")
            )
        return self.format_number(self.sense_range(quantity))

    def _read_ohms(self, parameter: Parameter) -> float:
        ranges = tuple(OHMS)
        word = str(parameter).upper()
        if word in ("UP", "DOWN"):
            at = ranges.index(self.value("ohms_range")) + (1 if word == "UP" else -1)
            return ranges[min(max(at, 0), len(ranges) - 1)]
        return lowest_range(ranges, within(parameter, 0.0, ranges[-1], DEFAULT_OHMS))

    def _is_tripped(self, quantity: Quantity) -> bool:
        raise NotImplementedError

    # Functions.

    def _enable(self, names: tuple[str, ...], only: bool) -> None:
        if not self.value("concurrent"):
            if len(names) > 1:
                raise ScpiError(-221)
            only = True
        kept = () if only else self.value("functions")
        self._put_functions(tuple(name for name in _NAMES if name in kept or name in names))

    def _disable(self, names: tuple[str, ...]) -> None:
        self._put_functions(tuple(n for n in self.value("functions") if n not in names))

    def _disabled(self) -> tuple[str, ...]:
        return tuple(name for name in _NAMES if name not in self.value("functions"))

    def _put_functions(self, names: tuple[str, ...]) -> None:
        before = self.value("functions")
        self.put("functions", names)
        try:
            self._functions_changed()
        except ScpiError:
            self.put("functions", before)
            self._functions_changed()
            raise

    def _functions_changed(self) -> None:
        """Have the ohmmeter take the source over, or give it back."""
        level = self.value(f"{self.source.name} level")
        if self.is_auto_ohms:
            level = OHMS[self.value("ohms_range")]
        elif not self._was_auto_ohms:
            return
        self._was_auto_ohms = self.is_auto_ohms
        self._level = level
        self.apply()

    def _is_on(self, parameters: Sequence[Parameter]) -> str:
        if not parameters:
            raise ScpiError(-109)
        return str(int(all(name in self.value("functions") for name in _functions(parameters))))


def _functions(parameters: Sequence[Parameter]) -> tuple[str, ...]:
    if not parameters:
        raise ScpiError(-109)
    names = [_WORDS.get(text.upper().lstrip(":")) for text in strings(parameters)]
    if None in names:
        raise ScpiError(-224)
    return tuple(str(name) for name in names)


def _quoted(names: Sequence[str]) -> str:
    return ",".join(f'"{_NAMES[name]}"' for name in names) or '""'
