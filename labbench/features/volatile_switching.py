"""Volatile switching in voltage sweeps: threshold, hold voltage, off current, how often.

A threshold or hold voltage means nothing without its criterion, so each stands with its current:

- *threshold*: the first |V| on the way up with |I| above 1e-8 A;
- *hold*: the first |V| on the way down with |I| below 1e-9 A, and also 1e-11 A. A filament that
  thins rather than breaks gives two very different numbers.

Voltages are grid points of the sweep as recorded: the true threshold lies on average half a step
lower (the true hold half a step higher). That doubt is in the stderr.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

from labbench.errors import FeatureError
from labbench.features.feature import Feature, Outcome, Response
from labbench.features.repeats import fraction, mean_and_spread, median
from labbench.stimulus import Sweep
from labbench.trace import Trace

VERSION = "1"

THRESHOLD_A = 1e-8
HOLD_A = (1e-9, 1e-11)

# A sweep may step back by this part of its peak (noise of a measured voltage) and still rise.
_BACK_STEP = 0.02


@dataclass(frozen=True)
class SweepLoop:
    """What one sweep did; voltages are magnitudes, NaN where it did not happen.

    Attributes
    ----------
    polarity : float
        Sign of the peak.
    step_v, threshold_v, off_current_a : float
    hold_v : tuple of float
        At each of `HOLD_A`.
    """

    polarity: float
    step_v: float
    threshold_v: float
    hold_v: tuple[float, ...]
    off_current_a: float

    @property
    def has_switched(self) -> bool:
        """Whether the current passed `THRESHOLD_A`."""
        return not np.isnan(self.threshold_v)


def volatile_switching(responses: Sequence[Response]) -> list[Feature]:
    """Draw thresholds, hold voltages, off current and switching fraction from voltage sweeps.

    Parameters
    ----------
    responses : sequence of Response
        Channels "input" (voltage) and "memristor" (current). Those whose stimulus is not a `Sweep`
        are left out. A sweep goes from zero to one peak and back; both polarities may be present.

    Returns
    -------
    list of Feature
        `threshold_voltage` and `hold_voltage` (V) with `_sd` and `_cv`, `off_current` (A),
        `switching_fraction`, and `latched_fraction` (switched but not below the hold criterion at
        the end; the hold voltage is that of the others). They pool both polarities by |V|. Where
        both occur, each follows on its own ``at polarity``, because a device need not be
        symmetric. Empty if there is no sweep.

    Raises
    ------
    FeatureError
        If a sample is NaN, or a sweep goes up and down more than once.
    """
    sweeps = [
        read_loop(response.stimulus, response.trace)
        for response in responses
        if isinstance(response.stimulus, Sweep) and response.stimulus.terminal == "input"
    ]
    if not sweeps:
        return []
    features = _describe(sweeps, {})
    polarities = sorted({sweep.polarity for sweep in sweeps})
    if len(polarities) > 1:
        for polarity in polarities:
            same = [sweep for sweep in sweeps if sweep.polarity == polarity]
            features += _describe(same, {"polarity": polarity})
    return features


def _describe(sweeps: Sequence[SweepLoop], at: dict[str, float]) -> list[Feature]:
    switched = [sweep for sweep in sweeps if sweep.has_switched]
    step_v = max(sweep.step_v for sweep in sweeps)
    at_threshold = {**at, "current_a": THRESHOLD_A}
    features = [fraction("switching_fraction", len(switched), len(sweeps), at_threshold)]
    features += mean_and_spread(
        "threshold_voltage",
        [sweep.threshold_v for sweep in switched],
        "V",
        at_threshold,
        resolution=step_v,
        nothing=Outcome.DID_NOT_FIRE,
    )
    for index, criterion_a in enumerate(HOLD_A):
        at_hold = {**at, "current_a": criterion_a}
        holds_v = [sweep.hold_v[index] for sweep in switched]
        seen_v = [hold_v for hold_v in holds_v if not np.isnan(hold_v)]
        features += mean_and_spread(
            "hold_voltage",
            seen_v,
            "V",
            at_hold,
            resolution=step_v,
            nothing=Outcome.LATCHED if switched else Outcome.DID_NOT_FIRE,
        )
        n_latched = len(holds_v) - len(seen_v)
        features.append(fraction("latched_fraction", n_latched, len(switched), at_hold))
    off_a = [s.off_current_a for s in sweeps if not np.isnan(s.off_current_a)]
    features.append(median("off_current", off_a, "A", at))
    return features


def read_loop(stimulus: Sweep, trace: Trace) -> SweepLoop:
    """Read a sweep of the input that goes up to one peak, and perhaps back.

    Where the compliance acted, its level stands for the voltage: a source in its limit sags.

    Raises
    ------
    FeatureError
        If a sample is NaN, or the sweep goes up and down more than once.
    """
    memristor = trace.channel("memristor")
    voltage_v = trace.values("input")
    if stimulus.compliance_a is not None and stimulus.voltage_v.size == voltage_v.size:
        # The limit may have acted for a part of a reading, which is not censored then.
        sag_v = np.abs(stimulus.voltage_v) - np.abs(voltage_v)
        is_limited = memristor.is_censored | (sag_v > _BACK_STEP * stimulus.peak)
        voltage_v = np.where(is_limited, stimulus.voltage_v, voltage_v)
    level_v = np.abs(voltage_v)
    current_a = np.abs(memristor.values)
    if not (np.isfinite(level_v).all() and np.isfinite(current_a).all()):
        raise FeatureError("A threshold cannot be read from NaN: mend or cut the trace first.")
    # The turning point may be there twice: up ends with the last, down starts with the last.
    peak = level_v.size - 1 - int(np.argmax(level_v[::-1]))
    back_v = _BACK_STEP * level_v[peak]
    up_v, down_v = level_v[: peak + 1], level_v[peak:]
    if (np.diff(up_v) < -back_v).any() or (np.diff(down_v) > back_v).any():
        raise FeatureError(
            f"A sweep of {voltage_v.size} points goes up and down more than once: thresholds are "
            f"read from single loops, so cut it into one response for each."
        )
    polarity = float(np.sign(voltage_v[peak]))
    steps_v = np.abs(np.diff(stimulus.voltage_v))
    step_v = float(np.median(steps_v)) if steps_v.size else 0.0

    on = np.flatnonzero(current_a[: peak + 1] > THRESHOLD_A)
    n_off = int(on[0]) if on.size else peak + 1
    # The second half of the way to the threshold holds the onset of conduction, not the off state.
    off_a = current_a[: (n_off + 1) // 2]
    off_current_a = float(np.median(off_a)) if n_off else nan
    if not on.size:
        return SweepLoop(polarity, step_v, nan, (nan,) * len(HOLD_A), off_current_a)
    holds_v = []
    for criterion_a in HOLD_A:
        below = np.flatnonzero(current_a[peak:] < criterion_a)
        holds_v.append(float(down_v[below[0]]) if below.size else nan)
    return SweepLoop(polarity, step_v, float(up_v[on[0]]), tuple(holds_v), off_current_a)
