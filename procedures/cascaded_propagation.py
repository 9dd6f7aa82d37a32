"""Cascaded propagation: long pulses on the first of two neurons, at several supplies.

A short climb finds the first neuron's threshold; above it, it spikes again and again. What drives
the second neuron is a gain times the drain swing of the first. The gain is soldered, so the supply
is lowered (or raised, where fewer than half of the spikes go on) until half of them go on. Not far
above the threshold: a second neuron that is driven too hard does not come back between spikes, and
misses them too.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import ClassVar

from labbench.connection import Connection
from labbench.features import Response
from labbench.features.cascaded_propagation import answered
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

SEARCH_WIDTH_S = 3e-3


class CascadedPropagation(NeuronProcedure):
    """Measure how many spikes a second neuron answers, how soon, and with what margin."""

    name: ClassVar[str] = "cascaded_propagation"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("cascaded_propagation",)

    width_s = FloatParameter("Pulse width", units="s", default=20e-3, minimum=1e-6, maximum=1.0)
    overdrive = FloatParameter(
        "Amplitude over the threshold", units="1", default=1.15, minimum=0.5, maximum=3.0
    )
    start_v = FloatParameter("First amplitude", units="V", default=0.2, minimum=0.01, maximum=10)
    stop_v = FloatParameter(
        "Last search amplitude", units="V", default=1.6, minimum=0.01, maximum=10
    )
    repeats = IntegerParameter("Pulses at the usual supply", default=10, minimum=1, maximum=10_000)
    repeats_margin = IntegerParameter(
        "Pulses at each other supply", default=5, minimum=1, maximum=10_000
    )
    supply_step = FloatParameter(
        "Step of the supply", units="1", default=0.08, minimum=0.005, maximum=0.5
    )
    supply_lowest = FloatParameter(
        "Lowest supply over the usual", units="1", default=0.4, minimum=0.05, maximum=1.0
    )
    supply_highest = FloatParameter(
        "Highest supply over the usual", units="1", default=1.5, minimum=1.0, maximum=5.0
    )
    record_s = FloatParameter(
        "Record after the pulse", units="s", default=3e-3, minimum=0, maximum=10
    )
    rest_s = FloatParameter("Rest between pulses", units="s", default=0.2, minimum=0, maximum=100)

    def check(self) -> None:
        """Check settings against each other."""
        check_order(self, "start_v", "stop_v", "V")

    def stimuli(self) -> Protocolled:
        """Climb to the threshold, play at the usual supply, then follow the supply to P = 0.5."""
        threshold_v = yield from search_threshold(
            SEARCH_WIDTH_S, self.start_v, self.stop_v, self.rest_s, self.record_s
        )
        if threshold_v is None:
            return
        amplitude_v = on_grid(self.overdrive * threshold_v)
        counts, usual_v = [], None
        for _ in range(self.repeats):
            response = yield single_pulse(amplitude_v, self.width_s, self.rest_s, self.record_s)
            if "output2" not in response.trace.channels:
                return
            counts.append(answered(response))
            usual_v = response.connection.supply_v
        share = _share(counts)
        if usual_v is None or share is None:
            return
        step = 1.0 - self.supply_step if share >= 0.5 else 1.0 / (1.0 - self.supply_step)
        supply_v, levels_beyond = on_grid(usual_v * step), 0
        while levels_beyond < 2 and self._may_have(supply_v, usual_v):
            at_level = yield from self._level(amplitude_v, supply_v)
            if at_level is None:
                return
            # One level more than the first beyond the half: a slope needs both sides.
            levels_beyond += (at_level >= 0.5) != (share >= 0.5)
            supply_v = on_grid(supply_v * step)

    def expected_count(self) -> int:
        """Return about how many stimuli there will be."""
        return 30 + self.repeats + 4 * self.repeats_margin

    def _may_have(self, supply_v: float, usual_v: float) -> bool:
        is_within = self.supply_lowest <= supply_v / usual_v <= self.supply_highest
        return is_within and self.player.reaches(Connection(supply_v=supply_v))

    def _level(
        self, amplitude_v: float, supply_v: float
    ) -> Generator[Request, Response, float | None]:
        """Play at one supply, and return the share of spikes that were answered."""
        pulse = single_pulse(amplitude_v, self.width_s, self.rest_s, self.record_s)
        counts = []
        for _ in range(self.repeats_margin):
            response = yield Request(pulse, Connection(supply_v=supply_v))
            counts.append(answered(response))
        return _share(counts)


def _share(counts: list[tuple[int, int]]) -> float | None:
    n = sum(of for _, of in counts)
    return sum(did for did, _ in counts) / n if n else None
