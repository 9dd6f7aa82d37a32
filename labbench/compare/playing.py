"""Recorded stimuli played again: by a card, and by cards that cannot be told from it.

The card itself answers every stimulus. What its own doubt does to a feature is read from pairs of
drawn cards, one on each side of it, which answer a share of the trials of each stimulus only, with
the same random streams: up to the first spike the streams keep together, so that a few trials show
what the card does and not what chance does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from os import cpu_count

import numpy as np

from labbench.compare.cards import drawn_cards
from labbench.features import Response
from labbench.model import Loading, ModelCard
from labbench.model.replay import replay_response
from labbench.stimulus import PulseTrain, Stimulus, Sweep
from labbench.trace import Trace

# More trials for each recorded one say little: the measured error rules the difference by then.
ENOUGH_TRIALS, MOST_REPEATS = 400, 2
# Pairs of drawn cards, and how many standard errors each lies from the card: near enough that a
# banana-shaped doubt (alpha against mu and gamma1) is followed along its tangent, far enough that
# chance in long trains is not mistaken for it.
PAIRS, NEAR = 4, 0.5
# Trials of each stimulus that a drawn card plays: as many as the features need. The spread of a
# latency needs twenty, and short single pulses are cheap; a few long trains have many intervals.
SHARE, SHARE_OF_SHORT, SHARE_OF_LONG = 5, 20, 8
SHORT_S = 10e-3
# Stimuli recorded fewer times, those of a search, are left out where others come more often.
FEWEST = 2
# Every so many samples of the record: solving for the output takes most of the time, and the
# difference of two cards does not mind.
THINNED, LONG_RECORD = 4, 2000
# A slow sweep that meets fast jumps costs up to a second.
SHARE_OF_SWEEPS = 1

Responses = Mapping[str, Sequence[Response]]


@dataclass(frozen=True, eq=False)
class Simulated:
    """What a card answers to recorded stimuli.

    Attributes
    ----------
    responses : mapping of property name to responses
        Of the card itself.
    pairs : sequence of (mapping, mapping)
        Of cards on either side of it, to a share of the stimuli; empty if the card is exact.
    """

    responses: Responses
    pairs: Sequence[tuple[Responses, Responses]] = ()


def replay(
    responses: Sequence[Response],
    card: ModelCard,
    *,
    seed: int,
    repeats: int = 1,
    loading: Loading | None = None,
) -> list[Response]:
    """Simulate the stimuli of recorded responses, each from rest with its own random stream.

    Parameters
    ----------
    responses : sequence of Response
        Their sampling is kept, so that features read the same kind of trace.
    card : ModelCard
    seed : int
    repeats : int
        Trials for each recorded one.
    loading : Loading, optional
        The probe on the output.
    """
    trials = range(repeats * len(responses))
    return _play([(responses[i % len(responses)], card, i) for i in trials], seed, loading)


def play_again(
    measured: Responses, card: ModelCard, *, seed: int, loading: Loading | None = None
) -> Simulated:
    """Simulate all stimuli of a device, each once however many properties read it.

    Parameters
    ----------
    measured : mapping of property name to responses
    card : ModelCard
        With a covariance (see `drawn_cards`) if it has a doubt.
    seed : int
    loading : Loading, optional
        The probe on the output.
    """
    every = list({id(r): r for several in measured.values() for r in several}.values())
    number = {id(r): i for i, r in enumerate(every)}
    repeats = {name: _repeats(len(several)) for name, several in measured.items()}
    most = [0] * len(every)
    for name, several in measured.items():
        for r in several:
            most[number[id(r)]] = max(most[number[id(r)]], repeats[name])
    jobs = [(i, k) for i, n in enumerate(most) for k in range(n)]
    played = _play([(every[i], card, i + k * len(every)) for i, k in jobs], seed, loading)
    made = dict(zip(jobs, played, strict=True))
    responses = {
        name: [made[number[id(r)], k] for k in range(repeats[name]) for r in several]
        for name, several in measured.items()
    }
    return Simulated(responses, _pairs(measured, every, card, seed, loading))


def _pairs(
    measured: Responses,
    every: Sequence[Response],
    card: ModelCard,
    seed: int,
    loading: Loading | None,
) -> list[tuple[Responses, Responses]]:
    """Let pairs of drawn cards answer a share of the trials of each stimulus."""
    cards = [c for pair in drawn_cards(card, PAIRS, seed, NEAR) for c in pair]
    if not cards:
        return []
    chosen = _share(every)
    thinned = [(i, _thinned(every[i])) for i in chosen]
    played = iter(_play([(r, c, i) for c in cards for i, r in thinned], seed, loading))
    answers = [{id(every[i]): next(played) for i in chosen} for _ in cards]
    sides = [
        {name: [a[id(r)] for r in several if id(r) in a] for name, several in measured.items()}
        for a in answers
    ]
    return list(zip(sides[::2], sides[1::2], strict=True))


def _repeats(count: int) -> int:
    return max(1, min(MOST_REPEATS, ENOUGH_TRIALS // max(count, 1)))


def _share(every: Sequence[Response]) -> list[int]:
    """Return the places of the first trials of each stimulus."""
    keys = [(_course(response), response.connection) for response in every]
    recorded = Counter(keys)
    fewest = min(FEWEST, max(recorded.values(), default=0))
    seen: Counter[Hashable] = Counter()
    chosen = []
    for i, (key, response) in enumerate(zip(keys, every, strict=True)):
        seen[key] += 1
        if recorded[key] >= fewest and seen[key] <= _share_of(response.stimulus):
            chosen.append(i)
    return chosen


def _thinned(response: Response) -> Response:
    """Return a long, even record with fewer samples."""
    trace = response.trace
    if trace.interval_s is None or trace.time_s.size < LONG_RECORD:
        return response
    channels = {
        name: replace(channel, raw=channel.raw[::THINNED])
        for name, channel in trace.channels.items()
    }
    even = Trace(channels, trace.start_s, THINNED * trace.interval_s)
    return replace(response, trace=even)


def _share_of(stimulus: Stimulus) -> int:
    if isinstance(stimulus, Sweep):
        return SHARE_OF_SWEEPS
    if not (isinstance(stimulus, PulseTrain) and len(stimulus.pulses) == 1):
        return SHARE
    return SHARE_OF_SHORT if stimulus.duration_s <= SHORT_S else SHARE_OF_LONG


def _course(response: Response) -> Hashable:
    """Return what makes two stimuli the same, to six digits."""
    if isinstance(response.stimulus, Sweep):
        # It may have been recorded without times.
        return (response.stimulus.kind, *np.round(response.stimulus.voltage_v, 6).tolist())
    times_s, levels = response.stimulus.breakpoints()
    rounded = [f"{x:.6g}" for x in np.r_[times_s, levels].tolist()]
    return (response.stimulus.kind, *rounded)


def _play(
    jobs: Sequence[tuple[Response, ModelCard, int]], seed: int, loading: Loading | None
) -> list[Response]:
    def play(job: tuple[Response, ModelCard, int]) -> Response:
        response, card, trial = job
        return replay_response(response, card, seed=seed, trial=trial, loading=loading)

    # More threads than cores only wait for each other.
    with ThreadPoolExecutor(cpu_count()) as pool:
        return list(pool.map(play, jobs))
