"""Threshold firing: single pulses of one width from below to well above the threshold.

The amplitudes follow the device: a search finds the half point of P(fire) and about its width;
four levels lie on the rise of P(fire), four above it. The strong levels also carry what a fit
needs: mean, spread and atom of the latency.
"""

from __future__ import annotations

from typing import ClassVar

from labbench.features.pulses import is_rested
from procedures.adaptive import HalfPoint
from procedures.base import (
    FloatParameter,
    IntegerParameter,
    NeuronProcedure,
    Protocolled,
    check_order,
    single_pulse,
)
from procedures.search import search_half_point

# On the rise, in logistic widths from the half point: P(fire) of about 3, 20, 50 and 80 %.
RISE = (-3.5, -1.4, 0.0, 1.4)
# Width over half point, as far as the few pulses of a search can be trusted.
LEAST_WIDTH, MOST_WIDTH = 0.005, 0.05
# Above it, for the latency.
LEVELS = (1.1, 1.25, 1.6, 2.2)


class ThresholdFiring(NeuronProcedure):
    """Measure P(fire) and latency against the amplitude of single pulses."""

    name: ClassVar[str] = "threshold_firing"
    version: ClassVar[str] = "2"
    properties: ClassVar[tuple[str, ...]] = ("threshold_firing", "stochasticity")

    width_s = FloatParameter("Pulse width", units="s", default=3e-3, minimum=1e-6, maximum=1.0)
    start_v = FloatParameter("First amplitude", units="V", default=0.2, minimum=0.01, maximum=10)
    stop_v = FloatParameter(
        "Last search amplitude", units="V", default=1.6, minimum=0.01, maximum=10
    )
    repeats = IntegerParameter("Repeats at each level", default=24, minimum=1, maximum=10_000)
    record_s = FloatParameter(
        "Record after the pulse", units="s", default=1e-3, minimum=0, maximum=10
    )
    rest_s = FloatParameter("Rest between pulses", units="s", default=0.2, minimum=0, maximum=100)

    def check(self) -> None:
        """Check settings against each other."""
        check_order(self, "start_v", "stop_v", "V")

    def stimuli(self) -> Protocolled:
        """Find the half point, then go round the levels, so that drift spreads over all.

        Ends early if nothing fires up to the last search amplitude, or the neuron latches.
        """
        found = yield from search_half_point(
            self.width_s, self.start_v, self.stop_v, self.rest_s, self.record_s
        )
        if not found.has_fired:
            return
        resting = None
        for _ in range(self.repeats):
            for level_v in levels_v(found):
                response = yield single_pulse(level_v, self.width_s, self.rest_s, self.record_s)
                resting = resting or response
                if not is_rested(response, resting):
                    return

    def expected_count(self) -> int:
        """Return about how many stimuli there will be."""
        return 20 + self.repeats * (len(RISE) + len(LEVELS))


def levels_v(found: HalfPoint) -> list[float]:
    """Return the amplitudes in V that show P(fire) and latency of a device."""
    v50_v = found.v50_v
    width_v = min(max(found.width_v, LEAST_WIDTH * v50_v), MOST_WIDTH * v50_v)
    return [v50_v + rise * width_v for rise in RISE] + [level * v50_v for level in LEVELS]
