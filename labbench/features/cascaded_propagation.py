"""Cascaded propagation: which spikes of a neuron make the next one spike, and with what margin.

The trace shows both drains, "output" and "output2". A spike is *answered* where the second neuron
spikes within `WINDOW_S`, and before the first one spikes again; spikes whose window the end of the
record cuts short do not count.

What the second neuron is given is gain times the drain swing of the first. The gain belongs to the
wiring, but the swing can be measured, and follows the supply: where half of the spikes are answered
at a lower supply, the gain could have been lower too. By how much is known within bounds only,
because a lower supply also makes the pulses of the drain longer. Were it their height that counts,
the margin would be the ratio of the swings; were it their area, that of the areas. Both are
measured; `gain_margin` is the middle, and how far they lie apart is in its stderr as a uniform law.
(Six devices and drives around card B1: the gain itself, in the model, was always in between.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, nan, sqrt

import numpy as np
from numpy.typing import NDArray

from labbench.features.feature import Feature, Outcome, Response
from labbench.features.pulses import timing_error_s
from labbench.features.repeats import fraction, mean_and_spread
from labbench.features.statistics import logistic_fit
from labbench.spikes import FIRE_FRACTION, find_spikes
from labbench.stimulus import PulseTrain

VERSION = "1"

# A spike that is answered later than this was answered by chance.
WINDOW_S = 3e-3
FEWEST_SPIKES = 10
# A margin is read from levels of the swing this near to where half of the spikes are answered: at
# much larger ones some spikes fail for other reasons, a second neuron that has not recovered yet.
NEAR = 0.12


_Condition = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class _Answers:
    """What one record says: for each spike that counts whether and when it was answered.

    Attributes
    ----------
    delay_s : (k,) float64 array
        NaN where it was not.
    swing_v, area_v_s : float
        From the resting drain to where it falls to, and between the drain and its rest, of one
        spike; NaN without spikes.
    is_latched : (bool, bool)
        Whether the drain of each neuron had been low for a whole window when the record ended.
    """

    delay_s: NDArray[np.float64]
    swing_v: float
    area_v_s: float
    is_latched: tuple[bool, bool]


def cascaded_propagation(responses: Sequence[Response]) -> list[Feature]:
    """Return transfer probability, delay and swing at each drive and supply, and the gain margin.

    Parameters
    ----------
    responses : sequence of Response
        To single pulses, the first of them at the usual supply; others are passed over. Their
        connection says the supply; without it there is no margin ("out of reach").

    Returns
    -------
    list of Feature
        At each amplitude, width and supply with enough spikes: ``transfer_probability``,
        ``transfer_delay`` (s) with ``_sd``, ``drain_swing`` (V). Once:
        ``first_latched`` and ``second_latched`` (shares of the records), and ``gain_margin``, the
        strength of the usual pulses over that at which half of them are answered; "censored" where
        all levels lie on one side: an upper bound where fewer than half are answered everywhere
        ("not identifiable" if it helps no more to raise the supply: the second neuron may be driven
        too hard), else a lower one. One feature "out of reach" without a second output.
    """
    trains = [
        r for r in responses if isinstance(r.stimulus, PulseTrain) and len(r.stimulus.pulses) == 1
    ]
    seen = [r for r in trains if "output2" in r.trace.channels]
    if not seen:
        outcome = Outcome.OUT_OF_REACH if trains else Outcome.TOO_FEW
        return [Feature("transfer_probability", nan, "1", n=0, outcome=outcome)]
    resolution_s = 12**0.5 * timing_error_s(seen)
    groups: dict[_Condition, list[_Answers]] = {}
    for response in seen:
        groups.setdefault(_condition(response), []).append(_answers(response))
    groups = {key: each for key, each in sorted(groups.items()) if _count(each) >= FEWEST_SPIKES}
    if not groups:
        fired = any(len(find_spikes(r.trace)) for r in seen)
        outcome = Outcome.TOO_FEW if fired else Outcome.DID_NOT_FIRE
        return [Feature("transfer_probability", nan, "1", n=0, outcome=outcome)]
    features: list[Feature] = []
    for (amplitude_v, width_s, supply_v), records in groups.items():
        at = {"amplitude_v": amplitude_v, "width_s": width_s}
        if supply_v:
            at["supply_v"] = supply_v
        features += _at_one_level(records, at, resolution_s)
    records = [record for each in groups.values() for record in each]
    for which, place in (("first_latched", 0), ("second_latched", 1)):
        n_latched = sum(record.is_latched[place] for record in records)
        features.append(fraction(which, n_latched, len(records), {}))
    return [*features, _gain_margin(groups, _condition(seen[0])[-1])]


def answered(response: Response) -> tuple[int, int]:
    """Return how many spikes of a response were answered, and how many there are that count."""
    delay_s = _answers(response).delay_s
    return int(np.isfinite(delay_s).sum()), delay_s.size


def _condition(response: Response) -> _Condition:
    """Return amplitude in V, width in s and supply in V, to six digits; 0 V if it is not known."""
    assert isinstance(response.stimulus, PulseTrain)
    pulse, supply_v = response.stimulus.pulses[0], response.connection.supply_v or 0.0
    amplitude_v, width_s, supply_v = (
        float(f"{value:.6g}") for value in (pulse.amplitude_v, pulse.width_s, supply_v)
    )
    return amplitude_v, width_s, supply_v


def _answers(response: Response) -> _Answers:
    trace = response.trace
    time_s, output_v = trace.time_s, trace.values("output")
    first, second = find_spikes(trace), find_spikes(trace, "output2")
    ends_s = np.minimum(first.time_s + WINDOW_S, np.r_[first.time_s[1:], np.inf])
    counts = ends_s <= time_s[-1]
    next_s = np.r_[second.time_s, np.inf][np.searchsorted(second.time_s, first.time_s)]
    delay_s = np.where(next_s < ends_s, next_s - first.time_s, np.nan)[counts]
    low_v = output_v[output_v < FIRE_FRACTION * first.resting_v]
    # Not the lowest sample, which is mostly noise.
    swing_v = first.resting_v - float(np.quantile(low_v, 0.05)) if low_v.size else nan
    area_v_s = float(np.trapezoid(first.resting_v - output_v, time_s)) / max(len(first), 1)
    at_end = time_s >= time_s[-1] - WINDOW_S
    first_latched, second_latched = (
        bool((trace.values(channel)[at_end] < FIRE_FRACTION * spikes.resting_v).all())
        for channel, spikes in (("output", first), ("output2", second))
    )
    area_v_s = area_v_s if len(first) else nan
    return _Answers(delay_s, swing_v, area_v_s, (first_latched, second_latched))


def _count(records: Sequence[_Answers]) -> int:
    return sum(record.delay_s.size for record in records)


def _at_one_level(
    records: Sequence[_Answers], at: dict[str, float], resolution_s: float
) -> list[Feature]:
    delay_s = np.concatenate([record.delay_s for record in records])
    answered_s = delay_s[np.isfinite(delay_s)]
    swings_v = [record.swing_v for record in records if np.isfinite(record.swing_v)]
    return [
        fraction("transfer_probability", answered_s.size, delay_s.size, at),
        *mean_and_spread(
            "transfer_delay",
            answered_s,
            "s",
            at,
            resolution=resolution_s,
            nothing=Outcome.DID_NOT_FIRE,
        )[:2],
        mean_and_spread("drain_swing", swings_v, "V", at)[0],
    ]


def _gain_margin(groups: dict[_Condition, list[_Answers]], usual_v: float) -> Feature:
    """Return how far the strength of the drain's pulses may fall until half are answered."""
    name = "gain_margin"
    drive = max(groups, key=lambda key: (_count(groups[key]), key))[:2]
    levels = {key[-1]: records for key, records in groups.items() if key[:2] == drive}
    if not usual_v:
        return Feature(name, nan, "1", n=0, outcome=Outcome.OUT_OF_REACH)
    if usual_v not in levels:
        return Feature(name, nan, "1", n=0, outcome=Outcome.TOO_FEW)
    swing_v = {v: float(np.nanmean([r.swing_v for r in each])) for v, each in levels.items()}
    area_v_s = {v: float(np.nanmean([r.area_v_s for r in each])) for v, each in levels.items()}
    passed = {
        v: np.isfinite(np.concatenate([r.delay_s for r in each])) for v, each in levels.items()
    }
    share = {v: float(each.mean()) for v, each in passed.items()}
    passing = [v for v in levels if share[v] >= 0.5]
    failing = [v for v in levels if share[v] < 0.5 and v < min(passing, default=np.inf)]
    n = sum(each.size for each in passed.values())
    if not passing and share[max(levels)] <= share[min(levels)]:
        # More drive helps no more: too little and too much look alike.
        return Feature(name, nan, "1", n=n, outcome=Outcome.NOT_IDENTIFIABLE)
    if not failing or not passing:
        end_v = max(failing) if failing else min(passing)
        ratios = (swing_v[usual_v] / swing_v[end_v], area_v_s[usual_v] / area_v_s[end_v])
        bound = max(ratios) if failing else min(ratios)
        return Feature(name, bound, "1", n=n, outcome=Outcome.CENSORED)
    half_v = 0.5 * (swing_v[max(failing)] + swing_v[min(passing)])
    near = {v for v in levels if abs(swing_v[v] - half_v) <= NEAR * half_v}
    near |= {max(failing), min(passing)}
    x = np.concatenate([np.full(passed[v].size, swing_v[v]) for v in near])
    fit = logistic_fit(x, np.concatenate([passed[v] for v in near]))
    if fit is None:
        return Feature(name, nan, "1", n=x.size, outcome=Outcome.NOT_CONVERGED)
    v50, v50_error, *_ = fit
    order = sorted(levels, key=lambda v: swing_v[v])
    area50_v_s = np.interp(v50, [swing_v[v] for v in order], [area_v_s[v] for v in order])
    by_swing, by_area = swing_v[usual_v] / v50, area_v_s[usual_v] / float(area50_v_s)
    margin = 0.5 * (by_swing + by_area)
    error = hypot(margin * v50_error / v50, (by_swing - by_area) / sqrt(12))
    return Feature(name, margin, "1", error, x.size)
