"""What cards predict for the trials of items: all stimuli of all cards in one go, on all cores.

The same readings come out of a simulation with noise (synthetic trials, the surrogate) and of one
without (a single trial that stands for the mean, or for the atom).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from labbench.connection import Connection
from labbench.features.refractory_period import RECOVERY_FRACTIONS
from labbench.fit.course import Course, course_of
from labbench.fit.items import FloatArray, Item
from labbench.fit.output_lag import gate_at_v, recovery_s
from labbench.fit.trials import Made, hazard_share, read_trials, stacked
from labbench.model import Loading, ModelCard
from labbench.model.batch import Job, Played, play
from labbench.model.connected import connected
from labbench.spikes import FIRE_FRACTION

# Tight where the answer is differentiated, loose where trials scatter.
RTOL_QUIET, RTOL_RANDOM = 1e-6, 3e-5


@dataclass(frozen=True, eq=False)
class Plan:
    """Items, with each stimulus that they share once.

    Attributes
    ----------
    items : tuple of Item
    loading : Loading
        The probe on the output.
    """

    items: tuple[Item, ...]
    loading: Loading

    @cached_property
    def courses(self) -> tuple[Course, ...]:
        """The stimuli, each with the places of the items that read it."""
        groups: dict[str, list[int]] = {}
        for place, item in enumerate(self.items):
            if item.kind != "recovery":
                spec = [item.stimulus.to_spec(), item.connection.to_spec(), item.kind in _WHOLE]
                groups.setdefault(json.dumps(spec, sort_keys=True), []).append(place)
        return tuple(course_of(self.items, places) for places in groups.values())

    def drifting(self, cards: Sequence[ModelCard], places: Sequence[int]) -> FloatArray:
        """Return one reading of some items under the mean drift of the jumps, (cards, items).

        What does not fire goes on smoothly beyond its window; NaN for the other items.
        """
        return self._single(cards, "mean", places)[0]

    def quiet(
        self, cards: Sequence[ModelCard], places: Sequence[int]
    ) -> tuple[FloatArray, FloatArray]:
        """Return one reading of some items without noise, and what their hazard rests on.

        Returns
        -------
        (cards, items) float64 arrays
            The readings, as of `drifting`, and ``int f^m dt`` up to the event that is waited for,
            in s: with the hazard's kappa the mean number of jumps there would have been.
        """
        return self._single(cards, "off", places)

    def _single(
        self, cards: Sequence[ModelCard], noise: str, places: Sequence[int]
    ) -> tuple[FloatArray, FloatArray]:
        values = np.full((2, len(cards), len(self.items)), np.nan)
        if places:
            made = self._play(cards, noise, [1] * len(self.items), 0, places, RTOL_QUIET)
            for place, (trials, hazard_s) in made.items():
                values[0, :, place], values[1, :, place] = trials[:, 0], hazard_s
        return values[0], values[1]

    def simulate(
        self, cards: Sequence[ModelCard], repeats: Sequence[int], seed: int
    ) -> list[list[FloatArray]]:
        """Return random trials of each item for each card, in the order of `items`.

        Parameters
        ----------
        cards : sequence of ModelCard
            Each has random streams of its own.
        repeats : sequence of int
            Trials of each item; items of one stimulus share as many as the largest asks for.
        seed : int
        """
        places = range(len(self.items))
        made = self._play(cards, "random", repeats, seed, places, RTOL_RANDOM)
        return [[made[place][0][i] for place in places] for i in range(len(cards))]

    def _play(
        self,
        cards: Sequence[ModelCard],
        noise: str,
        repeats: Sequence[int],
        seed: int,
        places: Sequence[int],
        rtol: float,
    ) -> dict[int, tuple[FloatArray, FloatArray]]:
        """Return trials (cards, n) of each item, and the share of the hazard (cards,)."""
        wanted = set(places)
        courses = [c for c in self.courses if wanted & set(c.places)]
        times = [max(repeats[place] for place in course.places) for course in courses]
        setups = [self._setup(card) for card in cards]
        played = self._run(setups, courses, noise, times, seed, rtol)
        found = {}
        for number, (course, n) in enumerate(zip(courses, times, strict=True)):
            made = Made(
                stacked([of_card[number] for of_card in played]),
                course,
                [setup[course.connection][0] for setup in setups],
                n,
                self.loading,
            )
            none = np.full(len(cards), np.nan)
            hazard_s = hazard_share(made) if noise == "off" else none
            for place in wanted & set(course.places):
                values = read_trials(self.items[place], made, is_random=noise == "random")
                found[place] = values.reshape(len(cards), n)[:, : repeats[place]], hazard_s
        for place in wanted:
            item = self.items[place]
            if item.kind == "recovery":
                seen_s = [
                    recovery_s(setup[item.connection][0], self.loading, *RECOVERY_FRACTIONS)
                    for setup in setups
                ]
                found[place] = np.tile(seen_s, (repeats[place], 1)).T, np.full(len(cards), np.nan)
        return found

    def _run(
        self,
        setups: Sequence[Setup],
        courses: Sequence[Course],
        noise: str,
        repeats: Sequence[int],
        seed: int,
        rtol: float,
    ) -> list[tuple[Played, ...]]:
        size = len(courses)
        jobs = [
            Job(
                setup[course.connection][0],
                course.corner_s,
                course.level,
                course.sample_s,
                n,
                device=number * size + place,
                stop_at=course.stop_at,
                stop_from_s=course.stop_from_s,
                threshold_v=setup[course.connection][1],
            )
            for number, setup in enumerate(setups)
            for place, (course, n) in enumerate(zip(courses, repeats, strict=True))
        ]
        played = play(jobs, seed=seed, noise=noise, rtol=rtol)
        return [played[i * size : (i + 1) * size] for i in range(len(setups))]

    def _setup(self, card: ModelCard) -> Setup:
        """Return the card in each connection, and the gate voltage of an output spike there."""
        setup: Setup = {}
        for connection in dict.fromkeys(item.connection for item in self.items):
            made = connected(card, connection)
            if made.circuit == "memristor":
                setup[connection] = made, None
            else:
                setup[connection] = made, gate_at_v(made, self.loading, FIRE_FRACTION)
        return setup


Setup = dict[Connection, tuple[ModelCard, float | None]]
# Kinds that need the whole record, not only up to the first event.
_WHOLE = ("interval",)
