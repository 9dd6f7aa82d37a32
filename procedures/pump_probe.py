"""Pump and probe: a pulse too short to fire, a gap, and a step until it fires.

What is left of the pump shortens the latency of the probe. It tells the leak as a train of pulses
does, but smoothly: no count of pulses jumps with the device's parameters.
"""

from __future__ import annotations

from typing import ClassVar

from labbench.stimulus import Pulse, PulseTrain
from procedures.base import IntegerParameter, Protocolled
from procedures.scaling import OVERDRIVE, Scale, ScaledProcedure

# All over the latency of a step at the same amplitude; the shortest is about 0.9.
PUMP, PROBE = 0.65, 3.0
GAPS = (0.04, 0.12, 0.3)


class PumpProbe(ScaledProcedure):
    """Measure how a pulse too short to fire shortens the next latency, against the gap."""

    name: ClassVar[str] = "pump_probe"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("pump_probe",)

    repeats = IntegerParameter("Repeats at each gap", default=20, minimum=1, maximum=10_000)

    def scaled_stimuli(self, scale: Scale) -> Protocolled:
        """Go round the gaps, so that drift spreads over all."""
        amplitude_v = scale.level_v(OVERDRIVE)
        pump = Pulse(0.0, scale.time_s(PUMP), amplitude_v)
        for _ in range(self.repeats):
            for gap in GAPS:
                start_s = round(pump.end_s + scale.time_s(gap), 9)
                probe = Pulse(start_s, scale.time_s(PROBE), amplitude_v)
                yield PulseTrain((pump, probe), probe.end_s + 2e-5, self.rest_s)

    def scaled_count(self) -> int:
        """Return how many scaled stimuli there will be."""
        return self.repeats * len(GAPS)
