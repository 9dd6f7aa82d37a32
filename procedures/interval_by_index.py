"""Intervals between the spikes of a long step at the threshold, by their index."""

from __future__ import annotations

from typing import ClassVar

from procedures.base import FloatParameter, IntegerParameter, Protocolled, single_pulse
from procedures.scaling import Scale, ScaledProcedure


class IntervalByIndex(ScaledProcedure):
    """Measure the first interval and later ones under a long step at the threshold."""

    name: ClassVar[str] = "interval_by_index"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("interval_by_index",)

    width_s = FloatParameter("Width of the step", units="s", default=30e-3, minimum=1e-6, maximum=1)
    repeats = IntegerParameter("Repeats", default=15, minimum=1, maximum=10_000)

    def scaled_stimuli(self, scale: Scale) -> Protocolled:
        """Repeat the step."""
        for _ in range(self.repeats):
            yield single_pulse(scale.level_v(1.0), self.width_s, self.rest_s, 2e-5)

    def scaled_count(self) -> int:
        """Return how many scaled stimuli there will be."""
        return self.repeats
