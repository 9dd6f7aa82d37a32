"""Contact check: a small voltage at one terminal after the other, before anything else is applied.

The gate is measured through the control resistor, with input and supply open; the supply through
the load, with the gate held up so that the transistor conducts. What to do about a bad contact is
said by `labbench.features.contact.advice`.
"""

from __future__ import annotations

from typing import ClassVar

from labbench.stimulus import Sweep
from procedures.base import FloatParameter, IntegerParameter, NeuronProcedure, Protocolled
from procedures.sweeping import memristor_sweep, staircase

_LEVELS = 5


class ContactCheck(NeuronProcedure):
    """Measure the resistance of each contact with a voltage that switches nothing."""

    name: ClassVar[str] = "contact_check"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("contact",)
    needs: ClassVar[tuple[str, ...]] = ("meter",)
    # The limit is how a sweep protects the device; readings at it are marked.
    compliance_policy = "record"

    terminals = IntegerParameter(
        "Terminals (1 input, 2 and gate, 3 and supply)", default=3, minimum=1, maximum=3
    )
    read_v = FloatParameter("Voltage", units="V", default=0.05, minimum=1e-3, maximum=0.2)
    gate_v = FloatParameter(
        "Gate while the supply is looked at", units="V", default=0.5, minimum=0, maximum=5
    )
    compliance_a = FloatParameter(
        "Compliance at input and gate", units="A", default=1e-6, minimum=1e-9, maximum=1e-2
    )
    supply_compliance_a = FloatParameter(
        "Compliance at the supply", units="A", default=5e-5, minimum=1e-9, maximum=1e-2
    )
    dwell_s = FloatParameter("Time at a level", units="s", default=0.04, minimum=1e-3, maximum=10)

    def stimuli(self) -> Protocolled:
        """Look at the input, then the gate, then the supply."""
        up = staircase(0.0, self.read_v, self.read_v / (_LEVELS - 1))
        both = staircase(-self.read_v, self.read_v, 2 * self.read_v / (_LEVELS - 1))
        yield memristor_sweep(up, self.dwell_s, self.compliance_a, 0.0)
        if self.terminals >= 2:
            yield Sweep(both, self.dwell_s, self.compliance_a, terminal="gate")
        if self.terminals >= 3:
            yield Sweep(
                up, self.dwell_s, self.supply_compliance_a,
                terminal="supply", bias={"gate": self.gate_v},
            )  # fmt: skip

    def expected_count(self) -> int:
        """Return how many stimuli there will be."""
        return int(self.terminals)
