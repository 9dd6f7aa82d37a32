"""A record cut into windows: one for each output spike, and in between what is idle or latched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class SpikeWindow:
    """A stretch of a record.

    Attributes
    ----------
    kind : {"spike", "cut", "idle", "latched"}
        "cut" is a spike whose window the end of the record cuts short.
    start_s, end_s : float
    spike_s : float or None
        When the spike was; only of a spike, cut or not.
    """

    kind: str
    start_s: float
    end_s: float
    spike_s: float | None = None


def cut_record(
    spike_s: FloatArray, return_s: FloatArray, held_s: float, end_s: float
) -> list[SpikeWindow]:
    """Divide a record into windows, in order and without gaps.

    A spike's window reaches from half-way since the spike before to half-way to the spike after.
    The first and the last reach as far out as in. The first may begin with the record, where the
    neuron is at rest; a last one that reaches beyond the end is cut. The window of a lone spike is
    the whole record. A spike that is held is none: from it until it comes back the time is latched.

    Parameters
    ----------
    spike_s, return_s : (k,) float64 arrays
        Ascending times of the spikes, from 0 s on, and when each came back; the end of the record
        where it did not.
    held_s : float
        How long a spike may stay before it counts as latched.
    end_s : float
        Of the record, which starts at 0 s.
    """
    if not spike_s.size:
        return [SpikeWindow("idle", 0.0, end_s)]
    windows: list[SpikeWindow] = []
    now_s = 0.0
    for own in _of_spikes(spike_s, return_s, held_s, end_s):
        if own.kind != "latched":
            own = SpikeWindow(own.kind, max(now_s, own.start_s), own.end_s, own.spike_s)
        if own.start_s > now_s:
            windows.append(SpikeWindow("idle", now_s, own.start_s))
        windows.append(own)
        now_s = own.end_s
    if now_s < end_s:
        windows.append(SpikeWindow("idle", now_s, end_s))
    return windows


def _of_spikes(
    spike_s: FloatArray, return_s: FloatArray, held_s: float, end_s: float
) -> Iterator[SpikeWindow]:
    """Yield the windows of the spikes alone."""
    half_way_s = 0.5 * (spike_s[1:] + spike_s[:-1])
    is_lone = spike_s.size == 1
    # As far out as in; a lone spike has no interval and takes it all.
    reach_s = [-end_s, end_s] if is_lone else half_way_s[[0, -1]] - spike_s[[0, -1]]
    starts_s = np.r_[spike_s[0] - abs(reach_s[0]), half_way_s]
    ends_s = np.r_[half_way_s, spike_s[-1] + abs(reach_s[1])]
    for at_s, back_s, start_s, stop_s in zip(
        *(row.tolist() for row in (spike_s, return_s, starts_s, ends_s)), strict=True
    ):
        if back_s - at_s > held_s:
            yield SpikeWindow("latched", at_s, back_s)
        else:
            kind = "spike" if stop_s <= end_s or is_lone else "cut"
            yield SpikeWindow(kind, start_s, min(end_s, stop_s), at_s)
