"""Keithley 2600B source meters (2636B and its kin): a driver of our own, and a source role.

Numbers go out with ten digits: the stock driver's ``%f`` turns a limit of 1e-7 A into zero, which
the instrument refuses, and the limit before it stays. So every setting is checked against the
error queue, and the role reads its limit back after every setting and every reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isclose
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymeasure.instruments import Channel, Instrument
from pymeasure.instruments.validators import strict_discrete_set, strict_range

from instruments.clock import SystemClock
from instruments.link import LinkedInstrument
from instruments.roles import Clock, Reading
from labbench.errors import InstrumentError, LinkError, ReadbackError, StimulusError

FloatArray = NDArray[np.float64]

MAX_VOLTAGE_V, MAX_CURRENT_A = 200.0, 1.5
LEAST_LIMIT_A, LEAST_LIMIT_V = 1e-10, 20e-3
# Above this voltage the instrument gives a tenth of an ampere.
HIGH_VOLTAGE_V, MAX_CURRENT_AT_HIGH_A = 20.0, 0.1
_LIMITED_BITS, _COMPLIANCE_STATUS = 0b11, 64
_OVERFLOW = 9.9e37
_LIMIT_TOLERANCE = 1e-3
_LONGEST_QUEUE = 110
_LEVELS_AT_A_TIME = 50
_MOST_POINTS = 50_000
_POLL_S = 0.05
# Between the end of a reading and the end of its pulse.
_PULSE_MARGIN_S = 2e-5
_ASCII = "format.data = format.ASCII format.asciiprecision = 10"
_BINARY = "format.data = format.REAL64 format.byteorder = format.LITTLEENDIAN"
_FLAG = {"validator": strict_discrete_set, "values": {True: 1, False: 0}, "map_values": True}


@dataclass(frozen=True, eq=False)
class Sweep:
    """What a sweep measured.

    Attributes
    ----------
    time_s, voltage_v, current_a : (n,) float64 arrays
        Time from the first reading.
    in_compliance : (n,) bool array
        Where the limit was acting.
    """

    time_s: FloatArray
    voltage_v: FloatArray
    current_a: FloatArray
    in_compliance: NDArray[np.bool_]


def _number(name: str, words: str, least: float, most: float) -> Any:
    return Instrument.control(
        f"print(smu{{ch}}.{name})",
        f"smu{{ch}}.{name} = %.9e",
        f"""Control {words} (float strictly from {least:g} to {most:g}).""",
        validator=strict_range,
        values=[least, most],
        check_set_errors=True,
    )


def _flag(name: str, words: str) -> Any:
    return Instrument.control(
        f"print(smu{{ch}}.{name})",
        f"smu{{ch}}.{name} = %d",
        f"""Control whether {words} (bool).""",
        check_set_errors=True,
        **_FLAG,
    )


def _choice(name: str, words: str, values: dict[str, int]) -> Any:
    return Instrument.control(
        f"print(smu{{ch}}.{name})",
        f"smu{{ch}}.{name} = %d",
        f"""Control {words} (str, strictly one of {", ".join(values)}).""",
        validator=strict_discrete_set,
        values=values,
        map_values=True,
        check_set_errors=True,
    )


class SourceMeterChannel(Channel):
    """One channel, smua or smub."""

    source_mode = _choice("source.func", "what is forced", {"current": 0, "voltage": 1})
    source_voltage = _number(
        "source.levelv", "the forced voltage in volt", -MAX_VOLTAGE_V, MAX_VOLTAGE_V
    )
    source_current = _number(
        "source.leveli", "the forced current in ampere", -MAX_CURRENT_A, MAX_CURRENT_A
    )
    limit_current = _number(
        "source.limiti", "the current limit in ampere", LEAST_LIMIT_A, MAX_CURRENT_A
    )
    limit_voltage = _number(
        "source.limitv", "the voltage limit in volt", LEAST_LIMIT_V, MAX_VOLTAGE_V
    )
    limit_power = _number("source.limitp", "the power limit in watt; 0 for none", 0, 300)
    source_range_voltage = _number(
        "source.rangev", "the range of the forced voltage in volt", 0, MAX_VOLTAGE_V
    )
    source_range_current = _number(
        "source.rangei", "the range of the forced current in ampere", 0, MAX_CURRENT_A
    )
    is_source_autorange_voltage = _flag("source.autorangev", "the voltage source finds its range")
    is_source_autorange_current = _flag("source.autorangei", "the current source finds its range")
    range_voltage = _number(
        "measure.rangev", "the range of voltage readings in volt", 0, MAX_VOLTAGE_V
    )
    range_current = _number(
        "measure.rangei", "the range of current readings in ampere", 0, MAX_CURRENT_A
    )
    is_autorange_voltage = _flag("measure.autorangev", "voltage readings find their range")
    is_autorange_current = _flag("measure.autorangei", "current readings find their range")
    low_range_current = _number(
        "measure.lowrangei", "the lowest range of current readings in ampere", 1e-10, MAX_CURRENT_A
    )
    nplc = _number("measure.nplc", "the aperture in power line cycles", 0.001, 25)
    measure_delay = _number(
        "measure.delay", "the delay before readings in second; -1 for automatic", -1, 1e5
    )
    source_delay = _number(
        "source.delay", "the delay behind a step in second; -1 for automatic", -1, 1e5
    )
    autozero = _choice("measure.autozero", "the zero references", {"off": 0, "once": 1, "auto": 2})
    off_mode = _choice(
        "source.offmode", "the output while off", {"normal": 0, "zero": 1, "high impedance": 2}
    )
    is_four_wire = _flag("sense", "the voltage is sensed by wires of its own")
    is_high_capacitance = _flag("source.highc", "the source bears a large capacitance")
    output = _choice("source.output", "the output", {"off": 0, "on": 1, "high impedance": 2})
    is_limited = Instrument.measurement(
        "print(smu{ch}.source.compliance)",
        """Get whether the limit is acting now (bool).""",
        cast=str,
        get_process=lambda answer: answer.strip() == "true",
    )

    def measure(self) -> Reading:
        """Measure current and voltage in one aperture; an overflow reads as infinite."""
        condition = f"status.measurement.instrument.smu{self.id}.condition"
        current_a, voltage_v, status = self.values(
            f"do local i, v = smu{self.id}.measure.iv() print(i, v, {condition}) end",
            separator="\t",
        )
        return Reading(
            float(_finite_or_infinite(voltage_v)),
            float(_finite_or_infinite(current_a)),
            bool(int(status) & _LIMITED_BITS),
        )

    def reset(self) -> None:
        """Bring every setting of this channel back, level zero, output off."""
        self.write("smu{ch}.reset()")

    def sweep_linear(self, first: float, last: float, points: int) -> Sweep:
        """Step the source evenly and measure at each step, the output being on.

        Parameters
        ----------
        first, last : float
            In V or A, whatever is forced.
        points : int
            From 2 to 50 000.

        Raises
        ------
        StimulusError
            If there are too few or too many points.
        InstrumentError
            If the instrument refuses a level.
        """
        self._check_points(points)
        kind = "v" if self.source_mode == "voltage" else "i"
        self.write(f"smu{{ch}}.trigger.source.linear{kind}({first:.9e}, {last:.9e}, {points:d})")
        return self._run(points)

    def sweep_list(self, levels: Sequence[float]) -> Sweep:
        """Go through levels in V or A, and measure at each, the output being on.

        Raises
        ------
        StimulusError, InstrumentError
            As `sweep_linear`.
        """
        self._check_points(len(levels))
        self._load_list(levels)
        return self._run(len(levels))

    def pulses(self, levels: Sequence[float], width_s: float, period_s: float) -> Sweep:
        """Send pulses from the level that is set, timed by the instrument; measure in each.

        The reading ends just before its pulse does; automatic references and ranges are left out.

        Raises
        ------
        StimulusError
            If the aperture does not fit into the pulse, or the pulse into the period.
        InstrumentError
            As `sweep_linear`.
        """
        self._check_points(len(levels))
        aperture_s = float(self.nplc) / float(self.parent.line_frequency)
        delay_s = width_s - aperture_s - _PULSE_MARGIN_S
        if delay_s < 0.0 or width_s >= period_s:
            raise StimulusError(
                f"A pulse of {width_s:g} s every {period_s:g} s has no room for a reading of "
                f"{aperture_s:g} s: lower nplc, or make the pulse longer."
            )
        self.autozero = "off"
        self.measure_delay = delay_s
        self._load_list(levels)
        self.parent.write_all(
            *_timer(1, period_s, max(1, len(levels) - 1), f"smu{self.id}.trigger.ARMED_EVENT_ID"),
            f"trigger.timer[1].passthrough = {'true' if len(levels) > 1 else 'false'}",
            *_timer(2, width_s, 1, f"smu{self.id}.trigger.SOURCE_COMPLETE_EVENT_ID"),
        )
        start = "trigger.timer[1].EVENT_ID" if len(levels) > 1 else "0"
        return self._run(len(levels), start, "trigger.timer[2].EVENT_ID", period_s)

    def _check_points(self, points: int) -> None:
        if not 1 <= points <= _MOST_POINTS:
            raise StimulusError(
                f"A sweep has 1 to {_MOST_POINTS} points: asked for {points}. Split it."
            )

    def _load_list(self, levels: Sequence[float]) -> None:
        """Send the levels in parts: the instrument's lines are not endless."""
        # By the instrument itself: a channel would take Lua's braces for its own.
        self.parent.write("labbench_levels = {}")
        for start in range(0, len(levels), _LEVELS_AT_A_TIME):
            part = ", ".join(f"{each:.9e}" for each in levels[start : start + _LEVELS_AT_A_TIME])
            self.parent.write(
                f"for _, v in ipairs({{{part}}}) do table.insert(labbench_levels, v) end"
            )
        kind = "v" if self.source_mode == "voltage" else "i"
        self.write(f"smu{{ch}}.trigger.source.list{kind}(labbench_levels)")

    def _run(self, points: int, start: str = "0", end: str = "0", period_s: float = 0.0) -> Sweep:
        smu = f"smu{self.id}"
        for buffer in (f"{smu}.nvbuffer1", f"{smu}.nvbuffer2"):
            self.parent.write_all(
                f"{buffer}.clear()", f"{buffer}.appendmode = 1", f"{buffer}.collecttimestamps = 1"
            )
        is_pulsed = end != "0"
        self.parent.write_all(
            f"{smu}.trigger.count = {points:d}",
            f"{smu}.trigger.arm.count = 1",
            f"{smu}.trigger.source.action = {smu}.ENABLE",
            f"{smu}.trigger.measure.iv({smu}.nvbuffer1, {smu}.nvbuffer2)",
            f"{smu}.trigger.measure.action = {smu}.ENABLE",
            f"{smu}.trigger.endpulse.action = {smu}.SOURCE_{'IDLE' if is_pulsed else 'HOLD'}",
            f"{smu}.trigger.endsweep.action = {smu}.SOURCE_IDLE",
            f"{smu}.trigger.source.stimulus = {start}",
            f"{smu}.trigger.endpulse.stimulus = {end}",
        )
        self.parent.check_errors()
        self.write("smu{ch}.trigger.initiate()")
        self.parent.wait_until_zero(
            f"status.operation.instrument.{smu}.condition", points * period_s
        )
        self.parent.check_errors()
        found = [
            self.parent.read_buffer(f"{smu}.{name}", points)
            for name in (
                "nvbuffer1.timestamps", "nvbuffer2.readings", "nvbuffer1.readings",
                "nvbuffer1.statuses",
            )
        ]  # fmt: skip
        time_s, voltage_v, current_a, status = found
        return Sweep(
            time_s,
            _finite_or_infinite(voltage_v),
            _finite_or_infinite(current_a),
            (status.astype(int) & _COMPLIANCE_STATUS) != 0,
        )


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

    def wait_until_zero(self, condition: str, expected_s: float = 0.0) -> None:
        """Wait until a condition register reads zero."""
        self._clock.sleep(expected_s)
        while float(self.ask(f"print({condition})")) != 0.0:
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

    def source_voltage(self, level_v: float, compliance_a: float) -> None:
        """Set a voltage, limit the current and switch the output on.

        Raises
        ------
        StimulusError
            If the instrument has no such level or limit.
        ReadbackError
            If it did not take the limit; the output is off then.
        """
        most_a = MAX_CURRENT_A if abs(level_v) <= HIGH_VOLTAGE_V else MAX_CURRENT_AT_HIGH_A
        if not (abs(level_v) <= MAX_VOLTAGE_V and LEAST_LIMIT_A <= compliance_a <= most_a):
            raise StimulusError(
                f"A 2636B forces up to {MAX_VOLTAGE_V:g} V with a limit from {LEAST_LIMIT_A:g} A "
                f"to {most_a:g} A at that voltage: asked for {level_v:g} V and {compliance_a:g} A."
            )
        smu = self.smu
        smu.source_mode = "voltage"
        self._limit_a = compliance_a
        # The limit first: the level must never be out without it.
        smu.limit_current = compliance_a
        self._verify_limit()
        smu.source_voltage = level_v
        smu.output = "on"

    def measure(self) -> Reading:
        """Measure voltage and current once; an overflow reads as infinite.

        Raises
        ------
        ReadbackError
            If the limit is not what it was set to; the output is off then.
        """
        reading = self.smu.measure()
        self._verify_limit()
        return reading

    def safe(self) -> None:
        """Bring the level to zero and switch the output off.

        Raises
        ------
        ReadbackError
            If the output is still on, or its level is not zero.
        """
        driver, smu = self.driver, f"smu{self.smu.id}"
        driver.abandon()
        # No check in between: an error left in the queue must not keep the output on.
        driver.write_each(
            f"{smu}.abort()",
            f"{smu}.source.levelv = 0",
            f"{smu}.source.leveli = 0",
            f"{smu}.source.output = 0",
            _ASCII,
        )
        if self.is_output_on:
            raise ReadbackError(f"{driver.resource}: the output of {smu} is still on.")
        level_v, level_a = self.smu.source_voltage, self.smu.source_current
        if level_v != 0.0 or level_a != 0.0:
            raise ReadbackError(
                f"{driver.resource}: the level of {smu} is {level_v:g} V, {level_a:g} A, not zero."
            )
        driver.check_errors()

    def _verify_limit(self) -> None:
        if self._limit_a is None:
            return
        found_a = self.smu.limit_current
        if not isclose(found_a, self._limit_a, rel_tol=_LIMIT_TOLERANCE):
            self.safe()
            raise ReadbackError(
                f"{self.driver.resource} has a current limit of {found_a:g} A at smu{self.smu.id} "
                f"instead of {self._limit_a:g} A; its output is off."
            )


def _timer(number: int, delay_s: float, count: int, stimulus: str) -> Iterable[str]:
    timer = f"trigger.timer[{number:d}]"
    return (
        f"{timer}.reset()",
        f"{timer}.delay = {delay_s:.9e}",
        f"{timer}.count = {count:d}",
        f"{timer}.stimulus = {stimulus}",
    )


def _finite_or_infinite(value: Any) -> Any:
    return np.where(np.abs(value) >= _OVERFLOW, np.copysign(np.inf, value), value)
