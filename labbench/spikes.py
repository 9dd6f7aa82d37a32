"""Spikes: the output events of a trace.

The observed output of a 1M1T1R neuron is its drain voltage. It rests near the supply and falls
when the gate opens the transistor, so a spike is a downward crossing of half the resting level,
re-armed once the output has come back to four fifths of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from labbench.trace import Trace

FloatArray = NDArray[np.float64]

FIRE_FRACTION = 0.5
REARM_FRACTION = 0.8


# Traces never change, and every property reads the same ones.
_FOUND: WeakKeyDictionary[Trace, dict[str, Spikes]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Spikes:
    """Output events of one trace.

    Attributes
    ----------
    time_s : (m,) float64 array
        Times of the crossings, interpolated between samples; empty if none.
    resting_v : float
        Output before the stimulus, to which the levels are relative.
    """

    time_s: FloatArray
    resting_v: float

    def __len__(self) -> int:
        return self.time_s.size


def find_spikes(trace: Trace, channel: str = "output") -> Spikes:
    """Find the spikes of a trace.

    Parameters
    ----------
    trace : Trace
        With samples before time zero, whose median is the resting output; without any, the first
        sample is taken for it.
    channel : str, optional

    Returns
    -------
    Spikes
        None of them if the output never falls to half its resting level, rests at or below zero,
        is NaN or has no samples.
    """
    known = _FOUND.setdefault(trace, {})
    if channel not in known:
        known[channel] = _find(trace, channel)
    return known[channel]


def _find(trace: Trace, channel: str) -> Spikes:
    output_v, time_s = trace.values(channel), trace.time_s
    if not output_v.size:
        return Spikes(np.empty(0), nan)
    resting_v = resting_level(time_s, output_v)
    if not resting_v > 0:
        return Spikes(np.empty(0), resting_v)
    fired = falling_crossings(time_s, output_v, FIRE_FRACTION * resting_v)
    is_rested = output_v >= REARM_FRACTION * resting_v
    rested_s = time_s[is_rested]
    kept: list[float] = []
    for at_s in fired:
        if kept:
            last = np.searchsorted(rested_s, kept[-1])
            if last == rested_s.size or rested_s[last] > at_s:
                continue
        kept.append(float(at_s))
    return Spikes(np.array(kept), resting_v)


def resting_level(time_s: FloatArray, output_v: FloatArray) -> float:
    """Return the median before time zero, or the first sample if there is nothing before."""
    before = output_v[: max(int(np.searchsorted(time_s, 0.0)), 1)]
    return float(np.median(before))


def falling_crossings(time_s: FloatArray, values: FloatArray, level: float) -> FloatArray:
    """Return the times at which `values` falls through `level`, linear between samples, (m,)."""
    above, below = values[:-1] >= level, values[1:] < level
    at = np.flatnonzero(above & below)
    share = (values[at] - level) / (values[at] - values[at + 1])
    return np.asarray(time_s[at] + share * (time_s[at + 1] - time_s[at]))


def rising_crossings(time_s: FloatArray, values: FloatArray, level: float) -> FloatArray:
    """Return the times at which `values` rises through `level`, linear between samples, (m,)."""
    return falling_crossings(time_s, -values, -level)
