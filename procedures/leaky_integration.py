"""Leaky integration: trains of pulses too short to fire alone, and pump-probe pairs.

A short climb finds the threshold; amplitudes are multiples of it, widths and gaps fractions of the
latency at that amplitude, so that a device of any speed shows the property.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import ClassVar

import numpy as np

from labbench.features import Response, read_pulses
from labbench.stimulus import Pulse, PulseTrain, Stimulus
from procedures.base import (
    FloatParameter,
    IntegerParameter,
    NeuronProcedure,
    Protocolled,
    check_order,
    on_grid,
)
from procedures.search import find_latency, search_threshold

# Singles whose median latency sets all widths; an odd number.
SINGLES = 7
# Probes are this many latencies long, so that none of them is censored.
PROBE_LATENCIES = 4.0
# Trains end at this many times the pulses that fired first, so as not to wear the device.
SPARE = 3


class LeakyIntegration(NeuronProcedure):
    """Measure how many short pulses fire against the gap, and how fast they are forgotten."""

    name: ClassVar[str] = "leaky_integration"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("leaky_integration",)

    search_width_s = FloatParameter(
        "Pulse width of the search", units="s", default=3e-3, minimum=1e-6, maximum=1.0
    )
    start_v = FloatParameter("First amplitude", units="V", default=0.2, minimum=0.01, maximum=10)
    stop_v = FloatParameter(
        "Last search amplitude", units="V", default=1.6, minimum=0.01, maximum=10
    )
    overdrive = FloatParameter(
        "Amplitude of the trains over the threshold",
        units="1",
        default=1.25,
        minimum=1.0,
        maximum=3.0,
    )
    width_latencies = FloatParameter(
        "Pulse width over the latency", units="1", default=0.45, minimum=0.05, maximum=0.9
    )
    pulses = IntegerParameter("Pulses in a train", default=30, minimum=3, maximum=1000)
    gap_min_latencies = FloatParameter(
        "Smallest gap over the latency", units="1", default=0.05, minimum=1e-3, maximum=100
    )
    gap_max_latencies = FloatParameter(
        "Largest gap over the latency", units="1", default=0.5, minimum=1e-3, maximum=100
    )
    gaps = IntegerParameter("Number of gaps in trains", default=6, minimum=2, maximum=100)
    repeats = IntegerParameter("Trains at each gap", default=8, minimum=1, maximum=10_000)
    probe_overdrive = FloatParameter(
        "Amplitude of pump and probe over the threshold",
        units="1",
        default=2.0,
        minimum=1.0,
        maximum=3.0,
    )
    pump_latencies = FloatParameter(
        "Pump width over its latency", units="1", default=0.6, minimum=0.05, maximum=0.9
    )
    probe_gaps = IntegerParameter(
        "Number of gaps between pump and probe", default=7, minimum=4, maximum=100
    )
    probe_repeats = IntegerParameter(
        "Repeats at each gap between pump and probe", default=10, minimum=1, maximum=10_000
    )
    record_s = FloatParameter(
        "Record after the pulses", units="s", default=2e-4, minimum=0, maximum=10
    )
    rest_s = FloatParameter("Rest between stimuli", units="s", default=0.2, minimum=0, maximum=100)

    def check(self) -> None:
        """Check settings against each other."""
        check_order(self, "start_v", "stop_v", "V")
        check_order(self, "gap_min_latencies", "gap_max_latencies", "1")

    def stimuli(self) -> Protocolled:
        """Climb to the threshold, find both latencies, then trains and pump-probe pairs."""
        threshold_v = yield from search_threshold(
            self.search_width_s, self.start_v, self.stop_v, self.rest_s, self.record_s
        )
        if threshold_v is None:
            return
        train_v = on_grid(self.overdrive * threshold_v)
        latency_s = yield from self._latency(train_v)
        if latency_s is not None:
            yield from self._trains(train_v, latency_s)
        probe_v = on_grid(self.probe_overdrive * threshold_v)
        latency_s = yield from self._latency(probe_v)
        if latency_s is not None:
            yield from self._pumps_and_probes(probe_v, latency_s)

    def expected_count(self) -> int:
        """Return about how many stimuli there will be."""
        trains, probes = self.gaps * self.repeats, self.probe_gaps * self.probe_repeats
        return 30 + 2 * SINGLES + trains + probes

    def _latency(self, amplitude_v: float) -> Generator[Stimulus, Response, float | None]:
        return find_latency(amplitude_v, self.search_width_s, self.rest_s, self.record_s, SINGLES)

    def _trains(self, amplitude_v: float, latency_s: float) -> Protocolled:
        """Go round the gaps; a train is cut where those before it fired long before its end."""
        width_s = round(self.width_latencies * latency_s, 6)
        gaps_s = latency_s * np.linspace(self.gap_min_latencies, self.gap_max_latencies, self.gaps)
        lengths = np.full(self.gaps, self.pulses)
        for _ in range(self.repeats):
            for i, gap_s in enumerate(gaps_s):
                response = yield self._train(
                    amplitude_v, width_s, round(float(gap_s), 6), int(lengths[i])
                )
                fired = [reading.index for reading in read_pulses(response) if reading.fired]
                if fired:
                    lengths[i] = min(self.pulses, max(3, SPARE * (fired[0] + 1)))

    def _train(self, amplitude_v: float, width_s: float, gap_s: float, count: int) -> PulseTrain:
        first = Pulse(0.0, width_s, amplitude_v)
        period_s = first.end_s + gap_s
        pulses = tuple(Pulse(round(i * period_s, 9), width_s, amplitude_v) for i in range(count))
        return PulseTrain(pulses, pulses[-1].end_s + self.record_s, self.rest_s)

    def _pumps_and_probes(self, amplitude_v: float, latency_s: float) -> Protocolled:
        pump = Pulse(0.0, round(self.pump_latencies * latency_s, 6), amplitude_v)
        width_s = round(PROBE_LATENCIES * latency_s, 6)
        for _ in range(self.probe_repeats):
            for gap_s in latency_s * np.geomspace(0.1, 3.0, self.probe_gaps):
                probe = Pulse(round(pump.end_s + gap_s, 6), width_s, amplitude_v)
                yield PulseTrain((pump, probe), probe.end_s + self.record_s, self.rest_s)
