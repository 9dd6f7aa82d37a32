"""The device panel: where it is, what it took and may still take, what was said and found."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from labbench.compare import scorecard_from_dict
from labbench.gui.models.device_model import DeviceFacts, DeviceModel
from labbench.gui.rows import RUN_HEADER, journal_words, run_row
from labbench.gui.table import RowTable
from labbench.gui.theme import heading, narrow, plain_label
from labbench.gui.wafer_map import WaferMap
from labbench.report.quantity import format_quantity
from labbench.report.verdict import SIGNS, property_verdicts
from labbench.report.wording import words
from labbench.store.schema import BUDGETED, DEVICE_KINDS

DEVICE_HEADER = ("Device", "Kind", "Die")
DOSE_HEADER = ("Quantity", "Applied", "Allowed", "Left")
VERDICT_HEADER = ("", "Property", "Verdict", "Features")
_UNITS = {"at_voltage_s": "s", "charge_c": "C", "energy_j": "J", "peak_v": "V"}
_NOWHERE = "(no wafer)"


class DevicePanel(QWidget):
    """Pick a die and a device, and see its life."""

    def __init__(self, device: DeviceModel) -> None:
        super().__init__()
        self._device = device
        self.wafer, self.map = narrow(QComboBox()), WaferMap()
        self.devices = RowTable(DEVICE_HEADER)
        self.name = QLineEdit(placeholderText="new device")
        self.kind = QComboBox()
        self.kind.addItems(DEVICE_KINDS)
        self.new_wafer = QLineEdit(placeholderText="wafer (optional)")
        self.column = QSpinBox(minimum=-999, maximum=999)
        self.row = QSpinBox(minimum=-999, maximum=999)
        self.add = QPushButton("Add")
        self.title = plain_label(wraps=True)
        self.dose, self.verdicts = RowTable(DOSE_HEADER), RowTable(VERDICT_HEADER)
        self.runs, self.journal = RowTable(RUN_HEADER), QListWidget()
        self.journal.setWordWrap(True)
        self.quantity, self.allowed = QComboBox(), QLineEdit(placeholderText="no bound")
        self.quantity.addItems(BUDGETED)
        self.set_budget = QPushButton("Set budget")
        self.said = QLineEdit(placeholderText="a note, or a tag")
        self.note, self.tag = QPushButton("Note"), QPushButton("Tag")
        self.untag = QPushButton("Untag")
        self._shown: list[str] = []
        self._followed = ""
        self._arrange()
        self._connect()
        self._show_devices()
        self._show_facts()

    def _arrange(self) -> None:
        top = QSplitter(Qt.Orientation.Horizontal, childrenCollapsible=False)
        left = _column(self.wafer, self.map)
        top.addWidget(left)
        top.addWidget(self.devices)
        place = _row(self.new_wafer, QLabel("x"), self.column, QLabel("y"), self.row)
        new = _row(self.name, self.kind, self.add)
        budget = _row(self.quantity, self.allowed, self.set_budget)
        tabs = QTabWidget()
        tabs.addTab(_column(self.dose, budget), "Dose and budget")
        tabs.addTab(self.verdicts, "Scorecard")
        tabs.addTab(self.runs, "History")
        said = _row(self.said, self.note, self.tag, self.untag)
        tabs.addTab(_column(self.journal, said), "Journal")
        self.tabs = tabs
        upper, lower = QWidget(), QWidget()
        for widget, parts in (
            (upper, (top, new, place)),
            (lower, (heading("Chosen device"), self.title, tabs)),
        ):
            column = QVBoxLayout(widget)
            column.setContentsMargins(0, 0, 0, 0)
            for part in parts:
                column.addWidget(part)
        splitter = QSplitter(Qt.Orientation.Vertical, childrenCollapsible=False)
        splitter.addWidget(upper)
        splitter.addWidget(lower)
        QVBoxLayout(self).addWidget(splitter)

    def _connect(self) -> None:
        device = self._device
        device.subscribe("devices", self._show_devices)
        device.subscribe("facts", self._show_facts)
        device.subscribe("facts", self._show_where)
        self.wafer.activated.connect(lambda: self._show_map(None))
        self.map.die_chosen.connect(self._on_die)
        self.devices.row_chosen.connect(lambda row: device.choose(self._shown[row]))
        self.add.clicked.connect(self._on_add)
        self.name.returnPressed.connect(self._on_add)
        self.set_budget.clicked.connect(self._on_budget)
        for button, say in (
            (self.note, device.note),
            (self.tag, device.tag),
            (self.untag, device.untag),
        ):
            button.clicked.connect(lambda _=False, say=say: self._say(say))

    def _show_devices(self) -> None:
        chosen, had_wafers = self.wafer.currentText(), self.wafer.count() > 1
        self.wafer.clear()
        self.wafer.addItems([*(wafer.label for wafer in self._device.wafers), _NOWHERE])
        self.wafer.setCurrentIndex(max(self.wafer.findText(chosen), 0) if had_wafers else 0)
        self._show_map(self.map.chosen)
        self._show_where()

    def _show_map(self, die: tuple[int, int] | None) -> None:
        model, label = self._device, self.wafer.currentText()
        dies = model.n_devices(label)
        self.map.show_dies(dies, die if die in dies else None)
        wanted = None if label == _NOWHERE else label
        shown = [
            d for d in model.devices if d.wafer == wanted and (die is None or (d.x, d.y) == die)
        ]
        self._shown = [each.name for each in shown]
        rows = [(d.name, d.kind, "" if d.x is None else f"{d.x}, {d.y}") for d in shown]
        here = self._shown.index(model.chosen) if model.chosen in self._shown else None
        self.devices.show_rows(rows, here)

    def _show_where(self) -> None:
        """Turn the map to a device when it is chosen; from then on it is the user's."""
        facts = self._device.facts
        if facts is None or facts.device.name == self._followed:
            return
        device = facts.device
        place = self.wafer.findText(device.wafer or _NOWHERE)
        if place < 0:
            return
        self._followed = device.name
        self.wafer.setCurrentIndex(place)
        self._show_map(None if device.x is None or device.y is None else (device.x, device.y))

    def _on_die(self, x: int, y: int) -> None:
        self.new_wafer.setText(self.wafer.currentText())
        self.column.setValue(x)
        self.row.setValue(y)
        self._show_map((x, y))
        if self._shown:
            self._device.choose(self._shown[0])

    def _on_add(self) -> None:
        name = self.name.text().strip()
        if name:
            wafer = self.new_wafer.text().strip()
            wafer = "" if wafer == _NOWHERE else wafer
            self._device.add(
                name, self.kind.currentText(), wafer, self.column.value(), self.row.value()
            )
            self.name.clear()

    def _show_facts(self) -> None:
        facts, name = self._device.facts, self._device.chosen
        for widget in (self.set_budget, self.note, self.tag, self.untag):
            widget.setEnabled(facts is not None)
        self.journal.clear()
        if facts is None:
            self.title.setText(f"{name}: new, nothing is known of it" if name else "none")
            for table in (self.dose, self.verdicts, self.runs):
                table.show_rows([])
            return
        device = facts.device
        place = "" if device.wafer is None else f" on {device.wafer} ({device.x}, {device.y})"
        tags = f"; tags: {', '.join(facts.tags)}" if facts.tags else ""
        self.title.setText(f"{device.name}: {device.kind}{place}{tags}")
        self.dose.show_rows(dose_rows(facts))
        self.verdicts.show_rows(verdict_rows(facts))
        self.runs.show_rows([run_row(run) for run in facts.runs])
        self.journal.addItems([journal_words(record) for record in facts.journal[::-1]])

    def _on_budget(self) -> None:
        text = self.allowed.text().strip()
        try:
            allowed = float(text) if text else None
        except ValueError:
            self.allowed.setText("")
            self.allowed.setPlaceholderText("a number, or nothing")
            return
        self._device.set_budget(self.quantity.currentText(), allowed)

    def _say(self, say: object) -> None:
        if self.said.text().strip() and callable(say):
            say(self.said.text().strip())
            self.said.clear()


