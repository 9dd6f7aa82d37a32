"""Output curves: drain current against the supply at several gate voltages, through the load."""

from __future__ import annotations

from typing import ClassVar

from labbench.stimulus import Sweep
from procedures.base import (
    FloatParameter,
    IntegerParameter,
    NeuronProcedure,
    Protocolled,
    check_order,
)
from procedures.sweeping import staircase


class OutputCurves(NeuronProcedure):
    """Measure the transistor from its linear region into saturation."""

    name: ClassVar[str] = "output_curves"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("transistor",)
    needs: ClassVar[tuple[str, ...]] = ("gate_meter", "supply")

    first_gate_v = FloatParameter("First gate", units="V", default=0.15, minimum=-5, maximum=5)
    last_gate_v = FloatParameter("Last gate", units="V", default=0.45, minimum=-5, maximum=5)
    gates = IntegerParameter("Gate voltages", default=4, minimum=1, maximum=100)
    stop_v = FloatParameter("Last supply", units="V", default=0.5, minimum=0.01, maximum=20)
    step_v = FloatParameter("Step", units="V", default=0.025, minimum=1e-3, maximum=1)
    dwell_s = FloatParameter("Time at a level", units="s", default=0.02, minimum=1e-3, maximum=10)
    compliance_a = FloatParameter(
        "Compliance of the supply", units="A", default=5e-5, minimum=1e-9, maximum=1e-2
    )

    def check(self) -> None:
        """Check settings against each other."""
        check_order(self, "first_gate_v", "last_gate_v", "V")

    def stimuli(self) -> Protocolled:
        """Sweep the supply at one gate voltage after the other."""
        levels = staircase(0.0, self.stop_v, self.step_v)
        span_v = self.last_gate_v - self.first_gate_v
        for index in range(self.gates):
            gate_v = round(self.first_gate_v + span_v * index / max(self.gates - 1, 1), 4)
            yield Sweep(
                levels, self.dwell_s, self.compliance_a,
                terminal="supply", bias={"gate": gate_v},
            )  # fmt: skip

    def expected_count(self) -> int:
        """Return how many stimuli there will be."""
        return int(self.gates)
