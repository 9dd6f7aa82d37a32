"""Relaxation on a source meter: set, then one small reading after the other.

A reading takes a fraction of a millisecond at best: a filament that is gone by the first one is
reported as faster than that. Pulses and an amplifier see further.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from procedures.base import (
    FloatParameter,
    IntegerParameter,
    NeuronProcedure,
    Protocolled,
    check_order,
)
from procedures.sweeping import memristor_sweep


class Relaxation(NeuronProcedure):
    """Measure how long a set device takes to fall to a tenth and to a ten-thousandth."""

    name: ClassVar[str] = "relaxation"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("relaxation_read",)
    needs: ClassVar[tuple[str, ...]] = ("meter",)
    # The limit is how a sweep protects the device; readings at it are marked.
    compliance_policy = "record"

    set_v = FloatParameter("Set voltage", units="V", default=1.0, minimum=0.01, maximum=20)
    set_s = FloatParameter("Set time", units="s", default=5e-3, minimum=1e-4, maximum=10)
    read_v = FloatParameter("Read voltage", units="V", default=0.05, minimum=1e-3, maximum=1)
    read_s = FloatParameter("Time of reading", units="s", default=5e-3, minimum=1e-4, maximum=100)
    dwell_s = FloatParameter("Time of a reading", units="s", default=2e-4, minimum=5e-5, maximum=10)
    compliance_a = FloatParameter("Compliance", units="A", default=2e-6, minimum=1e-9, maximum=1e-2)
    repeats = IntegerParameter("Repeats", default=10, minimum=1, maximum=10_000)
    rest_s = FloatParameter("Rest between repeats", units="s", default=0.2, minimum=0, maximum=100)

    def check(self) -> None:
        """Check settings against each other."""
        check_order(self, "read_v", "set_v", "V")

    def stimuli(self) -> Protocolled:
        """Set and read, again and again."""
        counts = [max(round(each / self.dwell_s), 1) for each in (self.set_s, self.read_s)]
        levels = np.repeat([self.set_v, self.read_v], counts)
        for _ in range(self.repeats):
            yield memristor_sweep(levels, self.dwell_s, self.compliance_a, self.rest_s)

    def expected_count(self) -> int:
        """Return how many stimuli there will be."""
        return int(self.repeats)
