"""Keithley 2400 as a source driver.

The stock driver's ``current`` and ``voltage`` send ``:MEASure``, which can bring the current limit
back to its default. So readings are taken by ``:READ?``, and the limit is read back after every
setting and every reading.

A sweep is a list of levels that the instrument goes through by itself, into its buffer: the stock
driver has neither, and clips the buffer to 1024 readings without a word.
"""

from __future__ import annotations

from dataclasses import replace
from math import copysign, inf, isclose
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pymeasure.instruments import Instrument
from pymeasure.instruments.keithley import Keithley2400 as StockKeithley2400
from pymeasure.instruments.validators import strict_discrete_set, strict_range

from instruments.clock import SystemClock
from instruments.link import LinkedMixin, link
from instruments.roles import Clock, ComplianceCheck, Reading, SweepReading
from labbench.errors import InstrumentError, LinkError, ReadbackError, StimulusError

MAX_VOLTAGE_V = 210.0
MAX_CURRENT_A = 1.05
MAX_POINTS = 2500
_MOST_IN_A_MESSAGE = 100
_ELEMENTS = 5
# The slowest line, the shortest aperture in its cycles, and what a conversion takes besides.
_LEAST_LINE_HZ, _LEAST_NPLC, _CONVERSION_S = 50.0, 0.01, 2e-4
_MEASUREMENT_SUMMARY = 1
_IN_COMPLIANCE, _RANGE_COMPLIANCE = 1 << 3, 1 << 16
_BUFFER_FULL = 512
# How much longer than expected a sweep may take.
_PATIENCE, _LEAST_PATIENCE_S = 3.0, 5.0
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
    source_voltage_shape = Instrument.control(
        ":SOURCE:VOLTAGE:MODE?",
        ":SOURCE:VOLTAGE:MODE %s",
        """Control how the voltage goes (str, strictly 'FIX', 'SWE' or 'LIST').""",
        validator=strict_discrete_set,
        values=["FIX", "SWE", "LIST"],
        check_set_errors=True,
    )
    is_interlock_used = Instrument.measurement(
        ":OUTPUT:ENABLE?",
        """Get whether the output needs the interlock line (bool).""",
        values={True: 1, False: 0},
        map_values=True,
    )
    is_interlock_closed = Instrument.measurement(
        ":OUTPUT:ENABLE:TRIPPED?",
        """Get whether the interlock line lets the output go on (bool).""",
        values={True: 1, False: 0},
        map_values=True,
    )
    is_limit_tripped = Instrument.measurement(
        ":SENSE:CURRENT:PROTECTION:TRIPPED?",
        """Get whether the current limit is acting (bool).""",
        values={True: 1, False: 0},
        map_values=True,
    )
    buffer_points = Instrument.control(
        ":TRACE:POINTS?",
        ":TRACE:POINTS %d",
        """Control the size of the buffer (int strictly from 1 to 2500).""",
        validator=strict_range,
        values=[1, MAX_POINTS],
        cast=int,
        check_set_errors=True,
    )
    buffer_count = Instrument.measurement(
        ":TRACE:POINTS:ACTUAL?",
        """Get how many readings are in the buffer (int).""",
        cast=int,
    )
    transfer_format = Instrument.control(
        ":FORMAT:DATA?",
        ":FORMAT:DATA %s",
        """Control how readings are sent (str, strictly 'ascii' or 'binary').""",
        validator=strict_discrete_set,
        values={"ascii": "ASC", "binary": "REAL,32"},
        map_values=True,
        # The answer "REAL,32" is one value.
        separator=";",
        check_set_errors=True,
    )
    byte_order = Instrument.control(
        ":FORMAT:BORDER?",
        ":FORMAT:BORDER %s",
        """Control the byte order of binary readings (str, strictly 'NORM' or 'SWAP').""",
        validator=strict_discrete_set,
        values=["NORM", "SWAP"],
        check_set_errors=True,
    )

    def upload_levels(self, level_v: ArrayLike) -> None:
        """Replace the list of levels (n,) in V."""
        levels = [format(each, ".9g") for each in np.asarray(level_v, dtype=np.float64)]
        for start in range(0, len(levels), _MOST_IN_A_MESSAGE):
            part = ",".join(levels[start : start + _MOST_IN_A_MESSAGE])
            self.write(f":SOURCE:LIST:VOLTAGE{':APPEND' if start else ''} {part}")
        self.check_errors()

    def read_buffer(self) -> NDArray[np.float64]:
        """Return the buffer (n, 5): V, A, ohm, s and the status word."""
        if self.transfer_format == "ascii":
            return np.array(self.values(":TRACE:DATA?"), dtype=np.float64).reshape(-1, _ELEMENTS)
        order = ">f4" if self.byte_order == "NORM" else "<f4"
        count = self.buffer_count
        self.write(":TRACE:DATA?")
        head = self.read_bytes(2)
        if head != b"#0":
            raise LinkError(f"{self.resource} answered ':TRACE:DATA?' without a block: {head!r}.")
        # The block has no length of its own; a newline ends it.
        block = self.read_bytes(4 * _ELEMENTS * count + 1)[:-1]
        return np.frombuffer(block, order).astype(np.float64).reshape(-1, _ELEMENTS)

    def serial_poll(self) -> int:
        """Return the status byte, which the instrument gives even while it measures."""
        with link(self.resource, "serial poll"):
            return int(self.adapter.connection.read_stb())


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
        To wait for sweeps with; real time by default.
    **kwargs
        For the VISA connection.

    Attributes
    ----------
    driver : Keithley2400Driver
        For everything beyond the role.
    compliance : ComplianceCheck or None
        What became of the limit that was asked for last.
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
        self.compliance: ComplianceCheck | None = None
        self._clock = SystemClock() if clock is None else clock

    @property
    def identity(self) -> str:
        """Get the answer to ``*IDN?`` (str)."""
        return self.driver.identity

    @property
    def is_output_on(self) -> bool:
        """Get whether the output is on (bool)."""
        return bool(self.driver.source_enabled)

    @property
    def is_interlock_open(self) -> bool | None:
        """Get whether an open interlock keeps the output off (bool), None if none is used."""
        driver = self.driver
        return not driver.is_interlock_closed if driver.is_interlock_used else None

    def source_voltage(self, level_v: float, compliance_a: float) -> ComplianceCheck:
        """Set a voltage, limit the current, switch the output on and look at the limit.

        Raises
        ------
        StimulusError
            If the instrument has no such level or limit.
        ReadbackError
            If it did not take the limit; the output is off then.
        """
        driver = self.driver
        self._limit(level_v, compliance_a)
        driver.source_voltage = level_v
        driver.source_enabled = True
        driver.check_errors()
        return self._verify_limit(driver.is_limit_tripped)

    def sweep(
        self,
        level_v: ArrayLike,
        compliance_a: float,
        dwell_s: float,
        transfer: str = "binary",
    ) -> SweepReading:
        """Go through a list of voltages and measure at each; the output is off afterwards.

        Parameters
        ----------
        level_v : (n,) array_like
            1 to 2500 levels.
        compliance_a : float
        dwell_s : float
            Time at each level; as short as the instrument can where it is shorter than that.
        transfer : {"binary", "ascii"}

        Raises
        ------
        StimulusError
            If the instrument has no such levels or limit.
        ReadbackError
            If it did not take the limit, or did not keep it.
        InstrumentError
            If the sweep does not end.
        """
        levels = np.atleast_1d(np.asarray(level_v, dtype=np.float64))
        if levels.ndim != 1 or not 1 <= levels.size <= MAX_POINTS:
            raise StimulusError(
                f"A Keithley 2400 sweeps over 1 to {MAX_POINTS} levels: asked for {levels.shape}."
            )
        self._limit(float(levels[np.abs(levels).argmax()]), compliance_a)
        driver = self.driver
        aperture_plc = driver.current_nplc
        try:
            delay_s = self._divide(dwell_s)
            self._prepare(levels, delay_s, transfer)
            driver.source_enabled = True
            driver.write(":INIT")
            self._wait_for_buffer(levels.size, delay_s)
            found = driver.read_buffer()
        finally:
            driver.write_each(
                ":ABORT", "OUTPUT 0", ":SOURCE:VOLTAGE:MODE FIX", ":SOURCE:VOLTAGE 0",
                ":TRIGGER:COUNT 1", ":FORMAT:DATA ASC", "*SRE 0",
                f":SENSE:CURRENT:NPLC {aperture_plc:.9g}", ":SYSTEM:AZERO ON",
            )  # fmt: skip
        driver.check_errors()
        status = found[:, 4].astype(np.int64)
        limited = (status & (_IN_COMPLIANCE | _RANGE_COMPLIANCE)) != 0
        check = self._verify_limit(bool(limited.any()))
        return SweepReading(
            level_v=levels,
            voltage_v=_without_overflow(found[:, 0]),
            current_a=_without_overflow(found[:, 1]),
            time_s=found[:, 3] - found[0, 3],
            in_compliance=limited,
            check=check,
        )

    def measure(self) -> Reading:
        """Measure voltage and current once; an overflow reads as infinite.

        Raises
        ------
        ReadbackError
            If the measurement changed the limit; the output is off then.
        """
        values = self.driver.measure_all()
        is_limited = bool(values["status"] & (_IN_COMPLIANCE | _RANGE_COMPLIANCE))
        if self.compliance is not None:
            self._verify_limit(is_limited)
        current_a = values["current"]
        if abs(current_a) >= _OVERFLOW:
            current_a = copysign(inf, current_a)
        return Reading(voltage_v=values["voltage"], current_a=current_a, in_compliance=is_limited)

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
        # Off, the instrument would hold 0 V; what nobody holds must float.
        driver.write_each(":SOURCE:VOLTAGE 0", ":OUTPUT:SMODE HIMP", "OUTPUT 0")
        if self.is_output_on:
            raise ReadbackError(f"{driver.resource}: the output is still on.")
        level_v = driver.source_voltage
        if level_v != 0.0:
            raise ReadbackError(f"{driver.resource}: the level is {level_v:g} V, not 0 V.")
        driver.check_errors()

    def _limit(self, level_v: float, compliance_a: float) -> None:
        """Set the limit and read it back, before any level is out."""
        if not (abs(level_v) <= MAX_VOLTAGE_V and 0 < compliance_a <= MAX_CURRENT_A):
            raise StimulusError(
                f"A Keithley 2400 forces up to {MAX_VOLTAGE_V} V with a limit up to "
                f"{MAX_CURRENT_A} A: asked for {level_v} V and {compliance_a} A."
            )
        driver = self.driver
        driver.source_mode = "voltage"
        self.compliance = ComplianceCheck("A", compliance_a, f"{compliance_a:.9g}", None)
        driver.compliance_current = compliance_a
        self._verify_limit(False)

    def _verify_limit(self, is_limited: bool) -> ComplianceCheck:
        """Read the limit back; switch off if it is another one."""
        assert self.compliance is not None
        found_a = self.driver.compliance_current
        check = replace(self.compliance, read_back=found_a, in_compliance=is_limited)
        self.compliance = check
        if not isclose(found_a, float(check.sent), rel_tol=_LIMIT_TOLERANCE):
            self.safe()
            raise ReadbackError(
                f"{self.driver.resource} has a current limit of {found_a:g} A instead of "
                f"{check.requested:g} A; its output is off."
            )
        return check

    def _divide(self, dwell_s: float) -> float:
        """Choose the aperture for a dwell time, and return the delay that fills it up.

        Voltage and current are converted one after the other, and the zero and reference
        conversions of each reading are left out; a conversion takes a little beside its aperture.
        """
        line_hz = _LEAST_LINE_HZ
        driver = self.driver
        aperture_plc = min(max(dwell_s / 4 * line_hz, _LEAST_NPLC), 1.0)
        driver.current_nplc = aperture_plc
        driver.write(":SYSTEM:AZERO OFF")
        return max(dwell_s - 2 * (aperture_plc / line_hz + _CONVERSION_S), 0.0)

    def _prepare(self, levels: NDArray[np.float64], delay_s: float, transfer: str) -> None:
        driver = self.driver
        driver.write(":SENSE:RESISTANCE:MODE MAN")
        driver.write(":SENSE:FUNCTION:ALL")
        driver.upload_levels(levels)
        driver.source_voltage_shape = "LIST"
        driver.source_delay = delay_s
        driver.trigger_immediately()
        driver.arm_count = 1
        driver.trigger_count = levels.size
        driver.write(":TRACE:CLEAR")
        driver.buffer_points = levels.size
        driver.transfer_format = transfer
        driver.byte_order = "SWAP"
        # The summary bit of a full buffer ends the wait.
        driver.write(f":STATUS:PRESET;*CLS;*SRE {_MEASUREMENT_SUMMARY}")
        driver.write(f":STATUS:MEASUREMENT:ENABLE {_BUFFER_FULL}")
        driver.write(":TRACE:FEED SENSE;FEED:CONTROL NEXT")
        driver.check_errors()

    def _wait_for_buffer(self, count: int, delay_s: float) -> None:
        # Three conversions of each of two quantities, at the slowest line frequency.
        each_s = delay_s + 6 * (self.driver.current_nplc / 50.0 + 2e-4)
        expected_s = count * each_s
        deadline_s = self._clock.now() + _PATIENCE * expected_s + _LEAST_PATIENCE_S
        while not self.driver.serial_poll() & _MEASUREMENT_SUMMARY:
            if self._clock.now() > deadline_s:
                raise InstrumentError(
                    f"{self.driver.resource} has not filled its buffer of {count} readings in "
                    f"{_PATIENCE * expected_s + _LEAST_PATIENCE_S:.3g} s: its output is off."
                )
            self._clock.sleep(min(max(expected_s / 20, 5e-3), 0.5))


def _without_overflow(values: NDArray[np.float64]) -> NDArray[np.float64]:
    # A single-precision 9.9e37 is not quite that.
    return np.where(np.abs(values) >= _OVERFLOW * (1 - 1e-6), np.copysign(np.inf, values), values)
