"""Adaptive choice of the next amplitude, from nothing but which amplitudes fired.

A search is asked for the next amplitude and told whether it fired, until it has none left. It
plays nothing itself, so it is tested on drawn outcomes; `procedures.search` plays it to a device.

Both searches climb from below in coarse steps until something fires, so that no device meets a
pulse far above its threshold, and neither ever asks for more than its stop amplitude.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite, log, nan, sqrt
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labbench.features import Outcome

FloatArray = NDArray[np.float64]

# The climb: at most this much above the amplitude at which a device begins to fire.
CLIMB = 1.2
# Trials that do not follow the law (a missed or a false spike), on either side.
LAPSE = 0.01
# Width of the logistic law over its half point, in the posterior.
RELATIVE_WIDTHS = np.geomspace(0.003, 0.12, 9)
HALF_POINTS = 200
CANDIDATES = 15
_TINY = 1e-300


@dataclass(frozen=True)
class HalfPoint:
    """What a search found.

    Attributes
    ----------
    outcome : Outcome
        OK, DID_NOT_FIRE (nothing fired up to the stop amplitude), LATCHED, or NOT_CONVERGED (the
        trials were used up before the tolerance was reached; the numbers hold all the same).
    v50_v, stderr_v : float
        Amplitude of P(fire) = 0.5 (a staircase: of its target); NaN if nothing fired.
    width_v : float
        Logistic width; NaN from a staircase.
    n : int
        Pulses played.
    """

    outcome: Outcome
    v50_v: float = nan
    stderr_v: float = nan
    width_v: float = nan
    n: int = 0

    @property
    def has_fired(self) -> bool:
        """Whether the device fired and can be pulsed on."""
        return isfinite(self.v50_v) and self.outcome is not Outcome.LATCHED


class Search(Protocol):
    """An adaptive search."""

    def next_v(self) -> float | None:
        """Return the next amplitude in V; None if there is nothing left to ask."""

    def tell(self, fired: bool) -> None:
        """Say whether the amplitude that was asked for fired."""

    def result(self) -> HalfPoint:
        """Return what is known."""


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is believed of half point and width of P(fire) = 1 / (1 + exp(-(V - V50) / width)).

    Attributes
    ----------
    v50_v : (k,) float64 array
    relative_width : (m,) float64 array
        Width over half point.
    weight : (k, m) float64 array
        Sums to one.
    """

    v50_v: FloatArray
    relative_width: FloatArray
    weight: FloatArray

    @classmethod
    def between(cls, low_v: float, high_v: float) -> Posterior:
        """Return one that is even in the logarithms of half point and width."""
        v50_v = np.geomspace(low_v, high_v, HALF_POINTS)
        weight = np.full((v50_v.size, RELATIVE_WIDTHS.size), 1.0)
        return cls(v50_v, RELATIVE_WIDTHS, weight / weight.size)

    def fire_probability(self, amplitude_v: ArrayLike) -> FloatArray:
        """Return P(fire) under each belief, (a, k, m) for (a,) amplitudes."""
        v = np.atleast_1d(np.asarray(amplitude_v, dtype=np.float64))[:, None, None]
        v50_v = self.v50_v[None, :, None]
        score = (v - v50_v) / (self.relative_width * v50_v)
        return np.asarray(LAPSE + (1 - 2 * LAPSE) * 0.5 * (1 + np.tanh(0.5 * score)))

    def updated(self, amplitude_v: float, fired: bool) -> Posterior:
        """Return the belief after one more trial (Bayes)."""
        p = self.fire_probability(amplitude_v)[0]
        weight = self.weight * (p if fired else 1 - p)
        return replace(self, weight=weight / weight.sum())

    @property
    def mean_v(self) -> float:
        """Mean of the half point."""
        return float(self.v50_v @ self.weight.sum(axis=1))

    @property
    def sd_v(self) -> float:
        """Standard deviation of the half point, not below that of one grid step."""
        marginal = self.weight.sum(axis=1)
        variance = float((self.v50_v - self.mean_v) ** 2 @ marginal)
        step_v = self.mean_v * log(self.v50_v[-1] / self.v50_v[0]) / (self.v50_v.size - 1)
        return sqrt(max(variance, step_v**2 / 12))

    @property
    def width_v(self) -> float:
        """Geometric mean of the relative width, times the mean half point."""
        logs = float(np.log(self.relative_width) @ self.weight.sum(axis=0))
        return float(np.exp(logs)) * self.mean_v

    def expected_entropy(self, amplitude_v: FloatArray) -> FloatArray:
        """Return the entropy of the belief to be expected after a trial, (a,) in nats."""
        fires = self.fire_probability(amplitude_v) * self.weight
        total = np.zeros(amplitude_v.size)
        for joint in (fires, self.weight - fires):
            chance = joint.sum(axis=(1, 2))
            logs = np.log(np.maximum(joint, _TINY))
            total += chance * np.log(chance) - (joint * logs).sum(axis=(1, 2))
        return total


