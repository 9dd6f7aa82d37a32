"""Current of the open filament below the threshold, with the gate grounded."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, nan, sqrt

import numpy as np

from labbench.features.feature import Feature, Outcome, Response
from labbench.features.grounded import nothing_seen, readings_of_currents, rounded
from labbench.stimulus import PulseTrain

VERSION = "1"

# The filament has settled by the last quarter of the pulse.
SETTLED = 0.25
_SEEN_SDS = 3.0


def off_current(responses: Sequence[Response]) -> list[Feature]:
    """Return the settled current at each voltage.

    Parameters
    ----------
    responses : sequence of Response
        To single pulses with a grounded gate; others are passed over.

    Returns
    -------
    list of Feature
        ``off_current`` (A, mean over the last quarter of the pulse and over the repeats) at each
        voltage; OUT_OF_REACH, without a value, where it is below three standard errors: those of
        the noise, and of the converter's step, which does not average away. Picoampere are so for
        an amplifier of 1e6 V/A.
    """
    groups: dict[float, list[tuple[float, float]]] = {}
    for reading in readings_of_currents(responses):
        if isinstance(reading.stimulus, PulseTrain) and len(reading.stimulus.pulses) == 1:
            pulse = reading.stimulus.pulses[0]
            end_s = pulse.end_s - pulse.fall_s
            inside = (reading.time_s >= end_s - SETTLED * pulse.width_s) & (reading.time_s <= end_s)
            if inside.any():
                before = int(np.count_nonzero(reading.time_s < 0))
                # The offset that was taken off has an error of its own.
                noise_a = reading.noise_a * sqrt(1 / max(before, 1) + 1 / np.count_nonzero(inside))
                error_a = hypot(noise_a, reading.resolution_a)
                mean_a = float(reading.current_a[inside].mean())
                groups.setdefault(rounded(pulse.amplitude_v), []).append((mean_a, error_a))
    features = []
    for amplitude_v, seen in sorted(groups.items()):
        means_a = np.array([mean_a for mean_a, _ in seen])
        own_a = max(error_a for _, error_a in seen)
        n, value_a = means_a.size, float(means_a.mean())
        scatter_a = float(means_a.std(ddof=1)) / sqrt(n) if n > 1 else nan
        error_a = max(own_a, scatter_a) if n > 1 else own_a or nan
        is_seen = not value_a < _SEEN_SDS * error_a and value_a > 0
        at = {"amplitude_v": amplitude_v}
        if is_seen:
            features.append(Feature("off_current", value_a, "A", error_a, n, at=at))
        else:
            reach = Outcome.OUT_OF_REACH
            features.append(Feature("off_current", nan, "A", n=n, outcome=reach, at=at))
    return features or nothing_seen(responses, off_current="A")
