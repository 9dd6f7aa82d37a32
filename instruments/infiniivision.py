"""Keysight InfiniiVision DSOX/MSOX 3000 and 4000 oscilloscopes as a digitizer.

Waits follow the programmer's guide: ``:SINGle``, then ``:AER?`` until the trigger is armed, then
``:OPERegister:CONDition?`` until the run bit falls. (``:DIGitize`` would block the link until the
record is complete, and with it the trigger of anything on the same controller.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from pymeasure.instruments import Channel as InstrumentChannel
from pymeasure.instruments import Instrument
from pymeasure.instruments.validators import strict_discrete_set, strict_range

from instruments.clock import SystemClock
from instruments.link import LinkedInstrument
from instruments.roles import Clock
from labbench.errors import InstrumentError
from labbench.trace import Channel, Trace

# Record lengths that the instrument takes.
RECORD_POINTS = (
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
)  # fmt: skip
# Words that mean "at the end of the range or beyond".
CLIPPED_LOW, CLIPPED_HIGH = 0x0001, 0xFFFF
# The sync output of a generator is TTL.
_SYNC_LEVEL_V = 1.0
_RUN_BIT = 8
_PATIENCE_S = 2.0
_SHORTEST_POLL_S = 1e-3
_SWITCH = {True: 1, False: 0}


class ScopeChannel(InstrumentChannel):
    """One analog input."""

    range_v = InstrumentChannel.control(
        ":CHAN{ch}:RANG?",
        ":CHAN{ch}:RANG %.9g",
        """Control the full scale in volt (float strictly from 8e-3 to 400, less without probe).""",
        validator=strict_range,
        values=[8e-3, 400.0],
        check_set_errors=True,
    )
    offset_v = InstrumentChannel.control(
        ":CHAN{ch}:OFFS?",
        ":CHAN{ch}:OFFS %.9g",
        """Control the voltage at the middle of the range in volt (float from -400 to 400).""",
        validator=strict_range,
        values=[-400.0, 400.0],
        check_set_errors=True,
    )
    is_displayed = InstrumentChannel.control(
        ":CHAN{ch}:DISP?",
        ":CHAN{ch}:DISP %d",
        """Control whether the channel is on and recorded (bool).""",
        validator=strict_discrete_set,
        values=_SWITCH,
        map_values=True,
        check_set_errors=True,
    )
    coupling = InstrumentChannel.control(
        ":CHAN{ch}:COUP?",
        ":CHAN{ch}:COUP %s",
        """Control the input coupling (str, strictly 'AC' or 'DC').""",
        validator=strict_discrete_set,
        values=["AC", "DC"],
        check_set_errors=True,
    )


class InfiniiVisionDriver(LinkedInstrument):
    """The instrument's settings and its record."""

    channels = Instrument.MultiChannelCreator(ScopeChannel, [1, 2, 3, 4])

    timebase_range_s = Instrument.control(
        ":TIM:RANG?",
        ":TIM:RANG %.9g",
        """Control the length of the record in s (float strictly from 1e-8 to 500).""",
        validator=strict_range,
        values=[1e-8, 500.0],
        check_set_errors=True,
    )
    timebase_position_s = Instrument.control(
        ":TIM:POS?",
        ":TIM:POS %.9g",
        """Control the time of the reference mark after the trigger in s
        (float strictly from -500 to 500).""",
        validator=strict_range,
        values=[-500.0, 500.0],
        check_set_errors=True,
    )
    timebase_reference = Instrument.control(
        ":TIM:REF?",
        ":TIM:REF %s",
        """Control where the reference mark stands (str, strictly 'LEFT', 'CENT' or 'RIGH').""",
        validator=strict_discrete_set,
        values=["LEFT", "CENT", "RIGH"],
        check_set_errors=True,
    )
    trigger_source = Instrument.control(
        ":TRIG:EDGE:SOUR?",
        ":TRIG:EDGE:SOUR %s",
        """Control what triggers (str, strictly 'EXT' or 'CHAN1' to 'CHAN4').""",
        validator=strict_discrete_set,
        values=["EXT", "CHAN1", "CHAN2", "CHAN3", "CHAN4"],
        check_set_errors=True,
    )
    trigger_level_v = Instrument.control(
        ":TRIG:EDGE:LEV?",
        ":TRIG:EDGE:LEV %.9g",
        """Control the trigger level in volt (float strictly from -8 to 8).""",
        validator=strict_range,
        values=[-8.0, 8.0],
        check_set_errors=True,
    )
    trigger_sweep = Instrument.control(
        ":TRIG:SWE?",
        ":TRIG:SWE %s",
        """Control whether the scope triggers itself (str, strictly 'AUTO' or 'NORM').""",
        validator=strict_discrete_set,
        values=["AUTO", "NORM"],
        check_set_errors=True,
    )
    acquire_type = Instrument.control(
        ":ACQ:TYPE?",
        ":ACQ:TYPE %s",
        """Control the acquisition (str, strictly 'NORM', 8 bits, or 'HRES', 12 bits).""",
        validator=strict_discrete_set,
        values=["NORM", "HRES"],
        check_set_errors=True,
    )
    record_points = Instrument.control(
        ":WAV:POIN?",
        ":WAV:POIN %d",
        """Control the number of points of a record (int, strictly one of RECORD_POINTS).""",
        validator=strict_discrete_set,
        values=RECORD_POINTS,
        cast=int,
        check_set_errors=True,
    )
    waveform_source = Instrument.control(
        ":WAV:SOUR?",
        ":WAV:SOUR %s",
        """Control the channel that is read (str, strictly 'CHAN1' to 'CHAN4').""",
        validator=strict_discrete_set,
        values=["CHAN1", "CHAN2", "CHAN3", "CHAN4"],
    )
    preamble = Instrument.measurement(
        ":WAV:PRE?",
        """Get format, type, points, count, and increment, origin, reference in x and in y
        (list of 10 float).""",
    )
    is_armed = Instrument.measurement(
        ":AER?",
        """Get whether the trigger was armed since this was last read (bool).""",
        get_process=lambda value: bool(int(value)),
    )
    is_running = Instrument.measurement(
        ":OPER:COND?",
        """Get whether the acquisition is still running (bool).""",
        get_process=lambda value: bool(int(value) & _RUN_BIT),
    )

    def read_words(self) -> np.ndarray:
        """Read the record of the source channel, (n,) unsigned 16-bit words."""
        self.write(":WAV:DATA?")
        return np.frombuffer(self.read_block(), "<u2")