class HalfPointSearch:
    """Bayesian search for V50: climb to the first spike, then ask what tells most.

    Each amplitude after the climb minimises the expected entropy of the belief in V50 and width
    (Kontsevich & Tyler, Vision Res. 39, 2729 (1999), after Watson & Pelli, Percept. Psychophys.
    33, 113 (1983)). Asking for V50 alone would pile all pulses up there: a fit of these pulses
    could not tell the width then, and would understate the error of V50 by half.

    Parameters
    ----------
    start_v, stop_v : float
        First amplitude and the one that is never exceeded.
    tolerance : float
        Ends once the standard deviation of V50 is below this part of it.
    most : int
        Ends after this many pulses, those of the climb apart.
    """

    def __init__(self, start_v: float, stop_v: float, tolerance: float, most: int) -> None:
        self.start_v, self.stop_v = start_v, stop_v
        self.tolerance, self.most = tolerance, most
        self.posterior: Posterior | None = None
        self._asked_v = start_v
        self._silent_v: list[float] = []
        self._n_after = 0

    def next_v(self) -> float | None:
        """Return the next amplitude in V; None if there is nothing left to ask."""
        if self.posterior is None:
            if not self._silent_v:
                self._asked_v = min(self.start_v, self.stop_v)
            elif self._silent_v[-1] >= self.stop_v:
                return None
            else:
                self._asked_v = min(_rounded(CLIMB * self._silent_v[-1]), self.stop_v)
            return self._asked_v
        if self._is_settled or self._n_after >= self.most:
            return None
        belief = self.posterior
        reach_v = 3 * belief.sd_v + 2 * belief.width_v
        candidates_v = np.linspace(belief.mean_v - reach_v, belief.mean_v + reach_v, CANDIDATES)
        # Rounded down, so that the stop amplitude holds.
        candidates_v = np.floor(np.clip(candidates_v, 1e-3, self.stop_v) * 1e3 + 1e-9) / 1e3
        self._asked_v = float(candidates_v[belief.expected_entropy(candidates_v).argmin()])
        return self._asked_v

    def tell(self, fired: bool) -> None:
        """Say whether the amplitude that was asked for fired."""
        if self.posterior is not None:
            self.posterior = self.posterior.updated(self._asked_v, fired)
            self._n_after += 1
        elif not fired:
            self._silent_v.append(self._asked_v)
        else:
            # Wide enough for a false spike on the way, or a first pulse far above.
            below_v = self._silent_v[-1] / 1.3 if self._silent_v else self._asked_v / 4
            self.posterior = Posterior.between(below_v, 1.5 * self._asked_v)
            for silent_v in self._silent_v:
                self.posterior = self.posterior.updated(silent_v, False)
            self.posterior = self.posterior.updated(self._asked_v, True)

    def result(self) -> HalfPoint:
        """Return what is known."""
        n = len(self._silent_v) + self._n_after + (self.posterior is not None)
        if self.posterior is None:
            return HalfPoint(Outcome.DID_NOT_FIRE, n=n)
        belief = self.posterior
        outcome = Outcome.OK if self._is_settled else Outcome.NOT_CONVERGED
        return HalfPoint(outcome, belief.mean_v, belief.sd_v, belief.width_v, n)

    @property
    def _is_settled(self) -> bool:
        belief = self.posterior
        return belief is not None and belief.sd_v < self.tolerance * belief.mean_v


class Staircase:
    """Weighted up-down staircase: needs no law of P(fire), only that it rises.

    Up by one step after a silent pulse, down by a step that is (1 - target) / target times as long
    after one that fired, so that the target probability is where it stays (Kaernbach, Percept.
    Psychophys. 49, 227 (1991)). Steps are parts of the amplitude; they halve at each of the first
    reversals. The result is the geometric mean of the later reversals.

    Parameters
    ----------
    start_v, stop_v : float
        First amplitude and the one that is never exceeded.
    step : float
        Last step up, as a part of the amplitude; the climb begins with four times that.
    reversals : int
        Ends after this many, an even number of 6 or more.
    most : int
        Ends after this many pulses.
    target : float
        Probability to fire that is looked for.
    """

    def __init__(
        self,
        start_v: float,
        stop_v: float,
        *,
        step: float = 0.02,
        reversals: int = 10,
        most: int = 80,
        target: float = 0.5,
    ) -> None:
        self.start_v, self.stop_v, self.step, self.target = start_v, stop_v, step, target
        self.reversals, self.most = reversals, most
        self._log_v = log(min(start_v, stop_v))
        self._turns: list[float] = []
        self._last: bool | None = None
        self._n = self._silent_at_stop = 0

    def next_v(self) -> float | None:
        """Return the next amplitude in V; None if there is nothing left to ask."""
        # Twice silent at the stop amplitude: there is nowhere to go.
        if len(self._turns) >= self.reversals or self._n >= self.most or self._silent_at_stop > 1:
            return None
        return self._asked_v

    def tell(self, fired: bool) -> None:
        """Say whether the amplitude that was asked for fired."""
        asked_v = self._asked_v
        self._n += 1
        self._silent_at_stop = (
            self._silent_at_stop + 1 if not fired and asked_v >= self.stop_v else 0
        )
        if self._last is not None and fired != self._last:
            self._turns.append(self._log_v)
        self._last = fired
        up = self.step * 2.0 ** max(2 - len(self._turns), 0)
        move = -up * (1 - self.target) / self.target if fired else up
        self._log_v = min(self._log_v + move, log(self.stop_v))

    def result(self) -> HalfPoint:
        """Return what is known."""
        if self._silent_at_stop > 1 or self._last is None or not self._turns:
            return HalfPoint(Outcome.DID_NOT_FIRE, n=self._n)
        # The first reversals belong to longer steps; then ups and downs in equal number.
        late = np.array(self._turns[2:] if len(self._turns) > 3 else self._turns)
        late = late[late.size % 2 :] if late.size > 1 else late
        v = float(np.exp(late.mean()))
        is_done = len(self._turns) >= self.reversals
        spread = float(late.std(ddof=1)) if late.size > 1 else nan
        outcome = Outcome.OK if is_done else Outcome.NOT_CONVERGED
        return HalfPoint(outcome, v, v * spread / sqrt(late.size), n=self._n)

    @property
    def _asked_v(self) -> float:
        return min(_rounded(float(np.exp(self._log_v))), self.stop_v)


def _rounded(amplitude_v: float) -> float:
    """Round to a millivolt, as stimuli are."""
    return round(amplitude_v, 3)
