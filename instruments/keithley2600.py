"""Keithley 2600B source meters (2636B and its kin): a driver of our own, and a source role.

The role reads its limit back after every setting and every reading.
"""

from __future__ import annotations

from dataclasses import replace
from math import isclose
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from pymeasure.instruments import Instrument

from instruments.clock import SystemClock
from instruments.keithley2600_channel import (
    LEAST_LIMIT_A,
    MAX_CURRENT_A,
    MAX_VOLTAGE_V,
    FloatArray,
    SourceMeterChannel,
)
from instruments.link import LinkedInstrument
from instruments.roles import Clock, ComplianceCheck, Reading, SweepReading
from labbench.errors import InstrumentError, LinkError, ReadbackError, StimulusError

# Above this voltage the instrument gives a tenth of an ampere.
HIGH_VOLTAGE_V, MAX_CURRENT_AT_HIGH_A = 20.0, 0.1
_LIMIT_TOLERANCE = 1e-3
# Apertures in line cycles; readings of shorter dwells keep to the range of the limit.
_LEAST_NPLC, _LEAST_AUTORANGED_S = 1e-3, 10e-3
_LONGEST_QUEUE = 110
_POLL_S, _LONGEST_WAIT_S = 0.05, 3600.0
_INTERLOCK_CLOSED = 1 << 11
_ASCII = "format.data = format.ASCII format.asciiprecision = 10"
_BINARY = "format.data = format.REAL64 format.byteorder = format.LITTLEENDIAN"


