"""Volatile I-V: loops of the voltage with compliance, for threshold and hold voltage."""

from __future__ import annotations

from typing import ClassVar

from procedures.base import FloatParameter, IntegerParameter, NeuronProcedure, Protocolled
from procedures.sweeping import loop, memristor_sweep


class VolatileIV(NeuronProcedure):
    """Measure threshold, hold voltage and off current over cycles."""

    name: ClassVar[str] = "volatile_iv"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("volatile_switching",)
    needs: ClassVar[tuple[str, ...]] = ("meter",)
    # The limit is how a sweep protects the device; readings at it are marked.
    compliance_policy = "record"

    peak_v = FloatParameter("Largest voltage", units="V", default=1.0, minimum=0.01, maximum=20)
    step_v = FloatParameter("Step", units="V", default=0.02, minimum=1e-3, maximum=1)
    dwell_s = FloatParameter("Time at a level", units="s", default=0.01, minimum=1e-4, maximum=10)
    compliance_a = FloatParameter("Compliance", units="A", default=1e-6, minimum=1e-9, maximum=1e-2)
    cycles = IntegerParameter("Cycles of each polarity", default=8, minimum=1, maximum=100_000)
    polarities = IntegerParameter(
        "Polarities (1 for positive only, 2 for both)", default=1, minimum=1, maximum=2
    )
    rest_s = FloatParameter("Rest between cycles", units="s", default=0.2, minimum=0, maximum=100)

    def stimuli(self) -> Protocolled:
        """Go up and down, the polarities in turn."""
        levels = loop(self.peak_v, self.step_v)
        for _ in range(self.cycles):
            for sign in (1.0, -1.0)[: self.polarities]:
                yield memristor_sweep(sign * levels, self.dwell_s, self.compliance_a, self.rest_s)

    def expected_count(self) -> int:
        """Return how many stimuli there will be."""
        return int(self.cycles * self.polarities)
