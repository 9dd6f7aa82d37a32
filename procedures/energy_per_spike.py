"""Energy per spike: long pulses above the threshold, under which the neuron spikes repeatedly."""

from __future__ import annotations

from typing import ClassVar

from procedures.base import (
    FloatParameter,
    IntegerParameter,
    NeuronProcedure,
    Protocolled,
    check_order,
    single_pulse,
)
from procedures.search import search_threshold

SEARCH_WIDTH_S = 3e-3


class EnergyPerSpike(NeuronProcedure):
    """Measure what the supply gives for one output spike, and what flows at rest."""

    name: ClassVar[str] = "energy_per_spike"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("energy_per_spike",)

    width_s = FloatParameter("Pulse width", units="s", default=20e-3, minimum=1e-6, maximum=1.0)
    overdrive = FloatParameter(
        "Amplitude over the threshold", units="1", default=1.1, minimum=0.5, maximum=3.0
    )
    start_v = FloatParameter("First amplitude", units="V", default=0.2, minimum=0.01, maximum=10)
    stop_v = FloatParameter(
        "Last search amplitude", units="V", default=1.6, minimum=0.01, maximum=10
    )
    repeats = IntegerParameter("Pulses", default=8, minimum=1, maximum=10_000)
    record_s = FloatParameter(
        "Record after the pulse", units="s", default=5e-3, minimum=0, maximum=10
    )
    rest_s = FloatParameter("Rest between pulses", units="s", default=0.2, minimum=0, maximum=100)

    def check(self) -> None:
        """Check settings against each other."""
        check_order(self, "start_v", "stop_v", "V")

    def stimuli(self) -> Protocolled:
        """Climb to the threshold, then play long pulses there."""
        threshold_v = yield from search_threshold(
            SEARCH_WIDTH_S, self.start_v, self.stop_v, self.rest_s, 1e-3
        )
        if threshold_v is None:
            return
        for _ in range(self.repeats):
            yield single_pulse(
                self.overdrive * threshold_v, self.width_s, self.rest_s, self.record_s
            )

    def expected_count(self) -> int:
        """Return about how many stimuli there will be."""
        return 30 + self.repeats