class Keithley2600Driver(LinkedInstrument):
    """The instrument with its two channels.

    Parameters
    ----------
    adapter : str, int or pymeasure Adapter
    name : str
    clock : Clock, optional
        To wait for sweeps with.
    **kwargs
        For the VISA connection.
    """

    smua = Instrument.ChannelCreator(SourceMeterChannel, "a")
    smub = Instrument.ChannelCreator(SourceMeterChannel, "b")

    line_frequency = Instrument.measurement(
        "print(localnode.linefreq)", """Get the frequency of the power line in hertz (float)."""
    )

    measurement_condition = Instrument.measurement(
        "print(status.measurement.condition)",
        """Get the measurement condition register (int).""",
        cast=float,
        get_process=int,
    )

    def __init__(
        self,
        adapter: Any,
        name: str = "Keithley 2600B SourceMeter",
        *,
        clock: Clock | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(adapter, name, **kwargs)
        self._clock = clock or SystemClock()
        self.write(_ASCII)

    def channel(self, number: int) -> SourceMeterChannel:
        """Return channel 1 (smua) or 2 (smub).

        Raises
        ------
        StimulusError
            If there is no such channel.
        """
        if number not in (1, 2):
            raise StimulusError(f"A 2636B has channels 1 and 2: asked for {number}.")
        found: SourceMeterChannel = self.smua if number == 1 else self.smub
        return found

    def write_all(self, *commands: str) -> None:
        """Send commands one after the other."""
        for command in commands:
            self.write(command)

    def check_errors(self) -> list[Any]:
        """Read the instrument's error queue empty.

        Raises
        ------
        InstrumentError
            If there was anything in it.
        """
        command = self._command
        found: list[str] = []
        for _ in range(_LONGEST_QUEUE):
            answer = self.ask("print(errorqueue.next())").strip()
            code, _, words = answer.partition("\t")
            try:
                number = round(float(code))
            except ValueError as error:
                raise LinkError(
                    f"{self.resource} answered 'errorqueue.next()' with {answer!r}."
                ) from error
            if number == 0:
                break
            found.append(f"{number:d} {words.split(chr(9))[0]}")
        if found:
            raise InstrumentError(f"{self.resource} reports {'; '.join(found)} after {command!r}.")
        return found

    def wait_until_zero(
        self, condition: str, expected_s: float = 0.0, longest_s: float = _LONGEST_WAIT_S
    ) -> None:
        """Wait until a condition register reads zero.

        Raises
        ------
        InstrumentError
            If it does not for `longest_s` more than expected.
        """
        deadline_s = self._clock.now() + expected_s + longest_s
        self._clock.sleep(expected_s)
        while float(self.ask(f"print({condition})")) != 0.0:
            if self._clock.now() > deadline_s:
                raise InstrumentError(
                    f"{self.resource} still works: {condition} is not zero after "
                    f"{expected_s + longest_s:g} s. Abort it by safe()."
                )
            self._clock.sleep(_POLL_S)

    def read_buffer(self, column: str, count: int) -> FloatArray:
        """Return the first readings of a buffer's column (count,), transferred in binary.

        Raises
        ------
        LinkError
            If what comes is no binary block of that length.
        """
        self.write(f"{_BINARY} printbuffer(1, {count:d}, {column}) {_ASCII}")
        head = self.read_bytes(2)
        if head != b"#0":
            raise LinkError(f"{self.resource} answered {self._command!r} with {head!r} in front.")
        block = self.read_bytes(8 * count + 1)
        if len(block) != 8 * count + 1:
            raise LinkError(
                f"{self.resource} sent {len(block) // 8} of {count} readings of {column}."
            )
        return np.frombuffer(block[:-1], dtype="<f8").astype(np.float64)


class Keithley2600:
    """One channel of a Keithley 2600B as a SourceMeter.

    Parameters
    ----------
    adapter : str, int or pymeasure Adapter
    name : str
    channel : int
        1 for smua, 2 for smub.
    clock : Clock, optional
    **kwargs
        For the VISA connection.

    Attributes
    ----------
    driver : Keithley2600Driver
    smu : SourceMeterChannel
        For everything beyond the role.
    """

    def __init__(
        self,
        adapter: Any,
        name: str = "Keithley 2600B SourceMeter",
        *,
        channel: int = 1,
        clock: Clock | None = None,
        **kwargs: Any,
    ) -> None:
        self.driver = Keithley2600Driver(adapter, name, clock=clock, **kwargs)
        self.smu = self.driver.channel(channel)
        self._limit_a: float | None = None

    @property
    def identity(self) -> str:
        """Get the answer to ``*IDN?`` (str)."""
        return self.driver.identity

    @property
    def is_output_on(self) -> bool:
        """Get whether the output is on (bool)."""
        return bool(self.smu.output == "on")

    @property
    def is_interlock_open(self) -> bool:
        """Get whether the interlock is open (bool): no level above 20 V then."""
        return not self.driver.measurement_condition & _INTERLOCK_CLOSED

    def source_voltage(self, level_v: float, compliance_a: float) -> ComplianceCheck:
        """Set a voltage, limit the current and switch the output on.

        Raises
        ------
        StimulusError
            If the instrument has no such level or limit.
        ReadbackError
            If it did not take the limit; the output is off then.
        """
        self._check(level_v, compliance_a)
        smu = self.smu
        smu.source_mode = "voltage"
        self._limit_a = compliance_a
        # The limit first: the level must never be out without it.
        smu.limit_current = compliance_a
        found_a = self._verify_limit(compliance_a)
        smu.source_voltage = level_v
        smu.output = "on"
        return ComplianceCheck("A", compliance_a, f"{compliance_a:.9e}", found_a)

    def measure(self) -> Reading:
        """Measure voltage and current once; an overflow reads as infinite.

        Raises
        ------
        ReadbackError
            If the limit is not what it was set to; the output is off then.
        """
        reading = self.smu.measure()
        if self._limit_a is not None:
            self._verify_limit(self._limit_a)
        return reading

    def sweep(self, level_v: ArrayLike, compliance_a: float, dwell_s: float) -> SweepReading:
        """Go through voltages, measure at the end of each; the output is at zero and off then.

        The second half of a dwell is the aperture, one line cycle at most. Below 10 ms a level,
        currents are read on the range of the limit, because finding a range takes time.

        Raises
        ------
        StimulusError, ReadbackError, InstrumentError
            As `source_voltage`, and if the sweep does not end.
        """
        levels = np.atleast_1d(np.asarray(level_v, dtype=np.float64))
        smu, most_v = self.smu, float(np.max(np.abs(levels), initial=0.0))
        self._check(most_v, compliance_a)
        line_hz = float(self.driver.line_frequency)
        nplc = min(max(dwell_s / 2 * line_hz, _LEAST_NPLC), 1.0)
        before = smu.nplc, smu.measure_delay, smu.source_delay, smu.autozero
        try:
            check = self.source_voltage(0.0, compliance_a)
            # By itself the source would change its range on the way, with a glitch.
            smu.source_range_voltage = most_v
            smu.nplc, smu.measure_delay, smu.autozero = nplc, 0.0, "once"
            smu.source_delay = max(dwell_s - nplc / line_hz, 0.0)
            smu.is_autorange_current = dwell_s >= _LEAST_AUTORANGED_S
            if dwell_s < _LEAST_AUTORANGED_S:
                smu.range_current = compliance_a
            found = smu.sweep_list(levels.tolist())
            self._verify_limit(compliance_a)
        finally:
            self.safe()
            smu.nplc, smu.measure_delay, smu.source_delay, smu.autozero = before
            smu.is_autorange_current = smu.is_source_autorange_voltage = True
        return replace(found, check=replace(check, in_compliance=bool(found.in_compliance.any())))

    def safe(self) -> None:
        """Bring the level to zero and switch the output off, at high impedance.

        In its normal off mode the instrument holds zero behind a closed relay: what it is wired to
        would be grounded.

        Raises
        ------
        ReadbackError
            If the output is still on, holds something, or its level is not zero.
        """
        driver, smu = self.driver, f"smu{self.smu.id}"
        driver.abandon()
        # No check in between: an error left in the queue must not keep the output on.
        driver.write_each(
            f"{smu}.abort()",
            f"{smu}.source.levelv = 0",
            f"{smu}.source.leveli = 0",
            # Off, the instrument would hold 0 V; what nobody holds must float.
            f"{smu}.source.offmode = 2",
            f"{smu}.source.output = 0",
            _ASCII,
        )
        if self.is_output_on or self.smu.off_mode != "high impedance":
            raise ReadbackError(f"{driver.resource}: the output of {smu} is still on.")
        level_v, level_a = self.smu.source_voltage, self.smu.source_current
        if level_v != 0.0 or level_a != 0.0:
            raise ReadbackError(
                f"{driver.resource}: the level of {smu} is {level_v:g} V, {level_a:g} A, not zero."
            )
        driver.check_errors()

    @staticmethod
    def _check(level_v: float, compliance_a: float) -> None:
        most_a = MAX_CURRENT_A if abs(level_v) <= HIGH_VOLTAGE_V else MAX_CURRENT_AT_HIGH_A
        if not (abs(level_v) <= MAX_VOLTAGE_V and LEAST_LIMIT_A <= compliance_a <= most_a):
            raise StimulusError(
                f"A 2636B forces up to {MAX_VOLTAGE_V:g} V with a limit from {LEAST_LIMIT_A:g} A "
                f"to {most_a:g} A at that voltage: asked for {level_v:g} V and {compliance_a:g} A."
            )

    def _verify_limit(self, limit_a: float) -> float:
        found_a = float(self.smu.limit_current)
        if not isclose(found_a, limit_a, rel_tol=_LIMIT_TOLERANCE):
            self.safe()
            raise ReadbackError(
                f"{self.driver.resource} has a current limit of {found_a:g} A at smu{self.smu.id} "
                f"instead of {limit_a:g} A; its output is off."
            )
        return found_a
