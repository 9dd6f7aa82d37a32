"""What every later stimulus is scaled to: a device's threshold on a ramp, and its latency above it.

A procedure that is scaled gets both as settings, or measures them first. The threshold is looked
for with an open gate, as a spike at the output: that is what every bench with a digitizer sees.
Where the gate is grounded for good, both have to be given.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from labbench.connection import OPEN, Connection
from labbench.features import Response, read_pulses
from labbench.features.grounded import read_current
from labbench.features.ramp_threshold import ramp_threshold, spiking_v
from labbench.stimulus import PulseTrain, Stimulus, Waveform
from procedures.base import (
    FloatParameter,
    NeuronProcedure,
    Protocolled,
    Request,
    on_grid,
    single_pulse,
)

GROUNDED = Connection(gate="grounded")
RAMP_V_PER_S = 100.0
# Thresholds are rounded to this: amplitudes are then numbers that generator and model share.
THRESHOLD_GRID_V = 0.01
# Over the threshold, where a latency is short and certain, but far from the shortest.
OVERDRIVE = 1.25
REPEATS = 11
# Ramps grow by this until one fires, and go that far above it then.
_RAMP_GROWTH = 1.3
_FIRST_WIDTH_S, _LONGEST_WIDTH_S = 1e-3, 0.04
_TAIL_S = 1e-4
# Over the closed filament's current.
_RANGE = 1.3


@dataclass(frozen=True)
class Scale:
    """What a device's stimuli are scaled to.

    Attributes
    ----------
    threshold_v : float
        Median threshold on a ramp of 100 V/s, on a grid of 10 mV.
    latency_s : float
        Median latency of a step at 1.25 times that.
    """

    threshold_v: float
    latency_s: float

    def level_v(self, factor: float) -> float:
        """Return a multiple of the threshold, to a millivolt."""
        return on_grid(factor * self.threshold_v)

    def time_s(self, factor: float) -> float:
        """Return a multiple of the latency, to a microsecond."""
        return whole_us(factor * self.latency_s)


def whole_us(time_s: float) -> float:
    """Round a time to a microsecond, which a generator's grid holds; at least two, for edges."""
    return max(round(time_s, 6), 2e-6)


class ScaledProcedure(NeuronProcedure):
    """A procedure whose stimuli are multiples of a device's threshold and latency.

    Subclasses write `scaled_stimuli`. Where the wiring does not reach `connection`, nothing is
    played at all, and features drawn from no response say so.
    """

    connection: ClassVar[Connection] = OPEN

    threshold_v = FloatParameter(
        "Threshold on a ramp (0 to measure it first)", units="V", default=0.0, minimum=0, maximum=10
    )
    latency_s = FloatParameter(
        "Latency at 1.25 of it (0 to measure it first)",
        units="s",
        default=0.0,
        minimum=0,
        maximum=10,
    )
    stop_v = FloatParameter(
        "Largest voltage of the search", units="V", default=1.6, minimum=0.01, maximum=10
    )
    rest_s = FloatParameter("Rest between stimuli", units="s", default=0.06, minimum=0, maximum=100)

    @abstractmethod
    def scaled_count(self) -> int:
        """Return how many scaled stimuli there will be."""

    @abstractmethod
    def scaled_stimuli(self, scale: Scale) -> Protocolled:
        """Yield stimuli, scaled to the device, and be sent the response to each."""

    def stimuli(self) -> Protocolled:
        """Play nothing that the wiring does not reach; measure what is not given; then go on."""
        given = self.threshold_v > 0 and self.latency_s > 0
        if not self.player.reaches(self.connection) or not (given or self.player.reaches(OPEN)):
            return
        scale = yield from self.scale()
        if scale is not None:
            yield from self.scaled_stimuli(scale)

    def scale(self) -> Generator[Stimulus, Response, Scale | None]:
        """Return what is given, or measure it; None for a device that does not fire."""
        threshold_v: float | None = self.threshold_v
        if not threshold_v:
            threshold_v = yield from measure_threshold(self.stop_v, self.rest_s)
        latency_s: float | None = self.latency_s
        if threshold_v and not latency_s:
            latency_s = yield from measure_latency(threshold_v, self.rest_s)
        return Scale(threshold_v, latency_s) if threshold_v and latency_s else None

    def expected_count(self) -> int:
        """Return about how many stimuli there will be."""
        before = (REPEATS + 5) * (not self.threshold_v) + (REPEATS + 1) * (not self.latency_s)
        return before + self.scaled_count()


