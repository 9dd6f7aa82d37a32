"""From recorded responses to items, with the readings that the features are drawn from."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import nan

import numpy as np

from labbench.features import Response, read_pulses
from labbench.features.dwell_gap_test import switching
from labbench.features.grounded import CurrentReading, read_current
from labbench.features.hold_voltage import fall_corners, opening
from labbench.features.off_current import SETTLED
from labbench.features.pulses import PulseReading, timing_error_s
from labbench.features.refractory_period import recovery_time_s
from labbench.features.relaxation_levels import CAP, LEVELS, Relaxation, read_corners
from labbench.fit.items import Item
from labbench.stimulus import PulseTrain

# A group of pairs is of one kind only if nearly all of its first pulses fired, or did not.
ALIKE = 0.8
# Spikes between which intervals are read: the first, and later ones with their residue.
INTERVALS = ((1, 2), (4, 8))
# A fall this much shorter than the dwell before it leaves jumps no time.
FAST = 0.2
# Below this many standard errors a current is not seen.
_SEEN = 3.0
# A reading so many standard deviations below all others is a mistake of the reading.
_FAR_OUT = 6.0

Group = Sequence[Response]


def items_of(responses: Sequence[Response]) -> list[Item]:
    """Return what a fit can use of recorded responses, in the order of their first appearance.

    Parameters
    ----------
    responses : sequence of Response
        Of any of our procedures, or recorded elsewhere with stated stimuli; identical stimuli
        in the same connection are one group. What no item can be drawn from is passed over.
    """
    groups: dict[str, list[Response]] = {}
    for response in responses:
        groups.setdefault(_key(response), []).append(response)
    items: list[Item] = []
    for group in groups.values():
        reader = _grounded if "output" not in group[0].trace.channels else _open
        items += [item for item in reader(group) if item.is_usable]
    return [*items, *_recovery(responses)]


def _key(response: Response) -> str:
    """Return what identical conditions share: stimulus but for its rest, and connection.

    Not the measuring range: reads with a small one lean on one with a range for all there is.
    """
    spec = {key: value for key, value in response.stimulus.to_spec().items() if key != "rest_s"}
    own = {**response.connection.to_spec(), "current_range_a": None}
    return json.dumps([spec, own, sorted(response.trace.channels)], sort_keys=True)


def _open(group: Group) -> list[Item]:
    stimulus = group[0].stimulus
    if not isinstance(stimulus, PulseTrain) or len(stimulus.pulses) > 2:
        return []
    readings = [read_pulses(response) for response in group]
    at = {"amplitude_v": stimulus.pulses[0].amplitude_v, "width_s": stimulus.pulses[0].width_s}
    if len(stimulus.pulses) == 1:
        singles = [reading[0] for reading in readings]
        return [_latency("step", group, singles, at), *_intervals(group, singles, at)]
    fired = [first.fired for first, _ in readings]
    at["gap_s"] = stimulus.pulses[1].start_s - stimulus.pulses[0].end_s
    share = float(np.mean(fired))
    if 1 - ALIKE < share < ALIKE:
        return []
    item = _latency("second" if share >= ALIKE else "probe", group, [r[1] for r in readings], at)
    unlike = np.array(fired) != (share >= ALIKE)
    return [replace(item, values=np.where(unlike, nan, item.values))]


def _latency(kind: str, group: Group, pulses: Sequence[PulseReading], at: dict[str, float]) -> Item:
    width_s = pulses[0].pulse.width_s
    seen_s = [width_s if p.latency_s is None else min(p.latency_s, width_s) for p in pulses]
    values = np.maximum(seen_s, 1e-12)
    return Item(
        kind, group[0].stimulus, group[0].connection, values, values >= width_s, at,
        timing_error_s(group),
    )  # fmt: skip


def _intervals(group: Group, pulses: Sequence[PulseReading], at: dict[str, float]) -> list[Item]:
    """Return the intervals by index, where a pulse holds enough spikes of most trials."""
    items = []
    for first, last in INTERVALS:
        seen = [
            (p.spike_s[last - 1] - p.spike_s[first - 1]) / (last - first)
            if len(p.spike_s) >= last and p.spike_s[last - 1] <= p.pulse.end_s
            else nan
            for p in pulses
        ]
        missing = float(np.mean(np.isnan(seen)))
        # With more missing, only the quick trials would be averaged.
        if missing <= 0.02:
            items.append(
                Item(
                    "interval",
                    group[0].stimulus,
                    group[0].connection,
                    np.array(seen),
                    np.zeros(len(seen), np.bool_),
                    {**at, "from": first, "to": last},
                    timing_error_s(group) / (last - first),
                )
            )
    return items


def _recovery(responses: Sequence[Response]) -> list[Item]:
    """Return the output's recovery, from all responses with an output in one item a connection."""
    groups: dict[str, list[Response]] = {}
    for response in responses:
        if "output" in response.trace.channels and isinstance(response.stimulus, PulseTrain):
            groups.setdefault(json.dumps(response.connection.to_spec()), []).append(response)
    items = []
    for group in groups.values():
        times = np.array([t for response in group if (t := recovery_time_s(response)) is not None])
        censored = np.zeros(times.size, np.bool_)
        first = group[0]
        item = Item("recovery", first.stimulus, first.connection, times, censored,
                    timing_s=timing_error_s(group))  # fmt: skip
        if item.is_usable:
            items.append(item)
    return items


