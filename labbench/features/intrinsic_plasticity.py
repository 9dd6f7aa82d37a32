"""Intrinsic plasticity: what a burst leaves behind makes the neuron fire sooner, for a while."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import hypot, inf, isclose, nan, sqrt

import numpy as np

from labbench.features.exponential import exponential_fit, pooled_spread
from labbench.features.feature import Feature, Outcome, Response
from labbench.features.pulses import PulseReading, grouped, readings_of_trains
from labbench.features.repeats import fraction, geometric_mean
from labbench.features.statistics import log_mean
from labbench.stimulus import Pulse

VERSION = "1"

FEWEST_TRIALS = 5
LEAST_FIRED = 0.8
FEWEST_GAPS = 3
# Below this ratio the latency saturates: it no longer follows the residue.
TAIL_RATIO = 0.5
# Which spikes of a burst are compared: the first interval with the mean of t8 - t4.
EARLY, LATE = (0, 1), (3, 7)

Train = tuple[PulseReading, ...]


def intrinsic_plasticity(responses: Sequence[Response]) -> list[Feature]:
    """Return the latency after a burst over the rested one, its recovery, and the burst's own.

    Parameters
    ----------
    responses : sequence of Response
        To a burst (a long step in which the neuron fires again and again) and a test pulse, and to
        the test pulse alone, from rest. Single pulses of another amplitude or width are passed
        over, and so are pairs whose burst did not fire.

    Returns
    -------
    list of Feature
        ``rested_latency`` (geometric mean) of the test pulse alone; ``test_fire_probability`` and
        ``latency_ratio`` (test after burst over rested, geometric means; CENSORED if a fifth or
        more of the tests, rested or not, did not fire) at each gap; ``recovery_time`` of the
        logarithm of that ratio; ``interval_ratio`` (geometric mean) within the burst: a quarter
        of the time from the fourth to the eighth spike over that from the first to the second.

    Notes
    -----
    Residue r lowers the threshold by ``(1 + alpha - r)^2`` (`threshold_voltage_v`), and decays
    with gamma2 once the filament is open (equation (2)). The logarithm of the latency is nearly
    linear in it, so ``ln ratio = -A exp(-gap / tau)``, and tau comes near 1 / gamma2: on the model
    within 20 %, above it where much residue was left. Gaps with a ratio below 0.5 are left out of
    the fit.
    """
    pairs = [p for p in readings_of_trains(responses, n_pulses=2) if p[0].fired]
    rested = [
        single[0]
        for single in readings_of_trains(responses, n_pulses=1)
        if any(_is_same(single[0].pulse, pair[1].pulse) for pair in pairs)
    ]
    return [*_latencies(rested, pairs), _interval_ratio([pair[0] for pair in pairs])]


def interval_ratio(burst: PulseReading) -> float | None:
    """Return a late interval over the first of a burst; None with fewer than eight spikes."""
    spikes_s = burst.spike_s
    if len(spikes_s) <= LATE[1]:
        return None
    late_s = (spikes_s[LATE[1]] - spikes_s[LATE[0]]) / (LATE[1] - LATE[0])
    return late_s / (spikes_s[EARLY[1]] - spikes_s[EARLY[0]])


def _is_same(one: Pulse, other: Pulse) -> bool:
    """Return whether two pulses are one stimulus, but for what a generator rounds."""
    return isclose(one.amplitude_v, other.amplitude_v, rel_tol=1e-3) and isclose(
        one.width_s, other.width_s, rel_tol=1e-2
    )


def _latencies(rested: Sequence[PulseReading], pairs: Sequence[Train]) -> list[Feature]:
    """Return the rested latency, the ratio at each gap, and the ratio's way back to one."""
    rested_s, tests_s = _seen(rested), dict[float, list[float]]()
    is_known = len(rested_s) >= max(FEWEST_TRIALS, LEAST_FIRED * len(rested))
    waited_s = [reading.pulse.width_s for reading in rested if not reading.fired]
    reference = geometric_mean("rested_latency", rested_s, {}, longer_than_s=waited_s)[0]
    features = [reference]
    for gap_s, trials in grouped(pairs, "gap_s").items():
        if len(trials) < FEWEST_TRIALS:
            continue
        at, seen_s = {"gap_s": gap_s}, _seen([pair[1] for pair in trials])
        features.append(fraction("test_fire_probability", len(seen_s), len(trials), at))
        if not is_known or len(seen_s) < LEAST_FIRED * len(trials):
            outcome = Outcome.CENSORED if rested_s else Outcome.TOO_FEW
            features.append(Feature("latency_ratio", nan, "1", n=0, outcome=outcome, at=at))
            continue
        tests_s[gap_s] = seen_s
        mean_s, error_s = log_mean(seen_s)
        ratio = mean_s / reference.value
        error = ratio * hypot(error_s / mean_s, reference.stderr / reference.value)
        features.append(Feature("latency_ratio", ratio, "1", error, len(seen_s), at=at))
    return [*features, _recovery_time(rested_s, tests_s)]


def _recovery_time(rested_s: Sequence[float], tests_s: Mapping[float, Sequence[float]]) -> Feature:
    """Return tau of ``ln latency = level + A exp(-gap / tau)``, the level being measured too."""
    name = "recovery_time"
    saturated_s = TAIL_RATIO * log_mean(rested_s)[0] if rested_s else nan
    tail_s = {gap_s: t for gap_s, t in tests_s.items() if log_mean(t)[0] >= saturated_s}
    n = sum(map(len, tail_s.values()))
    if len(tail_s) < FEWEST_GAPS:
        return Feature(name, nan, "s", n=n, outcome=Outcome.TOO_FEW)
    logs = [np.log(times_s) for times_s in [*tail_s.values(), rested_s]]
    spread = pooled_spread(logs)
    errors = [spread / sqrt(each.size) for each in logs]
    fit = exponential_fit([*tail_s, inf], [float(each.mean()) for each in logs], errors)
    if fit is None or not fit.is_identified or fit.amplitude.value >= 0:
        return Feature(name, nan, "s", n=n, outcome=Outcome.NOT_IDENTIFIABLE)
    return Feature(name, fit.tau.value, "s", fit.tau.stderr, n)


def _interval_ratio(bursts: Sequence[PulseReading]) -> Feature:
    ratios = [ratio for burst in bursts if (ratio := interval_ratio(burst)) is not None]
    if len(ratios) < max(FEWEST_TRIALS, LEAST_FIRED * len(bursts)):
        # Bursts that reach an eighth spike are the faster ones: they alone would be a choice.
        few = Outcome.CENSORED if len(bursts) >= FEWEST_TRIALS else Outcome.TOO_FEW
        return Feature("interval_ratio", nan, "1", n=len(ratios), outcome=few)
    mean, error = log_mean(ratios)
    return Feature("interval_ratio", mean, "1", error, len(ratios))


def _seen(readings: Sequence[PulseReading]) -> list[float]:
    return [latency_s for r in readings if (latency_s := r.latency_s) is not None]
