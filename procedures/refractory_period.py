"""Refractory period: pairs of pulses with a growing gap.

Both pulses are well above the threshold, which a short climb finds first, and somewhat longer than
the latency there. What the second pulse finds depends on the charge left on the gate and on the
residue left in the memristor.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from labbench.stimulus import Pulse, PulseTrain
from procedures.base import (
    FloatParameter,
    IntegerParameter,
    NeuronProcedure,
    Protocolled,
    check_order,
    on_grid,
)
from procedures.search import find_latency, search_threshold


class RefractoryPeriod(NeuronProcedure):
    """Measure how a second pulse fires against the gap after the first."""

    name: ClassVar[str] = "refractory_period"
    version: ClassVar[str] = "2"
    properties: ClassVar[tuple[str, ...]] = ("refractory_period",)

    search_width_s = FloatParameter(
        "Pulse width of the search", units="s", default=3e-3, minimum=1e-6, maximum=1.0
    )
    # Within such a width a rested neuron fires, but one with a charged gate does not.
    width_latencies = FloatParameter(
        "Pulse width over the latency", units="1", default=1.9, minimum=1.0, maximum=20
    )
    overdrive = FloatParameter(
        "Amplitude over the threshold", units="1", default=1.25, minimum=1.0, maximum=3.0
    )
    start_v = FloatParameter("First amplitude", units="V", default=0.2, minimum=0.01, maximum=10)
    stop_v = FloatParameter(
        "Last search amplitude", units="V", default=1.6, minimum=0.01, maximum=10
    )
    gap_min_s = FloatParameter("Smallest gap", units="s", default=2e-4, minimum=2e-6, maximum=10)
    gap_max_s = FloatParameter("Largest gap", units="s", default=5e-3, minimum=2e-6, maximum=10)
    gaps = IntegerParameter("Number of gaps", default=12, minimum=2, maximum=100)
    repeats = IntegerParameter("Repeats at each gap", default=9, minimum=1, maximum=10_000)
    record_s = FloatParameter(
        "Record after the pulses", units="s", default=1e-3, minimum=0, maximum=10
    )
    rest_s = FloatParameter("Rest between pairs", units="s", default=0.2, minimum=0, maximum=100)

    def check(self) -> None:
        """Check settings against each other."""
        check_order(self, "start_v", "stop_v", "V")
        check_order(self, "gap_min_s", "gap_max_s", "s")

    def stimuli(self) -> Protocolled:
        """Climb to the threshold, then go round the gaps, so that drift spreads over all."""
        threshold_v = yield from search_threshold(
            self.search_width_s, self.start_v, self.stop_v, self.rest_s, self.record_s
        )
        if threshold_v is None:
            return
        amplitude_v = on_grid(self.overdrive * threshold_v)
        latency_s = yield from find_latency(
            amplitude_v, self.search_width_s, self.rest_s, self.record_s
        )
        if latency_s is None:
            return
        width_s = round(self.width_latencies * latency_s, 6)
        gaps_s = np.geomspace(self.gap_min_s, self.gap_max_s, self.gaps)
        for _ in range(self.repeats):
            for gap_s in gaps_s:
                yield self._pair(amplitude_v, width_s, round(float(gap_s), 6))

    def expected_count(self) -> int:
        """Return about how many stimuli there will be."""
        return 37 + self.repeats * self.gaps

    def _pair(self, amplitude_v: float, width_s: float, gap_s: float) -> PulseTrain:
        first = Pulse(0.0, width_s, amplitude_v)
        second = Pulse(round(first.end_s + gap_s, 9), width_s, amplitude_v)
        return PulseTrain((first, second), second.end_s + self.record_s, self.rest_s)
