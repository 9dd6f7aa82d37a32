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


class ChannelsPlot(pg.GraphicsLayoutWidget):  # type: ignore[misc]
    """All channels of the newest response below each other, and what a card says to it."""

    def __init__(self) -> None:
        self._theme = use_theme_in_plots()
        super().__init__()
        self._names: tuple[str, ...] = ()
        self.items: dict[str, Any] = {}
        self.curves: dict[str, Any] = {}
        self.predicted: dict[str, Any] = {}
        self.spike_marks = pg.ScatterPlotItem(
            symbol="t", size=11, pen=None, brush=self._theme.spike
        )

    def show_frame(self, frame: LiveFrame, colour: str) -> None:
        """Draw the newest picture."""
        names = tuple(curve.name for curve in frame.curves)
        if names != self._names:
            self._rebuild(frame.curves)
        predicted = {curve.name: curve for curve in frame.predicted}
        for curve in frame.curves:
            is_input = curve.name == "input"
            # One pixel wide: a pen of two takes six times as long.
            self.curves[curve.name].setPen(self._theme.input if is_input else colour, width=1)
            self.curves[curve.name].setData(curve.time_s, curve.values)
            said = predicted.get(curve.name)
            if said is None or is_input:
                self.predicted[curve.name].setData([], [])
            else:
                self.predicted[curve.name].setData(said.time_s, said.values)
            self._show_range(self.items[curve.name], curve)
        self._mark_spikes(frame)

    def _show_range(self, item: Any, curve: Curve) -> None:
        """Show all of a curve; the axes stay while it fits, for to draw them anew is dear."""
        (left, right), (bottom, top) = item.viewRange()
        x, low, high = curve.time_s, np.nanmin(curve.values), np.nanmax(curve.values)
        fits_x = left <= x[0] and x[-1] <= right and right - left < 1.2 * (x[-1] - x[0])
        if not fits_x or low < bottom or top < high or top - bottom > 2.5 * (high - low):
            item.autoRange()

    def _mark_spikes(self, frame: LiveFrame) -> None:
        output = next((curve for curve in frame.curves if curve.name == "output"), None)
        if output is None or not frame.spike_s.size:
            self.spike_marks.setData([], [])
            return
        middle = (float(np.nanmin(output.values)) + float(np.nanmax(output.values))) / 2
        self.spike_marks.setData(frame.spike_s, np.full(frame.spike_s.size, middle))

    def _rebuild(self, curves: Sequence[Curve]) -> None:
        self.clear()
        self.items, self.curves, self.predicted = {}, {}, {}
        dashed = pg.mkPen(self._theme.ink, width=1, style=pg.QtCore.Qt.PenStyle.DashLine)
        for row, curve in enumerate(curves):
            item = self.addPlot(row=row, col=0)
            # No grid here: it takes more time to paint than all the samples.
            item.getAxis("left").setWidth(_AXIS_WIDTH)
            item.setLabel("left", curve.name, units=units_of(curve.unit))
            self.items[curve.name] = item
            self.curves[curve.name] = item.plot()
            self.predicted[curve.name] = item.plot(pen=dashed)
        items = list(self.items.values())
        for item in items[:-1]:
            item.setXLink(items[-1])
            item.getAxis("bottom").setStyle(showValues=False)
        items[-1].setLabel("bottom", "time", units="s")
        if "output" in self.items:
            self.items["output"].addItem(self.spike_marks)
        self._names = tuple(curve.name for curve in curves)


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

    def show_strip(self, strip: Sequence[StripPulse]) -> None:
        """Draw the last pulses."""
        fired = [pulse for pulse in strip if pulse.fired]
        silent = [pulse for pulse in strip if not pulse.fired]
        known = [pulse for pulse in strip if isfinite(pulse.energy_j)]
        self.fired.setData([p.number for p in fired], [p.latency_s for p in fired])
        self.silent.setData([p.number for p in silent], [0.0] * len(silent))
        self.energy.setData([p.number for p in known], [p.energy_j for p in known])
        self.energy_item.setVisible(bool(known))
        n = len(fired)
        self.item.setTitle(f"{n} of the last {len(strip)} pulses fired" if strip else "no pulses")


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