def dose_rows(facts: DeviceFacts) -> list[tuple[str, ...]]:
    """Return what was applied, and what is left, under `DOSE_HEADER`."""
    rows = []
    for name in BUDGETED:
        unit, applied = _UNITS.get(name, "1"), getattr(facts.dose, name)
        allowed = facts.budget.get(name)
        left = None if allowed is None else max(allowed - applied, 0.0)
        if name == "peak_v":
            left = None  # a voltage is not used up
        named = words(name.removesuffix(f"_{unit.lower()}").removeprefix("n_"))
        texts = (format_quantity(value, None, unit) for value in (applied, allowed, left))
        rows.append((named, *texts))
    return rows


def verdict_rows(facts: DeviceFacts) -> list[tuple[str, ...]]:
    """Return the last scorecard under `VERDICT_HEADER`."""
    if facts.document is None:
        return []
    verdicts = property_verdicts(scorecard_from_dict(facts.document))
    return [(SIGNS.get(v.verdict, ""), words(v.property), v.verdict, v.summary) for v in verdicts]


def _column(*widgets: QWidget) -> QWidget:
    return _box(QVBoxLayout(), widgets)


def _row(*widgets: QWidget) -> QWidget:
    row = _box(QHBoxLayout(), widgets)
    row.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    return row


def _box(layout: QVBoxLayout | QHBoxLayout, widgets: tuple[QWidget, ...]) -> QWidget:
    box = QWidget()
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    box.setLayout(layout)
    return box
