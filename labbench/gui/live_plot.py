"""Plots of a run that goes on: channels with spikes and prediction, pulses, features."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np
import pyqtgraph as pg

from labbench.features import Feature
from labbench.gui.models.live_model import Curve, LiveFrame, StripPulse
from labbench.gui.plot import condition_axis, units_of
from labbench.gui.theme import use_theme_in_plots
from labbench.report.wording import words

_AXIS_WIDTH = 80
# The strip moves on by so many pulses at once.
_STRIDE = 50


class ChannelsPlot(pg.GraphicsLayoutWidget):  # type: ignore[misc]
    """All channels of the newest response below each other, and what a card says to it.

    Attributes
    ----------
    rows : dict of ChannelRow
        By the channel that it shows.
    spike_marks : pyqtgraph.ScatterPlotItem
    """

    def __init__(self) -> None:
        self._theme = use_theme_in_plots()
        super().__init__()
        self.rows: dict[str, ChannelRow] = {}
        self._made: list[ChannelRow] = []
        self._drawn: tuple[Curve, ...] = ()
        self.spike_marks = pg.ScatterPlotItem(
            symbol="t", size=11, pen=None, brush=self._theme.spike
        )
        # Dear to make, and most benches record two channels.
        self._make_rows(2)

    def show_frame(self, frame: LiveFrame, colour: str) -> None:
        """Draw the newest picture."""
        names = [curve.name for curve in frame.curves]
        if names != list(self.rows):
            self._name_rows(frame.curves)
        if frame.curves is not self._drawn:
            self._drawn = frame.curves
            for curve in frame.curves:
                self.rows[curve.name].show_curve(
                    curve, self._theme.input if curve.name == "input" else colour
                )
            self._mark_spikes(frame)
        predicted = {curve.name: curve for curve in frame.predicted if curve.name != "input"}
        for name, row in self.rows.items():
            row.show_predicted(predicted.get(name))

    def _mark_spikes(self, frame: LiveFrame) -> None:
        output = next((curve for curve in frame.curves if curve.name == "output"), None)
        if output is None or not frame.spike_s.size:
            self.spike_marks.setData([], [])
            return
        middle = (float(np.nanmin(output.values)) + float(np.nanmax(output.values))) / 2
        self.spike_marks.setData(frame.spike_s, np.full(frame.spike_s.size, middle))

    def _make_rows(self, n: int) -> None:
        while len(self._made) < n:
            row = ChannelRow(pg.PlotItem(), self._theme.ink)
            if self._made:
                row.item.setXLink(self._made[0].item)
            self._made.append(row)

    def _name_rows(self, curves: Sequence[Curve]) -> None:
        self._make_rows(len(curves))
        if "output" in self.rows:
            self.rows["output"].item.removeItem(self.spike_marks)
        for row in self._made[len(curves) : len(self.rows)]:
            self.removeItem(row.item)
        for place, row in enumerate(self._made[len(self.rows) : len(curves)], len(self.rows)):
            self.addItem(row.item, row=place, col=0)
        self.rows = dict(zip((curve.name for curve in curves), self._made, strict=False))
        for curve in curves:
            self.rows[curve.name].show_axes(curve, is_lowest=curve is curves[-1])
        if "output" in self.rows:
            self.rows["output"].item.addItem(self.spike_marks)


class ChannelRow:
    """One plot of the live channels: what was recorded, and dashed what a card says.

    Attributes
    ----------
    item : pyqtgraph.PlotItem
    curve, predicted : pyqtgraph.PlotDataItem
    """

    def __init__(self, item: Any, ink: str) -> None:
        self.item = item
        # No grid here: it takes more time to paint than all the samples.
        item.getAxis("left").setWidth(_AXIS_WIDTH)
        dashed = pg.mkPen(ink, width=1, style=pg.QtCore.Qt.PenStyle.DashLine)
        self.curve, self.predicted = item.plot(), item.plot(pen=dashed)

    def show_axes(self, curve: Curve, is_lowest: bool) -> None:
        """Label the axes for a channel; times stand below the lowest only."""
        self.item.setLabel("left", curve.name, units=units_of(curve.unit))
        bottom = self.item.getAxis("bottom")
        bottom.setStyle(showValues=is_lowest)
        bottom.showLabel(is_lowest)
        if is_lowest:
            self.item.setLabel("bottom", "time", units="s")

    def show_curve(self, curve: Curve, colour: str) -> None:
        """Draw a channel; the axes stay while it fits, for to draw them anew is dear."""
        # One pixel wide: a pen of two takes six times as long.
        self.curve.setPen(colour, width=1)
        self.curve.setData(curve.time_s, curve.values)
        (left, right), (bottom, top) = self.item.viewRange()
        x, low, high = curve.time_s, np.nanmin(curve.values), np.nanmax(curve.values)
        fits_x = left <= x[0] and x[-1] <= right and right - left < 1.2 * (x[-1] - x[0])
        if not fits_x or low < bottom or top < high or top - bottom > 2.5 * (high - low):
            self.item.autoRange()

    def show_predicted(self, curve: Curve | None) -> None:
        """Draw what a card says to the stimulus of the newest response."""
        if curve is not None:
            self.predicted.setData(curve.time_s, curve.values)
        elif self.predicted.getOriginalDataset()[0] is not None:
            self.predicted.clear()


class StripPlot(pg.GraphicsLayoutWidget):  # type: ignore[misc]
    """One mark for each pulse: its latency if it fired, a cross at zero if not; its energy."""

    def __init__(self) -> None:
        theme = use_theme_in_plots()
        super().__init__()
        self.item = self.addPlot(row=0, col=0)
        self.item.showGrid(y=True, alpha=0.15)
        self.item.getAxis("left").setWidth(_AXIS_WIDTH)
        self.item.setLabel("left", "latency", units="s")
        self.item.setLabel("bottom", "pulse")
        self.fired = pg.ScatterPlotItem(symbol="o", size=7, pen=None, brush=theme.spike)
        self.silent = pg.ScatterPlotItem(symbol="x", size=8, pen=theme.faint, brush=None)
        self.item.addItem(self.fired)
        self.item.addItem(self.silent)
        self.energy_item = self.addPlot(row=1, col=0)
        self.energy_item.getAxis("left").setWidth(_AXIS_WIDTH)
        self.energy_item.setLabel("left", "energy", units="J")
        self.energy_item.setXLink(self.item)
        self.energy = pg.ScatterPlotItem(symbol="s", size=6, pen=None, brush=theme.measured)
        self.energy_item.addItem(self.energy)
        self.energy_item.hide()
        for item in (self.item, self.energy_item):
            item.disableAutoRange()
        self._title = ""

    def show_strip(self, strip: Sequence[StripPulse]) -> None:
        """Draw the last pulses."""
        fired = [pulse for pulse in strip if pulse.fired]
        silent = [pulse for pulse in strip if not pulse.fired]
        known = [pulse for pulse in strip if isfinite(pulse.energy_j)]
        self.fired.setData([p.number for p in fired], [p.latency_s for p in fired])
        self.silent.setData([p.number for p in silent], [0.0] * len(silent))
        self.energy.setData([p.number for p in known], [p.energy_j for p in known])
        self.energy_item.setVisible(bool(known))
        if strip:
            first, last = strip[0].number, strip[-1].number
            left, right = first - first % _STRIDE, last - last % _STRIDE + _STRIDE
            if self.item.viewRange()[0] != [left, right]:
                self.item.setXRange(left, right, padding=0)
            _fit(self.item, [0.0, *(p.latency_s for p in fired)])
            _fit(self.energy_item, [0.0, *(p.energy_j for p in known)])
        n = len(fired)
        title = f"{n} of the last {len(strip)} pulses fired" if strip else "no pulses"
        if title != self._title:
            self._title = title
            self.item.setTitle(title)


def _fit(item: Any, values: Sequence[float]) -> None:
    """Let an axis hold all values; it stays while it does, for to draw it anew is dear."""
    bottom, top = item.viewRange()[1]
    low, high = min(values), max(values)
    if low < high and (low < bottom or top < high or top - bottom > 2.5 * (high - low)):
        item.setYRange(low, high, padding=0.1)


class FeaturePlot(pg.PlotWidget):  # type: ignore[misc]
    """The feature that is measured under most conditions, with its errors, as it builds up."""

    def __init__(self) -> None:
        theme = use_theme_in_plots()
        super().__init__()
        self.plotItem.showGrid(x=True, y=True, alpha=0.15)
        self.plotItem.getAxis("left").setWidth(_AXIS_WIDTH)
        self.bars = pg.ErrorBarItem(pen=theme.ink, beam=0.0)
        self.points = pg.ScatterPlotItem(symbol="o", size=8, pen=None, brush=theme.measured)
        self.addItem(self.bars)
        self.addItem(self.points)

    def show_features(self, features: Sequence[tuple[str, Feature]]) -> None:
        """Draw values against their condition."""
        groups: dict[tuple[str, str], list[Feature]] = defaultdict(list)
        for _, feature in features:
            if len(feature.at) == 1 and isfinite(feature.value):
                groups[feature.name, next(iter(feature.at))].append(feature)
        if not groups:
            self.points.setData([], [])
            self.bars.setData(x=np.empty(0), y=np.empty(0), height=np.empty(0))
            return
        (name, condition), shown = max(groups.items(), key=lambda pair: len(pair[1]))
        x = np.array([feature.at[condition] for feature in shown])
        y = np.array([feature.value for feature in shown])
        error = np.nan_to_num([feature.stderr for feature in shown], posinf=0.0)
        self.points.setData(x, y)
        self.bars.setData(x=x, y=y, height=2 * error)
        label, unit = condition_axis(condition)
        self.plotItem.setLabel("bottom", label, units=unit)
        self.plotItem.setLabel("left", words(name), units=units_of(shown[0].unit))
