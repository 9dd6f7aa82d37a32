"""A response against time: what was applied above, what the device did below."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtWidgets import QVBoxLayout, QWidget

from labbench.features import Response
from labbench.gui.thinning import thin_view
from labbench.report.wording import count
from labbench.spikes import FIRE_FRACTION, find_spikes
from labbench.trace import Trace

FloatArray = NDArray[np.float64]

INK, INPUT_COLOUR, SPIKE_COLOUR = "#1b1c1d", "#6c6d6e", "#cc3311"
# Of the left axes: alike, so that one time stands at one place in both panels.
_AXIS_WIDTH = 80
_EMPTY = np.empty(0)

pg.setConfigOptions(background="w", foreground=INK)


class TracePlot(QWidget):
    """The input and the output (or memristor) channel of one response, time axes linked.

    Millions of samples stay quick: few of those in sight are drawn, chosen anew at each zoom.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        view = pg.GraphicsLayoutWidget()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(view)
        self.above, self.below = Panel(view, 0, stretch=2), Panel(view, 1, stretch=3)
        self.above.item.setXLink(self.below.item)
        self.above.item.getAxis("bottom").setStyle(showValues=False)
        self.spike_marks = pg.ScatterPlotItem(symbol="t", size=12, pen=None, brush=SPIKE_COLOUR)
        self.below.item.addItem(self.spike_marks)

    def show_response(self, response: Response | None, colour: str) -> None:
        """Draw a response in a colour; None empties the plot."""
        trace = None if response is None else response.trace
        name = None if trace is None else _responding(trace)
        self.spike_marks.clear()
        self.above.show_channel(trace, "input", INPUT_COLOUR)
        self.below.show_channel(trace, name, colour)
        if trace is None or trace.has_time:
            self.below.item.setLabel("bottom", "time", units="s")
        else:
            self.below.item.setLabel("bottom", "sample (times were not recorded)")
        if trace is not None and trace.has_time and name == "output":
            spikes = find_spikes(trace)
            level_v = np.full(len(spikes), FIRE_FRACTION * spikes.resting_v)
            self.spike_marks.setData(spikes.time_s, level_v)
            self.below.item.setTitle(f"{_title(trace, name)}, {count(len(spikes), 'spike')}")


class Panel:
    """One channel of a trace in a plot.

    Attributes
    ----------
    item : pyqtgraph.PlotItem
    curve : pyqtgraph.PlotDataItem
        Holds the samples that are drawn, not all of them.
    """

    def __init__(self, view: Any, row: int, stretch: int) -> None:
        self.item = view.addPlot(row=row, col=0)
        view.ci.layout.setRowStretchFactor(row, stretch)
        self.item.showGrid(x=True, y=True, alpha=0.15)
        self.item.getAxis("left").setWidth(_AXIS_WIDTH)
        self.curve = self.item.plot()
        self._time_s, self._values, self._drawn = _EMPTY, _EMPTY, np.empty(0, np.intp)
        self.item.getViewBox().sigXRangeChanged.connect(self._on_zoom)

    def show_channel(self, trace: Trace | None, name: str | None, colour: str) -> None:
        """Draw a channel of a trace whole, if it is there."""
        if trace is None or name is None or name not in trace.channels:
            self._draw(_EMPTY, _EMPTY)
            self.item.setTitle("nothing to show" if trace is None else "not recorded")
            self.item.setLabel("left", "")
            return
        channel = trace.channels[name]
        # One pixel wide: a pen of two takes six times as long.
        self.curve.setPen(colour, width=1)
        time_s = trace.time_s if trace.has_time else np.arange(len(trace), dtype=np.float64)
        self._draw(time_s, channel.values)
        self.item.setLabel("left", channel.quantity, units=_units(channel.unit))
        self.item.setTitle(_title(trace, name))

    def _draw(self, time_s: FloatArray, values: FloatArray) -> None:
        self._time_s, self._values = time_s, values
        self._drawn = thin_view(time_s, values, -np.inf, np.inf)
        self.curve.setData(time_s[self._drawn], values[self._drawn])
        self.item.enableAutoRange()

    def _on_zoom(self, _: Any, seen: tuple[float, float]) -> None:
        drawn = thin_view(self._time_s, self._values, *seen)
        if not np.array_equal(drawn, self._drawn):
            self._drawn = drawn
            self.curve.setData(self._time_s[drawn], self._values[drawn])


def _responding(trace: Trace) -> str | None:
    """Return the channel that says most of what the device did, None if all is input."""
    responding = [name for name in trace.channels if name != "input"]
    preferred = [name for name in ("output", "memristor") if name in responding]
    return next(iter(preferred + responding), None)


def _units(unit: str) -> str | None:
    return None if unit == "1" else unit


def _title(trace: Trace, name: str) -> str:
    beyond = int(np.count_nonzero(trace.channels[name].is_censored))
    rails = f", {count(beyond, 'sample')} at the end of the range" if beyond else ""
    return f"{escape(name)}{rails}"
