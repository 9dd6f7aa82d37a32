"""Which stimuli to show, and which trials of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labbench.features import Response, read_pulses
from labbench.report.quantity import format_quantity
from labbench.stimulus import PulseTrain, Sweep

MOST_AMPLITUDES = 3
MOST_TRIALS = 6
# Simulated trials are drawn behind the measured ones: a few show their kind.
MOST_SIMULATED = 2

Key = tuple[float, ...]


@dataclass(frozen=True)
class Case:
    """One stimulus and the trials of it to draw."""

    title: str
    measured: Sequence[Response]
    simulated: Sequence[Response]


def neuron_cases(measured: Sequence[Response], simulated: Sequence[Response]) -> list[Case]:
    """Return up to four telling stimuli, each with the trial of median latency.

    The strongest single pulse that fired in less than half of its trials, the weakest that fired
    in most, the strongest, and the pair with the shortest gap.
    """
    groups, others = _by_train(measured), _by_train(simulated)
    singles = [key for key in sorted(groups) if len(key) == 1]
    # The climb to the threshold leaves amplitudes with a trial or two: not the ones to show.
    most = max((len(groups[key]) for key in singles), default=0)
    singles = [key for key in singles if len(groups[key]) >= most / 2]
    silent = [key for key in singles if not _fires(groups[key])]
    firing = [key for key in singles if _fires(groups[key])]
    pairs = sorted((key for key in groups if len(key) == 2), key=lambda key: key[1])
    wanted = dict.fromkeys([*silent[-1:], *firing[:1], *firing[-1:], *pairs[:1]])
    return [
        Case(
            _title(key),
            [_median_trial(groups[key])],
            [_median_trial(others[key])] if key in others else [],
        )
        for key in wanted
    ]


def memristor_cases(measured: Sequence[Response], simulated: Sequence[Response]) -> list[Case]:
    """Return the first trials of up to three amplitudes of anything but sweeps."""
    groups, others = _by_peak(measured), _by_peak(simulated)
    amplitudes = sorted(groups)
    spread = np.linspace(0, len(amplitudes) - 1, min(len(amplitudes), MOST_AMPLITUDES))
    return [
        Case(
            format_quantity(amplitude, None, groups[amplitude][0].stimulus.unit),
            groups[amplitude][:MOST_TRIALS],
            others.get(amplitude, [])[:MOST_SIMULATED],
        )
        for amplitude in dict.fromkeys(amplitudes[round(float(i))] for i in spread)
    ]


def _by_train(responses: Sequence[Response]) -> dict[Key, list[Response]]:
    """Group single pulses under (amplitude,) and pairs under (amplitude, gap)."""
    groups: dict[Key, list[Response]] = {}
    for response in responses:
        if isinstance(response.stimulus, PulseTrain) and len(response.stimulus.pulses) <= 2:
            first, *later = response.stimulus.pulses
            values = [first.amplitude_v, *(pulse.start_s - first.end_s for pulse in later)]
            groups.setdefault(tuple(float(f"{v:.6g}") for v in values), []).append(response)
    return groups


def _by_peak(responses: Sequence[Response]) -> dict[float, list[Response]]:
    groups: dict[float, list[Response]] = {}
    for response in responses:
        if not isinstance(response.stimulus, Sweep):
            groups.setdefault(float(f"{response.stimulus.peak:.2g}"), []).append(response)
    return groups


def _title(key: Key) -> str:
    amplitude = format_quantity(key[0], None, "V")
    if len(key) == 1:
        return f"one pulse, {amplitude}"
    return f"two pulses, {amplitude},\n{format_quantity(key[1], None, 's')} apart"


def _fires(trials: Sequence[Response]) -> bool:
    return 2 * sum(read_pulses(trial)[0].fired for trial in trials) >= len(trials)


def _median_trial(trials: Sequence[Response]) -> Response:
    """Return the trial in the middle by its last pulse's latency; not fired counts as longest."""

    def latency(trial: Response) -> float:
        latency_s = read_pulses(trial)[-1].latency_s
        return np.inf if latency_s is None else latency_s

    return sorted(trials, key=latency)[(len(trials) - 1) // 2]
