"""Transfer curve: drain current against gate voltage at two supplies, through the load resistor."""

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


class TransferCurve(NeuronProcedure):
    """Measure thresholds, subthreshold slope, transconductance and DIBL of the transistor."""

    name: ClassVar[str] = "transfer_curve"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("transistor",)
    needs: ClassVar[tuple[str, ...]] = ("gate_meter", "supply")

    start_v = FloatParameter("First gate voltage", units="V", default=0.0, minimum=-5, maximum=5)
    stop_v = FloatParameter("Last gate voltage", units="V", default=0.6, minimum=-5, maximum=5)
    step_v = FloatParameter("Step", units="V", default=0.025, minimum=1e-3, maximum=1)
    low_supply_v = FloatParameter("Low supply", units="V", default=0.15, minimum=0.01, maximum=20)
    supply_v = FloatParameter("Supply", units="V", default=0.5, minimum=0.01, maximum=20)
    dwell_s = FloatParameter("Time at a level", units="s", default=0.02, minimum=1e-3, maximum=10)
    compliance_a = FloatParameter(
        "Compliance of the gate", units="A", default=1e-6, minimum=1e-9, maximum=1e-2
    )
    repeats = IntegerParameter("Sweeps at each supply", default=2, minimum=1, maximum=1000)

    def check(self) -> None:
        """Check settings against each other."""
        check_order(self, "start_v", "stop_v", "V")
        check_order(self, "low_supply_v", "supply_v", "V")

    def stimuli(self) -> Protocolled:
        """Sweep the gate at one supply after the other."""
        levels = staircase(self.start_v, self.stop_v, self.step_v)
        for _ in range(self.repeats):
            for supply_v in dict.fromkeys((self.low_supply_v, self.supply_v)):
                yield Sweep(
                    levels, self.dwell_s, self.compliance_a,
                    terminal="gate", bias={"supply": supply_v},
                )  # fmt: skip

    def expected_count(self) -> int:
        """Return how many stimuli there will be."""
        return 2 * int(self.repeats)
