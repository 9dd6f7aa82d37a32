"""The dry run: what a procedure could do to a device at worst, found without any instrument.

A protocol may ask for more or less, according to the answers. It is played to stand-ins that
answer in different ways: nothing fires, everything fires, every second pulse fires, and only
pulses of some amplitude upward fire, for amplitudes that the protocol itself went up to while
nothing fired. The larger figure of each is the worst case. It is a forecast, not a proof: a run
checks each stimulus again before it is applied, see `GuardedPlayer`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from math import ceil
from typing import Any

import numpy as np

from labbench.bench.description import BenchDescription
from labbench.bench.routes import is_reached, routes_of
from labbench.bench.tally import (
    Comparison,
    Tally,
    compare_with_bench,
    compare_with_device,
    dose_at,
    largest,
    tally_of,
)
from labbench.connection import OPEN, Connection
from labbench.errors import LimitError
from labbench.features import Response
from labbench.stimulus import Pulse, PulseTrain, Stimulus, Sweep
from labbench.store import DoseRecord
from labbench.trace import Channel, Trace
from procedures.base import NeuronProcedure

Answer = Callable[[Pulse], bool]

# A protocol that goes on for longer has no end.
MOST_STIMULI = 200_000
# How many of the amplitudes that it went up to are tried as the device's threshold.
THRESHOLDS = 2
_RESTING_V = 0.5
# Of the peak of a waveform that is not made of pulses: where a device that fires does.
_FIRES_ABOVE = 0.6
_CLOSED_OHM, _OPEN_OHM = 1e6, 1e13
# Samples in the shortest pulse or gap, and in a whole record.
_FINE, _FEWEST, _MOST = 8, 64, 20_000
_MADE_UP = 400
# Responses kept for a protocol that asks for the same again: some kB each.
_REMEMBERED = 2000


@dataclass(frozen=True)
class Forecast:
    """The worst case of a procedure, beside what is allowed.

    Attributes
    ----------
    tally : Tally
    comparisons : tuple of Comparison
        With the bench's limits and the device's budget.
    answers : int
        How many ways of answering were played to the end.
    notes : tuple of str
        What stopped the others: a protocol may not bear every answer.
    """

    tally: Tally
    comparisons: tuple[Comparison, ...]
    answers: int
    notes: tuple[str, ...]

    @property
    def exceeded(self) -> tuple[Comparison, ...]:
        """What is too much."""
        return tuple(each for each in self.comparisons if each.is_exceeded)

    def require(self) -> None:
        """Check that nothing is too much.

        Raises
        ------
        LimitError
            With everything that is, found, allowed, and what to do.
        """
        if self.exceeded:
            faults = "; ".join(f"{each} ({each.remedy})" for each in self.exceeded)
            raise LimitError(f"At worst this run does too much, and was not begun. {faults}.")

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON takes it."""
        return {
            "worst_case": asdict(self.tally),
            "comparisons": [
                {**asdict(each), "is_exceeded": each.is_exceeded} for each in self.comparisons
            ],
            "answers": self.answers,
            "notes": list(self.notes),
            "is_allowed": not self.exceeded,
        }


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


def foresee(
    procedure: NeuronProcedure,
    bench: BenchDescription,
    spent: DoseRecord | None = None,
    budget: Mapping[str, float] | None = None,
) -> Forecast:
    """Return the worst case of a procedure; the procedure itself is not touched.

    Parameters
    ----------
    procedure : NeuronProcedure
    bench : BenchDescription
    spent : DoseRecord, optional
        What the device took already.
    budget : mapping of str to float, optional
        What it may take in all.

    Raises
    ------
    LimitError
        If the protocol has no end, or bears none of the answers.
    """
    tallies: list[Tally] = []
    notes: list[str] = []
    memory = Memory()

    def play(words: str, answer: Answer) -> StandIn:
        player = StandIn(bench, answer, memory)
        fault = _play(procedure, player)
        if fault:
            notes.append(f"if {words}: {fault}")
        tallies.append(player.tally)
        return player

    silent = play("nothing fires", lambda pulse: False)
    play("everything fires", lambda pulse: True)
    turns = count()
    play("every second pulse fires", lambda pulse: next(turns) % 2 == 1)
    climbed_v = sorted(silent.peaks_v)
    chosen = np.linspace(len(climbed_v) - 1, 0, min(THRESHOLDS, len(climbed_v))).round()
    for place in dict.fromkeys(chosen.astype(int).tolist()):
        threshold_v = climbed_v[place]
        play(f"it fires from {threshold_v:g} V on", _fires_from(threshold_v))
    if len(notes) == len(tallies):
        raise LimitError(f"What this procedure does cannot be foreseen: {'; '.join(notes)}.")
    worst = largest(tallies)
    compared = compare_with_bench(worst, bench) + compare_with_device(worst, spent, budget or {})
    return Forecast(worst, tuple(compared), len(tallies) - len(notes), tuple(notes))


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


def _fires_from(threshold_v: float) -> Answer:
    return lambda pulse: abs(pulse.amplitude_v) >= threshold_v


def _play(procedure: NeuronProcedure, player: StandIn) -> str:
    """Play a fresh copy of a procedure; return what stopped it, empty if it came to its end."""
    copy = type(procedure)()
    copy.set_parameters(procedure.parameter_values())
    copy.player, copy.record = player, lambda ordinal, response: None
    copy.emit, copy.should_stop = lambda topic, value: None, lambda: False
    try:
        copy.startup()
        copy.execute()
    except LimitError:
        raise
    except Exception as error:  # noqa: BLE001 - a protocol may not bear an answer nobody gives
        return f"{type(error).__name__}: {error}"
    return ""
