"""Ramp rate: thresholds on staircases from slow to fast.

A source meter reaches some hundred V/s with steps of some ten mV; the rate that the features state
is the one that it really reached.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from procedures.base import (
    FloatParameter,
    IntegerParameter,
    NeuronProcedure,
    Protocolled,
    check_order,
)
from procedures.sweeping import memristor_sweep, staircase


class RampRate(NeuronProcedure):
    """Measure the threshold against the rate of the ramp."""

    name: ClassVar[str] = "ramp_rate"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("ramp_rate",)
    needs: ClassVar[tuple[str, ...]] = ("meter",)
    # The limit is how a sweep protects the device; readings at it are marked.
    compliance_policy = "record"

    slowest_v_per_s = FloatParameter(
        "Slowest ramp", units="V/s", default=1.0, minimum=1e-3, maximum=1e3
    )
    fastest_v_per_s = FloatParameter(
        "Fastest ramp", units="V/s", default=100.0, minimum=1e-3, maximum=1e3
    )
    rates = IntegerParameter("Rates, evenly in the logarithm", default=4, minimum=1, maximum=50)
    peak_v = FloatParameter("Largest voltage", units="V", default=1.4, minimum=0.01, maximum=20)
    step_v = FloatParameter("Step", units="V", default=0.02, minimum=1e-3, maximum=1)
    compliance_a = FloatParameter("Compliance", units="A", default=1e-6, minimum=1e-9, maximum=1e-2)
    repeats = IntegerParameter("Ramps at each rate", default=3, minimum=1, maximum=10_000)
    rest_s = FloatParameter("Rest between ramps", units="s", default=0.2, minimum=0, maximum=100)

    def check(self) -> None:
        """Check settings against each other."""
        check_order(self, "slowest_v_per_s", "fastest_v_per_s", "V/s")

    def stimuli(self) -> Protocolled:
        """Go round the rates, so that drift spreads over all."""
        levels = staircase(0.0, self.peak_v, self.step_v)
        rates = np.geomspace(self.slowest_v_per_s, self.fastest_v_per_s, self.rates)
        for _ in range(self.repeats):
            for rate in rates:
                yield memristor_sweep(
                    levels, self.step_v / float(rate), self.compliance_a, self.rest_s
                )

    def expected_count(self) -> int:
        """Return how many stimuli there will be."""
        return int(self.rates * self.repeats)
