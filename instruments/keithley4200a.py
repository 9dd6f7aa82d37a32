"""Keithley 4200A-SCS under KXCI: its SMUs as source meters, its pulse card as pulse source.

On Ethernet every command is answered, by "ACK" if all is well. KXCI cannot be asked for levels,
limits and output states: what was acknowledged counts, and is checked against what is measured.
"""

from __future__ import annotations

import re
from dataclasses import replace
from math import copysign, inf
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from pymeasure.instruments import Channel
from pymeasure.instruments.keithley import Keithley4200 as StockKeithley4200
from pymeasure.instruments.keithley.keithley4200 import SMU

from instruments.clock import SystemClock
from instruments.link import LinkedMixin
from instruments.roles import Clock, ComplianceCheck, Reading, SweepReading
from labbench.errors import InstrumentError, ReadbackError, StimulusError

MAX_VOLTAGE_V, MAX_CURRENT_A = 210.0, 0.105
# Above this voltage only a tenth of the current.
_LOW_VOLTAGE_V = 21.0
_OVERFLOW = 1e22
_LIMIT_TOLERANCE, _ZERO_V = 2e-2, 0.05
_READING = re.compile(r"([A-Z])([A-Z])([VI])\s*([+-]?[\d.]+(?:[Ee][+-]?\d+)?)")


def parse_reading(answer: str) -> tuple[str, float]:
    """Split a reading into its status letter and its value; beyond the range it is infinite.

    Raises
    ------
    ValueError
        If it is no reading.
    """
    match = _READING.fullmatch(answer.strip())
    if match is None:
        raise ValueError(f"{answer!r} is no reading of an SMU")
    value = float(match[4])
    return match[1], copysign(inf, value) if abs(value) >= _OVERFLOW else value


def _checked(values: tuple[int, float, float], limits: tuple[float, float]) -> tuple[Any, ...]:
    """Refuse what no SMU has: range code, level and compliance."""
    code, level, compliance = values
    if code not in range(14) or abs(level) > limits[0] or not 0 < compliance <= limits[1]:
        raise ValueError(
            f"Asked for range {code}, level {level:g} and compliance {compliance:g}: ranges are 0 "
            f"to 13, levels reach {limits[0]:g} and compliances {limits[1]:g}."
        )
    return values


class SmuChannel(SMU):
    """A stock SMU with nine digits, checked settings and the status of its readings."""

    voltage_setpoint = Channel.setting(
        "US;DV{ch},%d,%.9g,%.9g",
        """Set range code, voltage in volt and compliance in ampere (int, float, float).""",
        validator=_checked,
        values=(MAX_VOLTAGE_V, MAX_CURRENT_A),
        check_set_errors=True,
    )
    current_setpoint = Channel.setting(
        "US;DI{ch},%d,%.9g,%.9g",
        """Set range code, current in ampere and compliance in volt (int, float, float).""",
        validator=_checked,
        values=(MAX_CURRENT_A, MAX_VOLTAGE_V),
        check_set_errors=True,
    )

    def read_voltage(self) -> tuple[str, float]:
        """Measure the voltage once and return its status letter and its value in volt."""
        return self._reading("US;TV{ch}")

    def read_current(self) -> tuple[str, float]:
        """Measure the current once and return its status letter and its value in ampere."""
        return self._reading("US;TI{ch}")

    def _reading(self, command: str) -> tuple[str, float]:
        answer = self.ask(command)
        try:
            return parse_reading(answer)
        except ValueError as error:
            raise InstrumentError(f"{self.parent.resource}: {error} ({command}).") from error


class _Stock(StockKeithley4200):
    """The stock driver where a mixin has spoken of SCPI already."""

    def __init__(self, adapter: Any, name: str, includeSCPI: bool = False, **kwargs: Any) -> None:  # noqa: N803
        super().__init__(adapter, name, **kwargs)


class Keithley4200ADriver(LinkedMixin, _Stock):
    """The stock driver with our errors, and our SMUs."""

    def add_smu(self, id: int) -> None:
        """Add an SMU."""
        self.add_child(SmuChannel, id=id, prefix="smu", collection="smu")

    integration = StockKeithley4200.setting(
        "IT%d",
        """Set the integration: 1 short, 2 normal, 3 long (int).""",
        validator=lambda value, values: _among(value, values),
        values=(1, 2, 3),
        check_set_errors=True,
    )
    resolution = StockKeithley4200.setting(
        "RS%d",
        """Set the digits of an answer (int strictly from 3 to 7).""",
        validator=lambda value, values: _among(value, values),
        values=(3, 4, 5, 6, 7),
        check_set_errors=True,
    )

    def check_set_errors(self) -> list[Any]:
        """Read the acknowledgement of what was set.

        Raises
        ------
        InstrumentError
            If it is none.
        """
        answer = self.read().strip()
        if answer != "ACK":
            raise InstrumentError(
                f"{self.resource} answered {self._command!r} with {answer!r} instead of 'ACK'."
            )
        return []

    def check_errors(self) -> list[Any]:
        """Read the last error and forget it.

        Raises
        ------
        InstrumentError
            If there was one.
        """
        command = self._command
        answer = self.ask(":ERROR:LAST:GET").strip()
        if answer and not answer.lower().startswith("no error"):
            self.tell(":ERROR:LAST:CLEAR")
            raise InstrumentError(f"{self.resource} reports {answer!r} after {command!r}.")
        return []

    def forget_errors(self) -> None:
        """Forget the last error."""
        self.tell(":ERROR:LAST:CLEAR")

    def tell(self, command: str) -> None:
        """Send a command and read its acknowledgement."""
        self.write(command)
        self.check_set_errors()

    def tell_each(self, *commands: str) -> None:
        """Send commands, the later ones even if an earlier one fails.

        Raises
        ------
        InstrumentError
            The first failure, once all were tried.
        """
        failures: list[InstrumentError] = []
        for command in commands:
            try:
                self.tell(command)
            except InstrumentError as error:
                failures.append(error)
        if failures:
            raise failures[0]


