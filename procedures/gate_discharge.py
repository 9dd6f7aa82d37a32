"""Gate discharge: steps with each control resistor in turn, and pulses with the gate watched.

A climb finds the threshold first; nothing is applied where the wiring reaches neither a switched
control resistor nor a follower. Resistors are gone through upwards and then downwards, so that
relays move seldom and a steady drift cancels.
"""

from __future__ import annotations

from typing import ClassVar

from labbench.connection import Connection
from procedures.base import (
    FloatParameter,
    IntegerParameter,
    NeuronProcedure,
    Protocolled,
    Request,
    check_order,
    on_grid,
    single_pulse,
)
from procedures.search import search_threshold

# Of the steps' record behind the drive.
_TAIL_S = 2e-4


class GateDischarge(NeuronProcedure):
    """Measure intervals against the control resistor, and the decay of the gate."""

    name: ClassVar[str] = "gate_discharge"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("gate_discharge",)

    step_s = FloatParameter("Length of a step", units="s", default=8e-3, minimum=1e-6, maximum=10)
    width_s = FloatParameter(
        "Width of a pulse with the gate watched", units="s", default=1e-3, minimum=1e-6, maximum=1
    )
    search_s = FloatParameter(
        "Width of a search pulse", units="s", default=3e-3, minimum=1e-6, maximum=1
    )
    overdrive = FloatParameter(
        "Amplitude over the threshold", units="1", default=1.3, minimum=1.0, maximum=3.0
    )
    start_v = FloatParameter("First amplitude", units="V", default=0.2, minimum=0.01, maximum=10)
    stop_v = FloatParameter(
        "Last search amplitude", units="V", default=1.6, minimum=0.01, maximum=10
    )
    repeats = IntegerParameter(
        "Steps each way at each resistor", default=3, minimum=1, maximum=10_000
    )
    pulses = IntegerParameter("Pulses with the gate watched", default=6, minimum=0, maximum=10_000)
    decay_s = FloatParameter(
        "Record after a pulse with the gate watched", units="s", default=4e-3, minimum=0, maximum=10
    )
    rest_s = FloatParameter("Rest between stimuli", units="s", default=0.1, minimum=0, maximum=100)

    def check(self) -> None:
        """Check settings against each other."""
        check_order(self, "start_v", "stop_v", "V")
        check_order(self, "search_s", "step_s", "s")

    def stimuli(self) -> Protocolled:
        """Climb to the threshold, then up and down the control resistors, then watch the gate."""
        resistors = [
            connection
            for each_ohm in sorted(self.player.control_resistances_ohm)
            if self.player.reaches(connection := Connection(control_resistance_ohm=each_ohm))
        ]
        follower = Connection("follower")
        is_watched = self.pulses > 0 and self.player.reaches(follower)
        if not (resistors or is_watched):
            return
        threshold_v = yield from search_threshold(
            self.search_s, self.start_v, self.stop_v, self.rest_s, _TAIL_S
        )
        if threshold_v is None:
            return
        amplitude_v = on_grid(self.overdrive * threshold_v)
        step = single_pulse(amplitude_v, self.step_s, self.rest_s, _TAIL_S)
        for connection in [*resistors, *reversed(resistors)]:
            for _ in range(self.repeats):
                yield Request(step, connection)
        if is_watched:
            pulse = single_pulse(amplitude_v, self.width_s, self.rest_s, self.decay_s)
            for _ in range(self.pulses):
                yield Request(pulse, follower)

    def expected_count(self) -> int:
        """Return about how many stimuli there will be."""
        return 20 + 2 * self.repeats * len(self.player.control_resistances_ohm) + self.pulses
