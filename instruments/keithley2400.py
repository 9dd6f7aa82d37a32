"""Keithley 2400 as a source driver.

The stock driver's ``current`` and ``voltage`` send ``:MEASure``, which can bring the current limit
back to its default. So readings are taken by ``:READ?``, and the limit is read back after every
setting and every reading.
"""

from __future__ import annotations

from math import copysign, inf, isclose
from typing import Any

from pymeasure.instruments import Instrument
from pymeasure.instruments.keithley import Keithley2400 as StockKeithley2400
from pymeasure.instruments.validators import strict_range

from instruments.link import LinkedMixin
from instruments.roles import Clock, ComplianceCheck, Reading
from labbench.errors import ReadbackError, StimulusError

MAX_VOLTAGE_V = 210.0
MAX_CURRENT_A = 1.05
_IN_COMPLIANCE = 1 << 3
_OVERFLOW = 9.9e37
# The limit is rounded to the resolution of its range; a limit not taken differs by far more.
_LIMIT_TOLERANCE = 1e-2


class Keithley2400Driver(LinkedMixin, StockKeithley2400):
    """The stock driver with nine digits, checked settings and our errors."""

    source_voltage = Instrument.control(
        ":SOURCE:VOLTAGE?",
        ":SOURCE:VOLTAGE %.9g",
        """Control the source voltage in volt (float strictly from -210 to 210).""",
        validator=strict_range,
        values=[-MAX_VOLTAGE_V, MAX_VOLTAGE_V],
        check_set_errors=True,
    )
    compliance_current = Instrument.control(
        ":SENSE:CURRENT:PROTECTION?",
        ":SENSE:CURRENT:PROTECTION %.9g",
        """Control the compliance current in ampere (float strictly from 0 to 1.05).""",
        validator=strict_range,
        values=[0, MAX_CURRENT_A],
        check_set_errors=True,
    )


class Keithley2400:
    """A Keithley 2400 as a SourceMeter.

    The role's `source_voltage` is a method and the stock driver's a property, so the driver is
    held, not inherited.

    Parameters
    ----------
    adapter : str, int or pymeasure Adapter
    name : str
    channel : int
        Ignored, as in every driver of an instrument without a choice of one.
    clock : Clock, optional
        Not needed: nothing waits here.
    **kwargs
        For the VISA connection.

    Attributes
    ----------
    driver : Keithley2400Driver
        For everything beyond the role.
    """

    def __init__(
        self,
        adapter: Any,
        name: str = "Keithley 2400 SourceMeter",
        *,
        channel: int = 1,
        clock: Clock | None = None,
        **kwargs: Any,
    ) -> None:
        self.driver = Keithley2400Driver(adapter, name, **kwargs)
        self._limit_a: float | None = None

    @property
    def identity(self) -> str:
        """Get the answer to ``*IDN?`` (str)."""
        return self.driver.identity

    @property
    def is_output_on(self) -> bool:
        """Get whether the output is on (bool)."""
        return bool(self.driver.source_enabled)

    def source_voltage(self, level_v: float, compliance_a: float) -> ComplianceCheck:
        """Set a voltage, limit the current and switch the output on.

        Raises
        ------
        StimulusError
            If the instrument has no such level or limit.
        ReadbackError
            If it did not take the limit; the output is off then.
        """
        if not (abs(level_v) <= MAX_VOLTAGE_V and 0 < compliance_a <= MAX_CURRENT_A):
            raise StimulusError(
                f"A Keithley 2400 forces up to {MAX_VOLTAGE_V} V with a limit up to "
                f"{MAX_CURRENT_A} A: asked for {level_v} V and {compliance_a} A."
            )
        driver = self.driver
        driver.source_mode = "voltage"
        self._limit_a = compliance_a
        # The limit first: the level must never be out without it.
        driver.compliance_current = compliance_a
        found_a = self._verify_limit(compliance_a)
        driver.source_voltage = level_v
        driver.source_enabled = True
        driver.check_errors()
        return ComplianceCheck("A", compliance_a, f"{compliance_a:.9g}", found_a)

    def measure(self) -> Reading:
        """Measure voltage and current once; an overflow reads as infinite.

        Raises
        ------
        ReadbackError
            If the measurement changed the limit; the output is off then.
        """
        values = self.driver.measure_all()
        if self._limit_a is not None:
            self._verify_limit(self._limit_a)
        current_a = values["current"]
        if abs(current_a) >= _OVERFLOW:
            current_a = copysign(inf, current_a)
        return Reading(
            voltage_v=values["voltage"],
            current_a=current_a,
            in_compliance=bool(values["status"] & _IN_COMPLIANCE),
        )

    def safe(self) -> None:
        """Bring the level to zero and switch the output off.

        Raises
        ------
        ReadbackError
            If the output is still on, or its level is not zero.
        """
        driver = self.driver
        driver.abandon()
        # No check in between: an error left in the queue must not keep the output on.
        driver.write_each(":SOURCE:VOLTAGE 0", "OUTPUT 0")
        if self.is_output_on:
            raise ReadbackError(f"{driver.resource}: the output is still on.")
        level_v = driver.source_voltage
        if level_v != 0.0:
            raise ReadbackError(f"{driver.resource}: the level is {level_v:g} V, not 0 V.")
        driver.check_errors()

    def _verify_limit(self, limit_a: float) -> float:
        found_a = float(self.driver.compliance_current)
        if not isclose(found_a, limit_a, rel_tol=_LIMIT_TOLERANCE):
            self.safe()
            raise ReadbackError(
                f"{self.driver.resource} has a current limit of {found_a:g} A instead of "
                f"{limit_a:g} A; its output is off."
            )
        return found_a
