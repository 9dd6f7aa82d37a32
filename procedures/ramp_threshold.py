"""Threshold on a ramp: the first of the two numbers that later stimuli are scaled to.

Ramps climb until one makes the output spike, which every bench with a digitizer at the output
sees; then one that goes 30 % beyond is repeated.
"""

from __future__ import annotations

from typing import ClassVar

from procedures.base import FloatParameter, IntegerParameter, NeuronProcedure, Protocolled
from procedures.scaling import REPEATS, measure_threshold


class RampThreshold(NeuronProcedure):
    """Measure the threshold on ramps of 100 V/s, gate open."""

    name: ClassVar[str] = "ramp_threshold"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("ramp_threshold",)

    stop_v = FloatParameter(
        "Largest voltage of the search", units="V", default=1.6, minimum=0.01, maximum=10
    )
    repeats = IntegerParameter("Repeats", default=REPEATS, minimum=1, maximum=10_000)
    rest_s = FloatParameter("Rest between ramps", units="s", default=0.06, minimum=0, maximum=100)

    def stimuli(self) -> Protocolled:
        """Climb until a ramp fires, then repeat."""
        yield from measure_threshold(self.stop_v, self.rest_s, self.repeats)

    def expected_count(self) -> int:
        """Return about how many stimuli there will be."""
        return 5 + self.repeats