def measure_threshold(
    stop_v: float, rest_s: float, repeats: int = REPEATS
) -> Generator[Stimulus, Response, float | None]:
    """Climb with ramps until one fires, then repeat one that goes 30 % beyond.

    Yields stimuli, and is sent their responses. The device is never stressed far above its
    threshold.

    Returns
    -------
    float or None
        The median threshold in volt, on a grid of 10 mV; None if nothing fired up to `stop_v`.
    """
    peak_v, fired_v = min(0.3, stop_v), None
    while True:
        fired_v = spiking_v((yield _ramp(peak_v, rest_s)))
        if fired_v is not None or peak_v >= stop_v:
            break
        peak_v = min(_RAMP_GROWTH * peak_v, stop_v)
    if fired_v is None:
        return None
    peak_v = min(_RAMP_GROWTH * fired_v, stop_v)
    responses = []
    for _ in range(repeats):
        responses.append((yield _ramp(peak_v, rest_s)))
    found = ramp_threshold(responses)[0].value
    return round(round(found / THRESHOLD_GRID_V) * THRESHOLD_GRID_V, 6) if found > 0 else None


def measure_latency(
    threshold_v: float, rest_s: float, repeats: int = REPEATS
) -> Generator[Stimulus, Response, float | None]:
    """Double the width of a step at 1.25 of the threshold until it fires, then repeat it.

    Returns
    -------
    float or None
        The median latency in second; None if nothing fired within 40 ms.
    """
    amplitude_v, width_s = on_grid(OVERDRIVE * threshold_v), _FIRST_WIDTH_S
    while True:
        if read_pulses((yield single_pulse(amplitude_v, width_s, rest_s, _TAIL_S)))[0].fired:
            break
        if width_s >= _LONGEST_WIDTH_S:
            return None
        width_s = min(2 * width_s, _LONGEST_WIDTH_S)
    # What fired once at a width may be late the next time.
    width_s, latencies_s = min(2 * width_s, _LONGEST_WIDTH_S), []
    for _ in range(repeats):
        response = yield single_pulse(amplitude_v, width_s, rest_s, _TAIL_S)
        latency_s = read_pulses(response)[0].latency_s
        latencies_s.append(np.inf if latency_s is None else latency_s)
    median_s = float(np.median(latencies_s))
    return median_s if np.isfinite(median_s) else None


def range_for_closed(
    level: float, scale: Scale, rest_s: float
) -> Generator[Request, Response, Connection]:
    """Look once at the closed filament's current under a level, with the widest range.

    Returns
    -------
    Connection
        A grounded gate with a range for that current: the widest has far more noise.
    """
    response = yield Request(step(scale, level, 2.0, rest_s), GROUNDED)
    reading, pulse = read_current(response), step(scale, level, 2.0, rest_s).pulses[0]
    closed_s = None if reading is None else reading.closed_s(pulse.start_s, pulse.end_s)
    if closed_s is None:
        return GROUNDED
    return replace(GROUNDED, current_range_a=_RANGE * closed_s * pulse.amplitude_v)


def _ramp(peak_v: float, rest_s: float) -> Stimulus:
    peak_v = round(np.ceil(round(peak_v / THRESHOLD_GRID_V, 6)) * THRESHOLD_GRID_V, 6)
    top_s = round(peak_v / RAMP_V_PER_S, 9)
    end_s = round(top_s + 1e-6, 9)
    return Waveform([0.0, top_s, end_s], [0.0, peak_v, 0.0], end_s + _TAIL_S, rest_s)  # type: ignore[arg-type]


def step(scale: Scale, factor: float, width: float, rest_s: float) -> PulseTrain:
    """Return a single pulse of multiples of threshold and latency, recorded to its end."""
    width_s = scale.time_s(width)
    return single_pulse(scale.level_v(factor), width_s, rest_s, 2e-5)
