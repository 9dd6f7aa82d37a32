"""Currents of the open filament below the threshold, with the gate grounded.

They are picoampere: a transimpedance amplifier for the closed filament's microampere does not see
them, and the features say so.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from labbench.connection import Connection
from procedures.base import FloatParameter, IntegerParameter, Protocolled, Request, single_pulse
from procedures.scaling import GROUNDED, Scale, ScaledProcedure

LEVELS = (0.15, 0.30, 0.45, 0.60)
# Over the latency at 1.25: the filament has settled by the last quarter.
WIDTH = 4.0


class OffCurrent(ScaledProcedure):
    """Measure the current at 0.15 to 0.6 of the threshold."""

    name: ClassVar[str] = "off_current"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("off_current",)
    connection: ClassVar[Connection] = GROUNDED

    range_a = FloatParameter(
        "Largest current to be recorded", units="A", default=1e-8, minimum=1e-13, maximum=1e-3
    )
    repeats = IntegerParameter("Repeats at each level", default=5, minimum=1, maximum=10_000)

    def scaled_stimuli(self, scale: Scale) -> Protocolled:
        """Go round the levels, so that drift spreads over all."""
        fine = replace(self.connection, current_range_a=self.range_a)
        for _ in range(self.repeats):
            for level in LEVELS:
                pulse = single_pulse(scale.level_v(level), scale.time_s(WIDTH), self.rest_s, 2e-5)
                yield Request(pulse, fine)

    def scaled_count(self) -> int:
        """Return how many scaled stimuli there will be."""
        return self.repeats * len(LEVELS)
