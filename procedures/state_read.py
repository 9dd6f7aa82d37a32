"""State read: the resistance of both states, read, set and read again in one sweep."""

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


class StateRead(NeuronProcedure):
    """Measure off and on resistance and their ratio."""

    name: ClassVar[str] = "state_read"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("state_read",)
    needs: ClassVar[tuple[str, ...]] = ("meter",)
    # The limit is how a sweep protects the device; readings at it are marked.
    compliance_policy = "record"

    read_v = FloatParameter("Read voltage", units="V", default=0.1, minimum=1e-3, maximum=1)
    set_v = FloatParameter("Set voltage", units="V", default=0.9, minimum=0.01, maximum=20)
    readings = IntegerParameter("Readings in a block", default=5, minimum=2, maximum=500)
    dwell_s = FloatParameter("Time at a level", units="s", default=0.04, minimum=1e-3, maximum=10)
    compliance_a = FloatParameter("Compliance", units="A", default=1e-6, minimum=1e-9, maximum=1e-2)
    repeats = IntegerParameter("Repeats", default=4, minimum=1, maximum=10_000)
    rest_s = FloatParameter("Rest between repeats", units="s", default=0.2, minimum=0, maximum=100)

    def check(self) -> None:
        """Check settings against each other."""
        check_order(self, "read_v", "set_v", "V")

    def stimuli(self) -> Protocolled:
        """Read, set and read, again and again."""
        levels = np.repeat([self.read_v, self.set_v, self.read_v], self.readings)
        for _ in range(self.repeats):
            yield memristor_sweep(levels, self.dwell_s, self.compliance_a, self.rest_s)

    def expected_count(self) -> int:
        """Return how many stimuli there will be."""
        return int(self.repeats)
