"""Latency of a step at 1.25 of the threshold: the second number that stimuli are scaled to."""

from __future__ import annotations

from typing import ClassVar

from procedures.base import IntegerParameter, Protocolled
from procedures.scaling import REPEATS, Scale, ScaledProcedure, measure_latency


class StepLatency(ScaledProcedure):
    """Measure the latency of steps at 1.25 of the threshold."""

    name: ClassVar[str] = "step_latency"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("step_latency",)

    repeats = IntegerParameter("Repeats", default=REPEATS, minimum=1, maximum=10_000)

    def scaled_stimuli(self, scale: Scale) -> Protocolled:
        """Widen a step until it fires, then repeat; a latency that was given is checked."""
        yield from measure_latency(scale.threshold_v, self.rest_s, self.repeats)

    def scaled_count(self) -> int:
        """Return how many scaled stimuli there will be."""
        return self.repeats + 1
