"""Latency of a step at 1.25 of the threshold: the second number that stimuli are scaled to."""

from __future__ import annotations

from typing import ClassVar

from procedures.base import FloatParameter, IntegerParameter, NeuronProcedure, Protocolled
from procedures.scaling import REPEATS, measure_latency, measure_threshold


class StepLatency(NeuronProcedure):
    """Measure the latency of steps at 1.25 of the threshold."""

    name: ClassVar[str] = "step_latency"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("step_latency",)

    threshold_v = FloatParameter(
        "Threshold on a ramp (0 to measure it first)", units="V", default=0.0, minimum=0, maximum=10
    )
    stop_v = FloatParameter(
        "Largest voltage of the search", units="V", default=1.6, minimum=0.01, maximum=10
    )
    rest_s = FloatParameter("Rest between steps", units="s", default=0.06, minimum=0, maximum=100)
    repeats = IntegerParameter("Repeats", default=REPEATS, minimum=1, maximum=10_000)

    def stimuli(self) -> Protocolled:
        """Find the threshold if it is not given; widen a step until it fires, then repeat."""
        threshold_v: float | None = self.threshold_v
        if not threshold_v:
            threshold_v = yield from measure_threshold(self.stop_v, self.rest_s)
        if threshold_v:
            yield from measure_latency(threshold_v, self.rest_s, self.repeats)

    def expected_count(self) -> int:
        """Return about how many stimuli there will be."""
        return (REPEATS + 5) * (not self.threshold_v) + self.repeats + 1
