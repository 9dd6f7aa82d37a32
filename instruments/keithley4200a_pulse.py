"""The pulse card of a Keithley 4200A as a pulse source that measures what it emits.

A stimulus becomes one sequence of linear segments, all measured as a waveform.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymeasure.instruments import Channel, Instrument

from instruments.clock import SystemClock
from instruments.keithley4200a import Keithley4200ADriver
from instruments.roles import Clock
from labbench.errors import InstrumentError, LinkError, ReadbackError, StimulusError
from labbench.stimulus import Stimulus, Waveform
from labbench.trace import Channel as TraceChannel
from labbench.trace import Trace

# A share is left for the drop across the output's own 50 Ohm.
RANGES_V = {10: 9.9, 40: 39.6}
MAX_VOLTAGE_V = RANGES_V[40]
MAX_SEGMENTS = 2048
RANGES_A = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 2e-1)
# Times are multiples of the tick; an edge of each source range takes some of them.
TICK_S = 1e-8
_EDGE_TICKS = {10: 2, 40: 10}
_LONGEST_TICKS = 4_000_000_000
# Segments a command, points an answer, between looks whether it is over.
_AT_ONCE, _POINTS, _LOOK_S = 256, 2048, 0.01
_ACKNOWLEDGE = {"check_set_errors": True}


def _on_off(value: bool, values: Any) -> int:
    if value not in (True, False):
        raise ValueError(f"{value!r} is neither True nor False.")
    return int(value)


def _one_of(value: float, values: tuple[float, ...]) -> float:
    if value not in values:
        raise ValueError(f"{value:g} is none of {', '.join(f'{v:g}' for v in values)}.")
    return value


def _within(value: float, values: tuple[float, float]) -> float:
    if not values[0] <= value <= values[1]:
        raise ValueError(f"{value:g} is not between {values[0]:g} and {values[1]:g}.")
    return value


class PulseChannel(Channel):
    """One channel of the pulse card."""

    output = Channel.setting(
        ":PMU:OUTPUT:STATE {ch}, %d",
        """Set whether the output is on (bool).""",
        validator=_on_off,
        **_ACKNOWLEDGE,
    )
    source_range_v = Channel.setting(
        ":PMU:SOURCE:RANGE {ch}, %d",
        """Set the source range in volt (10 or 40).""",
        validator=_one_of,
        values=tuple(RANGES_V),
        **_ACKNOWLEDGE,
    )
    load_ohm = Channel.setting(
        ":PMU:LOAD {ch}, %.9g",
        """Set the load that levels are meant for, in ohm (float strictly from 1 to 1e7).""",
        validator=_within,
        values=(1.0, 1e7),
        **_ACKNOWLEDGE,
    )
    current_range_a = Channel.setting(
        ":PMU:MEASURE:RANGE {ch}, 2, %.9g",
        """Set the fixed current range in ampere (a decade from 1e-7 to 1e-2, or 0.2).""",
        validator=_one_of,
        values=RANGES_A,
        **_ACKNOWLEDGE,
    )
    points = Channel.measurement(
        ":PMU:DATA:COUNT? {ch}", """Get how many points were measured (int).""", cast=int
    )

    def write_list(self, name: str, values: NDArray[np.float64]) -> None:
        """Write one list of the first sequence, in several commands if it is long."""
        for start in range(0, values.size, _AT_ONCE):
            part = ", ".join(f"{value:.9g}" for value in values[start : start + _AT_ONCE])
            more = ":ADD" if start else ""
            self.write(f":PMU:SARB:SEQ:{name}{more} {{ch}}, 1, {part}")
            self.check_set_errors()

    def read_points(self) -> NDArray[np.float64]:
        """Return all points measured, (n, 4): voltage, current, time and status."""
        count, rows = int(self.points), []
        for start in range(0, count, _POINTS):
            answer = self.ask(f":PMU:DATA:GET {{ch}}, {start}, {_POINTS}")
            rows += [point.split(",") for point in answer.strip("; \n").split(";")]
        try:
            found = np.array(rows, dtype=np.float64).reshape(-1, 4)
        except ValueError as error:
            raise LinkError(f"{self.parent.resource} answered with no points: {error}") from error
        if found.shape[0] != count:
            raise LinkError(
                f"{self.parent.resource} gave {found.shape[0]} points instead of {count}."
            )
        return found


class PulseDriver(Keithley4200ADriver):
    """The 4200A with the two channels of its pulse card."""

    pulse = Instrument.MultiChannelCreator(PulseChannel, [1, 2], prefix="pulse_")

    is_running = Instrument.measurement(
        ":PMU:TEST:STATUS?",
        """Get whether the pulse card plays (bool).""",
        map_values=True,
        values={True: 1, False: 0},
    )


class Keithley4200APulse:
    """One channel of the pulse card as a PulseSource that also measures.

    Parameters
    ----------
    adapter : str, int or pymeasure Adapter
    name : str
    channel : int
        1 or 2.
    clock : Clock, optional
        To wait with for the end of what is played; real time by default.
    load_ohm : float
        What levels are meant for, behind the output's own 50 Ohm.
    current_range_a : float
        Range of the measured current.
    **kwargs
        For the VISA connection.

    Attributes
    ----------
    driver : PulseDriver
        For everything beyond the role.
    """

    def __init__(
        self,
        adapter: Any,
        name: str = "Keithley 4200A-SCS pulse card",
        *,
        channel: int = 1,
        clock: Clock | None = None,
        load_ohm: float = 1e6,
        current_range_a: float = 1e-2,
        **kwargs: Any,
    ) -> None:
        self.driver = PulseDriver(adapter, name, **kwargs)
        if channel not in self.driver.pulse:
            raise InstrumentError(
                f"{self.driver.resource} has the pulse channels "
                f"{', '.join(map(str, self.driver.pulse))}, not {channel}."
            )
        self._channel: PulseChannel = self.driver.pulse[channel]
        self._clock = clock or SystemClock()
        self._load_ohm, self._range_a = load_ohm, current_range_a
        self._range_v = 10
        self._emitted: Stimulus | None = None
        self._is_on = False

    @property
    def identity(self) -> str:
        """Get the answer to ``*IDN?`` (str)."""
        return self.driver.identity

    @property
    def is_output_on(self) -> bool:
        """Get whether the output was last acknowledged as on: KXCI cannot be asked (bool)."""
        return self._is_on

    @property
    def max_voltage_v(self) -> float:
        """Get the largest absolute level into an open circuit in volt (float)."""
        return MAX_VOLTAGE_V

    def load(self, stimulus: Stimulus) -> Stimulus:
        """Load a stimulus and return what will be emitted; the output is off afterwards.

        Times are rounded to 10 ns, and edges last at least 20 ns, or 100 ns beyond 9.9 V.

        Raises
        ------
        StimulusError
            If the card cannot play it.
        """
        if stimulus.unit != "V":
            raise StimulusError(f"A pulse card cannot play a stimulus in {stimulus.unit}.")
        self._range_v = next((r for r, most in RANGES_V.items() if stimulus.peak <= most), 0)
        if not self._range_v:
            raise StimulusError(
                f"A peak of {stimulus.peak:g} V is beyond the pulse card's {MAX_VOLTAGE_V:g} V."
            )
        tick, level_v = _segments(stimulus, _EDGE_TICKS[self._range_v])
        if tick.size - 1 > MAX_SEGMENTS:
            raise StimulusError(
                f"The stimulus takes {tick.size - 1} segments, the pulse card has {MAX_SEGMENTS}: "
                "shorten it."
            )
        self._emitted, self._is_on = None, False
        number, channel = self._channel.id, self._channel
        self.driver.tell(":PMU:INIT 1")
        self.driver.tell(f":PMU:RPM:CONFIGURE PMU1-{number}, 0")
        channel.source_range_v = self._range_v
        channel.load_ohm = self._load_ohm
        channel.current_range_a = self._range_a
        channel.write_list("TIME", np.diff(tick) * TICK_S)
        channel.write_list("STARTV", level_v[:-1])
        channel.write_list("STOPV", level_v[1:])
        channel.write_list("MEAS:TYPE", np.full(tick.size - 1, 2.0))
        self.driver.tell(f":PMU:SARB:WFM:SEQ:LIST {number}, 1, 1")
        self._emitted = Waveform(
            time_s=np.multiply(tick, TICK_S, dtype=np.float64),
            level=level_v,
            duration_s=max(stimulus.duration_s, float(tick[-1] * TICK_S)),
            rest_s=stimulus.rest_s,
        )
        return self._emitted

    def arm(self) -> None:
        """Switch the output on, at zero, waiting for the trigger."""
        if self._emitted is None:
            raise StimulusError(f"{self.driver.resource} has no stimulus: load one before arming.")
        if not self._is_on:
            # It may be on even if the acknowledgement is lost.
            self._is_on = True
            self._channel.output = True

    def trigger(self) -> None:
        """Emit the loaded stimulus once; the card begins a few ms later and gives an edge then."""
        self.driver.tell(":PMU:EXECUTE")

    def read(self) -> Trace:
        """Wait for the end and return the channels "voltage" and "current" at the output.

        Raises
        ------
        InstrumentError
            If nothing was measured.
        """
        while self.driver.is_running:
            self._clock.sleep(_LOOK_S)
        points = self._channel.read_points()
        if not points.size:
            raise InstrumentError(f"{self.driver.resource} measured nothing: trigger it first.")
        range_v, range_a = float(self._range_v), self._range_a
        return Trace(
            {
                "voltage": TraceChannel(
                    points[:, 0].copy(), "voltage", "V", rail_low=-range_v, rail_high=range_v
                ),
                "current": TraceChannel(
                    points[:, 1].copy(), "current", "A", rail_low=-range_a, rail_high=range_a
                ),
            },
            start_s=float(points[0, 2]),
            uneven_time_s=points[:, 2].copy(),
        )

    def safe(self) -> None:
        """Stop what is played, and open the output.

        Raises
        ------
        ReadbackError
            If the card still plays.
        """
        self._emitted = None
        self.driver.abandon()
        self.driver.tell_each(":PMU:ABORT", f":PMU:OUTPUT:STATE {self._channel.id}, 0")
        self._is_on = False
        if self.driver.is_running:
            raise ReadbackError(f"{self.driver.resource}: the pulse card still plays.")


def _segments(stimulus: Stimulus, edge_ticks: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return corners (k,) in ticks, from zero to zero, none closer than an edge to the last."""
    corner_s, level_v = stimulus.breakpoints()
    wanted = np.r_[0, np.round(corner_s / TICK_S).astype(np.int64)]
    levels = np.r_[0.0, level_v]
    end = round(stimulus.duration_s / TICK_S)
    if levels[-1] != 0.0:
        wanted, levels = np.r_[wanted, wanted[-1]], np.r_[levels, 0.0]
    # Two corners at one place and level are one.
    twice = np.r_[False, (np.diff(wanted) == 0) & (np.diff(levels) == 0.0)]
    wanted, levels = wanted[~twice], levels[~twice]
    tick = wanted.copy()
    for place in range(1, tick.size):
        tick[place] = max(tick[place], tick[place - 1] + edge_ticks)
    if end >= tick[-1] + edge_ticks:
        tick, levels = np.r_[tick, end], np.r_[levels, 0.0]
    if tick.size < 2:
        raise StimulusError("The stimulus is too short for a pulse card: 20 ns at least.")
    if np.diff(tick).max() > _LONGEST_TICKS:
        raise StimulusError("A segment of a pulse card lasts 40 s at most.")
    return tick, levels
