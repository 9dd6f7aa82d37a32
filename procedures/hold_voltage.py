"""Hold voltage with the gate grounded: a closed filament on a slow and on a fast falling ramp.

Jumps open a filament early on a slow ramp. On a fast one many trials have none, and open where
the model without noise does: they fix alpha.
"""

from __future__ import annotations

from typing import ClassVar

from labbench.connection import Connection
from labbench.stimulus import Waveform
from procedures.base import IntegerParameter, Protocolled, Request
from procedures.scaling import GROUNDED, Scale, ScaledProcedure, range_for_closed

DWELL_LEVEL = 1.4
# Over the latency at 1.25.
DWELL = 2.0
# Level at which the fall begins, its length over the latency: 10 ms and 64 us on B1.
SLOW, FAST = (1.2, 20.0), (0.8, 0.128)


class HoldVoltage(ScaledProcedure):
    """Measure the voltage at which a closed filament opens on a slow and a fast fall."""

    name: ClassVar[str] = "hold_voltage"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("hold_voltage",)
    connection: ClassVar[Connection] = GROUNDED

    slow_repeats = IntegerParameter("Slow falls", default=20, minimum=0, maximum=10_000)
    fast_repeats = IntegerParameter("Fast falls", default=30, minimum=0, maximum=10_000)

    def scaled_stimuli(self, scale: Scale) -> Protocolled:
        """Play the slow falls, then the fast ones."""
        fine = yield from range_for_closed(DWELL_LEVEL, scale, self.rest_s)
        for (level, fall), repeats in ((SLOW, self.slow_repeats), (FAST, self.fast_repeats)):
            for _ in range(repeats):
                yield Request(self._fall(scale, level, fall), fine)

    def scaled_count(self) -> int:
        """Return how many scaled stimuli there will be."""
        return 1 + self.slow_repeats + self.fast_repeats

    def _fall(self, scale: Scale, level: float, fall: float) -> Waveform:
        dwell_s = scale.time_s(DWELL)
        fall_s = round(dwell_s + 1e-6, 9)
        end_s = round(fall_s + scale.time_s(fall), 9)
        top_v = scale.level_v(DWELL_LEVEL)
        return Waveform(
            [0.0, 1e-6, dwell_s, fall_s, end_s],  # type: ignore[arg-type]
            [0.0, top_v, top_v, scale.level_v(level), 0.0],  # type: ignore[arg-type]
            round(end_s + 1e-5, 9),
            self.rest_s,
        )
