"""Hold voltage: where a closed filament opens on a falling ramp, with the gate grounded.

The criterion: the filament opens where its resistance begins to rise for the last time. The last
sample with 70 % of the closed conductance brackets it, and since the resistance starts to rise
with the square of time (the net growth vanishes where the filament opens), the root of the excess
resistance of two later samples points back to it, to a small part of a sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, hypot, nan, sqrt

import numpy as np
from numpy.typing import NDArray

from labbench.features.feature import Feature, Outcome, Response
from labbench.features.grounded import CurrentReading, nothing_seen, readings_of_currents, rounded
from labbench.features.statistics import log_mean, log_spread
from labbench.stimulus import Stimulus, Waveform

VERSION = "1"

# Conductances over the closed one's: whole, not yet open for good, as good as gone.
WHOLE, STILL_CLOSED, GONE = 0.97, 0.7, 0.1
# A root of the excess resistance that no smooth opening reaches within a sample.
_ABRUPT = 5.0
# What the extrapolation leaves of the ramp's fall within a sample.
RESOLVED = 0.1
LEAST_OPENED = 0.8
# Trials without a jump open lowest, all at one voltage; a band within them, clear of both ends.
BAND = (0.07, 0.23)


def hold_voltage(responses: Sequence[Response]) -> list[Feature]:
    """Return the hold voltage on falling ramps.

    Parameters
    ----------
    responses : sequence of Response
        To a dwell and a ramp to zero, gate grounded; others are passed over, and so are those
        whose filament never closed.

    Returns
    -------
    list of Feature
        For each fall: ``hold_voltage`` (geometric mean), ``hold_voltage_log_sd`` and, free of the
        jumps' bias on a fast fall, ``hold_voltage_low_band`` (geometric mean of the 7 to 23 %
        quantiles). CENSORED, an upper bound, if more than a fifth could not be followed to their
        opening. Out of reach if nothing was played.
    """
    groups: dict[float, list[tuple[float, bool, float]]] = {}
    for reading in readings_of_currents(responses):
        corners = fall_corners(reading)
        if corners is not None:
            seen = opening(reading, *corners)
            if seen is not None:
                groups.setdefault(rounded(corners[3] - corners[2]), []).append(seen)
    features: list[Feature] = []
    for fall_s, found in sorted(groups.items()):
        opened = sum(has_opened for _, has_opened, _ in found)
        outcome = Outcome.OK if opened >= LEAST_OPENED * len(found) else Outcome.CENSORED
        values_v = np.sort([voltage_v for voltage_v, _, _ in found])
        step_v = float(np.median([step_v for _, _, step_v in found])) * RESOLVED
        features += _describe(values_v, step_v, {"fall_s": fall_s}, outcome)
    return features or nothing_seen(
        responses, hold_voltage="V", hold_voltage_log_sd="1", hold_voltage_low_band="V"
    )


def _describe(
    values_v: NDArray[np.float64], step_v: float, at: dict[str, float], outcome: Outcome
) -> list[Feature]:
    n = values_v.size
    mean_v, error_v = log_mean(values_v)
    low, high = round(BAND[0] * n), max(round(BAND[1] * n), round(BAND[0] * n) + 1)
    band = np.log(values_v[low:high])
    band_v = exp(float(band.mean()))
    band_error_v = band_v * float(band.std(ddof=1)) / sqrt(band.size) if band.size > 1 else nan
    spread, spread_error = log_spread(values_v) if n > 1 else (nan, nan)
    few = outcome if n > 1 else Outcome.TOO_FEW
    low_band = "hold_voltage_low_band"
    return [
        Feature("hold_voltage", mean_v, "V", hypot(error_v, step_v), n, outcome, at),
        Feature("hold_voltage_log_sd", spread, "1", spread_error, n, few, at),
        Feature(low_band, band_v, "V", hypot(band_error_v, step_v), band.size, outcome, at),
    ]


def fall_corners(reading: CurrentReading) -> tuple[float, float, float, float] | None:
    """Return start and end of the dwell and of the fall to zero; None of other stimuli."""
    return corners_of_fall(reading.stimulus)


def corners_of_fall(stimulus: Stimulus) -> tuple[float, float, float, float] | None:
    """Return the corners of a stimulus as `fall_corners` does those of a reading."""
    if not isinstance(stimulus, Waveform):
        return None
    time_s, level_v = stimulus.breakpoints()
    up = np.flatnonzero(level_v > 0)
    if up.size != 3 or (level_v < 0).any() or up[-1] + 1 >= level_v.size:
        return None
    rise, dwell_end, fall = up
    corners_s = time_s[rise], time_s[dwell_end], time_s[fall], time_s[fall + 1]
    return float(corners_s[0]), float(corners_s[1]), float(corners_s[2]), float(corners_s[3])


def opening(
    reading: CurrentReading, start_s: float, dwell_end_s: float, fall_s: float, end_s: float
) -> tuple[float, bool, float] | None:
    """Return the hold voltage, whether it was seen, and how far the ramp falls in a sample."""
    closed_s = reading.closed_s(start_s, dwell_end_s)
    if closed_s is None:
        return None
    inside = (reading.time_s >= fall_s) & (reading.time_s <= end_s)
    time_s, current_a = reading.time_s[inside], reading.current_a[inside]
    voltage_v = reading.stimulus.sample(time_s)
    seen = closed_s * voltage_v > max(reading.smallest_a(), 1e-6 * closed_s)
    time_s, current_a, voltage_v = time_s[seen], current_a[seen], voltage_v[seen]
    if time_s.size < 2:
        return None
    step_v = float(voltage_v[0] - voltage_v[-1]) / (time_s.size - 1)
    share = current_a / (closed_s * voltage_v)
    still = np.flatnonzero(share >= STILL_CLOSED)
    if not still.size:
        # A jump opened it before the ramp.
        return float(voltage_v[0]), True, step_v
    last = int(still[-1])
    if last + 2 >= time_s.size:
        return float(voltage_v[-1]), False, step_v
    opened_s = _begins_to_rise(time_s, share, last)
    return float(reading.stimulus.sample(opened_s)), True, step_v


def _begins_to_rise(time_s: NDArray[np.float64], share: NDArray[np.float64], last: int) -> float:
    """Return when the resistance begins to rise with the square of time, around a sample.

    A jump opens the filament at once: then it is somewhere between two samples.
    """
    root = np.sqrt(np.maximum(1.0 / np.maximum(share, 1e-6) - 1.0, 0.0))
    if root[last + 1] > _ABRUPT:
        return float(0.5 * (time_s[last] + time_s[last + 1]))
    gone = np.flatnonzero(share[last + 2 :] < GONE)
    far = last + 2 + (int(gone[0]) if gone.size else 0)
    slope = (root[far] - root[last + 1]) / (time_s[far] - time_s[last + 1])
    whole = np.flatnonzero(share[: last + 1] >= WHOLE)
    earliest_s = time_s[max(int(whole[-1]) - 1, 0)] if whole.size else time_s[0]
    start_s = time_s[last + 1] - root[last + 1] / slope if slope > 0 else earliest_s
    return float(np.clip(start_s, earliest_s, time_s[last + 1]))
