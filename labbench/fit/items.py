"""What a fit compares: one stimulus as it was applied, and what was read from each trial of it.

Only readings whose statistics are smooth in the parameters become items. Counts of pulses or
spikes jump with the parameters; they are left for validation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from labbench.connection import OPEN, Connection
from labbench.stimulus import Stimulus

FloatArray = NDArray[np.float64]

# An item of which more than this share of trials is only bounded says more of its window.
MOST_CENSORED = 0.2


@dataclass(frozen=True)
class Kind:
    """One kind of reading.

    Attributes
    ----------
    procedure : str
        What measures it.
    statistics : tuple of str
        Those drawn from the trials: "mean", "spread", "atom", "atom_fraction", "band".
    floor : float
        Relative error of gain or time base that all trials of a stimulus share.
    tolerance : float
        Relative error of the prediction without random numbers, for the screen.
    fewest : int
        Trials below which there is no item.
    is_arithmetic : bool
        Whether the mean is that of the values, not of their logarithms: where some are zero.
    is_quiet : bool
        Whether the model without noise predicts the mean, not the one with the mean drift.
    simulated_share : float
        Of the trials, how many a surrogate's design point plays: fewer where they are costly.
    """

    procedure: str
    statistics: tuple[str, ...] = ("mean",)
    floor: float = 0.003
    tolerance: float = 0.01
    fewest: int = 6
    is_arithmetic: bool = False
    is_quiet: bool = False
    simulated_share: float = 1.0


_LATENCY = ("mean", "spread", "atom", "atom_fraction")
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "step": Kind("identification_steps", _LATENCY, fewest=10, simulated_share=0.5),
        "probe": Kind("pump_probe"),
        "second": Kind("refractory_period"),
        "interval": Kind("interval_by_index", tolerance=0.02),
        "dwell": Kind("dwell_gap_test", floor=0.005, simulated_share=0.1),
        "relaxation": Kind("relaxation_levels", floor=0.01, tolerance=0.03, is_arithmetic=True),
        "mean_relaxation": Kind(
            "relaxation_levels", floor=0.01, tolerance=0.03, is_arithmetic=True
        ),
        "slow_hold": Kind("hold_voltage", ("mean", "spread"), floor=0.01, tolerance=0.15),
        "fast_hold": Kind(
            "hold_voltage", ("band",), floor=0.01, fewest=10, is_quiet=True, simulated_share=0.7
        ),
        "off_current": Kind("off_current", floor=0.02, fewest=1, is_arithmetic=True, is_quiet=True),
        # Of a bare memristor: a step that closes it.
        "closing": Kind("memristor steps", _LATENCY, simulated_share=0.5),
        "recovery": Kind("refractory_period", floor=0.005, fewest=5, is_quiet=True),
    }
)


@dataclass(frozen=True, eq=False)
class Item:
    """One stimulus, and one reading of each of its trials.

    Attributes
    ----------
    kind : str
        Of `KINDS`.
    stimulus : Stimulus
    connection : Connection
    values : (n,) float64 array
        In s, V or A; the width of the window where a trial did not fire; NaN where a trial has
        no such reading (a pump that fired). Trials of items with the same stimulus are aligned.
    is_censored : (n,) bool array
        The true value is beyond.
    at : mapping of str to float
        The condition, for people, and the level or the spikes that are read.
    timing_s : float
        Standard error that sampling leaves in every time, the same in all trials.
    """

    kind: str
    stimulus: Stimulus
    connection: Connection = OPEN
    values: FloatArray = field(default_factory=lambda: np.empty(0))
    is_censored: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    at: Mapping[str, float] = field(default_factory=dict)
    timing_s: float = 0.0

    @property
    def n(self) -> int:
        """How many trials have a reading."""
        return int(np.count_nonzero(np.isfinite(self.values)))

    @property
    def label(self) -> str:
        """Kind and condition."""
        where = ", ".join(f"{key}={value:g}" for key, value in self.at.items())
        return f"{self.kind} at {where}" if where else self.kind

    @property
    def is_usable(self) -> bool:
        """Whether enough trials have a reading, and few are only bounded."""
        censored = np.count_nonzero(self.is_censored & np.isfinite(self.values))
        enough = self.n >= KINDS[self.kind].fewest
        return bool(enough and censored <= MOST_CENSORED * self.n and self.centre > 0)

    @property
    def centre(self) -> float:
        """Mean of the readings; of a fast fall the median, since few of them hold on for long."""
        mean = np.nanmedian if self.kind == "fast_hold" else np.nanmean
        return float(mean(self.values)) if self.n else float("nan")
