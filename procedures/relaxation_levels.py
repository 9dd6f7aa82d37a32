"""Relaxation with the gate grounded: a dwell that closes the filament, then a negative read.

The negative read voltage does not regrow a filament; a model that takes its absolute value is
found out by it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from labbench.connection import Connection
from labbench.features.grounded import read_current
from labbench.stimulus import Waveform
from procedures.base import FloatParameter, IntegerParameter, Protocolled, Request, on_grid
from procedures.scaling import GROUNDED, Scale, ScaledProcedure

DWELL_LEVEL = 1.4
# Over the latency at 1.25.
DWELL, READ = 2.0, 4.0
# Over the closed filament's current at the read voltage: three times the highest level that is
# looked for. What is above may be clipped; a smaller range has less noise.
RANGE = 0.03


class RelaxationLevels(ScaledProcedure):
    """Measure when the read current falls through levels after a dwell."""

    name: ClassVar[str] = "relaxation_levels"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("relaxation_levels",)
    connection: ClassVar[Connection] = GROUNDED

    read_v = FloatParameter("Read voltage", units="V", default=-0.2, minimum=-2.0, maximum=-0.01)
    repeats = IntegerParameter("Repeats", default=30, minimum=1, maximum=10_000)

    def scaled_stimuli(self, scale: Scale) -> Protocolled:
        """Look at the closed filament's current once, then repeat with a range for what is left."""
        dwell_s, read_s = scale.time_s(DWELL), scale.time_s(READ)
        level_v, read_v = scale.level_v(DWELL_LEVEL), on_grid(self.read_v)
        end_s = round(dwell_s + read_s, 9)
        relaxation = Waveform(
            [0.0, 1e-6, dwell_s, round(dwell_s + 1e-6, 9), end_s, round(end_s + 1e-6, 9)],  # type: ignore[arg-type]
            [0.0, level_v, level_v, read_v, read_v, 0.0],  # type: ignore[arg-type]
            round(end_s + 2e-5, 9),
            self.rest_s,
        )
        seen = read_current((yield Request(relaxation, self.connection)))
        closed_s = None if seen is None else seen.closed_s(1e-6, dwell_s)
        if closed_s is None:
            return
        fine = replace(self.connection, current_range_a=RANGE * closed_s * abs(read_v))
        for _ in range(self.repeats):
            yield Request(relaxation, fine)

    def scaled_count(self) -> int:
        """Return how many scaled stimuli there will be."""
        return self.repeats + 1
