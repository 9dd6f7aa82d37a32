"""The reading of each trial of an item, from what the integrator made of its stimulus.

These follow the readings of the features on recorded traces, from exact event times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from labbench.features.relaxation_levels import CAP
from labbench.fit.course import Course
from labbench.fit.items import FloatArray, Item
from labbench.model import ModelCard
from labbench.model.batch import Played
from labbench.model.guards import JUMP, OFF, ON, SPIKE

# How much later than the window something happens that came only so near: d ln(t) / d x.
_BEYOND = 2.0
_SOONEST_S = 1e-9


@dataclass(frozen=True, eq=False)
class Made:
    """What the trials of one course came to; `lag_s` is that of the output behind the gate."""

    played: Played
    course: Course
    card: ModelCard
    lag_s: float


def read_trials(item: Item, made: Made, *, is_random: bool) -> FloatArray:
    """Return the reading of each trial, (n,), NaN where a trial has none."""
    return _READERS[item.kind](item, made, is_random)


def hazard_share(course: Course, played: Played, m: float) -> float:
    """Return ``int f^m dt`` up to the first event that is waited for, in s; of one trial.

    From there on the filament is closed, f about 1.
    """
    kind = ON if course.stop_at == "on" else SPIKE
    end_s = _nth_s(played, kind, course.edge_s, 0)[0]
    time_s, f = course.sample_s, np.clip(played.samples[0, :, 0], 0.0, None)
    inside = np.isfinite(f) & (time_s <= (end_s if np.isfinite(end_s) else np.inf))
    rate = f[inside] ** m
    total = float(np.trapezoid(rate, time_s[inside]))
    if np.isfinite(end_s) and inside.any():
        total += 0.5 * float(rate[-1] + 1.0) * (end_s - float(time_s[inside][-1]))
    return total


def _nth_s(played: Played, kind: int, from_s: float, n: int) -> FloatArray:
    """Return the time of event number n (from zero on) of a kind, NaN where there is none."""
    wanted = (played.event_kind == kind) & (played.event_s >= from_s)
    is_it = wanted & (np.cumsum(wanted, axis=1) == n + 1)
    times = np.where(is_it.any(axis=1), played.event_s[np.arange(len(is_it)), is_it.argmax(1)], 0.0)
    return np.where(is_it.any(axis=1) & played.has_converged, times, np.nan)


def _waited_s(made: Made, kind: int, lag_s: float, is_random: bool) -> FloatArray:
    """Return the time to an event; its window, or smoothly beyond it, where it did not come."""
    course = made.course
    times_s = _nth_s(made.played, kind, course.edge_s, 0) + lag_s - course.edge_s
    if is_random:
        return np.minimum(np.where(np.isnan(times_s), course.width_s, times_s), course.width_s)
    samples = made.played.samples
    nearest = np.nanmax(np.minimum(samples[:, :, 0] + samples[:, :, 1], 1.0), axis=1)
    return np.where(
        np.isnan(times_s), course.width_s * np.exp(_BEYOND * (1.0 - nearest)), times_s
    )


def _latency(item: Item, made: Made, is_random: bool) -> FloatArray:
    return np.maximum(_waited_s(made, SPIKE, made.lag_s, is_random), _SOONEST_S)


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
    return interval_s if is_random else np.where(np.isnan(interval_s), made.course.width_s, interval_s)


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
    return np.maximum(values, 1e-6) if is_random else np.nan_to_num(np.maximum(values, 1e-6), nan=1e-6)


def _conductance_s(made: Made) -> FloatArray:
    """Return the conductance at the samples, equation (5), (n, k)."""
    card = made.card
    samples = made.played.samples
    x = np.clip(samples[:, :, 0] + samples[:, :, 1], 0.0, 1.0)
    insulating = np.expm1((1.0 - x) / card["lambda"]) / np.expm1(1.0 / card["lambda"])
    area = np.maximum(samples[:, :, 3], 1e-6)
    return np.asarray(1.0 / (card["r_on_ohm"] * x / area**2 + card["r_off_ohm"] * insulating))


def _falls_s(time_s: FloatArray, conductance_s: FloatArray, level_s: float) -> FloatArray:
    """Return when each row falls through a level for the last time; ln is interpolated, (n,)."""
    above = conductance_s >= level_s
    last = above.shape[1] - 1 - above[:, ::-1].argmax(axis=1)
    rows = np.arange(len(last))
    after = np.minimum(last + 1, time_s.size - 1)
    high, low = np.log(conductance_s[rows, last]), np.log(conductance_s[rows, after])
    share = np.divide(high - np.log(level_s), high - low, where=high > low, out=np.zeros_like(high))
    falls = time_s[last] + share * (time_s[after] - time_s[last])
    return np.where(above.any(axis=1), falls, 0.0)


def _relaxation(item: Item, made: Made, is_random: bool) -> FloatArray:
    time_s = made.course.sample_s - made.course.edge_s
    level_s = item.at["level"] / made.card["r_on_ohm"]
    return np.maximum(_falls_s(time_s, _conductance_s(made), level_s), _SOONEST_S)


def _mean_relaxation(item: Item, made: Made, is_random: bool) -> FloatArray:
    """Return jackknife pseudo-values of the time of the mean of capped currents."""
    time_s = made.course.sample_s - made.course.edge_s
    closed_s = 1.0 / made.card["r_on_ohm"]
    capped = np.minimum(_conductance_s(made), CAP * closed_s)
    n, level_s = len(capped), item.at["level"] * closed_s
    total = capped.sum(axis=0, keepdims=True)
    whole_s = float(_falls_s(time_s, total / n, level_s)[0])
    if n == 1:
        return np.array([max(whole_s, _SOONEST_S)])
    without_s = _falls_s(time_s, (total - capped) / (n - 1), level_s)
    return np.asarray(n * whole_s - (n - 1) * without_s)


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
