"""Dwell, gap, test with the gate grounded: what a closed filament leaves behind, and for how long.

With the control resistor bypassed the filament stays closed for the whole dwell, which a spiking
burst does not; no number of spikes jumps with the device's parameters.
"""

from __future__ import annotations

from typing import ClassVar

from labbench.connection import Connection
from labbench.stimulus import Pulse, PulseTrain
from procedures.base import FloatParameter, IntegerParameter, Protocolled, Request
from procedures.scaling import GROUNDED, Scale, ScaledProcedure, range_for_closed, whole_us

DWELL_LEVEL, TEST_LEVEL = 1.4, 1.0
# The test's width over the latency at 1.25: longer than all latencies at 1.0, residue or not.
TEST = 8.0
# Dwell and gap over the time constant with which the residue goes: (3, 1.5) to (12, 30) ms on B1.
TIMES = ((0.15, 0.075), (0.6, 0.075), (0.6, 0.5), (0.6, 1.5))


class DwellGapTest(ScaledProcedure):
    """Measure how a dwell shortens the next switching time, against dwell and gap."""

    name: ClassVar[str] = "dwell_gap_test"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("dwell_gap_test",)
    connection: ClassVar[Connection] = GROUNDED

    residue_s = FloatParameter(
        "Time constant of the residue", units="s", default=20e-3, minimum=1e-5, maximum=10
    )
    repeats = IntegerParameter("Repeats at each pair", default=20, minimum=1, maximum=10_000)

    def scaled_stimuli(self, scale: Scale) -> Protocolled:
        """Go round dwells and gaps, so that drift spreads over all."""
        fine = yield from range_for_closed(DWELL_LEVEL, scale, self.rest_s)
        for _ in range(self.repeats):
            for dwell, gap in TIMES:
                dwell_s = whole_us(dwell * self.residue_s)
                first = Pulse(0.0, dwell_s, scale.level_v(DWELL_LEVEL))
                start_s = round(first.end_s + whole_us(gap * self.residue_s), 9)
                test = Pulse(start_s, scale.time_s(TEST), scale.level_v(TEST_LEVEL))
                train = PulseTrain((first, test), test.end_s + 2e-5, self.rest_s)
                yield Request(train, fine)

    def scaled_count(self) -> int:
        """Return how many scaled stimuli there will be."""
        return 1 + self.repeats * len(TIMES)
