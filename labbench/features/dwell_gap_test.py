"""Dwell, gap, test with the gate grounded: the residue that a closed filament leaves behind."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot

import numpy as np

from labbench.features.feature import Feature, Outcome, Response
from labbench.features.grounded import (
    CurrentReading,
    interval_error_s,
    nothing_seen,
    readings_of_currents,
    rounded,
)
from labbench.features.statistics import log_mean
from labbench.spikes import rising_crossings
from labbench.stimulus import PulseTrain

VERSION = "1"

# Of the closed filament's conductance: the filament closes far faster than one sample.
CLOSED_FRACTION = 0.5
LEAST_SWITCHED = 0.8


def dwell_gap_test(responses: Sequence[Response]) -> list[Feature]:
    """Return the time to switch again, against how long the filament was closed and rested.

    Parameters
    ----------
    responses : sequence of Response
        To pairs of pulses with a grounded gate; others are passed over, and so are pairs whose
        first pulse did not close the filament.

    Returns
    -------
    list of Feature
        ``switching_time`` (geometric mean, one that did not switch counting with the pulse's
        width) at each dwell and gap: half the edge to half the conductance of the dwell. CENSORED
        if more than a fifth did not switch. Smooth in the parameters, but for the sampling: the
        current rises within a sample, whose error is part of the stderr.
        Out of reach if nothing was played.
    """
    groups: dict[tuple[float, float], list[tuple[float, bool]]] = {}
    for reading in readings_of_currents(responses):
        if isinstance(reading.stimulus, PulseTrain) and len(reading.stimulus.pulses) == 2:
            dwell, test = reading.stimulus.pulses
            closed_s = reading.closed_s(dwell.start_s + dwell.rise_s, dwell.end_s - dwell.fall_s)
            if closed_s is not None:
                key = rounded(dwell.width_s), rounded(test.start_s - dwell.end_s)
                groups.setdefault(key, []).append(switching(reading, closed_s))
    features = []
    for (dwell_s, gap_s), seen in sorted(groups.items()):
        mean_s, error_s = log_mean([time_s for time_s, _ in seen])
        switched = sum(has_switched for _, has_switched in seen)
        outcome = Outcome.OK if switched >= LEAST_SWITCHED * len(seen) else Outcome.CENSORED
        error_s = hypot(error_s, interval_error_s(responses))
        at = {"dwell_s": dwell_s, "gap_s": gap_s}
        features.append(Feature("switching_time", mean_s, "s", error_s, len(seen), outcome, at))
    return features or nothing_seen(responses, switching_time="s")


def switching(reading: CurrentReading, closed_s: float) -> tuple[float, bool]:
    """Return the time to switch in the second pulse, or its width, and whether it switched."""
    assert isinstance(reading.stimulus, PulseTrain)
    test = reading.stimulus.pulses[1]
    top_s = test.start_s + test.rise_s
    inside = (reading.time_s >= top_s) & (reading.time_s <= test.end_s - test.fall_s)
    level_a = CLOSED_FRACTION * closed_s * test.amplitude_v
    time_s, current_a = reading.time_s[inside], reading.current_a[inside]
    if current_a.size and current_a[0] >= level_a:
        # It had never opened.
        return float(max(top_s - test.edge_s, 1e-9)), True
    crossings_s = rising_crossings(time_s, current_a, level_a)
    if not crossings_s.size:
        return test.width_s, False
    return float(np.clip(crossings_s[0] - test.edge_s, 1e-9, test.width_s)), True
