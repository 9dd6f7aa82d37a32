"""Relaxation of a volatile memristor after a pulse, seen through a small read voltage.

The criterion: time from the falling edge (last sample above 0.6 of the pulse amplitude) until the
read current is half of what it was first, the mean from 17 to 32 us after the edge, when the
charging current has gone. Real filaments break in steps and may re-form on the way, so that the
*first* time below half and the *last* time above it can differ a hundredfold: both are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np

from labbench.features.feature import Feature, Outcome, Response
from labbench.features.memristor_pulse import MemristorPulse, condition, pulses_by_amplitude
from labbench.features.repeats import geometric_mean, median

VERSION = "1"

FRACTION = 0.5
SETTLED_S = 17e-6
_READ_WINDOW_S = 15e-6
_LEAST_READ_V = 1e-3
# Read currents below this many standard deviations of the noise before the pulse are no current.
_NOISE_SDS = 5.0

_NAMES = ("relaxation_time_first_below", "relaxation_time_last_above")


def relaxation(responses: Sequence[Response]) -> list[Feature]:
    """Draw the relaxation times and the first read current after the pulse.

    Parameters
    ----------
    responses : sequence of Response
        Channels "input" (voltage) and "memristor" (current), with a read voltage after the pulse.
        Sweeps are left out; so are pulses under which nothing switched.

    Returns
    -------
    list of Feature
        At each amplitude and read voltage: `relaxation_time_first_below` and
        `relaxation_time_last_above` (s, geometric means) with `_log_sd`, and `post_pulse_current`
        (A, median). A current gone before the first read counts as shorter than that, one still
        there at the end as longer than the record. NOT_IDENTIFIABLE without a read voltage,
        DID_NOT_FIRE if no pulse switched; empty if there is no pulse.
    """
    features: list[Feature] = []
    for amplitude_v, pulses in pulses_by_amplitude(responses).items():
        at = {"amplitude_v": amplitude_v}
        switched = [pulse for pulse in pulses if pulse.has_switched]
        read = [pulse for pulse in switched if _read_start(pulse) < pulse.time_s.size]
        read_v = condition(_read_v(pulse) for pulse in read) if read else 0.0
        if abs(read_v) < _LEAST_READ_V:
            outcome = Outcome.NOT_IDENTIFIABLE if switched else Outcome.DID_NOT_FIRE
            n = len(switched)
            features += [Feature(name, nan, "s", n=n, outcome=outcome, at=at) for name in _NAMES]
            continue
        features += _describe(read, {**at, "read_v": read_v})
    return features


def _describe(pulses: Sequence[MemristorPulse], at: dict[str, float]) -> list[Feature]:
    first_s: list[float] = []
    last_s: list[float] = []
    gone_s: list[float] = []
    first_longer_s: list[float] = []
    last_longer_s: list[float] = []
    for pulse in pulses:
        start = _read_start(pulse)
        since_s = pulse.time_s[start:] - pulse.time_s[pulse.fall]
        current_a = pulse.current_a[start:]
        level_a = FRACTION * _first_current_a(pulse)
        if level_a <= _noise_a(pulse):
            gone_s.append(float(since_s[0]))
            continue
        below = current_a < level_a
        if not below.any():
            first_longer_s.append(float(since_s[-1]))
        else:
            first_s.append(float(since_s[np.argmax(below)]))
        if not below[-1]:
            last_longer_s.append(float(since_s[-1]))
        else:
            last_s.append(float(since_s[np.flatnonzero(~below)[-1]]))
    at_half = {**at, "fraction": FRACTION}
    first, last = _NAMES
    return [
        *geometric_mean(
            first, first_s, at_half, shorter_than_s=gone_s, longer_than_s=first_longer_s
        ),
        *geometric_mean(last, last_s, at_half, shorter_than_s=gone_s, longer_than_s=last_longer_s),
        median("post_pulse_current", [_first_current_a(pulse) for pulse in pulses], "A", at),
    ]


def _read_start(pulse: MemristorPulse) -> int:
    return int(np.searchsorted(pulse.time_s, pulse.time_s[pulse.fall] + SETTLED_S))


def _read_v(pulse: MemristorPulse) -> float:
    return float(np.median(pulse.voltage_v[_read_start(pulse) :]))


def _first_current_a(pulse: MemristorPulse) -> float:
    start = _read_start(pulse)
    end = int(np.searchsorted(pulse.time_s, pulse.time_s[start] + _READ_WINDOW_S))
    return float(pulse.current_a[start : max(end, start + 1)].mean())


def _noise_a(pulse: MemristorPulse) -> float:
    before_a = pulse.current_a[: pulse.rise]
    if before_a.size < 2:
        return 0.0
    return float(np.median(before_a) + _NOISE_SDS * before_a.std())
