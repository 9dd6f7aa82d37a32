"""Refractory period: what a second pulse finds, and how the output comes back after a spike."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, nan

import numpy as np

from labbench.features.feature import Feature, Outcome, Response
from labbench.features.pulses import grouped, readings_of_trains, timing_error_s
from labbench.features.statistics import log_mean, proportion
from labbench.spikes import find_spikes, rising_crossings

VERSION = "1"

FEWEST_TRIALS = 5
LEAST_FIRED = 0.8
# The output comes back through these fractions of its resting level while the gate decays.
RECOVERY_FRACTIONS = (0.25, 0.75)
# Crossings of one level within this share of the recovery belong to one passage.
PASSAGE = 0.1


def refractory_period(responses: Sequence[Response]) -> list[Feature]:
    """Return the answer to the second of two pulses against the gap, and the output's recovery.

    Parameters
    ----------
    responses : sequence of Response
        To pairs of pulses; others are passed over. Pairs whose first pulse did not fire say
        nothing about recovery and are left out.

    Returns
    -------
    list of Feature
        ``second_fire_probability`` and ``latency_ratio`` (second over first, geometric mean) at
        each gap; ``absolute_refractory`` (between the largest gap at which fewer than half fire
        again and the next; "censored" below the smallest gap tried and at the largest);
        ``recovery_time`` (output from 25 to 75 % of its resting level after a spike).
    """
    pairs = [p for p in readings_of_trains(responses, n_pulses=2) if p[0].fired]
    features: list[Feature] = []
    silent_gap_s, smallest_gap_s = nan, nan
    for gap_s, trials in grouped(pairs, "gap_s").items():
        if len(trials) < FEWEST_TRIALS:
            continue
        smallest_gap_s = gap_s if np.isnan(smallest_gap_s) else smallest_gap_s
        at = {"gap_s": gap_s}
        ratios = [
            second.latency_s / first.latency_s
            for first, second in trials
            if first.latency_s is not None and second.latency_s is not None
        ]
        share, error = proportion(len(ratios), len(trials))
        features.append(Feature("second_fire_probability", share, "1", error, len(trials), at=at))
        if share < 0.5:
            silent_gap_s = gap_s
        if share >= LEAST_FIRED:
            ratio, ratio_error = log_mean(ratios)
            features.append(Feature("latency_ratio", ratio, "1", ratio_error, len(ratios), at=at))
    if np.isnan(smallest_gap_s):
        features.append(Feature("absolute_refractory", nan, "s", n=0, outcome=Outcome.TOO_FEW))
    elif np.isnan(silent_gap_s):
        features.append(
            Feature("absolute_refractory", smallest_gap_s, "s", outcome=Outcome.CENSORED)
        )
    else:
        gaps = [f.at["gap_s"] for f in features if f.name == "second_fire_probability"]
        longer = [gap for gap in gaps if gap > silent_gap_s]
        # The end of silence lies between two gaps: the middle, and a uniform law around it.
        value, error, outcome = silent_gap_s, nan, Outcome.CENSORED
        if longer:
            step_s = longer[0] - silent_gap_s
            value, error, outcome = silent_gap_s + step_s / 2, step_s / 12**0.5, Outcome.OK
        features.append(Feature("absolute_refractory", value, "s", error, len(pairs), outcome))
    return [*features, _recovery(responses)]


def _recovery(responses: Sequence[Response]) -> Feature:
    seen = [response for response in responses if "output" in response.trace.channels]
    times_s = [t for response in seen if (t := recovery_time_s(response)) is not None]
    if len(times_s) < FEWEST_TRIALS:
        return Feature("recovery_time", nan, "s", n=len(times_s), outcome=Outcome.TOO_FEW)
    mean, scatter = log_mean(times_s)
    error = hypot(scatter, timing_error_s(responses))
    return Feature("recovery_time", mean, "s", error, len(times_s))


def recovery_time_s(response: Response) -> float | None:
    """Return how long the output takes from 25 to 75 % of its resting level after a spike.

    Only a recovery that neither a new spike nor the end of the record cuts short counts.
    """
    spikes = find_spikes(response.trace)
    time_s, output_v = response.trace.time_s, response.trace.values("output")
    low, high = (fraction * spikes.resting_v for fraction in RECOVERY_FRACTIONS)
    for i, spike_s in enumerate(spikes.time_s):
        end_s = spikes.time_s[i + 1] if i + 1 < len(spikes) else time_s[-1]
        inside = (time_s >= spike_s) & (time_s <= end_s)
        if output_v[inside].min(initial=np.inf) >= low:
            continue
        up_high = rising_crossings(time_s[inside], output_v[inside], high)
        up_low = rising_crossings(time_s[inside], output_v[inside], low)
        if not up_high.size:
            continue
        up_low = up_low[up_low < up_high[0]]
        if up_low.size:
            # Noise crosses a level several times on one passage: their median is the passage.
            passage_s = PASSAGE * (up_high[0] - up_low[-1])
            left_s = np.median(up_low[up_low > up_low[-1] - passage_s])
            return float(np.median(up_high[up_high < up_high[0] + passage_s]) - left_s)
    return None
