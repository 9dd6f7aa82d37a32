"""Endurance: loops over and over, until the device fails or enough were seen.

It stops early where the device no longer switches or stays on in a few cycles in a row
(`labbench.features.endurance`): going on would tell nothing and may destroy it.
"""

from __future__ import annotations

from typing import ClassVar

from labbench.features.endurance import FAILED_CYCLES, has_failed
from labbench.features.volatile_switching import SweepLoop, read_loop
from labbench.stimulus import Sweep
from procedures.base import FloatParameter, IntegerParameter, NeuronProcedure, Protocolled
from procedures.sweeping import loop, memristor_sweep


class Endurance(NeuronProcedure):
    """Measure the drift of threshold and hold voltage over cycles."""

    name: ClassVar[str] = "endurance"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("endurance",)
    needs: ClassVar[tuple[str, ...]] = ("meter",)
    # The limit is how a sweep protects the device; readings at it are marked.
    compliance_policy = "record"

    peak_v = FloatParameter("Largest voltage", units="V", default=1.0, minimum=0.01, maximum=20)
    step_v = FloatParameter("Step", units="V", default=0.04, minimum=1e-3, maximum=1)
    dwell_s = FloatParameter("Time at a level", units="s", default=0.005, minimum=1e-4, maximum=10)
    compliance_a = FloatParameter("Compliance", units="A", default=1e-6, minimum=1e-9, maximum=1e-2)
    cycles = IntegerParameter("Cycles", default=15, minimum=1, maximum=10_000_000)
    rest_s = FloatParameter("Rest between cycles", units="s", default=0.1, minimum=0, maximum=100)

    def stimuli(self) -> Protocolled:
        """Go up and down until it fails."""
        cycle = memristor_sweep(
            loop(self.peak_v, self.step_v), self.dwell_s, self.compliance_a, self.rest_s
        )
        last: list[SweepLoop] = []
        for _ in range(self.cycles):
            response = yield cycle
            assert isinstance(response.stimulus, Sweep)
            last = [*last[1 - FAILED_CYCLES :], read_loop(response.stimulus, response.trace)]
            if has_failed(last):
                return

    def expected_count(self) -> int:
        """Return how many cycles there will be, if it lasts."""
        return int(self.cycles)
