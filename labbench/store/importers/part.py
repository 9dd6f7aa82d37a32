"""A measurement in a file, understood: its signals with their limits, its rows, its times."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from labbench.errors import ImportFileError
from labbench.store.importers.block import Block
from labbench.store.importers.columns import Signals, match_columns
from labbench.store.importers.limits import find_converter_rails, find_limits
from labbench.store.importers.options import ReadOptions
from labbench.store.importers.text import SourceText
from labbench.store.importers.times import check_times
from labbench.trace import Channel

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Part:
    """A block of a file, understood.

    Attributes
    ----------
    signals : Signals
    groups : list of slice
        The rows of each sweep or trace, two or more.
    time_s : (n,) array or None
        Times that a stimulus can start at; None where only the order is known.
    shape : {"sweep", "pulse", "record"}
    compliance_a : float or None
    notes : list of str
    """

    signals: Signals
    groups: list[slice]
    time_s: FloatArray | None
    shape: str
    compliance_a: float | None
    notes: list[str]


def understand(source: SourceText, block: Block, options: ReadOptions) -> Part:
    """Match the columns of a block, and find what its numbers show of the instrument.

    Raises
    ------
    ImportFileError
        If the columns do not fit, or a response has a single sample.
    """
    signals = match_columns(source, block, options)
    compliance_a = options.compliance_a or block.compliance_a
    notes = [*block.notes, *signals.notes]
    signals = _limited(signals, compliance_a, notes)
    groups = _groups(source, signals)
    for group in groups:
        if group.stop - group.start < 2:
            raise source.error(
                int(signals.line_numbers[group.start]),
                "found a single sample; a response needs two or more.",
            )
    time_s = signals.time_s
    if time_s is not None:
        time_s, time_notes = check_times(time_s, groups, signals.line_numbers)
        notes += time_notes
    if time_s is not None and options.dwell_s is not None:
        raise ImportFileError(f"{source.file_name}: has its own times; read it without dwell_s.")
    if time_s is None and options.dwell_s is None:
        notes.append("no times: only the order of the samples is known")
    shape = _shape(signals, block, options, has_time=time_s is not None, notes=notes)
    if shape == "sweep" and time_s is not None:
        notes.append("times count from the first sample of each sweep")
    return Part(signals, groups, time_s, shape, compliance_a, notes)


def _limited(signals: Signals, compliance_a: float | None, notes: list[str]) -> Signals:
    """Return the signals with the limits that are found in them."""
    voltage, current, others = signals.voltage, signals.current, dict(signals.others)
    if voltage is not None and current is not None:
        voltage_v, current_a = voltage.values, current.values
        is_whole = np.isfinite(current_a)
        if not is_whole.all():
            notes.append(f"{int((~is_whole).sum())} currents are missing (NaN)")
        if is_whole.any():
            limits = find_limits(
                voltage_v[is_whole], current_a[is_whole], signals.is_magnitude, compliance_a
            )
            notes += limits.notes
            current = replace(
                current,
                rail_low=limits.rail_low if current.rail_low is None else current.rail_low,
                rail_high=limits.rail_high if current.rail_high is None else current.rail_high,
                floor=limits.floor,
            )
    elif voltage is not None:
        voltage = _clipped("input", voltage, notes)
    for name, channel in others.items():
        others[name] = _clipped(name, channel, notes)
    return replace(signals, voltage=voltage, current=current, others=others)


def _clipped(name: str, channel: Channel, notes: list[str]) -> Channel:
    """Return a channel with the ends of its converter, if it reached them."""
    values = channel.values[np.isfinite(channel.values)]
    if channel.rail_low is None and channel.rail_high is None and values.size:
        low, high = find_converter_rails(values)
        channel = replace(channel, rail_low=low, rail_high=high)
    n_censored = int(channel.is_censored.sum())
    if n_censored:
        notes.append(
            f"{n_censored} of {len(channel.raw)} samples of {name!r} are at an end of the "
            f"converter ({channel.rail_low:g} or {channel.rail_high:g} {channel.unit}): censored"
            if channel.rail_low is not None and channel.rail_high is not None
            else f"{n_censored} of {len(channel.raw)} samples of {name!r} are at the end of an "
            f"eight-bit converter: censored"
        )
    return channel


def _shape(
    signals: Signals, block: Block, options: ReadOptions, *, has_time: bool, notes: list[str]
) -> str:
    if signals.voltage is None:
        notes.append(
            "which column was applied to the device is not known (--column voltage=NAME says it)"
        )
        return "record"
    if signals.current is None or not np.isfinite(signals.current.values).all():
        return "record"
    if options.shape is not None:
        return options.shape
    if block.shape is not None and has_time:
        return block.shape
    return "pulse" if has_time else "sweep"


def _groups(source: SourceText, signals: Signals) -> list[slice]:
    group, n = signals.group, signals.line_numbers.size
    if group is None:
        return [slice(0, n)]
    starts = [0, *(np.flatnonzero(np.diff(group)) + 1).tolist()]
    seen: set[float] = set()
    for start in starts:
        if group[start] in seen:
            raise source.error(
                int(signals.line_numbers[start]),
                f"group {group[start]:g} returns after another one; sort the file by group.",
            )
        seen.add(float(group[start]))
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], n], strict=True)]
