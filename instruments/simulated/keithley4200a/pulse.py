"""The pulse card behind ``:PMU:``: two channels of 50 Ohm, 10 or 40 V, with remote amplifiers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Protocol

import numpy as np

from instruments.simulated.circuit import Terminal
from instruments.simulated.clock import VirtualClock
from instruments.simulated.devices.base import DeviceError
from instruments.simulated.keithley4200a.capture import MOST_RATE_HZ, RANGES_A, rate_for, sample
from instruments.simulated.keithley4200a.kxci import KxciError, Run, real, reals, whole, word
from instruments.simulated.keithley4200a.sweep import counted
from instruments.simulated.keithley4200a.waveform import (
    LONGEST_S,
    MOST_SEGMENTS,
    MOST_SEQUENCES,
    SHORTEST_EDGE_S,
    SHORTEST_S,
    TICK_S,
    Playing,
    Pulses,
    Sequence,
    play_sequences,
)

OUTPUT_OHM = 50.0
OPEN_OHM = 1e6
AUTO, LIMITED_AUTO, FIXED = 0, 1, 2
# From EXECUTE to the trigger, and from rest to the first level and back.
_SETUP_S, _EDGE_S = 5e-3, 1e-6
_MOST_ROWS = 2048
_WORDS = ("V", "I", "T", "S")
_LISTS = {
    "TIME": "time_s", "STARTV": "start_v", "STOPV": "stop_v", "MEAS:TYPE": "measure",
    "MEAS:START": "measure_start_s", "MEAS:STOP": "measure_stop_s", "TRIG": "trigger",
    "SSR": "relay",
}  # fmt: skip


class Frame(Protocol):
    """What the card needs of the mainframe around it."""

    clock: VirtualClock
    edge_listeners: list[Callable[[float], None]]

    @property
    def is_busy(self) -> bool:
        """Whether a test runs."""

    def on_tree(self, header: str, run: Run, even_busy: bool = False) -> None:
        """Have a command obeyed."""

    def begin(self, done_s: float) -> None:
        """Be busy until a time."""

    def abort(self) -> None:
        """Stop the running test."""


@dataclass
class Channel:
    """The settings of one channel, and what it measured last."""

    is_on: bool = False
    source_range: int = 10
    load_ohm: float = OPEN_OHM
    is_compensated: bool = False
    connection: int = 0
    measure_type: int = FIXED
    range_a: float = 1e-2
    pulses: Pulses = field(default_factory=Pulses)
    sequences: dict[int, Sequence] = field(default_factory=dict)
    order: list[tuple[int, int]] = field(default_factory=list)
    # Of each point all values: high and low of a pulse side by side.
    points: list[tuple[float, ...]] = field(default_factory=list)

    @property
    def resistance_ohm(self) -> float:
        """Of the output; a compensated load line is that of a stiff source."""
        return 0.0 if self.is_compensated else OUTPUT_OHM

    @property
    def gain(self) -> float:
        """From the level at the expected load to that of the source."""
        return 1.0 if self.is_compensated else 1.0 + OUTPUT_OHM / self.load_ohm


class PulseCard:
    """Takes the ``:PMU:`` commands.

    Parameters
    ----------
    frame : Frame
    terminals : mapping of int to Terminal
        By channel.
    noise : numpy Generator
    """

    def __init__(
        self, frame: Frame, terminals: Mapping[int, Terminal], noise: np.random.Generator
    ) -> None:
        self._frame, self._terminals, self._noise = frame, terminals, noise
        self._running: tuple[dict[int, Playing], float] | None = None
        self.reset(is_sequenced=False)
        self._add_commands()

    def reset(self, is_sequenced: bool) -> None:
        """Go back to the state of ``:PMU:INIT``, outputs off."""
        for terminal in self._terminals.values():
            terminal.disconnect()
        self.is_sequenced = is_sequenced
        self.mode, self.burst, self.rate_hz = 1, 1, MOST_RATE_HZ
        self.channels = {number: Channel() for number in self._terminals}

    def trip(self) -> None:
        """Have all outputs go off."""
        for number, channel in self.channels.items():
            self._terminals[number].disconnect()
            channel.is_on = False

    def abort(self) -> None:
        """Bring the outputs to zero; nothing is measured."""
        if self._running is not None:
            self._running = None
            for terminal in self._terminals.values():
                terminal.drive([self._frame.clock.now()], [0.0])
                terminal.unwatch()

    # Commands.

    def _add_commands(self) -> None:
        on = self._frame.on_tree
        on(":PMU:INIT", lambda p: self.reset(is_sequenced=bool(whole(p, 0, 0, 1))))
        on(":PMU:EXECUTE", lambda p: self._execute())
        on(":PMU:ABORT", lambda p: self._frame.abort(), even_busy=True)
        on(":PMU:TEST:STATUS?", lambda p: str(int(self._frame.is_busy)), even_busy=True)
        on(":PMU:DATA:COUNT?", lambda p: str(len(self._channel(p).points)))
        on(":PMU:DATA:GET", self._answer_data)
        on(":PMU:DATA:GET?", self._answer_data)
        on(":PMU:RPM:CONFIGURE", self._configure_amplifier)
        on(":PMU:OUTPUT:STATE", self._switch)
        on(":PMU:SOURCE:RANGE", self._set_source_range)
        on(":PMU:LOAD", lambda p: setattr(self._channel(p), "load_ohm", real(p, 1, 1.0, 1e7)))
        on(":PMU:LLEC:CONFIGURE", self._set_compensation)
        on(":PMU:MEASURE:MODE", lambda p: setattr(self, "mode", whole(p, 0, 0, 4)))
        on(":PMU:MEASURE:RANGE", self._set_measure_range)
        on(":PMU:MEASURE:PIV", self._set_spots)
        on(":PMU:SAMPLE:RATE", lambda p: setattr(self, "rate_hz", real(p, 0, 1e3, MOST_RATE_HZ)))
        on(":PMU:CONNECTION:COMP", lambda p: self._checked(p, (0, 1), (0, 1)))
        on(":PMU:RETAIN:CONFIG", lambda p: self._checked(p, (0, 1)))
        on(":PMU:PULSE:TRAIN", self._set_train)
        on(":PMU:PULSE:TIMES", self._set_times)
        on(":PMU:PULSE:BURST:COUNT", lambda p: setattr(self, "burst", whole(p, 0, 1, 10**6)))
        on(":PMU:SWEEP:PULSE:AMPLITUDE", lambda p: self._sweep(p, "amplitude"))
        on(":PMU:SWEEP:PULSE:BASE", lambda p: self._sweep(p, "base"))
        on(":PMU:SWEEP:DC", lambda p: self._sweep(p, "dc"))
        on(":PMU:TIMES:PIV", lambda p: self._set_parts(p, ("spot_from", "spot_to")))
        on(":PMU:TIMES:WAVEFORM", lambda p: self._set_parts(p, ("before", "after")))
        for header, name in _LISTS.items():
            path = f":PMU:SARB:SEQ:{header}"
            on(path, lambda p, n=name: self._set_list(n, p, is_more=False))  # type: ignore[misc]
            on(f"{path}:ADD", lambda p, n=name: self._set_list(n, p, is_more=True))  # type: ignore[misc]
        on(":PMU:SARB:WFM:SEQ:LIST", lambda p: self._set_order(p, is_more=False))
        on(":PMU:SARB:WFM:SEQ:LIST:ADD", lambda p: self._set_order(p, is_more=True))

    def _channel(self, parameters: list[str]) -> Channel:
        return self.channels[whole(parameters, 0, 1, len(self.channels))]

    def _checked(self, parameters: list[str], *limits: tuple[int, int]) -> None:
        """Take a setting of lead lengths and the like, which the circuit has not."""
        self._channel(parameters)
        for place, (low, high) in enumerate(limits):
            whole(parameters, place + 1, low, high)

    def _configure_amplifier(self, parameters: list[str]) -> None:
        name = word(parameters, 0).upper()
        if name not in [f"PMU1-{number}" for number in self.channels]:
            raise KxciError(-241, f"There is no remote amplifier {name}")
        self.channels[int(name[-1])].connection = whole(parameters, 1, 0, 3)

    def _switch(self, parameters: list[str]) -> None:
        channel, is_on = self._channel(parameters), bool(whole(parameters, 1, 0, 1))
        terminal = self._terminals[whole(parameters, 0, 1, len(self.channels))]
        channel.is_on = is_on
        if not is_on:
            terminal.disconnect()
            return
        terminal.drive([self._frame.clock.now()], [0.0])
        self._connect(terminal, channel)

    def _connect(self, terminal: Terminal, channel: Channel) -> None:
        try:
            terminal.connect("voltage", channel.resistance_ohm, inf)
        except DeviceError as error:
            channel.is_on = False
            raise KxciError(-221, f"The simulated circuit refuses this source: {error}") from error

    def _set_source_range(self, parameters: list[str]) -> None:
        channel, wanted = self._channel(parameters), whole(parameters, 1, 10, 40)
        if wanted not in RANGES_A:
            raise KxciError(-222, f"There is no source range of {wanted} V, but 10 and 40")
        channel.source_range = wanted
        channel.range_a = 1e-2

    def _set_compensation(self, parameters: list[str]) -> None:
        self._channel(parameters).is_compensated = bool(whole(parameters, 1, 0, 1))

    def _set_measure_range(self, parameters: list[str]) -> None:
        channel, kind = self._channel(parameters), whole(parameters, 1, 0, 2)
        wanted_a = real(parameters, 2, 0.0, 0.8) if kind != AUTO else 0.0
        choices = RANGES_A[channel.source_range]
        if wanted_a > choices[-1] * (1 + 1e-9):
            raise KxciError(-222, f"A range of {wanted_a:g} A is beyond {choices[-1]:g} A")
        channel.measure_type = kind
        channel.range_a = next(r for r in choices if wanted_a <= r * (1 + 1e-9))

    def _set_spots(self, parameters: list[str]) -> None:
        pulses = self._channel(parameters).pulses
        pulses.has_high, pulses.has_low = (bool(whole(parameters, n, 0, 1)) for n in (1, 2))

    def _set_train(self, parameters: list[str]) -> None:
        pulses = self._channel(parameters).pulses
        pulses.base_v, pulses.amplitude_v = (real(parameters, n, -40.0, 40.0) for n in (1, 2))
        pulses.swept = []

    def _set_times(self, parameters: list[str]) -> None:
        pulses = self._channel(parameters).pulses
        before = dict(vars(pulses))
        pulses.period_s = real(parameters, 1, 60e-9, 1.0)
        pulses.width_s = real(parameters, 2, 40e-9, 1.0)
        pulses.rise_s, pulses.fall_s = (real(parameters, n, 20e-9, 33e-3) for n in (3, 4))
        pulses.delay_s = real(parameters, 5, 0.0, 1.0) if len(parameters) > 5 else 0.0
        try:
            pulses.check()
        except KxciError:
            vars(pulses).update(before)
            raise

    def _set_parts(self, parameters: list[str], names: tuple[str, str]) -> None:
        pulses = self._channel(parameters).pulses
        values = [real(parameters, place, 0.0, 1.0) for place in (1, 2)]
        if names[0] == "spot_from" and values[0] >= values[1]:
            raise KxciError(-221, "The measurement would end before it starts")
        for name, value in zip(names, values, strict=True):
            setattr(pulses, name, value)

    def _sweep(self, parameters: list[str], what: str) -> None:
        pulses = self._channel(parameters).pulses
        start, stop, step = (real(parameters, n, -40.0, 40.0) for n in (1, 2, 3))
        if step == 0.0:
            raise KxciError(-222, "A sweep needs a step")
        count = counted(start, stop, step)
        values = (start + np.copysign(abs(step), stop - start) * np.arange(count)).tolist()
        place = 4 if what == "dc" else 5
        if len(parameters) > place and whole(parameters, place, 0, 1):
            values += values[::-1]
        fixed = real(parameters, 4, -40.0, 40.0) if what != "dc" else 0.0
        pairs = {"amplitude": (fixed, None), "base": (None, fixed), "dc": (None, None)}[what]
        pulses.swept = [
            (v if pairs[0] is None else pairs[0], v if pairs[1] is None else pairs[1])
            for v in values
        ]

    # Segments.

    def _set_list(self, name: str, parameters: list[str], is_more: bool) -> None:
        channel, number = self._channel(parameters), whole(parameters, 1, 1, MOST_SEQUENCES)
        values = reals(parameters, 2)
        low, high = {
            "time_s": (SHORTEST_S * (1 - 1e-9), LONGEST_S), "start_v": (-40.0, 40.0),
            "stop_v": (-40.0, 40.0), "measure": (0.0, 4.0), "trigger": (0.0, 1.0),
            "relay": (1.0, 1.0),
        }.get(name, (0.0, LONGEST_S))  # fmt: skip
        wrong = [value for value in values if not low <= value <= high]
        if wrong or not values:
            raise KxciError(-222, f"{name} needs values of {low:g} to {high:g}, not {wrong}")
        if name == "time_s":
            values = [round(value / TICK_S) * TICK_S for value in values]
        sequence = channel.sequences.setdefault(number, Sequence())
        values = (getattr(sequence, name) if is_more else []) + values
        others = (s for n, s in channel.sequences.items() if n != number)
        if len(values) + sum(len(s.time_s) for s in others) > MOST_SEGMENTS:
            raise KxciError(-222, f"A channel has {MOST_SEGMENTS} segments at most")
        setattr(sequence, name, values)

    def _set_order(self, parameters: list[str], is_more: bool) -> None:
        channel, values = self._channel(parameters), parameters[1:]
        # A sequence without a count is played once.
        values = [*values, "1"] if len(values) % 2 else values
        pairs = [
            (whole(values, n, 1, MOST_SEQUENCES), whole(values, n + 1, 1, 10**12))
            for n in range(0, len(values), 2)
        ]
        if not pairs:
            raise KxciError(-109, "The list has no sequence")
        channel.order = (channel.order if is_more else []) + pairs

    # Playing and measuring.

    def _execute(self) -> None:
        playing = {number: self._play(c) for number, c in self.channels.items() if c.is_on}
        if not playing:
            raise KxciError(-221, "No channel of the pulse card is on")
        trigger_s = self._frame.clock.now() + _SETUP_S
        for number, one in playing.items():
            channel, terminal = self.channels[number], self._terminals[number]
            self._connect(terminal, channel)
            corner_s = np.r_[-_EDGE_S, one.corner_s, one.end_s + _EDGE_S] + trigger_s
            terminal.drive(corner_s, np.r_[0.0, one.level_v * channel.gain, 0.0])
            terminal.watch(trigger_s)
            channel.points = []
        self._running = playing, trigger_s
        for listener in self._frame.edge_listeners:
            listener(trigger_s)
        self._frame.begin(trigger_s + max(one.end_s for one in playing.values()) + _SETUP_S)

    def _play(self, channel: Channel) -> Playing:
        if channel.connection != 0:
            raise KxciError(-221, "The remote amplifier is not switched to the pulse card")
        if self.is_sequenced:
            playing = play_sequences(channel.sequences, channel.order)
        else:
            points = max(1, *(len(c.pulses.swept) for c in self.channels.values() if c.is_on))
            playing = channel.pulses.play(self.mode, self.burst, points)
        most_v = channel.source_range / channel.gain
        peak_v = float(np.max(np.abs(playing.level_v)))
        if peak_v > most_v * (1 + 1e-9):
            raise KxciError(-222, f"{peak_v:g} V are beyond {most_v:g} V into this load")
        moving = (np.diff(playing.level_v) != 0.0) & (np.diff(playing.corner_s) > 0.0)
        shortest_s = np.diff(playing.corner_s)[moving].min(initial=inf)
        if shortest_s < SHORTEST_EDGE_S[channel.source_range] * (1 - 1e-6):
            raise KxciError(-222, f"An edge of {shortest_s:g} s is too steep for this range")
        return playing

    def finish(self) -> None:
        """Measure what was played, now that it is over."""
        if self._running is None:
            return
        playing, trigger_s = self._running
        self._running = None
        for number, one in playing.items():
            channel, terminal = self.channels[number], self._terminals[number]
            range_a = channel.range_a if channel.measure_type == FIXED else None
            lowest_a = channel.range_a if channel.measure_type == LIMITED_AUTO else 0.0
            ranges = (float(channel.source_range), range_a, lowest_a)
            rate_hz = rate_for(one, self.rate_hz)
            rows = sample(terminal, one, trigger_s, rate_hz, ranges, self._noise)
            for parts in rows:
                count = min(part.shape[1] for part in parts)
                table = np.vstack([part[:, :count] for part in parts])
                channel.points += list(map(tuple, table.T.tolist()))
            terminal.unwatch()

    def _answer_data(self, parameters: list[str]) -> str:
        channel = self._channel(parameters)
        points = channel.points
        numbers = [p for p in parameters[1:] if not p[0].isalpha()]
        wanted = [p.upper() for p in parameters[1:] if p[0].isalpha()]
        if numbers:
            start, count = whole(numbers, 0, 0, 10**9), whole(numbers, 1, 1, 10**9)
            points = points[start : start + min(count, _MOST_ROWS)]
        names = list(_WORDS)
        if (points and len(points[0]) > len(_WORDS)) or any(len(name) == 2 for name in wanted):
            sides = [s for s, on in zip("HL", self._sides(channel), strict=True) if on]
            names = [name + side for side in sides for name in _WORDS]
        if not set(wanted) <= set(names):
            raise KxciError(-224, f"{wanted} are not among {names}")
        places = [names.index(name) for name in wanted or names]
        return ";".join(
            ",".join(_format(names[place], point[place]) for place in places) for point in points
        )

    def _sides(self, channel: Channel) -> tuple[bool, bool]:
        return channel.pulses.has_high, channel.pulses.has_low


def _format(name: str, value: float) -> str:
    return str(int(value)) if name[0] == "S" else format(value, ".9E" if name[0] == "T" else ".6E")
