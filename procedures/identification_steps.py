"""Steps at five amplitudes, often: mean latency, its spread, and the atom of trials without a jump.

They fix growth and decay of the filament and its noise. On a bench a record cannot be cut at the
first spike, so each level has a width of its own: longer than all but a few in ten thousand
latencies there, as simulated devices within 30 % around card B1 have them.
"""

from __future__ import annotations

from typing import ClassVar

from procedures.base import IntegerParameter, Protocolled
from procedures.scaling import Scale, ScaledProcedure, step

BLOCK = 10
# Level over the threshold, and width over the latency at 1.25.
LEVELS = ((1.0, 8.0), (1.1, 5.0), (1.25, 3.0), (1.6, 1.6), (2.2, 0.9))


class IdentificationSteps(ScaledProcedure):
    """Measure the latency of steps from 1.0 to 2.2 of the threshold, with many repeats."""

    name: ClassVar[str] = "identification_steps"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("step_latency", "stochasticity")

    repeats = IntegerParameter("Repeats at each level", default=150, minimum=1, maximum=10_000)

    def scaled_stimuli(self, scale: Scale) -> Protocolled:
        """Go round the levels in blocks, so that drift spreads over all."""
        for begun in range(0, self.repeats, BLOCK):
            for level, width in LEVELS:
                # The same stimulus again needs no upload.
                for _ in range(min(BLOCK, self.repeats - begun)):
                    yield step(scale, level, width, self.rest_s)

    def scaled_count(self) -> int:
        """Return how many scaled stimuli there will be."""
        return self.repeats * len(LEVELS)
