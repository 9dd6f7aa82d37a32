"""The calculations of a 2400: power (CALC1), relative readings and limit tests (CALC2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from instruments.simulated.keithley2400.base import strings
from instruments.simulated.keithley2400.ranges import NOT_A_NUMBER, TOO_LARGE
from instruments.simulated.keithley2400.readings import (
    COMPLIANCE,
    LIMITS,
    MATH,
    NULLED,
    RANGE_COMPLIANCE,
    Taken,
)
from instruments.simulated.keithley2400.status import LIMIT_1_FAILED, LIMITS_PASSED
from instruments.simulated.keithley2400.trace import TraceLayer
from instruments.simulated.scpi.instrument import Answer
from instruments.simulated.scpi.message import Parameter, ScpiError

# Software limits, and the bits of the measurement register for low and high.
_LIMITS = (2, 3, 5, 6, 7, 8, 9, 10, 11, 12)
_BITS = {2: (1 << 1, 1 << 2), 3: (1 << 3, 1 << 4)}
_MOST = 9.999999e20


class CalculateLayer(TraceLayer):
    """Everything that is worked out from readings."""

    def _add_calculate(self) -> None:
        self._failed: dict[int, bool] = dict.fromkeys((1, *_LIMITS), False)
        self.flag(":CALCulate[1]:STATe", "math", False)
        self.on(":CALCulate[1]:MATH:NAME", self._put_name)
        self.query(":CALCulate[1]:MATH:NAME", lambda: '"POWER"')
        self.query(":CALCulate[1]:MATH:CATalog", lambda: '"POWER"')
        self.query(":CALCulate[1]:MATH[:EXPRession]", lambda: "(VOLT * CURR)")
        self.query(":CALCulate[1]:DATA", lambda: self._calculated("CALC", self.samples))
        self.query(":CALCulate[1]:DATA:LATest", lambda: self._calculated("CALC", self.samples[-1:]))
        root = ":CALCulate2"
        feeds = "CALCulate CALCulate1 VOLTage CURRent RESistance"
        self.choice(f"{root}:FEED", "limit_feed", feeds, "VOLT")
        self.number(f"{root}:NULL:OFFSet", "null", 0.0, -_MOST, _MOST)
        self.flag(f"{root}:NULL:STATe", "is_nulled", False)
        self.action(f"{root}:NULL:ACQuire", self._acquire)
        self.query(f"{root}:DATA", lambda: self._calculated("CALC2", self.samples))
        self.query(f"{root}:DATA:LATest", lambda: self._calculated("CALC2", self.samples[-1:]))
        self.flag(f"{root}:LIMit[1]:STATe", "limit1", False)
        self.choice(f"{root}:LIMit[1]:COMPliance:FAIL", "limit1_fail", "IN OUT", "IN")
        self.query(f"{root}:LIMit[1]:FAIL", lambda: str(int(self._failed[1])))
        for each in _LIMITS:
            self._add_limit(f"{root}:LIMit{each}", each)
        self.action(f"{root}:CLIMits:CLEar[:IMMediate]", self._clear_limits)
        self.flag(f"{root}:CLIMits:CLEar:AUTO", "limit_auto_clear", True)
        self.choice(f"{root}:CLIMits:MODE", "limit_mode", "GRADing SORTing", "GRAD")
        self.choice(f"{root}:CLIMits:BCONtrol", "limit_control", "IMMediate END", "IMM")

    def _add_limit(self, root: str, number: int) -> None:
        self.flag(f"{root}:STATe", f"limit{number}", False)
        for word, default in (("UPPer", 1.0), ("LOWer", -1.0)):
            self.number(
                f"{root}:{word}[:DATA]", f"limit{number}_{word.lower()}", default, -_MOST, _MOST
            )
        self.query(f"{root}:FAIL", lambda: str(int(self._failed[number])))

    def store(self, taken: Taken) -> None:
        """Keep a reading, with the results of its limit tests."""
        status = taken.status | MATH * self.value("math") | NULLED * self.value("is_nulled")
        active = [n for n in self._failed if self.value(f"limit{n}")]
        if active:
            status |= LIMITS
            self._test(taken, active)
        super().store(replace(taken, status=status))

    def calculated(self, taken: Taken, block: str) -> float:
        """Return what a calculation makes of a reading."""
        if block == "CALC":
            if not self.value("math"):
                return NOT_A_NUMBER
            parts = (taken.volt, taken.curr)
            return TOO_LARGE if TOO_LARGE in parts else taken.volt * taken.curr
        feed = str(self.value("limit_feed")).rstrip("1")
        value = self.calculated(taken, "CALC") if feed == "CALC" else taken.element(feed)
        if value in (NOT_A_NUMBER, TOO_LARGE):
            return value
        return value - self.value("null") * self.value("is_nulled")

    def begin_store(self) -> None:
        """Forget the failures of the run before."""
        super().begin_store()
        if self.value("limit_auto_clear"):
            self._clear_limits()

    def _test(self, taken: Taken, active: Sequence[int]) -> None:
        is_limited = bool(taken.status & (COMPLIANCE | RANGE_COMPLIANCE))
        value = self.calculated(taken, "CALC2")
        for number in active:
            if number == 1:
                is_failed = is_limited == (self.value("limit1_fail") == "IN")
                self.set_condition("MEAS", LIMIT_1_FAILED, is_failed)
            else:
                is_low = value < self.value(f"limit{number}_lower")
                is_high = value > self.value(f"limit{number}_upper")
                is_failed = is_low or is_high
                low, high = _BITS.get(number, (0, 0))
                self.set_condition("MEAS", low, is_low)
                self.set_condition("MEAS", high, is_high)
            self._failed[number] |= is_failed
        passed = not any(self._failed[number] for number in active)
        self.set_condition("MEAS", LIMITS_PASSED, passed)

    def _clear_limits(self) -> None:
        self._failed = dict.fromkeys(self._failed, False)

    def _acquire(self) -> None:
        if not self.samples:
            raise ScpiError(-230)
        before, _ = self.value("is_nulled"), self.put("is_nulled", False)
        self.put("null", self.calculated(self.samples[-1], "CALC2"))
        self.put("is_nulled", before)

    def _put_name(self, channel: int, parameters: Sequence[Parameter]) -> None:
        if strings(parameters) != ["POWER"]:
            raise ScpiError(806)

    def _calculated(self, block: str, taken: Sequence[Taken]) -> Answer:
        if self.is_running:
            self.wait()
        if not taken:
            raise ScpiError(-230)
        return self.in_numbers([self.calculated(each, block) for each in taken])