def _among(value: int, values: tuple[int, ...]) -> int:
    if value not in values:
        raise ValueError(f"{value} is none of {', '.join(map(str, values))}.")
    return value


class Keithley4200A:
    """One SMU of a 4200A as a SourceMeter.

    Parameters
    ----------
    adapter : str, int or pymeasure Adapter
    name : str
    channel : int
        Number of the SMU.
    clock : Clock, optional
        To hold the levels of a sweep with; real time by default.
    **kwargs
        For the VISA connection.

    Attributes
    ----------
    driver : Keithley4200ADriver
        For everything beyond the role.
    """

    def __init__(
        self,
        adapter: Any,
        name: str = "Keithley 4200A-SCS SMU",
        *,
        channel: int = 1,
        clock: Clock | None = None,
        **kwargs: Any,
    ) -> None:
        self.driver = Keithley4200ADriver(adapter, name, **kwargs)
        smus = getattr(self.driver, "smu", {})
        if channel not in smus:
            raise InstrumentError(
                f"{self.driver.resource} has the SMUs {', '.join(map(str, smus))}, not {channel}."
            )
        self._smu: SmuChannel = smus[channel]
        self.driver.resolution = 7
        self._limit_a: float | None = None
        self._clock = clock or SystemClock()

    @property
    def identity(self) -> str:
        """Get the answer to ``*IDN?`` (str)."""
        return self.driver.identity

    @property
    def is_output_on(self) -> bool:
        """Get whether the output was last acknowledged as on: KXCI cannot be asked (bool)."""
        return self._limit_a is not None

    def source_voltage(self, level_v: float, compliance_a: float) -> ComplianceCheck:
        """Set a voltage with its limit, in one command, which switches the output on.

        Raises
        ------
        StimulusError
            If the SMU has no such level or limit.
        ReadbackError
            If more current flows than the limit allows; the output is off then.
        """
        most_a = MAX_CURRENT_A if abs(level_v) <= _LOW_VOLTAGE_V else MAX_CURRENT_A / 10
        if not (abs(level_v) <= MAX_VOLTAGE_V and 0 < compliance_a <= most_a):
            raise StimulusError(
                f"An SMU forces up to {MAX_VOLTAGE_V:g} V with a limit up to {MAX_CURRENT_A:g} A, "
                f"a tenth of it above {_LOW_VOLTAGE_V:g} V: asked for {level_v:g} V and "
                f"{compliance_a:g} A."
            )
        # From here on it may be on, whatever becomes of the acknowledgement.
        self._limit_a = compliance_a
        self._smu.voltage_setpoint = (0, level_v, compliance_a)
        self._verify_limit(self._smu.read_current()[1])
        # KXCI has no question for a limit.
        return ComplianceCheck("A", compliance_a, f"{compliance_a:.9g}", None)

    def measure(self) -> Reading:
        """Measure voltage and current once; an overflow reads as infinite.

        Raises
        ------
        ReadbackError
            If more current flows than the limit allows; the output is off then.
        """
        _, voltage_v = self._smu.read_voltage()
        letter, current_a = self._smu.read_current()
        self._verify_limit(current_a)
        return Reading(voltage_v=voltage_v, current_a=current_a, in_compliance=letter == "C")

    def sweep(self, level_v: ArrayLike, compliance_a: float, dwell_s: float) -> SweepReading:
        """Go through voltages point by point; the output is at zero and off then.

        KXCI takes a command at a time, so that short dwells take as long as the messages do.

        Raises
        ------
        StimulusError, ReadbackError
            As `source_voltage`, and if there is no level.
        """
        levels = np.atleast_1d(np.asarray(level_v, dtype=np.float64))
        if not levels.size:
            raise StimulusError("A sweep needs at least one level.")
        found, time_s = [], []
        try:
            for level in levels.tolist():
                until_s = self._clock.now() + dwell_s
                check = self.source_voltage(level, compliance_a)
                self._clock.sleep(max(until_s - self._clock.now(), 0.0))
                found.append(self.measure())
                time_s.append(self._clock.now())
        finally:
            self.safe()
        return SweepReading(
            level_v=levels,
            voltage_v=np.array([reading.voltage_v for reading in found]),
            current_a=np.array([reading.current_a for reading in found]),
            time_s=np.array(time_s) - time_s[0],
            in_compliance=np.array([reading.in_compliance for reading in found]),
            check=replace(check, in_compliance=any(each.in_compliance for each in found)),
        )

    def safe(self) -> None:
        """Bring the level to zero and open the output.

        Raises
        ------
        ReadbackError
            If the level does not measure as zero before the output is opened.
        """
        driver, number = self.driver, self._smu.id
        driver.abandon()
        limit_a = self._limit_a or 1e-3
        try:
            driver.tell_each("US", f"DV{number},0,0,{limit_a:.9g}")
            letter, level_v = self._smu.read_voltage()
        finally:
            driver.tell_each(f"US;DV{number}")
        self._limit_a = None
        if letter != "C" and abs(level_v) > _ZERO_V:
            raise ReadbackError(f"{driver.resource}: {level_v:g} V measured after setting 0 V.")

    def _verify_limit(self, current_a: float) -> None:
        limit_a = self._limit_a
        if limit_a is not None and inf > abs(current_a) > limit_a * (1 + _LIMIT_TOLERANCE):
            self.safe()
            raise ReadbackError(
                f"{self.driver.resource} measures {current_a:g} A with a limit of {limit_a:g} A; "
                "its output is off."
            )
