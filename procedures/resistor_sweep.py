"""Resistor sweep: the control resistor between gate and ground, input and supply left open.

An open input matters: held at ground, it would put the gate's voltage across the memristor, which
switches.
"""

from __future__ import annotations

from typing import ClassVar

from labbench.stimulus import Sweep
from procedures.base import FloatParameter, IntegerParameter, NeuronProcedure, Protocolled
from procedures.sweeping import staircase


class ResistorSweep(NeuronProcedure):
    """Measure resistance and voltage coefficient of the control resistor."""

    name: ClassVar[str] = "resistor_sweep"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("resistor",)
    needs: ClassVar[tuple[str, ...]] = ("gate_meter",)

    peak_v = FloatParameter("Largest voltage", units="V", default=1.0, minimum=0.01, maximum=20)
    step_v = FloatParameter("Step", units="V", default=0.05, minimum=1e-3, maximum=5)
    dwell_s = FloatParameter("Time at a level", units="s", default=0.04, minimum=1e-3, maximum=10)
    compliance_a = FloatParameter("Compliance", units="A", default=1e-6, minimum=1e-9, maximum=1e-2)
    repeats = IntegerParameter("Sweeps", default=2, minimum=1, maximum=1000)

    def stimuli(self) -> Protocolled:
        """Sweep from minus to plus, again and again."""
        levels = staircase(-self.peak_v, self.peak_v, self.step_v)
        for _ in range(self.repeats):
            yield Sweep(levels, self.dwell_s, self.compliance_a, terminal="gate")

    def expected_count(self) -> int:
        """Return how many stimuli there will be."""
        return int(self.repeats)
