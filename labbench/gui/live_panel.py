"""The run as it goes: waveforms, the pulses one by one, and the features building up."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QSplitter, QVBoxLayout, QWidget

from labbench.bench.desk import Played
from labbench.features import Response
from labbench.gui.live_model import Analysis, LiveFeed
from labbench.gui.plot import INPUT_COLOUR, SPIKE_COLOUR, Panel
from labbench.gui.rows import FEATURE_HEADER, live_feature_row
from labbench.gui.table import RowTable
from labbench.gui.thinning import thin
from labbench.report.quantity import format_quantity
from labbench.report.wording import count
from labbench.spikes import FIRE_FRACTION, find_spikes
from labbench.store import PulseRow
from labbench.trace import Trace

_COLOURS = {True: "#d55e00", False: "#0072b2"}
_PREDICTED = "#1b1c1d"


class LivePlot(QWidget):
    """All channels of the newest response, one above the other; time axes linked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = pg.GraphicsLayoutWidget()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._view)
        self.panels: dict[str, Panel] = {}
        self._spikes = pg.ScatterPlotItem(symbol="t", size=12, pen=None, brush=SPIKE_COLOUR)
        self._predicted = pg.PlotDataItem(
            pen=pg.mkPen(_PREDICTED, width=1, style=Qt.PenStyle.DashLine)
        )

    def show_response(self, response: Response, is_simulated: bool) -> None:
        """Draw a response; the panels stay as long as the channels do."""
        trace = response.trace
        if list(self.panels) != list(trace.channels):
            self._arrange(trace)
        for name, panel in self.panels.items():
            is_input = name == "input"
            colour = INPUT_COLOUR if is_input else _COLOURS[is_simulated]
            panel.show_channel(trace, name, colour)
        self._predicted.setData([], [])
        self._mark_spikes(trace)

    def show_predicted(self, response: Response) -> None:
        """Draw the output that the fitted card answers with, dashed."""
        if "output" in self.panels and "output" in response.trace.channels:
            trace, values = response.trace, response.trace.channels["output"].values
            drawn = thin(values)
            self._predicted.setData(trace.time_s[drawn], values[drawn])

    def _arrange(self, trace: Trace) -> None:
        for item in (self._spikes, self._predicted):
            if item.getViewBox() is not None:
                self.panels["output"].item.removeItem(item)
        self._view.clear()
        self.panels = {
            name: Panel(self._view, row, stretch=2 if name == "input" else 3, is_live=True)
            for row, name in enumerate(trace.channels)
        }
        *upper, last = self.panels.values()
        for panel in upper:
            panel.item.setXLink(last.item)
            panel.item.getAxis("bottom").setStyle(showValues=False)
        if trace.has_time:
            last.item.setLabel("bottom", "time", units="s")
        else:
            last.item.setLabel("bottom", "sample (times were not recorded)")
        if "output" in self.panels:
            self.panels["output"].item.addItem(self._predicted)
            self.panels["output"].item.addItem(self._spikes)

    def _mark_spikes(self, trace: Trace) -> None:
        self._spikes.clear()
        if "output" in trace.channels and trace.has_time:
            spikes = find_spikes(trace)
            self._spikes.setData(
                spikes.time_s, np.full(len(spikes), FIRE_FRACTION * spikes.resting_v)
            )


class PulseStrip(QWidget):
    """Every pulse of the run: its latency where it fired, a cross below where it did not."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        view = pg.GraphicsLayoutWidget()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(view)
        self.item = view.addPlot()
        self.item.setLabel("left", "latency", units="s")
        self.item.setLabel("bottom", "pulse of this run")
        self.item.showGrid(x=True, y=True, alpha=0.15)
        self.fired = pg.ScatterPlotItem(symbol="o", size=6, pen=None, brush="#0072b2")
        self.silent = pg.ScatterPlotItem(symbol="x", size=8, pen="#6c6d6e", brush=None)
        self.item.addItem(self.fired)
        self.item.addItem(self.silent)

    def show_pulses(self, pulses: list[PulseRow]) -> None:
        """Draw pulses in the order that they came in."""
        fired = [(i, p.latency_s) for i, p in enumerate(pulses) if p.latency_s is not None]
        silent = [i for i, p in enumerate(pulses) if p.fired is False]
        self.fired.setData(*zip(*fired, strict=True) if fired else ([], []))
        self.silent.setData(silent, [0.0] * len(silent))
        self.item.setTitle(f"{len(fired)} of {count(len(pulses), 'pulse')} fired")


class LivePanel(QWidget):
    """What a `LiveFeed` has, drawn whenever `refresh` is called and something is new."""

    def __init__(self, feed: LiveFeed, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.feed = feed
        self.is_simulated = True
        self.heading = QLabel("No run yet. Plan one in the Run panel, and press Start.")
        self.heading.setWordWrap(True)
        self.plot, self.strip, self.features = (
            LivePlot(),
            PulseStrip(),
            RowTable(FEATURE_HEADER[1:]),
        )
        self._analysed: Analysis | None = None
        below = QSplitter(Qt.Orientation.Horizontal)
        below.addWidget(self.strip)
        below.addWidget(self.features)
        splitter = QSplitter(Qt.Orientation.Vertical)
        for part, stretch in ((self.plot, 3), (below, 2)):
            splitter.addWidget(part)
            splitter.setStretchFactor(splitter.count() - 1, stretch)
        column = QVBoxLayout(self)
        column.addWidget(self.heading)
        column.addWidget(splitter, stretch=1)

    def refresh(self) -> None:
        """Draw what is new; nothing if nothing is."""
        if not self.isVisible():
            return
        played = self.feed.take()
        if played is not None:
            self._show(played)
        analysis = self.feed.analysis
        if analysis is not None and analysis is not self._analysed:
            self._analysed = analysis
            self._show_analysis(analysis)

    def _show(self, played: Played) -> None:
        self.plot.show_response(played.response, self.is_simulated)
        self.strip.show_pulses(self.feed.strip())
        stimulus = played.response.stimulus
        self.heading.setText(
            f"run {played.run_id}, response {played.ordinal + 1}: "
            f"{stimulus.kind.replace('_', ' ')}, "
            f"peak {format_quantity(stimulus.peak, None, stimulus.unit)}"
            + (f"; {self.feed.dropped} not drawn, all are stored" if self.feed.dropped else "")
        )

    def _show_analysis(self, analysis: Analysis) -> None:
        rows = [
            live_feature_row(name, feature)[1:]
            for name, features in analysis.features.items()
            for feature in features
        ]
        self.features.show_rows(rows)
        latest = self.feed.latest
        # Over the response to another stimulus a prediction would be wrong.
        is_same = latest is not None and latest.response.stimulus == analysis.stimulus
        if analysis.predicted is not None and is_same:
            self.plot.show_predicted(analysis.predicted)
