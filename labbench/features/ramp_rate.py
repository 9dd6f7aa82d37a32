"""Threshold against ramp rate: the faster the ramp, the later in voltage a filament closes.

The rate is that of the staircase as it was really swept. Thresholds are levels at which the
current of `volatile_switching` was passed, with the step of the staircase as their resolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log10, nan

import numpy as np

from labbench.features.feature import Feature, Outcome, Response
from labbench.features.repeats import mean_and_spread
from labbench.features.statistics import straight_line
from labbench.features.volatile_switching import THRESHOLD_A, SweepLoop, read_loop
from labbench.stimulus import Sweep

VERSION = "1"

# Rates closer than this are one rate: a meter keeps its dwell to about a percent.
_SAME_RATE = 0.15


def ramp_rate(responses: Sequence[Response]) -> list[Feature]:
    """Draw the threshold at each ramp rate, and its slope for a decade.

    Parameters
    ----------
    responses : sequence of Response
        Timed sweeps of the input that start at zero; others are left out.

    Returns
    -------
    list of Feature
        `ramp_threshold` (V) at each rate (DID_NOT_FIRE where none switched, CENSORED where some
        did not: their thresholds are beyond the peak), and `threshold_per_decade` (V) from the
        rates at which all switched. Empty if there is no such sweep.
    """
    groups: list[tuple[float, list[SweepLoop]]] = []
    for rate, loop in sorted(_rated(responses), key=lambda pair: pair[0]):
        if groups and rate <= groups[-1][0] * (1 + _SAME_RATE):
            groups[-1][1].append(loop)
        else:
            groups.append((rate, [loop]))
    if not groups:
        return []
    features = []
    for rate, loops in groups:
        switched = [loop.threshold_v for loop in loops if loop.has_switched]
        at = {"rate_v_per_s": float(f"{rate:.2g}"), "current_a": THRESHOLD_A}
        if switched and len(switched) < len(loops):
            n, censored = len(loops), Outcome.CENSORED
            features.append(Feature("ramp_threshold", nan, "V", n=n, outcome=censored, at=at))
            continue
        features += mean_and_spread(
            "ramp_threshold", switched, "V", at,
            resolution=max(loop.step_v for loop in loops), nothing=Outcome.DID_NOT_FIRE,
        )[:1]  # fmt: skip
    return [*features, _slope(features)]


def _rated(responses: Sequence[Response]) -> list[tuple[float, SweepLoop]]:
    found = []
    for response in responses:
        stimulus = response.stimulus
        if isinstance(stimulus, Sweep) and stimulus.terminal == "input" and stimulus.dwell_s:
            loop = read_loop(stimulus, response.trace)
            found.append((loop.step_v / stimulus.dwell_s, loop))
    return found


def _slope(features: Sequence[Feature]) -> Feature:
    usable = [feature for feature in features if feature.is_usable and feature.stderr > 0]
    name, n = "threshold_per_decade", len(usable)
    if n < 2:
        return Feature(name, nan, "V", n=n, outcome=Outcome.TOO_FEW)
    decades = np.array([log10(feature.at["rate_v_per_s"]) for feature in usable])
    values = np.array([feature.value for feature in usable])
    weight = np.array([feature.stderr for feature in usable]) ** -2.0
    (_, slope), (_, scatter) = straight_line(decades, values, weight)
    # The line is not exact: the larger of what the readings and what the scatter about it say.
    mean = np.average(decades, weights=weight)
    stderr = float(np.sum(weight * (decades - mean) ** 2) ** -0.5)
    return Feature(name, float(slope), "V", max(stderr, float(np.nan_to_num(scatter))), n)
