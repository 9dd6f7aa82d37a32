"""One channel of a Keithley 2600B: settings, readings, sweeps and pulses.

Numbers go out with ten digits: the stock driver's ``%f`` turns a limit of 1e-7 A into zero, which
the instrument refuses, and the limit before it stays. So every setting is checked against the
error queue.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymeasure.instruments import Channel, Instrument
from pymeasure.instruments.validators import strict_discrete_set, strict_range

from instruments.roles import Reading, SweepReading
from labbench.errors import StimulusError

FloatArray = NDArray[np.float64]

MAX_VOLTAGE_V, MAX_CURRENT_A = 200.0, 1.5
LEAST_LIMIT_A, LEAST_LIMIT_V = 1e-10, 20e-3
_LIMITED_BITS, _COMPLIANCE_STATUS = 0b11, 64
_OVERFLOW = 9.9e37
_LEVELS_AT_A_TIME = 50
_MOST_POINTS = 50_000
# Between the end of a reading and the end of its pulse.
_PULSE_MARGIN_S = 2e-5
_FLAG = {"validator": strict_discrete_set, "values": {True: 1, False: 0}, "map_values": True}


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

    def sweep_linear(self, first: float, last: float, points: int) -> SweepReading:
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
        return self._run(np.linspace(first, last, points))

    def sweep_list(self, levels: Sequence[float]) -> SweepReading:
        """Go through levels in V or A, and measure at each, the output being on.

        Raises
        ------
        StimulusError, InstrumentError
            As `sweep_linear`.
        """
        self._check_points(len(levels))
        self._load_list(levels)
        return self._run(np.asarray(levels, dtype=np.float64))

    def pulses(self, levels: Sequence[float], width_s: float, period_s: float) -> SweepReading:
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
        return self._run(
            np.asarray(levels, dtype=np.float64), start, "trigger.timer[2].EVENT_ID", period_s
        )

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

    def _run(
        self, levels: FloatArray, start: str = "0", end: str = "0", period_s: float = 0.0
    ) -> SweepReading:
        smu, points = f"smu{self.id}", levels.size
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
        return SweepReading(
            level_v=levels,
            voltage_v=_finite_or_infinite(voltage_v),
            current_a=_finite_or_infinite(current_a),
            time_s=time_s - time_s[0],
            in_compliance=(status.astype(int) & _COMPLIANCE_STATUS) != 0,
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
