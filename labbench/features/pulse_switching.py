"""Switching of a volatile memristor under a voltage pulse: how soon, how often, how conducting.

The delay runs from the first sample above 0.6 of the pulse amplitude to the first sample above
2 uA, and to half the plateau (the largest current of the pulse, or the end of the measuring range
if that is lower). Crossings within the first 30 us must last until then, which keeps the charging
current of the cables out.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np

from labbench.features.feature import Feature, Outcome, Response
from labbench.features.memristor_pulse import (
    SWITCHED_A,
    MemristorPulse,
    condition,
    pulses_by_amplitude,
)
from labbench.features.repeats import fraction, geometric_mean, mean_and_spread, median

VERSION = "1"

_PLATEAU_FRACTION = 0.5
# The last part of a pulse, in which the current has settled.
_SETTLED = 0.1


def pulse_switching(responses: Sequence[Response]) -> list[Feature]:
    """Draw delay, switching fraction, on resistance and off current from pulse responses.

    Parameters
    ----------
    responses : sequence of Response
        Channels "input" (voltage) and "memristor" (current); sweeps are left out. Only the first
        pulse of each response counts.

    Returns
    -------
    list of Feature
        At each amplitude: `switching_fraction`; `switching_delay` (s, geometric mean) and
        `switching_delay_log_sd` for each criterion, where pulses that did not switch count as
        longer than the pulse and those on from the first sample as shorter than the next;
        `on_resistance` (Ohm) of the last tenth of the pulse; `off_current` (A, at the read voltage
        before the pulse). Where the current left the measuring range the on resistance is CENSORED
        and its value an upper bound. Empty if there is no pulse.

    Raises
    ------
    FeatureError, TraceError
        If a response has no pulse, lacks a channel, or has no time axis.
    """
    features: list[Feature] = []
    for amplitude_v, pulses in pulses_by_amplitude(responses).items():
        at = {"amplitude_v": amplitude_v}
        switched = [pulse for pulse in pulses if pulse.has_switched]
        at_switched = {**at, "current_a": SWITCHED_A}
        features.append(fraction("switching_fraction", len(switched), len(pulses), at_switched))
        features += _delay(switched, pulses, at)
        features.append(_on_resistance(switched, at))
        features += _off_current(pulses, at)
    return features


def _delay(
    switched: Sequence[MemristorPulse], pulses: Sequence[MemristorPulse], at: dict[str, float]
) -> list[Feature]:
    waited_s = [pulse.width_s for pulse in pulses if not pulse.has_switched]
    features: list[Feature] = []
    for key, criterion in (("current_a", SWITCHED_A), ("plateau_fraction", _PLATEAU_FRACTION)):
        delays_s: list[float] = []
        at_once_s: list[float] = []
        for pulse in switched:
            level_a = criterion
            if key == "plateau_fraction":
                level_a *= float(pulse.during_a.max())
            delay_s = pulse.delay_s(level_a)
            if delay_s:
                delays_s.append(delay_s)
            elif delay_s is not None:
                at_once_s.append(float(pulse.time_s[pulse.rise + 1] - pulse.time_s[pulse.rise]))
        features += geometric_mean(
            "switching_delay",
            delays_s,
            {**at, key: criterion},
            shorter_than_s=at_once_s,
            longer_than_s=waited_s,
        )
    return features


def _on_resistance(switched: Sequence[MemristorPulse], at: dict[str, float]) -> Feature:
    name, unit = "on_resistance", "Ohm"
    if not switched:
        return Feature(name, nan, unit, n=0, outcome=Outcome.DID_NOT_FIRE, at=at)
    values_ohm = []
    for pulse in switched:
        n_settled = max(1, int(_SETTLED * pulse.during_a.size))
        end = slice(pulse.fall + 1 - n_settled, pulse.fall + 1)
        values_ohm.append(float(np.median(pulse.voltage_v[end] / pulse.current_a[end])))
    if any(pulse.is_censored[pulse.rise : pulse.fall + 1].any() for pulse in switched):
        # The largest of the bounds is the only one that holds for all of them.
        bound_ohm = max(values_ohm)
        return Feature(name, bound_ohm, unit, n=len(switched), outcome=Outcome.CENSORED, at=at)
    return mean_and_spread(name, values_ohm, unit, at)[0]


def _off_current(pulses: Sequence[MemristorPulse], at: dict[str, float]) -> list[Feature]:
    before = [pulse for pulse in pulses if pulse.rise > 0]
    if not before:
        return []
    read_v = condition(float(np.median(pulse.voltage_v[: pulse.rise])) for pulse in before)
    currents_a = [float(np.median(pulse.current_a[: pulse.rise])) for pulse in before]
    return [median("off_current", currents_a, "A", {**at, "read_v": read_v})]
