"""Responses against time: what was applied above, what the device did below."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtWidgets import QVBoxLayout, QWidget

from labbench.features import Response
from labbench.gui.theme import use_theme_in_plots
from labbench.gui.thinning import IndexArray, points, seen, thin, thin_view
from labbench.report.wording import count, words
from labbench.spikes import FIRE_FRACTION, find_spikes
from labbench.trace import Trace

FloatArray = NDArray[np.float64]

# Of the left axes: alike, so that one time stands at one place in both panels.
_AXIS_WIDTH = 80


class TracePlot(QWidget):
    """The input and the output (or memristor) channel of responses, time axes linked.

    Millions of samples stay quick: few of those in sight are drawn, chosen anew at each zoom.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = use_theme_in_plots()
        view = pg.GraphicsLayoutWidget()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(view)
        self.above, self.below = Panel(view, 0, stretch=2), Panel(view, 1, stretch=3)
        self.above.item.setXLink(self.below.item)
        self.above.item.getAxis("bottom").setStyle(showValues=False)
        self.spike_marks = pg.ScatterPlotItem(
            symbol="t", size=12, pen=None, brush=self._theme.spike
        )
        self.below.item.addItem(self.spike_marks)

    def show_response(self, response: Response | None, colour: str) -> None:
        """Draw a response in a colour; None empties the plot."""
        self.show_responses([] if response is None else [(response, colour)])

    def show_responses(self, drawn: Sequence[tuple[Response, str]]) -> None:
        """Draw responses over each other, each in its colour; the spikes of the first."""
        traces = [(response.trace, colour) for response, colour in drawn]
        first = traces[0][0] if traces else None
        name = None if first is None else responding(first)
        self.spike_marks.clear()
        inputs = [
            (trace, self._theme.input if k == 0 else c) for k, (trace, c) in enumerate(traces)
        ]
        self.above.show_channel(inputs, "input")
        self.below.show_channel(traces, name)
        if first is None or first.has_time:
            self.below.item.setLabel("bottom", "time", units="s")
        else:
            self.below.item.setLabel("bottom", "sample (times were not recorded)")
        if first is not None and first.has_time and name == "output":
            spikes = find_spikes(first)
            level_v = np.full(len(spikes), FIRE_FRACTION * spikes.resting_v)
            self.spike_marks.setData(spikes.time_s, level_v)
            self.below.item.setTitle(f"{_title(first, name)}, {count(len(spikes), 'spike')}")


class Panel:
    """One channel of one or more traces in a plot.

    Attributes
    ----------
    item : pyqtgraph.PlotItem
    curves : list of ThinnedCurve
    """

    def __init__(self, view: Any, row: int, stretch: int) -> None:
        self.item = view.addPlot(row=row, col=0)
        view.ci.layout.setRowStretchFactor(row, stretch)
        self.item.showGrid(x=True, y=True, alpha=0.15)
        self.item.getAxis("left").setWidth(_AXIS_WIDTH)
        self.curves = [ThinnedCurve(self.item)]
        self.item.getViewBox().sigXRangeChanged.connect(self._on_zoom)

    @property
    def curve(self) -> Any:
        """The first curve; it holds the samples that are drawn, not all of them."""
        return self.curves[0].item

    def show_channel(self, traces: Sequence[tuple[Trace, str]], name: str | None) -> None:
        """Draw a channel of traces whole, where it is there."""
        shown = [(t, colour) for t, colour in traces if name is not None and name in t.channels]
        while len(self.curves) < len(shown):
            self.curves.append(ThinnedCurve(self.item))
        for curve in self.curves[len(shown) :]:
            curve.clear()
        if not shown or name is None:
            self.item.setTitle("not recorded" if traces else "nothing to show")
            self.item.setLabel("left", "")
            return
        for curve, (trace, colour) in zip(self.curves, shown, strict=False):
            # One pixel wide: a pen of two takes six times as long.
            curve.item.setPen(colour, width=1)
            curve.draw(trace, name)
        self.item.enableAutoRange()
        first = shown[0][0]
        channel = first.channels[name]
        self.item.setLabel("left", channel.quantity, units=units_of(channel.unit))
        self.item.setTitle(_title(first, name))

    def _on_zoom(self, _: Any, seen: tuple[float, float]) -> None:
        for curve in self.curves:
            curve.redraw(*seen)


class ThinnedCurve:
    """All samples of a channel, of which few are drawn."""

    def __init__(self, plot: Any) -> None:
        self.item = plot.plot()
        self._trace: Trace | None = None
        self._name = ""
        self._whole = self._drawn = np.empty(0, np.intp)

    def clear(self) -> None:
        """Draw nothing."""
        self._trace = None
        self.item.setData([], [])

    def draw(self, trace: Trace, name: str) -> None:
        """Draw a channel of a trace, whole."""
        self._trace, self._name = trace, name
        self._whole = thin(trace.channels[name].raw)
        self._show(self._whole)

    def redraw(self, low_s: float, high_s: float) -> None:
        """Draw finely what is in sight."""
        if self._trace is None:
            return
        raw = self._trace.channels[self._name].raw
        first, last = seen(self._trace, low_s, high_s)
        # Of half of it, the whole is drawn finely enough.
        drawn = self._whole if 2 * (last - first) > raw.size else thin_view(raw, first, last)
        if not np.array_equal(drawn, self._drawn):
            self._show(drawn)

    def _show(self, places: IndexArray) -> None:
        assert self._trace is not None
        self._drawn = places
        self.item.setData(*points(self._trace, self._name, places))


def responding(trace: Trace) -> str | None:
    """Return the channel that says most of what the device did, None if all is input."""
    others = [name for name in trace.channels if name != "input"]
    preferred = [name for name in ("output", "memristor") if name in others]
    return next(iter(preferred + others), None)


def condition_axis(condition: str) -> tuple[str, str | None]:
    """Return the label and the unit of an axis of a condition, such as "amplitude_v"."""
    stem, _, suffix = condition.rpartition("_")
    unit = {"v": "V", "s": "s", "a": "A", "ohm": "Ω", "f": "F", "j": "J"}.get(suffix)
    return words(stem if unit and stem else condition), unit


def units_of(unit: str) -> str | None:
    """Return a unit as an axis takes it, which writes prefixes by itself."""
    return None if unit == "1" else unit


def _title(trace: Trace, name: str) -> str:
    beyond = int(np.count_nonzero(trace.channels[name].is_censored))
    rails = f", {count(beyond, 'sample')} at the end of the range" if beyond else ""
    return f"{escape(name)}{rails}"
