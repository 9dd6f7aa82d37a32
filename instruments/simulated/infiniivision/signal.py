"""From a voltage at a node to the codes of the converter: bandwidth, coupling, noise, rails.

Full scale is ``:CHANnel:RANGe`` around ``:CHANnel:OFFSet``; beyond it the words are the clip
markers. In high resolution samples are points with less noise, not averages over an interval.
The probe has the attenuation that ``:CHANnel:PROBe`` says: levels are those at its tip.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log2, pi

import numpy as np
from numpy.typing import NDArray

from instruments.simulated.circuit import Terminal
from labbench.model.output import low_pass

FloatArray = NDArray[np.float64]
WordArray = NDArray[np.uint16]

CLIPPED_LOW, CLIPPED_HIGH = 0x0001, 0xFFFF
COUNTS = 1 << 16
_RAW_BITS, _MOST_BITS = 8, 12
# Noise of a raw sample, rms: of full scale, and in volt at the input.
_SHARED_NOISE, _NOISE_FLOOR_V = 4e-3, 1e-4
# What averaging within the instrument cannot take away, slow and correlated noise.
_LEAST_NOISE = 0.5
_AC_HZ = 10.0
# A lag shorter than this part of the sampling interval does not show.
_LAG_SEEN = 0.05
_FIFTY_OHM = 50.0


@dataclass(frozen=True)
class Vertical:
    """How a channel was set when the acquisition started.

    Attributes
    ----------
    range_v, offset_v : float
        Full scale, and the voltage at its middle.
    probe : float
        Attenuation.
    bandwidth_hz : float
    skew_s : float
        How much later the signal comes through this channel's cable.
    """

    range_v: float
    offset_v: float
    probe: float
    bandwidth_hz: float
    coupling: str = "DC"
    is_inverted: bool = False
    skew_s: float = 0.0

    @property
    def noise_v(self) -> float:
        """Noise of a raw sample, rms."""
        return float(np.hypot(_SHARED_NOISE * self.range_v, _NOISE_FLOOR_V * self.probe))


def resolution_bits(oversampling: float) -> int:
    """Return the bits of high resolution: one more for each fourfold of raw samples in one."""
    return min(_MOST_BITS, _RAW_BITS + floor(log2(max(1.0, oversampling)) / 2))


def noise_left(samples: float) -> float:
    """Return what part of a raw sample's noise an average of some raw samples has."""
    return max(_LEAST_NOISE, 1.0 / max(1.0, samples) ** 0.5)


def seen(terminal: Terminal, vertical: Vertical, time_s: FloatArray, now_s: float) -> FloatArray:
    """Return what a channel makes of its node at ascending times (n,), noise apart."""
    # The past begins where the terminal was watched from, to a rounding error.
    first_s = max(0.0, terminal.watched_from_s)
    level_v = terminal.voltage(np.clip(time_s - vertical.skew_s, min(first_s, now_s), now_s))
    if time_s.size > 1:
        interval_s = (time_s[-1] - time_s[0]) / (time_s.size - 1)
        if vertical.coupling == "AC":
            level_v = level_v - _slow_part(time_s, level_v)
        lag_s = 1.0 / (2.0 * pi * vertical.bandwidth_hz)
        if lag_s > _LAG_SEEN * interval_s:
            followed = np.empty_like(level_v)
            low_pass(time_s, np.ascontiguousarray(level_v), lag_s, followed)
            level_v = followed
    return -level_v if vertical.is_inverted else level_v


def latest(terminal: Terminal, vertical: Vertical, time_s: FloatArray) -> FloatArray:
    """Return what a channel makes of its node at ascending times (n,) up to the present."""
    return seen(terminal, vertical, time_s, float(time_s[-1]))


def _slow_part(time_s: FloatArray, level_v: FloatArray) -> FloatArray:
    """Return what a coupling capacitor holds; at the start, the record's mean."""
    lag_s = 1.0 / (2.0 * pi * _AC_HZ)
    steady_v = float(level_v.mean())
    held = np.empty_like(level_v)
    low_pass(time_s, level_v - steady_v, lag_s, held)
    # The filter starts at its first sample: let that start die away instead.
    held -= (level_v[0] - steady_v) * np.exp(-(time_s - time_s[0]) / lag_s)
    return held + steady_v


def words(level_v: FloatArray, vertical: Vertical, bits: int) -> WordArray:
    """Return the words of a WORD transfer (n,), left-aligned, with the clip markers."""
    codes = 1 << bits
    code = np.floor(((level_v - vertical.offset_v) / vertical.range_v + 0.5) * codes)
    found = np.clip(code, 1, codes - 1) * (COUNTS // codes)
    found[code < 1] = CLIPPED_LOW
    found[code > codes - 1] = CLIPPED_HIGH
    return found.astype(np.uint16)


def volts(word: FloatArray, vertical: Vertical, bits: int) -> FloatArray:
    """Return the voltages of words (n,)."""
    return (word - COUNTS // 2) * (vertical.range_v / COUNTS) + origin_v(vertical, bits)


def origin_v(vertical: Vertical, bits: int) -> float:
    """Return the voltage of the word in the middle: a code stands for the middle of its step."""
    return vertical.offset_v + vertical.range_v / (1 << bits) / 2


def load(terminal: Terminal, is_fifty: bool) -> None:
    """Terminate a channel with 50 Ohm, or give its node back what cable and probe put on it."""
    cable = terminal.cable
    terminal.load(_FIFTY_OHM if is_fifty else cable.load_ohm, cable.load_f)
