"""Strength-duration curve: the amplitude of P(fire) = 0.5 against the width of the pulse.

Each width has its own adaptive search. It goes from the widest pulse, which needs the least
amplitude, to the narrowest, and each search starts below the half point of the one before, so
that no width is climbed from the bottom and none is stressed far above its threshold.
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
    on_grid,
)
from procedures.search import search_half_point

# A wider pulse's half point bounds the next one's from below; this margin is for its error.
MARGIN = 0.95


class StrengthDuration(NeuronProcedure):
    """Measure the threshold against the pulse width: rheobase and chronaxie."""

    name: ClassVar[str] = "strength_duration"
    version: ClassVar[str] = "1"
    properties: ClassVar[tuple[str, ...]] = ("threshold_firing",)

    width_min_s = FloatParameter(
        "Narrowest pulse", units="s", default=2e-4, minimum=2e-6, maximum=1.0
    )
    width_max_s = FloatParameter("Widest pulse", units="s", default=5e-3, minimum=2e-6, maximum=1.0)
    widths = IntegerParameter("Number of widths", default=7, minimum=3, maximum=50)
    start_v = FloatParameter("First amplitude", units="V", default=0.2, minimum=0.01, maximum=10)
    stop_v = FloatParameter("Last amplitude", units="V", default=2.0, minimum=0.01, maximum=10)
    tolerance = FloatParameter(
        "Ends a search at this error of V50, over V50",
        units="1",
        default=0.004,
        minimum=1e-3,
        maximum=0.2,
    )
    most = IntegerParameter(
        "Most pulses of a search after its climb", default=30, minimum=5, maximum=10_000
    )
    record_s = FloatParameter(
        "Record after the pulse", units="s", default=1e-4, minimum=0, maximum=10
    )
    rest_s = FloatParameter("Rest between pulses", units="s", default=0.2, minimum=0, maximum=100)

    def check(self) -> None:
        """Check settings against each other."""
        check_order(self, "start_v", "stop_v", "V")
        check_order(self, "width_min_s", "width_max_s", "s")

    def stimuli(self) -> Protocolled:
        """Search at each width; end where nothing fires up to the stop amplitude, or latches."""
        start_v = self.start_v
        for width_s in np.geomspace(self.width_max_s, self.width_min_s, self.widths):
            found = yield from search_half_point(
                round(float(width_s), 7),
                start_v,
                self.stop_v,
                self.rest_s,
                self.record_s,
                tolerance=self.tolerance,
                most=self.most,
            )
            # A narrower pulse needs more amplitude still.
            if not found.has_fired:
                return
            start_v = min(on_grid(MARGIN * found.v50_v), self.stop_v)

    def expected_count(self) -> int:
        """Return about how many stimuli there will be."""
        return 10 + self.widths * self.most