def _grounded(group: Group) -> list[Item]:
    readings = [reading for r in group if (reading := read_current(r)) is not None]
    if not readings:
        return []
    stimulus = group[0].stimulus
    # An amplifier lags by a sample or so, the same in every trial.
    timing_s = max(r.trace.interval_s or 0.0 for r in group)

    def item(kind: str, values: Sequence[float | None], **at: float) -> Item:
        array = np.array([nan if v is None else v for v in values], dtype=np.float64)
        return Item(kind, stimulus, group[0].connection, array, np.zeros(array.size, np.bool_),
                    at, timing_s)  # fmt: skip

    if isinstance(stimulus, PulseTrain):
        read: Callable[..., list[Item]] = {1: _single, 2: _dwell}.get(len(stimulus.pulses), _none)
        return read(readings, stimulus, item)
    if fall_corners(readings[0]) is not None:
        return _hold(readings, item)
    if read_corners(readings[0]) is not None:
        return _relaxation(readings, item)
    return []


def _none(*_: object) -> list[Item]:
    return []


def _dwell(
    readings: Sequence[CurrentReading], stimulus: PulseTrain, item: Callable[..., Item]
) -> list[Item]:
    dwell, test = stimulus.pulses
    seen: list[tuple[float, bool]] = []
    for reading in readings:
        closed_s = reading.closed_s(dwell.start_s + dwell.rise_s, dwell.end_s - dwell.fall_s)
        seen.append((nan, True) if closed_s is None else switching(reading, closed_s))
    made = item("dwell", [time_s for time_s, _ in seen],
                dwell_s=dwell.width_s, gap_s=test.start_s - dwell.end_s)  # fmt: skip
    return [replace(made, is_censored=np.array([not switched for _, switched in seen]))]


def _single(
    readings: Sequence[CurrentReading], stimulus: PulseTrain, item: Callable[..., Item]
) -> list[Item]:
    """Return off currents where no filament closed, closing times where nearly all did."""
    pulse = stimulus.pulses[0]
    top_s, end_s = pulse.start_s + pulse.rise_s, pulse.end_s - pulse.fall_s
    closed = [reading.closed_s(top_s, end_s) for reading in readings]
    at = {"amplitude_v": pulse.amplitude_v, "width_s": pulse.width_s}
    if all(one is None for one in closed):
        return _off(readings, end_s, pulse.width_s, item, at["amplitude_v"])
    times = []
    for reading, closed_s in zip(readings, closed, strict=True):
        crossing_s = nan
        if closed_s is not None:
            inside = (reading.time_s >= top_s) & (reading.time_s <= end_s)
            above = reading.current_a[inside] >= 0.5 * closed_s * pulse.amplitude_v
            crossing_s = float(reading.time_s[inside][int(np.argmax(above))]) - pulse.edge_s
        times.append(pulse.width_s if closed_s is None else crossing_s)
    made = item("closing", times, **at)
    return [replace(made, is_censored=np.array([one is None for one in closed]))]


def _off(
    readings: Sequence[CurrentReading],
    end_s: float,
    width_s: float,
    item: Callable[..., Item],
    amplitude_v: float,
) -> list[Item]:
    means, error_a = [], 0.0
    for reading in readings:
        inside = (reading.time_s >= end_s - SETTLED * width_s) & (reading.time_s <= end_s)
        means.append(float(reading.current_a[inside].mean()))
        before = max(int(np.count_nonzero(reading.time_s < 0)), 1)
        counted = max(int(np.count_nonzero(inside)), 1)
        noise_a = reading.noise_a * (1 / before + 1 / counted) ** 0.5
        error_a = max(error_a, float(np.hypot(noise_a, reading.resolution_a)))
    if not np.mean(means) > _SEEN * error_a:
        return []
    return [item("off_current", means, amplitude_v=amplitude_v)]


def _hold(readings: Sequence[CurrentReading], item: Callable[..., Item]) -> list[Item]:
    corners = fall_corners(readings[0])
    assert corners is not None
    values: list[float | None] = []
    for reading in readings:
        found = opening(reading, *corners)
        values.append(found[0] if found is not None and found[1] else None)
    start_s, dwell_end_s, fall_s, end_s = corners
    logs = np.log([nan if v is None or v <= 0 else v for v in values])
    # Noise around the opening can be taken for a filament that holds on.
    spread = 1.4826 * float(np.nanmedian(np.abs(logs - np.nanmedian(logs))))
    low = np.nanmedian(logs) - _FAR_OUT * max(spread, 0.1)
    values = [v if one >= low else None for v, one in zip(values, logs, strict=True)]
    kind = "fast_hold" if end_s - fall_s < FAST * (dwell_end_s - start_s) else "slow_hold"
    return [item(kind, values, fall_s=end_s - fall_s)]


def _relaxation(readings: Sequence[CurrentReading], item: Callable[..., Item]) -> list[Item]:
    """Return the time at each level: of single trials where they show it, else of their mean.

    The mean's jackknife pseudo-values stand for trials: their mean and scatter are its own.
    """
    items = []
    for level in LEVELS:
        seen = Relaxation.at_level(readings, level)
        if seen is None:
            continue
        if seen.single_s and None not in seen.single_s and not any(seen.is_hidden):
            items.append(item("relaxation", seen.single_s, level=level))
            continue
        value_s, without_s, is_hidden = seen.of_mean()
        n = len(without_s)
        if value_s is None or is_hidden or None in without_s or n < 2:
            continue
        pseudo = [n * value_s - (n - 1) * one for one in without_s if one is not None]
        items.append(item("mean_relaxation", pseudo, level=level, cap=CAP))
    return items
