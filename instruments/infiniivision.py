"""Keysight DSOX and MSOX 3000 and 4000 oscilloscopes as a digitizer.

Waits follow the programmer's guide: ``:SINGle``, then ``:AER?`` until the trigger is armed, then
``:OPERegister:CONDition?`` until the run bit falls. (``:DIGitize`` would block the link until the
record is complete, and with it the trigger of anything on the same controller.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from instruments.clock import SystemClock
from instruments.infiniivision_driver import RECORD_POINTS, InfiniiVisionDriver
from instruments.roles import Clock
from labbench.errors import InstrumentError
from labbench.trace import Channel, Trace

# Words that mean "at the end of the range or beyond".
CLIPPED_LOW, CLIPPED_HIGH = 0x0001, 0xFFFF
# The sync output of a generator is TTL.
_SYNC_LEVEL_V = 1.0
# Samples must lie so far apart for 12 bits in high resolution.
_HIGH_RESOLUTION_S = 1.1e-7
_PATIENCE_S = 2.0
_SHORTEST_POLL_S = 1e-3


@dataclass(frozen=True, eq=False)
class Segment:
    """One record of several.

    Attributes
    ----------
    time_s : float
        Of its trigger, after that of the first segment.
    trace : Trace
    """

    time_s: float
    trace: Trace


@dataclass(frozen=True)
class _Request:
    """A record as it was asked for; see `InfiniiVision.arm`."""

    duration_s: float
    pre_s: float
    interval_s: float
    trigger: tuple[str, float, str]
    ranges: tuple[tuple[int, tuple[float, float]], ...]
    count: int


class InfiniiVision:
    """A DSOX or MSOX 3000 or 4000 as a Digitizer, triggered at EXT TRIG IN by default.

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
        self._request: _Request | None = None
        self._duration_s = 0.0
        self._trigger = ("EXT", _SYNC_LEVEL_V, "POS")

    @property
    def identity(self) -> str:
        """Get the answer to ``*IDN?`` (str)."""
        return self.driver.identity

    def trigger_on(self, source: str, level_v: float, slope: str = "POS") -> None:
        """Choose what triggers from the next arming on.

        Parameters
        ----------
        source : str
            "EXT", or "CHAN1" to "CHAN4".
        level_v : float
        slope : {"POS", "NEG", "EITH"}
        """
        self._trigger = (source, level_v, slope)

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
        self._start(duration_s, pre_s, interval_s, ranges, 1)

    def arm_segments(
        self,
        duration_s: float,
        pre_s: float,
        interval_s: float,
        ranges: Mapping[int, tuple[float, float]],
        count: int,
    ) -> None:
        """Wait for some triggers (2 to 1000), each with a record as in `arm`.

        Raises
        ------
        InstrumentError
            If the records do not fit, or the trigger does not arm.
        """
        self._start(duration_s, pre_s, interval_s, ranges, count)

    def read_segments(self, burst_s: float) -> list[Segment]:
        """Wait for all segments and return them.

        Parameters
        ----------
        burst_s : float
            From the first trigger to the last one, at most.

        Raises
        ------
        InstrumentError
            If there were too few triggers, or the record is not segmented.
        """
        if self._request is None or self._request.count < 2:
            raise InstrumentError(
                f"{self.driver.resource} has no segments: arm_segments comes before reading them."
            )
        driver, count = self.driver, self._request.count
        expected_s = burst_s + self._duration_s
        self._wait_until(
            lambda: not driver.is_running, expected_s, f"had less than {count} triggers"
        )
        segments = []
        for index in range(1, driver.segments_acquired + 1):
            driver.segment_index = index
            segments.append(Segment(driver.time_tag_s, self._read_trace()))
        return segments

    def _start(
        self,
        duration_s: float,
        pre_s: float,
        interval_s: float,
        ranges: Mapping[int, tuple[float, float]],
        count: int,
    ) -> None:
        wanted = tuple(sorted(ranges.items()))
        request = _Request(duration_s, pre_s, interval_s, self._trigger, wanted, count)
        if request != self._request:
            before, self._request = self._request, None
            try:
                with self.driver.together():
                    self._configure(request, before)
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
        return self._read_trace()

    def safe(self) -> None:
        """Stop waiting for triggers."""
        self._request = None
        self.driver.abandon()
        self.driver.write(":STOP")
        self.driver.check_errors()

    def _configure(self, request: _Request, before: _Request | None) -> None:
        """Set what is asked for, as far as it is not set already."""
        driver, ranges = self.driver, dict(request.ranges)
        if not ranges or not set(ranges) <= set(driver.channels):
            raise InstrumentError(
                f"{self.driver.resource} has the channels 1 to 4: asked for {sorted(ranges)}."
            )
        if before is None or set(dict(before.ranges)) != set(ranges):
            before = None
            for number, channel in driver.channels.items():
                channel.is_displayed = number in ranges
                if number in ranges:
                    channel.coupling = "DC"
        for number, (full_scale_v, offset_v) in ranges.items():
            if before is None or dict(before.ranges)[number] != (full_scale_v, offset_v):
                driver.channels[number].range_v = full_scale_v
                driver.channels[number].offset_v = offset_v
        if before is None or replace(before, ranges=request.ranges) != request:
            self._configure_record(request)

    def _configure_record(self, request: _Request) -> None:
        driver, duration_s, pre_s = self.driver, request.duration_s, request.pre_s
        points = self._points(request)
        driver.timebase_reference = "CENT"
        driver.timebase_range_s = duration_s
        driver.timebase_position_s = duration_s / 2 - pre_s
        driver.trigger_sweep = "NORM"
        driver.write(":TRIG:MODE EDGE")
        driver.trigger_source, driver.trigger_level_v, driver.trigger_slope = request.trigger
        driver.acquire_type = "HRES" if duration_s / points >= _HIGH_RESOLUTION_S else "NORM"
        driver.write(":WAV:FORM WORD;BYT LSBF;UNS 1")
        driver.points_mode = "RAW"
        driver.record_points = points
        driver.acquire_mode = "RTIM" if request.count == 1 else "SEGM"
        if request.count > 1:
            driver.segment_count = request.count

    def _points(self, request: _Request) -> int:
        duration_s, pre_s, interval_s = request.duration_s, request.pre_s, request.interval_s
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
        return points

    def _read_trace(self) -> Trace:
        assert self._request is not None  # whoever reads has armed
        channels = {}
        start_s, interval_s = 0.0, 1.0
        for number, _ in self._request.ranges:
            channels[str(number)], start_s, interval_s = self._read_channel(number)
        asked_s = self._request.interval_s
        if interval_s > asked_s * (1 + 1e-6):
            raise InstrumentError(
                f"{self.driver.resource} has sampled every {interval_s:g} s instead of {asked_s:g} "
                "s: its memory is too small, record fewer channels or segments or for a shorter "
                "time."
            )
        return Trace(channels, start_s=start_s, interval_s=interval_s)

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
        began_s = self._clock.now()
        deadline_s = began_s + expected_s + _PATIENCE_S
        while not is_done():
            if self._clock.now() > deadline_s:
                raise InstrumentError(
                    f"{self.driver.resource} {failure} within {expected_s + _PATIENCE_S:g} s: "
                    "is the trigger wired, and the pre-trigger time not longer than the wait?"
                )
            # The longer it takes, the less a late look matters.
            waited_s = self._clock.now() - began_s
            self._clock.sleep(max(_SHORTEST_POLL_S, expected_s / 20, waited_s / 10))
