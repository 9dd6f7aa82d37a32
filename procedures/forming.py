"""Forming: cycles of rising peak with compliance, until one of them closes the device.

The criterion is that of `labbench.features.forming`. Two more cycles at the peak that closed it
tell a forming from a device that was formed already. The peak never goes above `stop_v`, and
nothing is applied after the device has been seen to close but those two cycles.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from labbench.features.forming import closing_voltage
from procedures.base import FloatParameter, NeuronProcedure, Protocolled, check_order
from procedures.sweeping import loop, memristor_sweep

_CYCLES_AFTER = 2


class Forming(NeuronProcedure):
    """Form a device with no more voltage than it needs."""

    name: ClassVar[str] = "forming"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("forming",)
    needs: ClassVar[tuple[str, ...]] = ("meter",)
    # The limit is how a sweep protects the device; readings at it are marked.
    compliance_policy = "record"

    start_v = FloatParameter("First peak", units="V", default=0.5, minimum=0.01, maximum=20)
    stop_v = FloatParameter("Last peak", units="V", default=3.0, minimum=0.01, maximum=20)
    rise_v = FloatParameter("Peak to peak", units="V", default=0.1, minimum=1e-3, maximum=5)
    step_v = FloatParameter("Step", units="V", default=0.02, minimum=1e-3, maximum=1)
    dwell_s = FloatParameter("Time at a level", units="s", default=0.01, minimum=1e-4, maximum=10)
    compliance_a = FloatParameter("Compliance", units="A", default=1e-7, minimum=1e-9, maximum=1e-2)
    rest_s = FloatParameter("Rest between cycles", units="s", default=0.2, minimum=0, maximum=100)

    def check(self) -> None:
        """Check settings against each other."""
        check_order(self, "start_v", "stop_v", "V")

    def stimuli(self) -> Protocolled:
        """Raise the peak until the device closes; then look twice whether that changed it."""
        for number in range(self.expected_count()):
            peak_v = min(self.start_v + number * self.rise_v, self.stop_v)
            cycle = memristor_sweep(
                loop(peak_v, self.step_v), self.dwell_s, self.compliance_a, self.rest_s
            )
            response = yield cycle
            if not np.isnan(closing_voltage(response)):
                for _ in range(_CYCLES_AFTER):
                    yield cycle
                return

    def expected_count(self) -> int:
        """Return how many cycles there are at most, those after the forming apart."""
        return int(np.ceil((self.stop_v - self.start_v) / self.rise_v - 1e-9)) + 1
