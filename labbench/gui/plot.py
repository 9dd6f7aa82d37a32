"""A response against time: what was applied above, what the device did below."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from math import ceil, floor
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtWidgets import QVBoxLayout, QWidget

from labbench.features import Response
from labbench.gui.thinning import IndexArray, thin, thin_view
from labbench.report.wording import count
from labbench.spikes import FIRE_FRACTION, find_spikes
from labbench.trace import Channel, Trace

FloatArray = NDArray[np.float64]

INK, INPUT_COLOUR, SPIKE_COLOUR = "#1b1c1d", "#6c6d6e", "#cc3311"
# Of the left axes: alike, so that one time stands at one place in both panels.
_AXIS_WIDTH = 80

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

    def __init__(self, view: Any, row: int, stretch: int, is_live: bool = False) -> None:
        self.item = view.addPlot(row=row, col=0)
        view.ci.layout.setRowStretchFactor(row, stretch)
        if not is_live:
            # Grids take more time to paint than all the samples.
            self.item.showGrid(x=True, y=True, alpha=0.15)
        self._is_live = is_live
        self._words: tuple[str, ...] = ()
        self.item.getAxis("left").setWidth(_AXIS_WIDTH)
        self.curve = self.item.plot()
        self._trace: Trace | None = None
        self._channel: Channel | None = None
        self._drawn = self._whole = np.empty(0, np.intp)
        self.item.getViewBox().sigXRangeChanged.connect(self._on_zoom)

    def show_channel(self, trace: Trace | None, name: str | None, colour: str) -> None:
        """Draw a channel of a trace whole, if it is there."""
        if trace is None or name is None or name not in trace.channels:
            self._trace = self._channel = None
            self._words = ()
            self.curve.setData([], [])
            self.item.setTitle("nothing to show" if trace is None else "not recorded")
            self.item.setLabel("left", "")
            return
        channel = trace.channels[name]
        # One pixel wide: a pen of two takes six times as long.
        self.curve.setPen(colour, width=1)
        self._trace, self._channel = trace, channel
        self._whole = thin(channel.raw)
        self._draw(self._whole)
        self._show_range()
        words = (channel.quantity, channel.unit, _title(trace, name))
        if words != self._words:  # text takes long
            self._words = words
            self.item.setLabel("left", channel.quantity, units=_units(channel.unit))
            self.item.setTitle(words[-1])

    def _show_range(self) -> None:
        """Show all of it; a live one stays where it is while that fits, for axes are dear."""
        if self._is_live and self.curve.xData is not None:
            (left, right), (bottom, top) = self.item.viewRange()
            x, y = self.curve.xData, self.curve.yData
            low, high = np.nanmin(y), np.nanmax(y)
            span = max(high - low, np.finfo(float).tiny)
            fits_x = left <= x[0] and x[-1] <= right and right - left < 1.2 * (x[-1] - x[0])
            if fits_x and bottom <= low and high <= top and top - bottom < 2.5 * span:
                return
        self.item.autoRange()

    def _draw(self, places: IndexArray) -> None:
        """Draw some samples; only of these are times and values worked out."""
        assert self._trace is not None
        assert self._channel is not None
        self._drawn = places
        values = replace(self._channel, raw=self._channel.raw[places]).values
        self.curve.setData(_times(self._trace, places), values)

    def _on_zoom(self, _: Any, seen: tuple[float, float]) -> None:
        if self._trace is None or self._channel is None:
            return
        raw = self._channel.raw
        first, last = _seen(self._trace, *seen)
        # Of half of it, the whole is drawn finely enough.
        drawn = self._whole if 2 * (last - first) > raw.size else thin_view(raw, first, last)
        if not np.array_equal(drawn, self._drawn):
            self._draw(drawn)


def _times(trace: Trace, places: IndexArray) -> FloatArray:
    """Return when some samples were taken in s; their numbers where nobody knows."""
    if trace.uneven_time_s is not None:
        return trace.uneven_time_s[places]
    if trace.interval_s is None:
        return places.astype(np.float64)
    return np.asarray(trace.start_s + places * trace.interval_s)


def _seen(trace: Trace, low_s: float, high_s: float) -> tuple[int, int]:
    """Return the first sample in sight, or the one before, and the one behind the last."""
    if trace.uneven_time_s is not None:
        first = int(np.searchsorted(trace.uneven_time_s, low_s)) - 1
        last = int(np.searchsorted(trace.uneven_time_s, high_s, side="right")) + 1
    else:
        start, step = trace.start_s, trace.interval_s
        if step is None:
            start, step = 0.0, 1.0
        first, last = floor((low_s - start) / step), ceil((high_s - start) / step) + 1
    return max(first, 0), min(max(last, 0), len(trace))


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