class InfiniiVision:
    """A DSOX or MSOX of the 3000 or 4000 series as a Digitizer, triggered at EXT TRIG IN.

    The role's `read` is not pymeasure's, so the driver is held, not inherited.

    Parameters
    ----------
    adapter : str, int or pymeasure Adapter
    name : str
    channel : int
        Ignored, as in every driver of an instrument without a choice of one.
    clock : Clock, optional
    **kwargs
        For the VISA connection.

    Attributes
    ----------
    driver : InfiniiVisionDriver
        For everything beyond the role.
    """

    def __init__(
        self,
        adapter: Any,
        name: str = "Keysight InfiniiVision oscilloscope",
        *,
        channel: int = 1,
        clock: Clock | None = None,
        **kwargs: Any,
    ) -> None:
        self.driver = InfiniiVisionDriver(adapter, name, **kwargs)
        self._clock = clock or SystemClock()
        self._request: tuple[Any, ...] | None = None
        self._duration_s = 0.0

    @property
    def identity(self) -> str:
        """Get the answer to ``*IDN?`` (str)."""
        return self.driver.identity

    def arm(
        self,
        duration_s: float,
        pre_s: float,
        interval_s: float,
        ranges: Mapping[int, tuple[float, float]],
    ) -> None:
        """Wait for one trigger; return when a trigger would be accepted.

        The record has the duration asked for, and the next allowed number of points: its interval
        may be shorter than asked for. See `roles.Digitizer` for the parameters.

        Raises
        ------
        InstrumentError
            If the record does not fit, or the trigger does not arm.
        """
        request = (duration_s, pre_s, interval_s, tuple(sorted(ranges.items())))
        if request != self._request:
            self._request = None
            try:
                self._configure(duration_s, pre_s, interval_s, ranges)
            except ValueError as error:  # of a validator
                raise InstrumentError(
                    f"{self.driver.resource} cannot be set so: {error}"
                ) from error
            self._request = request
        self._duration_s = duration_s
        driver = self.driver
        _ = driver.is_armed  # reading forgets an earlier arming
        driver.write(":SING")
        driver.check_errors()
        self._wait_until(lambda: bool(driver.is_armed), pre_s, "did not arm its trigger")

    def read(self) -> Trace:
        """Wait for the record and return it; time zero is the trigger.

        Raises
        ------
        InstrumentError
            If there was no trigger.
        """
        if self._request is None:
            raise InstrumentError(f"{self.driver.resource} has no record: arm it before reading.")
        self._wait_until(lambda: not self.driver.is_running, self._duration_s, "was not triggered")
        channels = {}
        start_s, interval_s = 0.0, 1.0
        for number, _ in self._request[-1]:
            channels[str(number)], start_s, interval_s = self._read_channel(number)
        return Trace(channels, start_s=start_s, interval_s=interval_s)

    def safe(self) -> None:
        """Stop waiting for triggers."""
        self._request = None
        self.driver.abandon()
        self.driver.write(":STOP")
        self.driver.check_errors()

    def _configure(
        self,
        duration_s: float,
        pre_s: float,
        interval_s: float,
        ranges: Mapping[int, tuple[float, float]],
    ) -> None:
        driver = self.driver
        if not ranges or not set(ranges) <= set(driver.channels):
            raise InstrumentError(
                f"{self.driver.resource} has the channels 1 to 4: asked for {sorted(ranges)}."
            )
        if not (0 <= pre_s < duration_s and interval_s > 0):
            raise InstrumentError(
                f"A record of {duration_s} s, {pre_s} s of it before the trigger, sampled every "
                f"{interval_s} s cannot be taken."
            )
        # A hair less, so that 5 ms in steps of 1 us are 5000 points in spite of rounding.
        wanted = duration_s / interval_s * (1 - 1e-9)
        points = next((n for n in RECORD_POINTS if n >= wanted), None)
        if points is None:
            raise InstrumentError(
                f"A record of {duration_s} s sampled every {interval_s} s takes {wanted:.0f} "
                f"points; {self.driver.resource} has {RECORD_POINTS[-1]}."
            )
        for number, channel in driver.channels.items():
            channel.is_displayed = number in ranges
        for number, (full_scale_v, offset_v) in ranges.items():
            channel = driver.channels[number]
            channel.coupling = "DC"
            channel.range_v = full_scale_v
            channel.offset_v = offset_v
        driver.timebase_reference = "CENT"
        driver.timebase_range_s = duration_s
        driver.timebase_position_s = duration_s / 2 - pre_s
        driver.trigger_sweep = "NORM"
        driver.trigger_source = "EXT"
        driver.trigger_level_v = _SYNC_LEVEL_V
        driver.acquire_type = "HRES"
        driver.write(":TRIG:MODE EDGE;:TRIG:EDGE:SLOP POS")
        driver.write(":WAV:FORM WORD;BYT LSBF;UNS 1;POIN:MODE RAW")
        driver.record_points = points

    def _read_channel(self, number: int) -> tuple[Channel, float, float]:
        self.driver.waveform_source = f"CHAN{number}"
        head = self.driver.preamble
        interval_s, origin_s = head[4], head[5]
        step_v, origin_v, reference = head[7], head[8], head[9]
        words = self.driver.read_words()

        def volts(word: float) -> float:
            return float((word - reference) * step_v + origin_v)

        channel = Channel(
            raw=(words ^ 0x8000).view(np.int16),  # unsigned to signed: minus 32768
            quantity="voltage",
            unit="V",
            scale=step_v,
            offset=volts(0x8000),
            rail_low=volts(CLIPPED_LOW),
            rail_high=volts(CLIPPED_HIGH),
        )
        return channel, origin_s, interval_s

    def _wait_until(self, is_done: Callable[[], bool], expected_s: float, failure: str) -> None:
        deadline_s = self._clock.now() + expected_s + _PATIENCE_S
        while not is_done():
            if self._clock.now() > deadline_s:
                raise InstrumentError(
                    f"{self.driver.resource} {failure} within {expected_s + _PATIENCE_S:g} s: "
                    "is the trigger wired, and the pre-trigger time not longer than the wait?"
                )
            self._clock.sleep(max(_SHORTEST_POLL_S, expected_s / 20))
