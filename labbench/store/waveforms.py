"""One recorded channel as arrays with units, for notebooks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from labbench.trace import Trace

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class WaveformRecord:
    """What one channel recorded of one response.

    Attributes
    ----------
    run_id, ordinal : int
        Which run, and which of its responses, from zero.
    channel : str
    trace : Trace
        With this channel only: counts as the instrument delivered them, rails, notes.
    """

    run_id: int
    ordinal: int
    channel: str
    trace: Trace

    @property
    def quantity(self) -> str:
        """What was recorded: "voltage", "current", or "1" of a number."""
        return self.trace.channel(self.channel).quantity

    @property
    def unit(self) -> str:
        """SI unit of `values`."""
        return self.trace.channel(self.channel).unit

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """Samples in `unit`, (n,)."""
        return self.trace.values(self.channel)

    @cached_property
    def time_s(self) -> NDArray[np.float64]:
        """Time of each sample from the start of the stimulus, (n,).

        Raises
        ------
        TraceError
            If only the order of the samples is known.
        """
        return self.trace.time_s

    def to_series(self) -> pd.Series[float]:
        """Return a pandas Series by `time_s`, or by the number of the sample if there is none."""
        import pandas as pd

        index = pd.Index(self.time_s, name="time_s") if self.trace.has_time else None
        return pd.Series(self.values, index, name=f"{self.channel} ({self.unit})")

    def __len__(self) -> int:
        return len(self.trace)

    def __repr__(self) -> str:
        where = f"{self.channel!r} of response {self.ordinal} of run {self.run_id}"
        about = [f"{self.quantity} in {self.unit}", f"{len(self):,} samples"]
        if len(self) and self.trace.has_time:
            about.append(f"{self.time_s[0]:g} s to {self.time_s[-1]:g} s")
        if not np.isnan(self.values).all():
            low, high = np.nanmin(self.values), np.nanmax(self.values)
            about.append(f"{low:g} {self.unit} to {high:g} {self.unit}")
        return f"<waveform {where}: {', '.join([*about, *self.trace.notes])}>"
