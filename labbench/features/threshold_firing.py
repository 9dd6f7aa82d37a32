"""Threshold firing: how likely and how soon a single pulse fires, against amplitude and width."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

from labbench.features.feature import Feature, Outcome, Response
from labbench.features.pulses import PulseReading, by_width, grouped, readings_of_trains
from labbench.features.statistics import log_mean, logistic_fit, proportion
from labbench.features.strength_duration import strength_duration

VERSION = "2"

# A latency averaged over fewer trials, or over trials of which many did not fire, is a censored
# sample: its mean would be too short.
FEWEST_TRIALS = 5
LEAST_FIRED = 0.8
# Of the trials of the commonest width; widths with fewer are passed over.
MAIN_SHARE = 0.05

Readings = Sequence[tuple[PulseReading, ...]]


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
        nothing to tell. Where several widths have five trials or more, and a twentieth of the
        commonest one's, all of these belong to a width each, and other widths are passed over;
        from three widths with a threshold on the strength-duration curve follows, see
        `strength_duration`. Where a search chose the amplitudes, the width of P(fire) comes out
        somewhat too small (Kaernbach, Percept. Psychophys. 63, 1389 (2001)), its half point does
        not.
    """
    singles = readings_of_trains(responses, n_pulses=1)
    every = by_width(singles)
    fewest = max([FEWEST_TRIALS, *(MAIN_SHARE * len(trials) for trials in every.values())])
    widths = {width_s: trials for width_s, trials in every.items() if len(trials) >= fewest}
    if len(widths) < 2:
        return _of_one_width(singles, {})
    features: list[Feature] = []
    for width_s, trials in widths.items():
        features += _of_one_width(trials, {"width_s": width_s})
    thresholds = [f for f in features if f.name == "threshold_voltage"]
    return features + strength_duration(thresholds)


def _of_one_width(singles: Readings, at_width: dict[str, float]) -> list[Feature]:
    features: list[Feature] = []
    for amplitude_v, trials in grouped(singles, "amplitude_v").items():
        latencies = [t[0].latency_s for t in trials if t[0].latency_s is not None]
        if len(trials) < FEWEST_TRIALS:
            continue
        at = {"amplitude_v": amplitude_v, **at_width}
        share, error = proportion(len(latencies), len(trials))
        features.append(Feature("fire_probability", share, "1", error, len(trials), at=at))
        if share >= LEAST_FIRED:
            features.append(Feature("latency", *_mean(latencies), len(latencies), at=at))
    return features + _half_point(singles, at_width)


def _half_point(singles: Readings, at: dict[str, float]) -> list[Feature]:
    n = len(singles)
    fit = logistic_fit([t[0].pulse.amplitude_v for t in singles], [t[0].fired for t in singles])
    if fit is None:
        few = Outcome.TOO_FEW
        return [
            Feature("threshold_voltage", nan, "V", n=n, outcome=few, at=at),
            Feature("threshold_width", nan, "V", n=n, outcome=few, at=at),
        ]
    v50, v50_error, width, width_error = fit
    silent_v = max(t[0].pulse.amplitude_v for t in singles if not t[0].fired)
    is_step = silent_v < min(t[0].pulse.amplitude_v for t in singles if t[0].fired)
    # A clean step only says that the width is below the distance of the levels.
    outcome = Outcome.CENSORED if is_step else Outcome.OK
    return [
        Feature("threshold_voltage", v50, "V", v50_error, n, at=at),
        Feature("threshold_width", width, "V", width_error, n, outcome, at),
    ]


def _mean(latencies_s: list[float]) -> tuple[float, str, float]:
    mean, error = log_mean(latencies_s)
    return mean, "s", error
