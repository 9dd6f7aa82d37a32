"""Threshold firing: how likely and how soon a single pulse fires, against its amplitude."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

from labbench.features.feature import Feature, Outcome, Response
from labbench.features.pulses import grouped, readings_of_trains
from labbench.features.statistics import log_mean, logistic_fit, proportion

VERSION = "1"

# A latency averaged over fewer trials, or over trials of which many did not fire, is a censored
# sample: its mean would be too short.
FEWEST_TRIALS = 5
LEAST_FIRED = 0.8


def threshold_firing(responses: Sequence[Response]) -> list[Feature]:
    """Return P(fire), its half point and width, and the latency at each amplitude.

    Parameters
    ----------
    responses : sequence of Response
        To single pulses; others are passed over.

    Returns
    -------
    list of Feature
        ``fire_probability`` and ``latency`` (geometric mean) at each amplitude,
        ``threshold_voltage`` (P = 0.5) and ``threshold_width`` (logistic; "censored", an upper
        bound, if no amplitude both fired and did not) once; "too few data" where there is
        nothing to tell.
    """
    singles = readings_of_trains(responses, n_pulses=1)
    features: list[Feature] = []
    for amplitude_v, trials in grouped(singles, "amplitude_v").items():
        latencies = [t[0].latency_s for t in trials if t[0].latency_s is not None]
        if len(trials) < FEWEST_TRIALS:
            continue
        at = {"amplitude_v": amplitude_v}
        share, error = proportion(len(latencies), len(trials))
        features.append(Feature("fire_probability", share, "1", error, len(trials), at=at))
        if share >= LEAST_FIRED:
            features.append(Feature("latency", *_mean(latencies), len(latencies), at=at))
    fit = logistic_fit([t[0].pulse.amplitude_v for t in singles], [t[0].fired for t in singles])
    if fit is None:
        few = Outcome.TOO_FEW
        return [
            *features,
            Feature("threshold_voltage", nan, "V", n=len(singles), outcome=few),
            Feature("threshold_width", nan, "V", n=len(singles), outcome=few),
        ]
    v50, v50_error, width, width_error = fit
    silent_v = max(t[0].pulse.amplitude_v for t in singles if not t[0].fired)
    is_step = silent_v < min(t[0].pulse.amplitude_v for t in singles if t[0].fired)
    # A clean step only says that the width is below the distance of the levels.
    outcome = Outcome.CENSORED if is_step else Outcome.OK
    return [
        *features,
        Feature("threshold_voltage", v50, "V", v50_error, len(singles)),
        Feature("threshold_width", width, "V", width_error, len(singles), outcome),
    ]


def _mean(latencies_s: list[float]) -> tuple[float, str, float]:
    mean, error = log_mean(latencies_s)
    return mean, "s", error
