"""Stochasticity: the same step again and again, and long steps for the intervals.

The amplitude lies just above the half point, where the latency spreads most while every step still
fires. A few steps of the full width show how long the latency gets; the others are cut short soon
after that, since a step that has fired only wears the device.
"""

from __future__ import annotations

from typing import ClassVar

from labbench.features import read_pulses
from labbench.features.pulses import is_rested
from procedures.base import (
    FloatParameter,
    IntegerParameter,
    NeuronProcedure,
    Protocolled,
    check_order,
    on_grid,
    single_pulse,
)
from procedures.search import search_half_point

# Steps of the full width that show how wide the others must be, and by how much their longest
# latency is exceeded: of 300 lognormal latencies with a spread of 0.3 one in a few runs is longer.
PILOTS = 16
REACH = 2.0


class Stochasticity(NeuronProcedure):
    """Measure the laws of latency and interval: spread, shape, atom, independence."""

    name: ClassVar[str] = "stochasticity"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("stochasticity",)

    width_s = FloatParameter("Widest step", units="s", default=5e-3, minimum=1e-5, maximum=1.0)
    overdrive = FloatParameter(
        "Amplitude over the half point", units="1", default=1.2, minimum=1.0, maximum=3.0
    )
    start_v = FloatParameter("First amplitude", units="V", default=0.2, minimum=0.01, maximum=10)
    stop_v = FloatParameter(
        "Last search amplitude", units="V", default=1.6, minimum=0.01, maximum=10
    )
    repeats = IntegerParameter("Identical steps", default=200, minimum=1, maximum=100_000)
    record_s = FloatParameter("Record after a step", units="s", default=1e-4, minimum=0, maximum=10)
    train_width_s = FloatParameter(
        "Width of a long step", units="s", default=4e-2, minimum=1e-5, maximum=10
    )
    trains = IntegerParameter("Long steps", default=15, minimum=0, maximum=10_000)
    rest_s = FloatParameter("Rest between steps", units="s", default=0.2, minimum=0, maximum=100)

    def check(self) -> None:
        """Check settings against each other."""
        check_order(self, "start_v", "stop_v", "V")

    def stimuli(self) -> Protocolled:
        """Find the half point, the width that is needed, then repeat; long steps at the end.

        Ends early if nothing fires up to the last search amplitude, or the neuron latches.
        """
        found = yield from search_half_point(
            self.width_s, self.start_v, self.stop_v, self.rest_s, self.record_s, tolerance=0.02
        )
        if not found.has_fired:
            return
        amplitude_v, width_s = on_grid(self.overdrive * found.v50_v), self.width_s
        resting, longest_s = None, 0.0
        plan = [self.width_s] * PILOTS + [0.0] * self.repeats + [self.train_width_s] * self.trains
        for wanted_s in plan:
            step = single_pulse(amplitude_v, wanted_s or width_s, self.rest_s, self.record_s)
            response = yield step
            resting = resting or response
            if not is_rested(response, resting):
                return
            if wanted_s == self.width_s:
                latency_s = read_pulses(response)[0].latency_s
                longest_s = max(longest_s, self.width_s if latency_s is None else latency_s)
                width_s = min(round(REACH * longest_s, 5), self.width_s)

    def expected_count(self) -> int:
        """Return about how many stimuli there will be."""
        return 20 + PILOTS + self.repeats + self.trains
