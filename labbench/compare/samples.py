"""Latencies and intervals of each condition as samples: what two distributions are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log

import numpy as np
from numpy.typing import NDArray

from labbench.features import PulseReading, Response
from labbench.features.pulses import by_width, grouped, readings_of_trains
from labbench.features.stochasticity import FEWEST_INTERVALS, SETTLING

FloatArray = NDArray[np.float64]

Condition = tuple[str, float, float]


@dataclass(frozen=True, eq=False)
class Sample:
    """Times of one condition.

    Attributes
    ----------
    rows : sequence of (k,) float64 arrays
        ln(time in s); rows are independent of each other.
    end : float
        ln of the window: a censored time has this value.
    """

    rows: Sequence[FloatArray]
    end: float = inf

    def table(self, width: int) -> FloatArray:
        """Return the rows that are long enough, cut to the first `width`, (n, width)."""
        kept = [row[:width] for row in self.rows if row.size >= width]
        return np.array(kept, dtype=np.float64).reshape(-1, width)

    @property
    def centre(self) -> float:
        """Mean of all logarithms; NaN if empty."""
        values = np.concatenate([*self.rows, np.empty(0)])
        return float(values.mean()) if values.size else float("nan")


def samples(responses: Sequence[Response]) -> dict[Condition, Sample]:
    """Return the latencies, and the settled intervals, under single pulses of each condition.

    Returns
    -------
    dict
        ("latency" or "interval", amplitude in V, width in s) to a sample. A trial that did not
        fire until the end of the record is censored there.
    """
    found: dict[Condition, Sample] = {}
    for amplitude_v, same in grouped(readings_of_trains(responses, 1), "amplitude_v").items():
        for width_s, trials in by_width(same).items():
            readings = [trial[0] for trial in trials]
            found["latency", amplitude_v, width_s] = _latencies(readings)
            trains = [_settled(reading) for reading in readings]
            trains = [row for row in trains if row.size >= FEWEST_INTERVALS]
            if trains:
                found["interval", amplitude_v, width_s] = Sample(trains)
    return found


def _latencies(readings: Sequence[PulseReading]) -> Sample:
    """Return ln(latency); the pulse's width ends the window, whatever was recorded after it."""
    width_s = readings[0].pulse.width_s
    seen_s = [
        width_s if r.latency_s is None else min(max(r.latency_s, 1e-12), width_s) for r in readings
    ]
    return Sample([np.array([log(s)]) for s in seen_s], log(width_s))


def _settled(reading: PulseReading) -> FloatArray:
    """Return ln of the intervals within the pulse, without those while residue gathers."""
    inside = [s for s in reading.spike_s if s <= reading.pulse.end_s]
    return np.asarray(np.log(np.diff(inside))[SETTLING:])
