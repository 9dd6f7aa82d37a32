"""The reading of each trial of an item, from what the integrator made of its stimulus.

These follow the readings of the features on recorded traces, from exact event times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from labbench.features.relaxation_levels import CAP
from labbench.fit.course import Course
from labbench.fit.items import FloatArray, Item
from labbench.fit.output_lag import output_lag_s
from labbench.model import Loading, ModelCard
from labbench.model.batch import Played
from labbench.model.guards import JUMP, OFF, ON, SPIKE

# How much later than the window something happens that came only so near: d ln(t) / d x.
_BEYOND = 2.0
_SOONEST_S = 1e-9


@dataclass(frozen=True, eq=False)
class Made:
    """What the trials of one course came to, for many cards.

    Attributes
    ----------
    played : Played
        The trials of all cards, one card's after the other's.
    course : Course
    cards : sequence of ModelCard
        As they were connected.
    repeats : int
        Trials of each card.
    loading : Loading
    """

    played: Played
    course: Course
    cards: Sequence[ModelCard]
    repeats: int
    loading: Loading

    def of_trials(self, name: str) -> FloatArray:
        """Return a parameter of each trial's card, (rows,)."""
        return np.repeat([card[name] for card in self.cards], self.repeats)

    def lag_s(self) -> FloatArray:
        """Return how much the output lags behind the gate, (rows,)."""
        drive_v = self.course.drive_v
        lags = [output_lag_s(card, drive_v, self.loading) for card in self.cards]
        return np.repeat(lags, self.repeats)


def stacked(played: Sequence[Played]) -> Played:
    """Return the trials of several jobs of one stimulus as one."""
    if len(played) == 1:
        return played[0]
    rows = sum(len(one.event_s) for one in played)
    most = max(one.event_s.shape[1] for one in played)
    event_s, event_kind = np.full((rows, most), np.nan), np.full((rows, most), -1)
    begin = 0
    for one in played:
        n, size = one.event_s.shape
        event_s[begin : begin + n, :size] = one.event_s
        event_kind[begin : begin + n, :size] = one.event_kind
        begin += n
    return Played(
        samples=np.concatenate([one.samples for one in played]),
        event_s=event_s,
        event_kind=event_kind,
        has_converged=np.concatenate([one.has_converged for one in played]),
    )


def read_trials(item: Item, made: Made, *, is_random: bool) -> FloatArray:
    """Return the reading of each trial, (rows,), NaN where a trial has none."""
    return _READERS[item.kind](item, made, is_random)


def hazard_share(made: Made) -> FloatArray:
    """Return ``int f^m dt`` up to the first event that is waited for, of each trial, in s.

    From there on the filament is closed, f about 1.
    """
    course, played = made.course, made.played
    kind = ON if course.stop_at == "on" else SPIKE
    end_s = _nth_s(played, kind, course.edge_s, 0)
    time_s, f = course.sample_s, np.clip(played.samples[:, :, 0], 0.0, None)
    last_s = np.where(np.isfinite(end_s), end_s, np.inf)
    inside = np.isfinite(f) & (time_s <= last_s[:, None])
    rate = np.where(inside, f, 0.0) ** made.of_trials("m")[:, None]
    both = inside[:, 1:] & inside[:, :-1]
    total = (np.where(both, 0.5 * (rate[:, 1:] + rate[:, :-1]), 0.0) * np.diff(time_s)).sum(axis=1)
    last = inside.shape[1] - 1 - inside[:, ::-1].argmax(axis=1)
    rest = 0.5 * (rate[np.arange(len(last)), last] + 1.0) * (end_s - time_s[last])
    return np.asarray(total + np.where(np.isfinite(end_s) & inside.any(axis=1), rest, 0.0))


def _nth_s(played: Played, kind: int, from_s: float, n: int) -> FloatArray:
    """Return the time of event number n (from zero on) of a kind, NaN where there is none."""
    wanted = (played.event_kind == kind) & (played.event_s >= from_s)
    is_it = wanted & (np.cumsum(wanted, axis=1) == n + 1)
    times = np.where(is_it.any(axis=1), played.event_s[np.arange(len(is_it)), is_it.argmax(1)], 0.0)
    return np.where(is_it.any(axis=1) & played.has_converged, times, np.nan)


def _waited_s(made: Made, kind: int, lag_s: FloatArray | float, is_random: bool) -> FloatArray:
    """Return the time to an event; its window, or smoothly beyond it, where it did not come."""
    course = made.course
    times_s = _nth_s(made.played, kind, course.edge_s, 0) + lag_s - course.edge_s
    if is_random:
        return np.minimum(np.where(np.isnan(times_s), course.width_s, times_s), course.width_s)
    samples = made.played.samples
    nearest = np.nanmax(np.minimum(samples[:, :, 0] + samples[:, :, 1], 1.0), axis=1)
    return np.where(np.isnan(times_s), course.width_s * np.exp(_BEYOND * (1.0 - nearest)), times_s)


def _latency(item: Item, made: Made, is_random: bool) -> FloatArray:
    return np.maximum(_waited_s(made, SPIKE, made.lag_s(), is_random), _SOONEST_S)


def _of_pair(item: Item, made: Made, is_random: bool) -> FloatArray:
    """Return the second latency, NaN where the first pulse did what the kind excludes."""
    values = _latency(item, made, is_random)
    if not is_random:
        return values
    first_s = _nth_s(made.played, SPIKE, 0.0, 0)
    has_fired = first_s < made.course.edge_s
    return np.where(has_fired == (item.kind == "second"), values, np.nan)


def _closing(item: Item, made: Made, is_random: bool) -> FloatArray:
    return np.maximum(_waited_s(made, ON, 0.0, is_random), _SOONEST_S)


