"""Refractory period: what a second pulse finds, and how the output comes back after a spike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import exp, hypot, nan

import numpy as np
from numpy.typing import NDArray

from labbench.features.exponential import exponential_fit, pooled_spread
from labbench.features.feature import Feature, Outcome, Response
from labbench.features.gate_decay import gate_decay
from labbench.features.pulses import PulseReading, grouped, readings_of_trains, timing_error_s
from labbench.features.repeats import last_where
from labbench.features.statistics import log_mean, proportion
from labbench.spikes import find_spikes, rising_crossings

VERSION = "2"

FloatArray = NDArray[np.float64]

FEWEST_TRIALS = 5
LEAST_FIRED = 0.8
# The time constant rests on gaps at which hardly a slow second spike is missing.
FULLY_FIRED = 0.95
# With so few gaps the level, the amplitude and the time constant leave nothing to check them by.
FEWEST_GAPS = 4
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
        each gap; ``absolute_refractory`` (up to which fewer than half fire again; "censored" below
        the smallest gap tried and at the largest; see `last_where`); ``relative_refractory`` (time
        constant with which the ratio falls to its level at long gaps); ``recovery_time`` (output
        from 25 to 75 % of its resting level after a spike); ``gate_decay`` (see that module).

    Notes
    -----
    What is left on the gate, ``V_g exp(-gap / (R_c C_g))``, is taken from the second pulse, and the
    latency grows more than in proportion to what is missing: the relative refractory time is below
    the gate decay (on the model by 15 to 30 %). The level is below one, by the residue.
    """
    pairs = [p for p in readings_of_trains(responses, n_pulses=2) if p[0].fired]
    features: list[Feature] = []
    shares: dict[float, tuple[int, int]] = {}
    logs: dict[float, FloatArray] = {}
    for gap_s, trials in grouped(pairs, "gap_s").items():
        if len(trials) < FEWEST_TRIALS:
            continue
        at = {"gap_s": gap_s}
        ratios = [
            second.latency_s / first.latency_s
            for first, second in trials
            if first.latency_s is not None and second.latency_s is not None
        ]
        share, error = proportion(len(ratios), len(trials))
        features.append(Feature("second_fire_probability", share, "1", error, len(trials), at=at))
        shares[gap_s] = (len(ratios), len(trials))
        if share >= LEAST_FIRED:
            if share >= FULLY_FIRED:
                logs[gap_s] = np.log(_latencies_s(second for _, second in trials))
            ratio, ratio_error = log_mean(ratios)
            features.append(Feature("latency_ratio", ratio, "1", ratio_error, len(ratios), at=at))
    features.append(last_where("absolute_refractory", shares, "s", least=False))
    seen = [response for response in responses if "output" in response.trace.channels]
    return [*features, _relative(logs, pairs), _recovery(seen), gate_decay(seen)]


def _relative(
    logs: Mapping[float, FloatArray], pairs: Sequence[tuple[PulseReading, ...]]
) -> Feature:
    """Return tau of ``ratio = level + A exp(-gap / tau)`` over the gaps that fire again.

    All first pulses are one condition, so that their mean over all gaps is the better reference.
    """
    name, n = "relative_refractory", sum(each.size for each in logs.values())
    if len(logs) < FEWEST_GAPS:
        return Feature(name, nan, "s", n=n, outcome=Outcome.TOO_FEW)
    first_s, _ = log_mean(_latencies_s(first for first, _ in pairs))
    ratios = np.array([exp(each.mean()) / first_s for each in logs.values()])
    spread = pooled_spread(list(logs.values()))
    errors = ratios * spread / np.sqrt([each.size for each in logs.values()])
    fit = exponential_fit(list(logs), ratios, errors)
    if fit is None or not fit.is_identified or fit.amplitude.value <= 0:
        return Feature(name, nan, "s", n=n, outcome=Outcome.NOT_IDENTIFIABLE)
    return Feature(name, fit.tau.value, "s", fit.tau.stderr, n)


def _latencies_s(readings: Iterable[PulseReading]) -> list[float]:
    return [latency_s for r in readings if (latency_s := r.latency_s) is not None]


def _recovery(responses: Sequence[Response]) -> Feature:
    times_s = [t for response in responses if (t := recovery_time_s(response)) is not None]
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
