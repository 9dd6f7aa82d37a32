"""Current against voltage of swept memristors, every cycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from labbench.features import Response
from labbench.report.figures.style import LINES, decades_axis, decimated, new_figure, styled

MOST_CYCLES = 25
_MOST_CROSSES = 8
_POLARITIES = {1.0: "positive sweeps", -1.0: "negative sweeps"}


@styled
def current_voltage(both: Mapping[str, Sequence[Response]]) -> Figure:
    """Draw log |I| against |V|, one panel a polarity.

    Parameters
    ----------
    both : mapping of "measured" and "simulated" to responses
        To sweeps, with the channels "input" and "memristor".
    """
    polarities = sorted({_polarity(r) for r in both.get("measured", ())}, reverse=True) or [1.0]
    figure = new_figure(3.8, is_wide=True)
    panels = figure.subplots(1, len(polarities), squeeze=False, sharey=True)[0]
    handles: dict[str, Any] = {}
    for axes, polarity in zip(panels, polarities, strict=True):
        for kind, responses in both.items():
            # A model of one polarity answers every sweep as a positive one.
            same = [r for r in responses if _polarity(r) == polarity] or list(responses)
            _cycles(axes, kind, same[:MOST_CYCLES])
        axes.set_title(_POLARITIES[polarity], loc="left")
        axes.set_xlabel("|Voltage| (V)")
        if axes.lines:
            decades_axis(axes.yaxis, "A")
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    panels[0].set_ylabel("|Current|")
    if handles:
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)
    return figure


def _cycles(axes: Axes, kind: str, responses: Sequence[Response]) -> None:
    for response in responses:
        recorded = response.trace.channel("memristor")
        voltage_v = np.abs(response.trace.values("input"))
        level = np.abs(recorded.values)
        clamped = np.zeros(level.shape, bool) if recorded.floor is None else level <= recorded.floor
        # A logarithmic axis has no place for zeros; a clamped one is marked at the floor instead.
        level = np.where(level > 0, level, recorded.floor or np.nan)
        style = {**LINES[kind], "linewidth": 0.7, "alpha": 0.6}
        axes.plot(*decimated(voltage_v, level, bins=80), **style, label=kind)
        for what, where, marker in (
            ("at the end of the range", recorded.is_censored, "x"),
            ("below the floor", clamped, "|"),
        ):
            some = np.flatnonzero(where)
            some = some[:: max(1, some.size // _MOST_CROSSES)]
            if some.size:
                colour, label = style["color"], f"{kind}, {what}"
                axes.plot(voltage_v[some], level[some], marker, color=colour, markersize=3,
                          linestyle="", label=label)  # fmt: skip


def _polarity(response: Response) -> float:
    return -1.0 if float(np.nansum(response.trace.values("input"))) < 0 else 1.0