def _dwell(item: Item, made: Made, is_random: bool) -> FloatArray:
    """Return the time to close again; at once where the filament never opened."""
    values = _closing(item, made, is_random)
    before = np.where(made.played.event_s < made.course.edge_s, made.played.event_s, np.nan)
    is_change = np.isin(made.played.event_kind, (ON, OFF, JUMP)) & np.isfinite(before)
    any_change = is_change.any(axis=1)
    last = is_change.shape[1] - 1 - is_change[:, ::-1].argmax(axis=1)
    kinds = made.played.event_kind[np.arange(len(last)), last]
    values = np.where(any_change & (kinds == ON), _SOONEST_S, values)
    # A dwell that never closed the filament leaves another state behind.
    has_closed = (is_change & (made.played.event_kind == ON)).any(axis=1)
    return np.where(has_closed | (not is_random), values, np.nan)


def _interval(item: Item, made: Made, is_random: bool) -> FloatArray:
    first, last = int(item.at["from"]), int(item.at["to"])
    from_s = made.course.edge_s
    begin_s = _nth_s(made.played, SPIKE, from_s, first - 1)
    end_s = _nth_s(made.played, SPIKE, from_s, last - 1)
    interval_s = (end_s - begin_s) / (last - first)
    # Latched, or too slow: a constant, which has no slope.
    return (
        interval_s if is_random else np.where(np.isnan(interval_s), made.course.width_s, interval_s)
    )


def _hold(item: Item, made: Made, is_random: bool) -> FloatArray:
    """Return the voltage at which the filament opens for the last time."""
    played, course = made.played, made.course
    is_on = played.event_kind == ON
    last_on = is_on.shape[1] - 1 - is_on[:, ::-1].argmax(axis=1)
    closed_s = np.where(is_on.any(axis=1), played.event_s[np.arange(len(last_on)), last_on], np.nan)
    opens = np.isin(played.event_kind, (OFF, JUMP)) & (played.event_s > closed_s[:, None])
    first = opens.argmax(axis=1)
    opened_s = np.where(
        opens.any(axis=1), played.event_s[np.arange(len(first)), first], course.sample_s[-1]
    )
    voltage_v = np.interp(np.maximum(opened_s, course.edge_s), course.corner_s, course.level)
    values = np.where(np.isfinite(closed_s), voltage_v, np.nan)
    return (
        np.maximum(values, 1e-6) if is_random else np.nan_to_num(np.maximum(values, 1e-6), nan=1e-6)
    )


def _conductance_s(made: Made) -> FloatArray:
    """Return the conductance at the samples, equation (5), (rows, k)."""
    r_on, r_off, width = (
        made.of_trials(name)[:, None] for name in ("r_on_ohm", "r_off_ohm", "lambda")
    )
    samples = made.played.samples
    x = np.clip(samples[:, :, 0] + samples[:, :, 1], 0.0, 1.0)
    insulating = np.expm1((1.0 - x) / width) / np.expm1(1.0 / width)
    area = np.maximum(samples[:, :, 3], 1e-6)
    return np.asarray(1.0 / (r_on * x / area**2 + r_off * insulating))


def _falls_s(time_s: FloatArray, conductance_s: FloatArray, level_s: FloatArray) -> FloatArray:
    """Return when each row falls through a level for the last time; ln is interpolated, (n,)."""
    above = conductance_s >= level_s[:, None]
    last = above.shape[1] - 1 - above[:, ::-1].argmax(axis=1)
    rows = np.arange(len(last))
    after = np.minimum(last + 1, time_s.size - 1)
    high, low = np.log(conductance_s[rows, last]), np.log(conductance_s[rows, after])
    share = np.divide(high - np.log(level_s), high - low, where=high > low, out=np.zeros_like(high))
    falls = time_s[last] + share * (time_s[after] - time_s[last])
    return np.where(above.any(axis=1), falls, 0.0)


def _relaxation(item: Item, made: Made, is_random: bool) -> FloatArray:
    time_s = made.course.sample_s - made.course.edge_s
    level_s = item.at["level"] / made.of_trials("r_on_ohm")
    return np.maximum(_falls_s(time_s, _conductance_s(made), level_s), _SOONEST_S)


def _mean_relaxation(item: Item, made: Made, is_random: bool) -> FloatArray:
    """Return jackknife pseudo-values of the time of the mean of capped currents."""
    time_s = made.course.sample_s - made.course.edge_s
    closed_s = 1.0 / made.of_trials("r_on_ohm")
    capped = np.minimum(_conductance_s(made), CAP * closed_s[:, None])
    level_s, n = item.at["level"] * closed_s, made.repeats
    if n == 1:
        return np.maximum(_falls_s(time_s, capped, level_s), _SOONEST_S)
    values = []
    for begin in range(0, len(capped), n):
        part, level = capped[begin : begin + n], level_s[begin : begin + n]
        total = part.sum(axis=0, keepdims=True)
        whole_s = _falls_s(time_s, total / n, level[:1])[0]
        values.append(n * whole_s - (n - 1) * _falls_s(time_s, (total - part) / (n - 1), level))
    return np.concatenate(values)


def _off(item: Item, made: Made, is_random: bool) -> FloatArray:
    return np.asarray(_conductance_s(made).mean(axis=1) * made.course.drive_v)


_READERS: Mapping[str, Callable[[Item, Made, bool], FloatArray]] = {
    "step": _latency,
    "closing": _closing,
    "probe": _of_pair,
    "second": _of_pair,
    "dwell": _dwell,
    "interval": _interval,
    "slow_hold": _hold,
    "fast_hold": _hold,
    "relaxation": _relaxation,
    "mean_relaxation": _mean_relaxation,
    "off_current": _off,
}
