"""Many trials at once, on all cores: the stimuli of a whole plan, each repeated.

Each trial has its own random stream, so the result is the same for any number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numba import get_num_threads, prange
from numpy.typing import NDArray

from labbench.errors import StimulusError
from labbench.model.card import ModelCard
from labbench.model.compiled import compiled, parallel
from labbench.model.constants import pack
from labbench.model.guards import EVENT_NAMES, SPIKE
from labbench.model.integration import check_course, flaw, resting, threshold_v
from labbench.model.kernel import BUFFER_FULL, DONE, TOO_MANY_STEPS, integrate
from labbench.model.layout import (
    FloatArray,
    IntArray,
    N_FEEDBACK,
    TARGET,
)
from labbench.model.random import exponential, stream_key
from labbench.model.simulation import closed
from labbench.stimulus import Stimulus

MAX_STEPS = 10_000_000


@dataclass(frozen=True, eq=False)
class Job:
    """One stimulus to one card, from rest, repeated with random streams of their own.

    Attributes
    ----------
    card : ModelCard
    corner_s, level : (k,) float64 arrays
        The source, as `advance` takes it.
    sample_s : (n,) float64 array
        Ascending times from zero on; the last one ends each trial.
    repeats : int
    device, first_trial : int
        Trial i has the stream of `resting` for `device` and ``first_trial + i``.
    stop_at : str
        Name of the event that ends a trial, none if empty.
    stop_from_s : float
        From when on it does.
    threshold_v : float or None
        Node voltage whose upward crossing is a spike; None for `integration.threshold_v`.
    """

    card: ModelCard
    corner_s: FloatArray
    level: FloatArray
    sample_s: FloatArray
    repeats: int = 1
    device: int = 0
    first_trial: int = 0
    stop_at: str = ""
    stop_from_s: float = 0.0
    threshold_v: float | None = None


@dataclass(frozen=True, eq=False)
class Played:
    """What came of the trials of one job.

    Attributes
    ----------
    samples : (repeats, n, 4) float64 array
        Filament, residue, node voltage, area; NaN after a trial's end.
    event_s : (repeats, e) float64 array
        Times of all events, NaN after the last one of each trial.
    event_kind : (repeats, e) int64 array
        Places in `guards.EVENT_NAMES`, -1 after the last one.
    has_converged : (repeats,) bool array
    """

    samples: FloatArray
    event_s: FloatArray
    event_kind: NDArray[np.int64]
    has_converged: NDArray[np.bool_]

    def first_s(self, kind: str, from_s: float = 0.0) -> FloatArray:
        """Return the time of the first event of a kind from some time on, NaN if none, (repeats,).

        Trials that did not converge have none either; see `has_converged`.
        """
        times_s = np.full(len(self.event_s), np.nan)
        _first(self.event_s, self.event_kind, EVENT_NAMES.index(kind), from_s, times_s)
        times_s[~self.has_converged] = np.nan
        return times_s


@compiled
def _first(
    event_s: FloatArray, event_kind: IntArray, kind: int, from_s: float, first_s: FloatArray
) -> None:
    """Fill the first time of a kind of event in each row."""
    for i in range(first_s.size):
        for j in range(event_s.shape[1]):
            if event_kind[i, j] == kind and event_s[i, j] >= from_s:
                first_s[i] = event_s[i, j]
                break


@parallel
def _play(
    order: IntArray,
    shares: IntArray,
    job: IntArray,
    trial: IntArray,
    p: FloatArray,
    device: IntArray,
    threshold: FloatArray,
    stop_at: IntArray,
    stop_from_s: FloatArray,
    corner_s: FloatArray,
    level: FloatArray,
    corners: IntArray,
    sample_s: FloatArray,
    times: IntArray,
    first_sample: IntArray,
    first_event: IntArray,
    y_rest: FloatArray,
    flags_rest: IntArray,
    clock_rest: FloatArray,
    seed: int,
    rtol: float,
    samples: FloatArray,
    event_s: FloatArray,
    event_kind: IntArray,
    status: IntArray,
) -> None:
    """Integrate the trials named in `order`, each with the arrays of its job.

    Thread i takes those from place `shares[i]` to `shares[i + 1]`.
    """
    for i in prange(shares.size - 1):
        for place in range(shares[i], shares[i + 1]):
            t = order[place]
            j = job[t]
            key = stream_key(seed, device[j], trial[t])
            y, flags, clock = y_rest.copy(), flags_rest.copy(), clock_rest.copy()
            clock[TARGET] = exponential(key, 0)
            status[t], n_events, _, _ = integrate(
                p[j], y, flags, clock, key,
                corner_s[corners[j] : corners[j + 1]], level[corners[j] : corners[j + 1]],
                sample_s[times[j] : times[j + 1]],
                samples[first_sample[t] : first_sample[t + 1]],
                event_s[first_event[t] : first_event[t + 1]],
                event_kind[first_event[t] : first_event[t + 1]],
                np.empty(0), np.empty((0, 5, N_FEEDBACK)), threshold[j], rtol, MAX_STEPS,
                stop_at[j], stop_from_s[j],
            )  # fmt: skip
            for e in range(first_event[t] + n_events, first_event[t + 1]):
                event_s[e] = np.nan
                event_kind[e] = -1


@compiled
def _are_sound(
    corner_s: FloatArray,
    level: FloatArray,
    corners: IntArray,
    sample_s: FloatArray,
    times: IntArray,
) -> bool:
    """Return whether no job has a flaw, in one call; `check_course` says which it is."""
    if level.size != corner_s.size or flaw(level) == 1:
        return False
    for j in range(corners.size - 1):
        if flaw(corner_s[corners[j] : corners[j + 1]]) or sample_s[times[j]] < 0.0:
            return False
        if flaw(sample_s[times[j] : times[j + 1]]):
            return False
    return True


def _shared_out(costs: FloatArray, threads: int) -> tuple[IntArray, IntArray]:
    """Share trials out to threads: the costliest first, each to whom has least so far.

    Returns
    -------
    order, shares : (n,) and (threads + 1,) int64 arrays
        Thread i takes the trials ``order[shares[i] : shares[i + 1]]``.
    """
    loads = [0.0] * threads
    hands: list[list[int]] = [[] for _ in range(threads)]
    for trial in np.argsort(-costs, kind="stable").tolist():
        least = loads.index(min(loads))
        loads[least] += costs[trial]
        hands[least].append(trial)
    shares = np.cumsum([0, *(len(hand) for hand in hands)])
    return np.array([trial for hand in hands for trial in hand], np.int64), shares


def _room(card: ModelCard, duration_s: float, stop_at: str) -> int:
    """Return how many events a trial is given room for: a jump and a closing for each."""
    if stop_at:
        return 64
    return 64 + int(min(card["kappa_per_s"] * duration_s, 4096))


def play(
    jobs: Sequence[Job], *, seed: int = 0, noise: str = "random", rtol: float = 1e-4
) -> tuple[Played, ...]:
    """Play jobs from rest, all their trials on all cores.

    Parameters
    ----------
    jobs : sequence of Job
    seed : int
    noise : {"random", "mean", "off"}
    rtol : float
        Looser than for a record: random trials scatter far more than a step errs.

    Returns
    -------
    tuple of Played
        One a job.

    Raises
    ------
    StimulusError
        If a job's times run backwards or are not finite, or there is no such event or noise.
    """
    for one in jobs:
        if one.corner_s.shape != one.level.shape or not (one.corner_s.size and one.sample_s.size):
            check_course(0.0, one.corner_s, one.level, one.sample_s)
        if one.repeats < 0 or (one.stop_at and one.stop_at not in EVENT_NAMES):
            raise StimulusError(
                f"A job has repeats from 0 and stops at one of {', '.join(EVENT_NAMES)}: got "
                f"{one.repeats} and {one.stop_at!r}."
            )
    if not jobs:
        return ()
    rooms = [_room(one.card, one.sample_s[-1], one.stop_at) for one in jobs]
    played = list(_play_in(jobs, rooms, seed, noise, rtol))
    while crowded := [j for j, one in enumerate(played) if one is None]:
        # A longer stretch of memory, from the beginning: the same steps, the same numbers.
        rooms = [8 * room for room in rooms]
        again = _play_in([jobs[j] for j in crowded], [rooms[j] for j in crowded], seed, noise, rtol)
        for j, result in zip(crowded, again, strict=True):
            played[j] = result
    return tuple(one for one in played if one is not None)


def _play_in(
    jobs: Sequence[Job], rooms: Sequence[int], seed: int, noise: str, rtol: float
) -> Iterator[Played | None]:
    """Play all jobs with room for so many events a trial; None for a job that needs more."""
    repeats = np.array([one.repeats for one in jobs])
    job = np.repeat(np.arange(len(jobs)), repeats)
    sizes = np.array([one.sample_s.size for one in jobs])
    first_sample = np.r_[0, np.cumsum(sizes[job])]
    first_event = np.r_[0, np.cumsum(np.array(rooms)[job])]
    cards = {id(one.card): one.card for one in jobs}
    packed = {key: pack(card, noise) for key, card in cards.items()}
    rest = resting(jobs[0].card, seed)
    samples = np.full((first_sample[-1], N_FEEDBACK), np.nan)
    event_s, event_kind = np.empty(first_event[-1]), np.empty(first_event[-1], np.int64)
    status = np.full(job.size, DONE)
    costs = [one.sample_s[-1] * (0.1 if one.stop_at else 1.0) for one in jobs]
    corner_s = np.concatenate([one.corner_s for one in jobs])
    level = np.concatenate([one.level for one in jobs])
    corners = np.r_[0, np.cumsum([one.corner_s.size for one in jobs])]
    sample_s = np.concatenate([one.sample_s for one in jobs])
    times = np.r_[0, np.cumsum(sizes)]
    if not _are_sound(corner_s, level, corners, sample_s, times):
        for one in jobs:
            check_course(0.0, one.corner_s, one.level, one.sample_s)
    _play(
        *_shared_out(np.array(costs)[job], get_num_threads()),
        job,
        np.concatenate([one.first_trial + np.arange(one.repeats) for one in jobs]),
        np.array([packed[id(one.card)] for one in jobs]),
        np.array([one.device for one in jobs]),
        np.array([threshold_v(j.card) if j.threshold_v is None else j.threshold_v for j in jobs]),
        np.array([EVENT_NAMES.index(one.stop_at) if one.stop_at else -1 for one in jobs]),
        np.array([one.stop_from_s for one in jobs], np.float64),
        corner_s, level, corners, sample_s, times,
        first_sample, first_event, rest.y, rest.flags, rest.clock, seed, rtol, samples, event_s,
        event_kind, status,
    )  # fmt: skip
    end = 0
    for n, size, room in zip(repeats.tolist(), sizes.tolist(), rooms, strict=True):
        begin, end = end, end + n
        if (status[begin:end] == BUFFER_FULL).any():
            yield None
            continue
        events = slice(first_event[begin], first_event[end])
        yield Played(
            samples=samples[first_sample[begin] : first_sample[end]].reshape(n, size, N_FEEDBACK),
            event_s=event_s[events].reshape(n, room),
            event_kind=event_kind[events].reshape(n, room),
            has_converged=status[begin:end] != TOO_MANY_STEPS,
        )


def first_spikes_s(
    card: ModelCard,
    stimulus: Stimulus,
    trials: int,
    *,
    seed: int = 0,
    device: int = 0,
    first_trial: int = 0,
    noise: str = "random",
    rtol: float = 1e-4,
) -> FloatArray:
    """Return the time of the first spike of each trial from rest, (trials,).

    Parameters
    ----------
    card : ModelCard
        Of a neuron.
    stimulus : Stimulus
    trials : int
    seed, device, first_trial : int
        Name the random streams: trial i is the one `simulate` plays as ``first_trial + i``.
    noise : {"random", "mean", "off"}
    rtol : float

    Returns
    -------
    (trials,) float64 array
        In s from time zero of the stimulus; NaN where a trial did not fire in the record.
    """
    if card.circuit == "memristor" or trials < 0:
        raise StimulusError(
            f"First spikes need a neuron and a number of trials: got a {card.circuit} and {trials}."
        )
    corner_s, level = closed(*stimulus.breakpoints())
    job = Job(
        card, corner_s, level, np.array([stimulus.duration_s]), trials, device, first_trial,
        stop_at=EVENT_NAMES[SPIKE],
    )  # fmt: skip
    return play([job], seed=seed, noise=noise, rtol=rtol)[0].first_s("spike")
