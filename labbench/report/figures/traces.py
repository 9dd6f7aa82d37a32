"""Traces: what was applied and what came back, measured and simulated on the same axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from labbench.features import Response, read_pulses
from labbench.report.figures.cases import Case
from labbench.report.figures.style import LINES, decimated, new_figure, styled
from labbench.report.quantity import axis_scale

_NAMES = {"input": "Input", "output": "Output", "memristor": "Current"}
# Marks of the spikes stand in a band above the resting level.
_HEADROOM = 1.3
_MARK_HEIGHT = {"measured": 0.97, "simulated": 0.88}
_MOST_CROSSES = 12


@styled
def traces(cases: Sequence[Case], channel: str) -> Figure:
    """Draw the input above and a channel below it, one column a stimulus.

    Parameters
    ----------
    cases : sequence of Case
        At least one.
    channel : {"output", "memristor"}
        Spikes are marked on an output, samples at the end of the measuring range on both.
    """
    figure = new_figure(3.8, is_wide=True)
    grid = figure.subplots(2, len(cases), squeeze=False, sharey="row", height_ratios=(1, 2.2))
    for row, name in zip(grid, ("input", channel), strict=True):
        factor, unit = _level_scale(cases, name)
        row[0].set_ylabel(f"{_NAMES[name]} ({unit})")
        for axes, case in zip(row, cases, strict=True):
            _draw(axes, case, name, factor)
    for (above, below), case in zip(grid.T, cases, strict=True):
        above.set_title(case.title, loc="left")
        above.tick_params(labelbottom=False)
        below.set_xlabel(f"Time ({_time_scale(case)[1]})")
        above.sharex(below)
    if channel == "output":
        # Once: all columns share the limits.
        low, high = grid[1, 0].get_ylim()
        grid[1, 0].set_ylim(low, low + _HEADROOM * (high - low))
        for axes, case in zip(grid[1], cases, strict=True):
            _mark_spikes(axes, case)
    _legend(figure, grid[1])
    return figure


def _draw(axes: Axes, case: Case, channel: str, factor: float) -> None:
    time_factor, _ = _time_scale(case)
    for kind, trials in (("measured", case.measured), ("simulated", case.simulated)):
        style: dict[str, Any] = dict(LINES[kind])
        if len(case.measured) > 1:
            # Many trials: thin, the measured ones in front.
            style |= {"linewidth": 0.8, "zorder": 3 if kind == "measured" else 2.5}
        for response in trials:
            if channel not in response.trace.channels:
                continue
            recorded = response.trace.channel(channel)
            time = response.trace.time_s / time_factor
            level = _orientation(response, channel) * recorded.values / factor
            axes.plot(*decimated(time, level), **style, label=kind)
            censored = np.flatnonzero(recorded.is_censored)
            some = censored[:: max(1, censored.size // _MOST_CROSSES)]
            if some.size:
                label = f"{kind}, at the end of the range"
                colour = style["color"]
                axes.plot(time[some], level[some], "x", color=colour, markersize=4, label=label)


def _mark_spikes(axes: Axes, case: Case) -> None:
    time_factor, _ = _time_scale(case)
    for kind, trials in (("measured", case.measured), ("simulated", case.simulated)):
        spikes_s = [s for trial in trials for pulse in read_pulses(trial) for s in pulse.spike_s]
        axes.plot(
            np.array(spikes_s) / time_factor,
            np.full(len(spikes_s), _MARK_HEIGHT[kind]),
            "v",
            color=LINES[kind]["color"],
            fillstyle="full" if kind == "measured" else "none",
            transform=axes.get_xaxis_transform(),
            label=f"{kind} spike",
        )


def _orientation(response: Response, channel: str) -> float:
    """Return -1 for a current recorded against the voltage: probes are connected either way."""
    if channel != "memristor":
        return 1.0
    along = np.nansum(response.trace.values("input") * response.trace.values(channel))
    return -1.0 if along < 0 else 1.0


def _legend(figure: Figure, row: Sequence[Axes]) -> None:
    """Explain each kind of line once, whichever panel has it."""
    found: dict[str, Any] = {}
    for axes in row:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if found:
        figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=4)


def _level_scale(cases: Sequence[Case], channel: str) -> tuple[float, str]:
    peak, unit = 0.0, "V"
    for response in (response for case in cases for response in _all(case)):
        if channel in response.trace.channels:
            recorded = response.trace.channel(channel)
            finite = recorded.values[np.isfinite(recorded.values)]
            peak, unit = max(peak, float(np.abs(finite).max(initial=0.0))), recorded.unit
    return axis_scale(peak, unit)


def _time_scale(case: Case) -> tuple[float, str]:
    ends_s = [float(np.abs(response.trace.time_s).max(initial=0.0)) for response in _all(case)]
    return axis_scale(max(ends_s, default=0.0), "s")


def _all(case: Case) -> Iterator[Response]:
    yield from case.measured
    yield from case.simulated
