"""The dry run: what a procedure could do to a device at worst, found without any instrument.

A protocol may ask for more or less, according to the answers. It is played to stand-ins that
answer in different ways: nothing fires, everything fires, every second pulse fires, and only
pulses of some amplitude upward fire, for amplitudes that the protocol itself went up to while
nothing fired. The larger figure of each is the worst case. It is a forecast, not a proof: a run
checks each stimulus again before it is applied, see `GuardedPlayer`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any

import numpy as np

from labbench.bench.description import BenchDescription
from labbench.bench.stand_in import Answer, Memory, StandIn
from labbench.bench.tally import (
    Comparison,
    Tally,
    compare_with_bench,
    compare_with_device,
    largest,
)
from labbench.errors import LimitError
from labbench.store import DoseRecord
from procedures.base import NeuronProcedure

# How many of the amplitudes that it went up to are tried as the device's threshold.
THRESHOLDS = 2
# A sweep plays the same procedure to hundreds of devices: all that the worst case depends on, and
# the worst case.
_WORST: dict[tuple[type, str, str], tuple[Tally, int, tuple[str, ...]]] = {}
_MOST_KEPT = 64


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
    key = (type(procedure), repr(procedure.parameter_values()), bench.model_dump_json())
    if key not in _WORST:
        if len(_WORST) >= _MOST_KEPT:
            _WORST.pop(next(iter(_WORST)))
        _WORST[key] = _worst_case(procedure, bench)
    worst, answers, notes = _WORST[key]
    compared = compare_with_bench(worst, bench) + compare_with_device(worst, spent, budget or {})
    return Forecast(worst, tuple(compared), answers, notes)


def _worst_case(
    procedure: NeuronProcedure, bench: BenchDescription
) -> tuple[Tally, int, tuple[str, ...]]:
    """Return the worst case, how many answers were borne to the end, and what stopped others."""
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
    return largest(tallies), len(tallies) - len(notes), tuple(notes)


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
