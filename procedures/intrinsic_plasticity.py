"""Intrinsic plasticity: a burst, a gap, and a test step that fires sooner than from rest.

The burst is one long step in which the neuron fires again and again, so that one record shows both
the intervals that shorten within it and what it leaves behind.
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
    single_pulse,
)
from procedures.search import search_threshold


class IntrinsicPlasticity(NeuronProcedure):
    """Measure the latency after a burst against the gap, and the intervals within the burst."""

    name: ClassVar[str] = "intrinsic_plasticity"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("intrinsic_plasticity",)

    search_width_s = FloatParameter(
        "Pulse width of the search", units="s", default=3e-3, minimum=1e-6, maximum=1.0
    )
    start_v = FloatParameter("First amplitude", units="V", default=0.2, minimum=0.01, maximum=10)
    stop_v = FloatParameter(
        "Last search amplitude", units="V", default=1.6, minimum=0.01, maximum=10
    )
    burst_overdrive = FloatParameter(
        "Amplitude of the burst over the threshold", default=1.25, minimum=1.0, maximum=3.0
    )
    burst_width_s = FloatParameter(
        "Width of the burst", units="s", default=0.02, minimum=1e-6, maximum=10
    )
    test_overdrive = FloatParameter(
        "Amplitude of the test over the threshold", default=1.12, minimum=1.0, maximum=3.0
    )
    test_width_s = FloatParameter(
        "Width of the test", units="s", default=4e-3, minimum=1e-6, maximum=10
    )
    gap_min_s = FloatParameter("Smallest gap", units="s", default=3e-3, minimum=2e-6, maximum=100)
    gap_max_s = FloatParameter("Largest gap", units="s", default=0.06, minimum=2e-6, maximum=100)
    gaps = IntegerParameter("Number of gaps", default=6, minimum=3, maximum=100)
    repeats = IntegerParameter("Repeats at each gap", default=8, minimum=1, maximum=10_000)
    rested = IntegerParameter("Tests from rest", default=24, minimum=1, maximum=10_000)
    record_s = FloatParameter(
        "Record after the test", units="s", default=2e-4, minimum=0, maximum=10
    )
    rest_s = FloatParameter("Rest between stimuli", units="s", default=0.3, minimum=0, maximum=100)

    def check(self) -> None:
        """Check settings against each other."""
        check_order(self, "start_v", "stop_v", "V")
        check_order(self, "gap_min_s", "gap_max_s", "s")

    def stimuli(self) -> Protocolled:
        """Climb to the threshold; then rounds of all gaps, tests from rest spread over them."""
        threshold_v = yield from search_threshold(
            self.search_width_s, self.start_v, self.stop_v, self.rest_s, self.record_s
        )
        if threshold_v is None:
            return
        burst = Pulse(0.0, self.burst_width_s, on_grid(self.burst_overdrive * threshold_v))
        test_v = on_grid(self.test_overdrive * threshold_v)
        gaps_s = np.geomspace(self.gap_min_s, self.gap_max_s, self.gaps)
        shares = np.diff(np.linspace(0, self.rested, self.repeats + 1).round().astype(int))
        for share in shares:
            for gap_s in gaps_s:
                test = Pulse(round(burst.end_s + float(gap_s), 6), self.test_width_s, test_v)
                yield PulseTrain((burst, test), test.end_s + self.record_s, self.rest_s)
            for _ in range(share):
                yield single_pulse(test_v, self.test_width_s, self.rest_s, self.record_s)

    def expected_count(self) -> int:
        """Return about how many stimuli there will be."""
        return 30 + self.repeats * self.gaps + self.rested
