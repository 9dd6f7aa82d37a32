"""One file of another tool as responses: what was applied, what came back, what to know of it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labbench.errors import ImportFileError
from labbench.features.feature import Response
from labbench.stimulus import Stimulus, Sweep, Waveform
from labbench.store.importers.breakpoints import find_breakpoints
from labbench.store.importers.columns import match_columns
from labbench.store.importers.limits import Limits, find_limits
from labbench.store.importers.table import FIRST_DATA_LINE, Table, read_table
from labbench.trace import Channel, Trace

FloatArray = NDArray[np.float64]

# What was applied is only known through the measured voltage, which stays whole in the channel
# "input". The stimulus joins only those samples that it needs to pass every other within this part
# of the largest voltage: that is the noise of a scope channel, it keeps every sample of an edge,
# and a simulation of the same stimulus meets a dozen corners instead of thousands.
STIMULUS_TOLERANCE = 0.005
# Sampling is even if no time is off by more than this part of the interval (rounding in the file).
_EVEN = 1e-3


@dataclass(frozen=True, eq=False)
class Recording:
    """A file of another tool, read.

    Attributes
    ----------
    procedure : str
        "imported_sweep" (an order of voltages) or "imported_pulse" (a voltage against time).
    responses : tuple of Response
        Channels "input" (V) and "memristor" (A), as recorded but in SI units.
    settings : dict
        JSON-ready: file name, number of responses, and what the caller added.
    source : str
        The whole file as it stands: the same file is the same recording.
    notes : tuple of str
        What a reader must know; also on every trace.
    """

    procedure: str
    responses: tuple[Response, ...]
    settings: dict[str, Any]
    source: str
    notes: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Of the bytes of the file."""
        return sha256(self.source.encode("utf-8")).hexdigest()


def read_recording(
    path: Path, *, dwell_s: float | None = None, compliance_a: float | None = None
) -> Recording:
    """Read a CSV file with named columns, recognised by its content.

    Parameters
    ----------
    path : Path
        Columns: ``voltage`` and ``current`` or ``abs_current`` with their unit as suffix
        (``voltage_V``, ``current_uA``); ``time`` too for a waveform; ``sweep`` or ``trace`` where
        several follow one another; ``point`` for their order.
    dwell_s : float, optional
        Time at each voltage, for a file without times; a sample lies in the middle of its dwell.
        Without it such a trace has an order but no times.
    compliance_a : float, optional
        Current limit of the source, if known.

    Raises
    ------
    ImportFileError
        If any part of the file cannot be read; nothing is left out silently.
    """
    for name, value in (("dwell_s", dwell_s), ("compliance_a", compliance_a)):
        if value is not None and not 0 < value < float("inf"):
            raise ImportFileError(f"{path.name}: {name} must be positive, got {value}.")
    table = read_table(path)
    columns = match_columns(table)
    limits = find_limits(columns, compliance_a)
    notes = [*columns.notes, *limits.notes]
    for group in columns.groups:
        if group.stop - group.start < 2:
            raise table.error(group.start, "found a single sample; a response needs two or more.")
    time_s = columns.time_s
    if time_s is not None:
        time_s, time_notes = _check_times(table, time_s, columns.groups)
        notes += time_notes
    if time_s is not None and dwell_s is not None:
        raise ImportFileError(f"{path.name}: has its own times; read it without dwell_s.")
    if time_s is None and dwell_s is None:
        notes.append("no times: only the order of the samples is known")

    responses = []
    for group in columns.groups:
        voltage_v = columns.voltage_v[group].copy()
        channels = _channels(voltage_v, columns.current_a[group].copy(), limits)
        stimulus: Stimulus
        if time_s is None:
            stimulus = Sweep(voltage_v, dwell_s, compliance_a)
            start_s = 0.0 if dwell_s is None else dwell_s / 2
            trace = Trace(channels, start_s, dwell_s, notes=tuple(notes))
        else:
            at_s = time_s[group].copy()
            stimulus = _waveform(at_s, voltage_v)
            trace = _timed_trace(at_s, channels, tuple(notes))
        responses.append(Response(stimulus, trace))
    settings = {
        "file_name": path.name,
        "n_responses": len(responses),
        "dwell_s": dwell_s,
        "compliance_a": compliance_a,
    }
    procedure = "imported_sweep" if time_s is None else "imported_pulse"
    return Recording(procedure, tuple(responses), settings, table.source, tuple(notes))


def _check_times(
    table: Table, time_s: FloatArray, groups: tuple[slice, ...]
) -> tuple[FloatArray | None, list[str]]:
    """Return times that a stimulus can start at, None if they tell nothing, and what to note."""
    notes = []
    n_repeated = 0
    usable_s = time_s.copy()
    for group in groups:
        steps_s = np.diff(time_s[group])
        if (steps_s < 0).any():
            row = group.start + int(np.argmax(steps_s < 0)) + 1
            raise table.error(
                row,
                f"time goes back from {time_s[row - 1]:.9g} s to {time_s[row]:.9g} s; give each "
                f"repeat its own number in a column named trace.",
            )
        start_s, end_s = float(time_s[group.start]), float(time_s[group.stop - 1])
        if start_s == end_s:
            lines = f"{group.start + FIRST_DATA_LINE} to {group.stop + FIRST_DATA_LINE - 1}"
            return None, [
                f"time axis destroyed in the file: every time in lines {lines} is {start_s:.9g} s; "
                f"the order is kept, times are not known"
            ]
        n_repeated += int((steps_s == 0).sum())
        # A trigger in the middle gives negative times, epoch seconds an endless wait.
        if start_s < 0 or start_s > end_s - start_s:
            usable_s[group] -= start_s
            notes.append(f"times shifted by {-start_s:.9g} s, so that the record starts at 0 s")
    if n_repeated:
        notes.append(f"{n_repeated} times repeat the one before: the file rounds its times")
    return usable_s, notes


def _waveform(time_s: FloatArray, voltage_v: FloatArray) -> Waveform:
    tolerance_v = STIMULUS_TOLERANCE * float(np.max(np.abs(voltage_v)))
    corners = find_breakpoints(time_s, voltage_v, tolerance_v)
    return Waveform(time_s[corners], voltage_v[corners], duration_s=float(time_s[-1]))


def _timed_trace(time_s: FloatArray, channels: dict[str, Channel], notes: tuple[str, ...]) -> Trace:
    interval_s = float(time_s[-1] - time_s[0]) / (time_s.size - 1)
    even_s = time_s[0] + np.arange(time_s.size) * interval_s
    if np.max(np.abs(time_s - even_s)) <= _EVEN * interval_s:
        return Trace(channels, float(time_s[0]), interval_s, notes=notes)
    return Trace(channels, uneven_time_s=time_s, notes=notes)


def _channels(voltage_v: FloatArray, current_a: FloatArray, limits: Limits) -> dict[str, Channel]:
    current = Channel(
        current_a,
        "current",
        "A",
        rail_low=limits.rail_low,
        rail_high=limits.rail_high,
        floor=limits.floor,
    )
    return {"input": Channel(voltage_v, "voltage", "V"), "memristor": current}
