"""One voltage pulse on a memristor: where it starts and ends, and what current flowed.

The pulse is found in the measured voltage, not in the stimulus, so that recordings from elsewhere
and our own read alike. It may ride on a small read voltage.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labbench.errors import FeatureError
from labbench.features.feature import Response
from labbench.stimulus import Sweep

FloatArray = NDArray[np.float64]

# The pulse is where the voltage is above this part of its amplitude.
EDGE_FRACTION = 0.6
# Above this current the device has switched; charging currents of a cable stay below it.
SWITCHED_A = 2e-6
# The charging current after an edge decays within this time: no crossing counts that does not last.
TRANSIENT_S = 30e-6
# Amplitudes that differ by less than this part are the same condition, measured twice.
_SAME_AMPLITUDE = 0.02


@dataclass(frozen=True, eq=False)
class MemristorPulse:
    """The first pulse of a response; later ones would meet a device with a history.

    Attributes
    ----------
    time_s, voltage_v, current_a : (n,) float64 arrays
        Up to the next pulse. The voltage is positive in the pulse; the current has the sign that
        makes it flow along the voltage, because probes are connected either way round.
    is_censored : (n,) bool array
        Current at the end of the measuring range: the true one is at least that.
    rise, fall : int
        First and last sample of the pulse.
    """

    time_s: FloatArray
    voltage_v: FloatArray
    current_a: FloatArray
    is_censored: NDArray[np.bool_]
    rise: int
    fall: int

    @property
    def amplitude_v(self) -> float:
        """Median voltage of the pulse."""
        return float(np.median(self.voltage_v[self.rise : self.fall + 1]))

    @property
    def during_a(self) -> FloatArray:
        """Current in the pulse, (fall - rise + 1,)."""
        return self.current_a[self.rise : self.fall + 1]

    @property
    def has_switched(self) -> bool:
        """Whether the current passed `SWITCHED_A`, the edge transient apart."""
        return self.delay_s(SWITCHED_A) is not None

    @property
    def width_s(self) -> float:
        """Time from the first to the last sample of the pulse."""
        return float(self.time_s[self.fall] - self.time_s[self.rise])

    def delay_s(self, level_a: float) -> float | None:
        """Return the time from the rising edge until the current passes a level; None if never."""
        above = self.during_a > level_a
        since_s = self.time_s[self.rise : self.fall + 1] - self.time_s[self.rise]
        early = since_s < TRANSIENT_S
        if not above[early][-1]:
            above[early] = False
        crossings = np.flatnonzero(above)
        return float(since_s[crossings[0]]) if crossings.size else None


def find_pulse(response: Response) -> MemristorPulse:
    """Find the first pulse of a response with the channels "input" and "memristor".

    Raises
    ------
    FeatureError
        If a sample is NaN, or the voltage has no pulse of two samples or more.
    TraceError
        If a channel or the time axis is missing.
    """
    trace = response.trace
    voltage_v, current_a = trace.values("input"), trace.values("memristor")
    if not (np.isfinite(voltage_v).all() and np.isfinite(current_a).all()):
        raise FeatureError("A pulse cannot be read from NaN: mend or cut the trace first.")
    level_v = np.abs(voltage_v)
    if not level_v.any():
        raise FeatureError("There is no pulse in this response: its input is 0 V throughout.")
    # Not the largest sample: edges overshoot.
    top_v = float(np.median(level_v[level_v >= 0.8 * level_v.max()]))
    high = level_v > EDGE_FRACTION * top_v
    rise = int(np.argmax(high))
    low = np.flatnonzero(~high[rise:])
    fall = rise + (int(low[0]) if low.size else high.size - rise) - 1
    if fall == rise:
        raise FeatureError("The pulse of this response is a single sample: sample it faster.")
    again = np.flatnonzero(high[fall + 1 :])
    until = slice(0, fall + 1 + int(again[0]) if again.size else None)
    orientation = 1.0 if float(np.dot(voltage_v, current_a)) >= 0 else -1.0
    polarity = float(np.sign(voltage_v[rise]))
    return MemristorPulse(
        time_s=trace.time_s[until],
        voltage_v=polarity * voltage_v[until],
        current_a=polarity * orientation * current_a[until],
        is_censored=trace.channel("memristor").is_censored[until],
        rise=rise,
        fall=fall,
    )


def pulses_by_amplitude(responses: Sequence[Response]) -> dict[float, list[MemristorPulse]]:
    """Return the pulses of all responses but sweeps, under their amplitude in V (three digits)."""
    pulses = [find_pulse(r) for r in responses if not isinstance(r.stimulus, Sweep)]
    groups: list[list[MemristorPulse]] = []
    for pulse in sorted(pulses, key=lambda pulse: pulse.amplitude_v):
        if groups and pulse.amplitude_v <= groups[-1][0].amplitude_v * (1 + _SAME_AMPLITUDE):
            groups[-1].append(pulse)
        else:
            groups.append([pulse])
    return {condition(pulse.amplitude_v for pulse in group): group for group in groups}


def condition(values: Iterable[float]) -> float:
    """Return the median with three digits: a measured condition as a label."""
    return float(f"{np.median(list(values)):.3g}")
