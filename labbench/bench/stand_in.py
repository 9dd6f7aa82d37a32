"""A player that has no device: it answers as it is told to, and adds up what it was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil

import numpy as np

from labbench.bench.description import BenchDescription
from labbench.bench.routes import is_reached, routes_of
from labbench.bench.tally import Tally, dose_at, tally_of
from labbench.connection import OPEN, Connection
from labbench.errors import LimitError
from labbench.features import Response
from labbench.stimulus import Pulse, PulseTrain, Stimulus, Sweep
from labbench.trace import Channel, Trace

Answer = Callable[[Pulse], bool]

# A protocol that goes on for longer has no end.
MOST_STIMULI = 200_000
_RESTING_V = 0.5
# Of the peak of a waveform that is not made of pulses: where a device that fires does.
_FIRES_ABOVE = 0.6
_CLOSED_OHM, _OPEN_OHM = 1e6, 1e13
# Samples in the shortest pulse or gap, and in a whole record.
_FINE, _FEWEST, _MOST = 8, 64, 20_000
_MADE_UP = 400
# Responses kept for a protocol that asks for the same again: some kB each.
_REMEMBERED = 2000


class Memory:
    """What was worked out for a train, or a train and the pulses of it that fire.

    Attributes
    ----------
    tallies : dict of PulseTrain to Tally
    """

    def __init__(self) -> None:
        self.tallies: dict[PulseTrain, Tally] = {}
        self._responses: dict[tuple[PulseTrain, tuple[bool, ...], Connection], Response] = {}

    def response(
        self, train: PulseTrain, fires: tuple[bool, ...], connection: Connection
    ) -> Response:
        """Return the made-up response of a neuron that fires in some pulses of a train."""
        key = (train, fires, connection)
        if key not in self._responses:
            if len(self._responses) >= _REMEMBERED:
                self._responses.clear()
            self._responses[key] = Response(train, made_up_trace(train, fires), connection)
        return self._responses[key]


class StandIn:
    """A player without instruments or device: it answers as it was told to, and adds up.

    Parameters
    ----------
    bench : BenchDescription
    answer : callable
        Says of each pulse whether it fires.
    memory : Memory
        Shared by those that play the same protocol, which repeats itself.

    Attributes
    ----------
    tally : Tally
    peaks_v : set of float
        The amplitudes that were asked for.
    """

    def __init__(self, bench: BenchDescription, answer: Answer, memory: Memory) -> None:
        self._bench, self._answer, self._memory = bench, answer, memory
        self._routes = routes_of(bench)
        self.tally = Tally()
        self.peaks_v: set[float] = set()

    @property
    def control_resistances_ohm(self) -> tuple[float, ...]:
        """What the bench can switch between gate and ground."""
        return self._routes.control_resistances_ohm

    def reaches(self, connection: Connection) -> bool:
        """Whether the bench can connect a device like this."""
        return is_reached(self._bench, self._routes, connection)

    def play(self, stimulus: Stimulus, connection: Connection = OPEN) -> Response:
        """Add a stimulus, and answer it."""
        if self.tally.n_stimuli >= MOST_STIMULI:
            raise LimitError(
                f"This protocol does not end within {MOST_STIMULI} stimuli: lower its repeats."
            )
        self.tally += self._one(stimulus)
        self.peaks_v.add(stimulus.peak)
        if connection.gate != "grounded" and isinstance(stimulus, PulseTrain):
            answers = tuple(self._answer(pulse) for pulse in stimulus.pulses)
            return self._memory.response(stimulus, answers, connection)
        width_s = stimulus.duration_s
        fires = self._answer(Pulse(0.0, width_s, stimulus.peak, 0.0, 0.0))
        return Response(stimulus, made_up_currents(stimulus, fires), connection)

    def safe(self) -> None:
        """Have nothing to switch off."""

    def _one(self, stimulus: Stimulus) -> Tally:
        tallies = self._memory.tallies
        if isinstance(stimulus, PulseTrain) and stimulus in tallies:
            return tallies[stimulus]
        tally = tally_of(stimulus, dose_at(self._bench, stimulus), self._bench)
        if isinstance(stimulus, PulseTrain):
            tallies[stimulus] = tally
        return tally


def made_up_trace(stimulus: PulseTrain, fires: Sequence[bool]) -> Trace:
    """Return a record of a neuron at rest that spikes in some of the pulses."""
    pulses = stimulus.pulses
    starts, ends = [p.start_s for p in pulses], [p.end_s for p in pulses]
    gaps_s = [later - end for end, later in zip(ends, starts[1:], strict=False) if later > end]
    shortest_s = min([p.width_s for p in pulses] + gaps_s, default=stimulus.duration_s / _FEWEST)
    size = min(max(ceil(_FINE * stimulus.duration_s / shortest_s), _FEWEST), _MOST)
    interval_s = stimulus.duration_s / size
    before = _FEWEST // 4
    time_s = np.arange(-before, size + 1) * interval_s
    output_v = np.full(time_s.size, _RESTING_V)
    for pulse, is_fired in zip(pulses, fires, strict=True):
        if is_fired:
            first = ceil((pulse.edge_s + 0.1 * pulse.width_s) / interval_s) + before
            last = int((pulse.edge_s + 0.6 * pulse.width_s) / interval_s) + before
            output_v[first : max(last, first) + 1] = 0.0
    channels = {
        "input": Channel(stimulus.sample(time_s), "voltage", stimulus.unit),
        "output": Channel(output_v, "voltage", "V"),
        "gate": Channel(_RESTING_V - output_v, "voltage", "V"),
    }
    return Trace(channels, start_s=float(time_s[0]), interval_s=interval_s)


def made_up_currents(stimulus: Stimulus, fires: bool) -> Trace:
    """Return a record of currents: of a closed device, or of one that never closes.

    The output of a device that fires falls while the input is above `_FIRES_ABOVE` of its peak.
    """
    resistance_ohm = _CLOSED_OHM if fires else _OPEN_OHM
    if isinstance(stimulus, Sweep):
        time_s, level = np.arange(1, stimulus.voltage_v.size + 1) * 1.0, stimulus.voltage_v
        if stimulus.dwell_s is not None:
            time_s = time_s * stimulus.dwell_s
        limit_a = stimulus.compliance_a
        swept = {stimulus.terminal: level}
        swept |= {name: np.full(level.size, held_v) for name, held_v in stimulus.bias.items()}
    else:
        corner_s = stimulus.breakpoints()[0]
        time_s = np.unique(np.r_[np.linspace(0.0, stimulus.duration_s, _MADE_UP), corner_s])
        limit_a, swept = None, {"input": stimulus.sample(time_s)}
    channels: dict[str, Channel] = {}
    for name, volts in swept.items():
        amperes = volts / resistance_ohm
        if limit_a is not None:
            amperes = np.clip(amperes, -limit_a, limit_a)
        of = "memristor" if name == "input" else f"{name}_current"
        channels[name] = Channel(volts, "voltage", "V")
        channels[of] = Channel(amperes, "current", "A", rail_high=limit_a)
    if not isinstance(stimulus, Sweep):
        level = np.abs(swept["input"])
        is_low = fires & (level > _FIRES_ABOVE * level.max())
        channels["output"] = Channel(np.where(is_low, 0.0, _RESTING_V), "voltage", "V")
    return Trace(channels, uneven_time_s=np.asarray(time_s, dtype=np.float64))
