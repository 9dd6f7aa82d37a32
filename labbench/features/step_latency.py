"""Latency of single steps: what identifies growth and decay of a filament, and their noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import hypot, nan

import numpy as np

from labbench.features.feature import Feature, Outcome, Response
from labbench.features.pulses import PulseReading, grouped, readings_of_trains, timing_error_s
from labbench.features.repeats import median
from labbench.features.statistics import log_mean

VERSION = "1"

# With fewer that fired, a mean says more of the window than of the device.
LEAST_FIRED = 0.8


def step_latency(responses: Sequence[Response]) -> list[Feature]:
    """Return mean and median latency of single pulses at each amplitude.

    Parameters
    ----------
    responses : sequence of Response
        To single pulses; others are passed over. Where an amplitude was tried at several widths,
        the one with the most trials counts.

    Returns
    -------
    list of Feature
        ``step_latency`` (geometric mean, one that did not fire counting with the pulse's width)
        and ``median_step_latency``; "censored" if more than a fifth did not fire, "did not fire"
        if none did. Smooth in the parameters of the model.
    """
    features: list[Feature] = []
    for amplitude_v, trials in grouped(readings_of_trains(responses, 1), "amplitude_v").items():
        at = {"amplitude_v": amplitude_v}
        pulses = _of_most_trials([trial[0] for trial in trials])
        features += restricted_mean("step_latency", pulses, at, timing_error_s(responses))
        latencies_s = [p.latency_s or p.pulse.width_s for p in pulses]
        if sum(p.fired for p in pulses) > len(pulses) / 2:
            middle = median("median_step_latency", latencies_s, "s", at)
            # In an atom nothing scatters: sampling is left.
            error_s = hypot(middle.stderr, timing_error_s(responses))
            features.append(replace(middle, stderr=error_s))
    return features or [Feature("step_latency", nan, "s", n=0, outcome=Outcome.TOO_FEW)]


def restricted_mean(
    name: str, pulses: Sequence[PulseReading], at: dict[str, float], timing_s: float
) -> list[Feature]:
    """Return the geometric mean of min(latency, width), whose bias a simulation shares."""
    fired = sum(pulse.fired for pulse in pulses)
    if not fired:
        silent = Outcome.DID_NOT_FIRE if pulses else Outcome.TOO_FEW
        return [Feature(name, nan, "s", n=len(pulses), outcome=silent, at=at)]
    restricted_s = [
        p.pulse.width_s if p.latency_s is None else min(p.latency_s, p.pulse.width_s)
        for p in pulses
    ]
    mean_s, error_s = log_mean(np.maximum(restricted_s, 1e-12))
    outcome = Outcome.OK if fired >= LEAST_FIRED * len(pulses) else Outcome.CENSORED
    return [Feature(name, mean_s, "s", hypot(error_s, timing_s), len(pulses), outcome, at)]


def _of_most_trials(pulses: Sequence[PulseReading]) -> list[PulseReading]:
    widths_s = [f"{pulse.pulse.width_s:.6g}" for pulse in pulses]
    most = max(dict.fromkeys(widths_s), key=widths_s.count)
    return [p for p, width_s in zip(pulses, widths_s, strict=True) if width_s == most]
