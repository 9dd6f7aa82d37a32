"""The compare panel: each property measured and simulated, side by side; fits in the background."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from labbench.compare import Comparison, Estimate, Scorecard
from labbench.gui.models.compare_model import CompareModel
from labbench.gui.models.device_model import DeviceModel
from labbench.gui.plot import condition_axis, units_of
from labbench.gui.table import RowTable
from labbench.gui.task_line import TaskLine
from labbench.gui.theme import current_theme, em, narrow, plain_label, use_theme_in_plots
from labbench.report.rows import feature_groups, headline, parameter_rows
from labbench.report.verdict import SIGNS, property_verdicts
from labbench.report.wording import words

PROPERTY_HEADER = ("", "Property", "Verdict", "Features")
ROW_HEADER = ("", "Feature", "Condition", "Measured", "n", "Simulated", "n", "σ", "p")
PARAMETER_HEADER = ("Parameter", "Value", "Meaning", "Remedy")
_LAST_FIT = "its last fit"


class ComparePanel(QWidget):
    """Does the model explain this device?"""

    def __init__(self, compare: CompareModel, device: DeviceModel) -> None:
        super().__init__()
        self._compare, self._device = compare, device
        self.title, self.headline = plain_label(), plain_label(wraps=True)
        self.card = narrow(QComboBox())
        self.fit, self.compare = QPushButton("Fit"), QPushButton("Compare")
        self.cancel = QPushButton("Cancel")
        self._line = TaskLine()
        self.progress, self.task = self._line.progress, self._line.words
        self.properties, self.rows = RowTable(PROPERTY_HEADER), RowTable(ROW_HEADER)
        self.parameters = RowTable(PARAMETER_HEADER)
        self.plot = PropertyPlot()
        self._names: list[str] = []
        self._arrange()
        self._connect()
        self._show_task()
        self._show_found()

    def _arrange(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.title, stretch=1)
        row.addWidget(QLabel("with"))
        for widget in (self.card, self.compare, self.fit, self.cancel):
            row.addWidget(widget)
        upper = QSplitter(Qt.Orientation.Horizontal, childrenCollapsible=False)
        upper.addWidget(self.properties)
        upper.addWidget(self.plot)
        upper.setSizes([em(self, 26), em(self, 34)])
        tabs = QTabWidget()
        tabs.addTab(self.rows, "Features")
        tabs.addTab(self.parameters, "Parameters")
        splitter = QSplitter(Qt.Orientation.Vertical, childrenCollapsible=False)
        splitter.addWidget(upper)
        splitter.addWidget(tabs)
        column = QVBoxLayout(self)
        column.addLayout(row)
        column.addWidget(self._line)
        column.addWidget(self.headline)
        column.addWidget(splitter, stretch=1)

    def _connect(self) -> None:
        compare = self._compare
        compare.subscribe("found", self._show_found)
        compare.subscribe("task", self._show_task)
        self._device.subscribe("chosen", lambda: compare.show_device(self._device.chosen))
        self.fit.clicked.connect(compare.fit)
        self.compare.clicked.connect(self._on_compare)
        self.cancel.clicked.connect(compare.cancel)
        self.properties.row_chosen.connect(self._show_property)

    def _on_compare(self) -> None:
        card = self.card.currentText()
        self._compare.compare("" if card == _LAST_FIT else card)

    def _show_task(self) -> None:
        compare = self._compare
        is_busy = compare.is_busy
        self.cancel.setEnabled(is_busy)
        self.fit.setEnabled(not is_busy)
        self.compare.setEnabled(not is_busy)
        self._line.show_task(compare.task, compare.began_s if is_busy else None)

    def _show_found(self) -> None:
        found = self._compare.found
        scorecard = found.scorecard
        chosen = self.card.currentText()
        names = dict.fromkeys(card.name for card in found.cards)
        self.card.clear()
        self.card.addItems([_LAST_FIT, *names])
        self.card.setCurrentIndex(max(self.card.findText(chosen), 0))
        device = self._compare.device or "no device"
        self.title.setText(device if scorecard is None else f"{device} beside {scorecard.card}")
        if scorecard is None:
            self._show_nothing()
            return
        self.headline.setText("\n".join(flag.text for flag in headline(scorecard, None)))
        verdicts = property_verdicts(scorecard)
        self._names = [verdict.property for verdict in verdicts]
        rows = [
            (SIGNS.get(v.verdict, ""), words(v.property), v.verdict, v.summary) for v in verdicts
        ]
        compared = [row.property for row in scorecard.properties]
        first = next((k for k, name in enumerate(self._names) if name in compared), 0)
        self.properties.show_rows(rows, first if rows else None)
        self.parameters.show_rows(parameter_lines(scorecard))
        if rows:
            self._show_property(first)

    def _show_nothing(self) -> None:
        self.headline.setText("Nothing was compared yet: fit the device, or choose a card.")
        for table in (self.properties, self.rows, self.parameters):
            table.show_rows([])
        self.plot.show_rows([])

    def _show_property(self, place: int) -> None:
        scorecard = self._compare.found.scorecard
        if scorecard is None:
            return
        name = self._names[place]
        groups = {group.property: group.rows for group in feature_groups(scorecard)}
        lines = groups.get(name, [])
        self.rows.show_rows(
            [
                (
                    line.sign,
                    words(line.feature),
                    line.condition,
                    line.measured,
                    str(line.measured_n),
                    line.simulated,
                    str(line.simulated_n),
                    line.difference,
                    line.p,
                )
                for line in lines
            ]
        )
        self.plot.show_rows([row for row in scorecard.properties if row.property == name])


class PropertyPlot(pg.PlotWidget):  # type: ignore[misc]
    """Measured and simulated values of the feature with the most conditions, with errors."""

    def __init__(self) -> None:
        self._theme = use_theme_in_plots()
        super().__init__()
        self.plotItem.showGrid(x=True, y=True, alpha=0.15)
        self.plotItem.getAxis("left").setWidth(80)
        self.plotItem.addLegend(offset=(-10, 10))
        theme = current_theme()
        self._marks = [
            self._make("measured", theme.measured, "o"),
            self._make("simulated", theme.simulated, "d"),
        ]

    def _make(self, name: str, colour: str, symbol: str) -> tuple[Any, Any]:
        bars = pg.ErrorBarItem(pen=colour, beam=0.0)
        self.addItem(bars)
        points = self.plot([], [], pen=None, symbol=symbol, symbolBrush=colour, symbolPen=None)
        self.plotItem.legend.addItem(points, name)
        return points, bars

    def show_rows(self, rows: list[Comparison]) -> None:
        """Draw the rows of one property."""
        groups: dict[str, list[Comparison]] = {}
        for row in rows:
            groups.setdefault(row.feature.partition(" at ")[0], []).append(row)
        shown = max(groups.values(), key=len, default=[])
        condition, at = _conditions(shown)
        for (points, bars), estimates in zip(
            self._marks, ([r.measured for r in shown], [r.simulated for r in shown]), strict=True
        ):
            _draw(points, bars, at, estimates)
        label, unit = condition_axis(condition)
        self.plotItem.setLabel("bottom", label, units=unit)
        if shown:
            name = shown[0].feature.partition(" at ")[0]
            self.plotItem.setLabel("left", words(name), units=units_of(shown[0].unit))
        self.plotItem.enableAutoRange()


def _conditions(rows: list[Comparison]) -> tuple[str, list[float]]:
    """Return the condition of some rows and its values; only their order where it is no number."""
    found = [row.feature.partition(" at ")[2].split("=") for row in rows]
    if rows and all(len(each) == 2 for each in found):
        try:
            return found[0][0], [float(value) for _, value in found]
        except ValueError:
            pass
    return "", [float(k) for k in range(len(rows))]


def _draw(points: Any, bars: Any, at: list[float], estimates: list[Estimate]) -> None:
    usable = [(x, e) for x, e in zip(at, estimates, strict=True) if isfinite(e.value)]
    x = np.array([place for place, _ in usable])
    y = np.array([e.value for _, e in usable])
    height = 2 * np.nan_to_num([e.stderr for _, e in usable], posinf=0.0)
    points.setData(x, y)
    bars.setData(x=x, y=y, height=np.asarray(height, dtype=np.float64))


def parameter_lines(scorecard: Scorecard) -> list[tuple[str, ...]]:
    """Return the parameters of the card under `PARAMETER_HEADER`."""
    return [
        (line.name, line.value, line.meaning, "" if line.identifiable else line.remedy)
        for line in parameter_rows(scorecard)
    ]
