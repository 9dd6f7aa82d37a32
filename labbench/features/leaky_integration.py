"""Leaky integration: pulses too short to fire alone add up, unless the gaps let too much leak."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, nan, sqrt

import numpy as np

from labbench.features.exponential import exponential_fit, pooled_spread
from labbench.features.feature import Feature, Outcome, Response
from labbench.features.pulses import PulseReading, grouped, read_pulses, timing_error_s
from labbench.features.repeats import fraction, last_where
from labbench.stimulus import PulseTrain

VERSION = "1"

FEWEST_TRIALS = 5
# With so few gaps the level, the amplitude and the time constant leave nothing to check them by.
FEWEST_GAPS = 4

Train = tuple[PulseReading, ...]


def leaky_integration(responses: Sequence[Response]) -> list[Feature]:
    """Return pulses to fire against the gap, the critical gap, and the leak's time constant.

    Trains are responses to more than two pulses; pump and probe are two pulses of which the first
    is the shorter and did not fire; everything else is passed over.

    Returns
    -------
    list of Feature
        At each gap of the trains ``train_fire_probability`` and ``pulses_to_fire`` (up to the one
        during or after which the first spike comes, mean). Where trains ended before they fired it
        is CENSORED: such a train enters with the pulses it had, so that the value is a restricted
        mean, a lower bound of the true one. ``critical_gap``: up to which at least half of the
        trains fire within their pulses (see `last_where`).
        At each gap between pump and probe the ``probe_latency`` (mean), and from all of them the
        ``leak_time_constant``.

    Notes
    -----
    The pump leaves the filament at f, of which ``f exp(-gap (gamma1 + beta))`` is there when the
    probe comes (equation (1) of the model without drive). It shortens the probe's latency by the
    time in which a rested filament grows as far. Well above the threshold the growth
    ``mu v / (1 + alpha - f) - (gamma1 + beta) f`` hardly depends on f, so the latency follows
    ``L - A exp(-gap / tau)``; L, A and tau are fitted, so that residue, which outlasts all gaps,
    goes into L. On the model tau is short of ``1 / (gamma1 + beta)`` by 7 % at twice the
    threshold, by 16 % at 1.6 times: it is a figure of the device under a stated stimulus, and the
    standard error is its repeatability. Pulse counts are no estimator: they jump.
    """
    trains = [
        read_pulses(response)
        for response in responses
        if isinstance(response.stimulus, PulseTrain) and len(response.stimulus.pulses) > 1
    ]
    return [
        *_counts([train for train in trains if len(train) > 2]),
        *_leak([train for train in trains if is_pump_and_probe(train)], timing_error_s(responses)),
    ]


def is_pump_and_probe(train: Train) -> bool:
    """Return whether a train is a short pulse, which did not fire, and a longer one."""
    return (
        len(train) == 2
        and train[0].pulse.width_s < 0.9 * train[1].pulse.width_s
        and not train[0].fired
    )


def pulses_to_fire(train: Train) -> int | None:
    """Return the number of pulses up to the first spike; None if none came."""
    return next((reading.index + 1 for reading in train if reading.fired), None)


def _counts(trains: Sequence[Train]) -> list[Feature]:
    features: list[Feature] = []
    shares: dict[float, tuple[int, int]] = {}
    for gap_s, trials in grouped(trains, "gap_s").items():
        if len(trials) < FEWEST_TRIALS:
            continue
        at = {"gap_s": gap_s}
        fired = [count for train in trials if (count := pulses_to_fire(train)) is not None]
        counts = [pulses_to_fire(train) or len(train) for train in trials]
        shares[gap_s] = (len(fired), len(trials))
        features.append(fraction("train_fire_probability", *shares[gap_s], at))
        # Counts are whole: where all are the same, the grid of one pulse still leaves a doubt.
        error = hypot(float(np.std(counts, ddof=1)), 1 / sqrt(12)) / sqrt(len(counts))
        outcome = Outcome.OK if len(fired) == len(trials) else Outcome.CENSORED
        features.append(
            Feature("pulses_to_fire", float(np.mean(counts)), "1", error, len(counts), outcome, at)
        )
    return [*features, last_where("critical_gap", shares, "s", least=True)]


def _leak(pairs: Sequence[Train], timing_s: float) -> list[Feature]:
    """Return the probe's latency at each gap and the time constant of its return.

    A probe that did not fire enters with its width, as in a restricted mean.
    """
    latencies_s: dict[float, list[float]] = {}
    features: list[Feature] = []
    for gap_s, trials in grouped(pairs, "gap_s").items():
        if len(trials) < FEWEST_TRIALS:
            continue
        probes = [train[1] for train in trials]
        times_s = [p.pulse.width_s if p.latency_s is None else p.latency_s for p in probes]
        latencies_s[gap_s] = times_s
        error = hypot(float(np.std(times_s, ddof=1)) / sqrt(len(times_s)), timing_s)
        outcome = Outcome.OK if all(p.fired for p in probes) else Outcome.CENSORED
        mean = float(np.mean(times_s))
        at = {"gap_s": gap_s}
        features.append(Feature("probe_latency", mean, "s", error, len(probes), outcome, at))
    return [*features, _time_constant(latencies_s, features, timing_s)]


def _time_constant(
    latencies_s: dict[float, list[float]], means: Sequence[Feature], timing_s: float
) -> Feature:
    name, n = "leak_time_constant", sum(map(len, latencies_s.values()))
    if len(latencies_s) < FEWEST_GAPS:
        return Feature(name, nan, "s", n=n, outcome=Outcome.TOO_FEW)
    if any(mean.outcome is Outcome.CENSORED for mean in means):
        return Feature(name, nan, "s", n=n, outcome=Outcome.CENSORED)
    # What jumps add to a latency comes at the end of the climb, whatever the start: one spread.
    spread_s = pooled_spread(list(latencies_s.values()))
    errors_s = [hypot(spread_s / sqrt(len(each)), timing_s) for each in latencies_s.values()]
    fit = exponential_fit(list(latencies_s), [mean.value for mean in means], errors_s)
    if fit is None or not fit.is_identified or fit.amplitude.value >= 0:
        return Feature(name, nan, "s", n=n, outcome=Outcome.NOT_IDENTIFIABLE)
    return Feature(name, fit.tau.value, "s", fit.tau.stderr, n)
