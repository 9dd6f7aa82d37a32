"""One stimulus as the integrator takes it: where it is sampled, and what ends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labbench.connection import Connection
from labbench.features.hold_voltage import corners_of_fall
from labbench.features.off_current import SETTLED
from labbench.features.relaxation_levels import corners_of_read
from labbench.fit.items import FloatArray, Item
from labbench.model.simulation import closed
from labbench.stimulus import Pulse, PulseTrain, Waveform

# Samples up to about the first spike, along a read, and in the settled part of a pulse.
_RISING, _READ, _SETTLED = 96, 200, 5
# The rise is sampled finely up to this multiple of the latencies that were seen.
_BEYOND = 1.6


@dataclass(frozen=True, eq=False)
class Course:
    """One stimulus, for all items that read it.

    Attributes
    ----------
    places : tuple of int
        Of the items.
    connection : Connection
    corner_s, level, sample_s : float64 arrays
        As `labbench.model.batch.Job` takes them.
    stop_at : str
        The event that is waited for, if one ends it.
    stop_from_s : float
    edge_s : float
        From where the reading counts: half the edge of the last pulse, or the end of the dwell.
    width_s : float
        How long is waited for the event.
    drive_v : float
        Level of the last pulse.
    """

    places: tuple[int, ...]
    connection: Connection
    corner_s: FloatArray
    level: FloatArray
    sample_s: FloatArray
    stop_at: str
    stop_from_s: float
    edge_s: float
    width_s: float
    drive_v: float


def course_of(items: Sequence[Item], places: Sequence[int]) -> Course:
    """Return the course of the items at these places, which share a stimulus."""
    first = items[places[0]]
    corner_s, level = closed(*first.stimulus.breakpoints())
    pulse = first.stimulus.pulses[-1] if isinstance(first.stimulus, PulseTrain) else None
    if pulse is not None:
        edge_s, width_s, drive_v = pulse.edge_s, pulse.width_s, pulse.amplitude_v
    else:
        assert isinstance(first.stimulus, Waveform)
        edge_s, width_s, drive_v = _after_dwell(first, first.stimulus)
    kind = first.kind
    stop_at = {"step": "spike", "second": "spike", "probe": "spike"}.get(kind, "")
    stop_at = "on" if kind in ("dwell", "closing") else stop_at
    return Course(
        places=tuple(places),
        connection=first.connection,
        corner_s=np.ascontiguousarray(corner_s, dtype=np.float64),
        level=np.ascontiguousarray(level, dtype=np.float64),
        sample_s=_sample_s(first, pulse, edge_s, width_s),
        stop_at=stop_at,
        stop_from_s=edge_s,
        edge_s=edge_s,
        width_s=width_s,
        drive_v=drive_v,
    )


def _after_dwell(item: Item, stimulus: Waveform) -> tuple[float, float, float]:
    """Return start, length and level of what follows a dwell: a fall to zero, or a read."""
    fall = corners_of_fall(stimulus)
    if fall is not None:
        return fall[2], fall[3] - fall[2], float(stimulus.sample(fall[2]))
    read = corners_of_read(stimulus)
    assert read is not None
    return read[2], read[3] - read[2], float(stimulus.sample(0.5 * (read[2] + read[3])))


def _sample_s(item: Item, pulse: Pulse | None, edge_s: float, width_s: float) -> FloatArray:
    end_s = edge_s + width_s
    if item.kind in ("step", "closing", "second", "probe", "dwell"):
        seen_s = min(_BEYOND * item.centre, width_s) if item.n else width_s
        return np.unique(
            np.r_[edge_s + np.linspace(0.0, seen_s, _RISING), np.linspace(edge_s, end_s, 12)]
        )
    if item.kind in ("relaxation", "mean_relaxation"):
        return np.linspace(edge_s, end_s, _READ)
    if item.kind == "off_current":
        assert pulse is not None
        top_s = pulse.end_s - pulse.fall_s
        return np.linspace(top_s - SETTLED * width_s, top_s, _SETTLED)
    return np.array([end_s])
