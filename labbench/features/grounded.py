"""The current of a memristor whose gate node is grounded, as the grounded properties read it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import hypot, nan, sqrt

import numpy as np
from numpy.typing import NDArray

from labbench.features.feature import Feature, Outcome, Response
from labbench.stimulus import PulseTrain, Waveform

FloatArray = NDArray[np.float64]

# A filament has closed when its conductance has grown by this since the start of the pulse.
CLOSED_RATIO = 5.0
# Of a pulse: what is looked at before a filament closes, and once it has settled.
_BEGINNING, _END = 0.01, 0.2
# A current is seen from this many standard deviations of its error on.
SEEN_SDS = 5.0


@dataclass(frozen=True, eq=False)
class CurrentReading:
    """A current against time.

    Attributes
    ----------
    stimulus : PulseTrain or Waveform
    time_s, current_a : (n,) float64 arrays
        The mean before time zero, an amplifier's offset, is taken off.
    is_censored : (n,) bool array
    noise_a : float
        Standard deviation of a sample before time zero; zero if there is none.
    resolution_a : float
        Step of the converter / sqrt(12), which repeats do not average away.
    """

    stimulus: PulseTrain | Waveform
    time_s: FloatArray
    current_a: FloatArray
    is_censored: NDArray[np.bool_]
    noise_a: float
    resolution_a: float

    def smallest_a(self, n: int = 1) -> float:
        """Return the smallest current that can be told from none in the mean of n samples."""
        return SEEN_SDS * hypot(self.noise_a / sqrt(n), self.resolution_a)

    def conductance_s(self, from_s: float, to_s: float) -> float:
        """Return the median conductance in a stretch, in siemens; NaN if clipped or empty."""
        inside = (self.time_s >= from_s) & (self.time_s <= to_s)
        if not inside.any() or self.is_censored[inside].any():
            return nan
        voltage_v = self.stimulus.sample(self.time_s[inside])
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.median(self.current_a[inside] / voltage_v))

    def closed_s(self, from_s: float, to_s: float) -> float | None:
        """Return the conductance at the end of a pulse, in siemens, if the filament closed in it.

        Filaments that were closed from the start on, or stayed open, have none; neither has a
        pulse whose current was clipped.
        """
        width_s = to_s - from_s
        at_end = self.conductance_s(to_s - _END * width_s, to_s)
        at_start = self.conductance_s(from_s, from_s + _BEGINNING * width_s)
        voltage_v = float(np.max(np.abs(self.stimulus.sample([0.5 * (from_s + to_s)]))))
        if not at_end * voltage_v > self.smallest_a() or at_end < CLOSED_RATIO * at_start:
            return None
        return at_end


def read_current(response: Response) -> CurrentReading | None:
    """Read the current of a response with a grounded gate; None for any other response."""
    trace, stimulus = response.trace, response.stimulus
    if not isinstance(stimulus, PulseTrain | Waveform):
        return None
    if "memristor" not in trace.channels or "output" in trace.channels:
        return None
    channel, time_s = trace.channel("memristor"), trace.time_s
    current_a = channel.values
    before = current_a[time_s < 0]
    resolution_a = abs(channel.scale) if channel.raw.dtype.kind == "i" else 0.0
    return CurrentReading(
        stimulus=stimulus,
        time_s=time_s,
        current_a=current_a - (float(before.mean()) if before.size else 0.0),
        is_censored=channel.is_censored,
        noise_a=float(before.std()) if before.size > 1 else 0.0,
        resolution_a=resolution_a / sqrt(12),
    )


def readings_of_currents(responses: Iterable[Response]) -> list[CurrentReading]:
    """Return the readings of those responses whose gate was grounded."""
    return [reading for r in responses if (reading := read_current(r)) is not None]


def interval_error_s(responses: Sequence[Response]) -> float:
    """Return the standard error that sampling leaves in a time: interval / sqrt(12)."""
    return max((r.trace.interval_s or 0.0 for r in responses), default=0.0) / sqrt(12)


def nothing_seen(responses: Sequence[Response], **units: str) -> list[Feature]:
    """Return features without a value: out of reach if nothing was ever played.

    Parameters
    ----------
    responses : sequence of Response
        Procedures play nothing where the wiring does not reach a grounded gate.
    **units : str
        By the names of the features.
    """
    outcome = Outcome.TOO_FEW if responses else Outcome.OUT_OF_REACH
    return [Feature(name, nan, unit, n=0, outcome=outcome) for name, unit in units.items()]


def rounded(value: float) -> float:
    """Return a condition with six digits, so that equal ones compare equal."""
    return float(f"{value:.6g}")
