"""Threshold firing: single pulses from below to well above the threshold.

The amplitudes follow the device: a short climb finds the lowest one that fires, and the levels are
multiples of it. The strong levels also carry what a fit needs: mean, spread and atom of the
latency.
"""

from __future__ import annotations

from typing import ClassVar

from procedures.base import (
    FloatParameter,
    IntegerParameter,
    NeuronProcedure,
    Protocolled,
    check_order,
    search_threshold,
    single_pulse,
)

# Around the threshold for P(fire), above it for the latency.
LEVELS = (0.8, 0.87, 0.93, 1.0, 1.1, 1.25, 1.6, 2.2)


class ThresholdFiring(NeuronProcedure):
    """Measure P(fire) and latency against the amplitude of single pulses."""

    name: ClassVar[str] = "threshold_firing"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("threshold_firing", "stochasticity")

    width_s = FloatParameter("Pulse width", units="s", default=3e-3, minimum=1e-6, maximum=1.0)
    start_v = FloatParameter("First amplitude", units="V", default=0.2, minimum=0.01, maximum=10)
    stop_v = FloatParameter(
        "Last search amplitude", units="V", default=1.6, minimum=0.01, maximum=10
    )
    repeats = IntegerParameter("Repeats at each level", default=30, minimum=1, maximum=10_000)
    record_s = FloatParameter(
        "Record after the pulse", units="s", default=1e-3, minimum=0, maximum=10
    )
    rest_s = FloatParameter("Rest between pulses", units="s", default=0.2, minimum=0, maximum=100)

    def check(self) -> None:
        """Check settings against each other."""
        check_order(self, "start_v", "stop_v", "V")

    def stimuli(self) -> Protocolled:
        """Climb to the threshold, then go round the levels, so that drift spreads over all."""
        threshold_v = yield from search_threshold(
            self.width_s, self.start_v, self.stop_v, self.rest_s, self.record_s
        )
        if threshold_v is None:
            return
        for _ in range(self.repeats):
            for level in LEVELS:
                yield single_pulse(level * threshold_v, self.width_s, self.rest_s, self.record_s)

    def expected_count(self) -> int:
        """Return about how many stimuli there will be."""
        return 30 + self.repeats * len(LEVELS)
