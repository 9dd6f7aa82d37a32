"""The run panel: choose a procedure, set it, see what it does at worst, and queue it."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from labbench.gui.models.bench_model import BenchModel
from labbench.gui.models.device_model import DeviceModel
from labbench.gui.models.queue_model import QueueModel
from labbench.gui.panels.queue import QueueView
from labbench.gui.settings_form import SettingsForm
from labbench.gui.theme import current_theme, em, heading
from labbench.report.wording import words
from procedures import PROCEDURES

# After the last letter was typed.
_PAUSE_MS = 300


class RunPanel(QWidget):
    """What comes next on this device."""

    def __init__(self, bench: BenchModel, queue: QueueModel, device: DeviceModel) -> None:
        super().__init__()
        self._bench, self._queue, self._device = bench, queue, device
        self.device = QComboBox(editable=True)
        self.device.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.device.setPlaceholderText("name of the device under the probes")
        self.procedure = QComboBox()
        for name in PROCEDURES:
            self.procedure.addItem(words(name), name)
        self.purpose = QLabel(wordWrap=True)
        self.form = SettingsForm()
        self.repeats = QSpinBox(minimum=1, maximum=1000, prefix="", suffix=" ×")
        self.estimate = QLabel(wordWrap=True)
        self.estimate.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.add = QPushButton("Queue  (Ctrl+Return)")
        self.queue_view = QueueView(bench, queue)
        self._timer = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._arrange()
        self._connect()
        self._show_procedure()

    def _arrange(self) -> None:
        top = QFormLayout()
        top.addRow("Device", self.device)
        top.addRow("Procedure", self.procedure)
        scroll = QScrollArea(widgetResizable=True)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 6, 0)
        column.addWidget(self.form)
        column.addStretch(1)
        scroll.setWidget(inner)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setMinimumHeight(em(self, 7))
        row = QHBoxLayout()
        row.addWidget(QLabel("Repeat"))
        row.addWidget(self.repeats)
        row.addWidget(self.add, stretch=1)
        upper = QWidget()
        layout = QVBoxLayout(upper)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(top)
        layout.addWidget(self.purpose)
        layout.addWidget(scroll, stretch=1)
        layout.addWidget(heading("At worst"))
        layout.addWidget(self.estimate)
        layout.addLayout(row)
        splitter = QSplitter(Qt.Orientation.Vertical, childrenCollapsible=False)
        splitter.addWidget(upper)
        splitter.addWidget(self.queue_view)
        splitter.setStretchFactor(0, 3)
        splitter.setStretchFactor(1, 2)
        QVBoxLayout(self).addWidget(splitter)

    def _connect(self) -> None:
        self.procedure.currentIndexChanged.connect(self._show_procedure)
        self.device.currentTextChanged.connect(self._on_device)
        self.form.changed.connect(self._on_typed)
        self.repeats.valueChanged.connect(self._on_typed)
        self._timer.timeout.connect(self._foresee)
        self.add.clicked.connect(self._on_add)
        self._device.subscribe("devices", self._show_devices)
        self._device.subscribe("chosen", self._show_chosen)
        self._queue.subscribe("estimate", self._show_estimate)
        self._bench.subscribe("state", self._on_typed)
        QShortcut(QKeySequence("Ctrl+Return"), self, self.add.click)

    @property
    def name(self) -> str:
        """The stable name of the chosen procedure."""
        return str(self.procedure.currentData())

    def _show_procedure(self) -> None:
        self.purpose.setText((PROCEDURES[self.name].__doc__ or "").splitlines()[0])
        self.form.show_procedure(self.name)

    def _show_devices(self) -> None:
        chosen = self._device.chosen
        self.device.blockSignals(True)
        self.device.clear()
        self.device.addItems([each.name for each in self._device.devices])
        self.device.setCurrentText(chosen)
        self.device.blockSignals(False)

    def _show_chosen(self) -> None:
        if self.device.currentText().strip() != self._device.chosen:
            self.device.setCurrentText(self._device.chosen)
        self._on_typed()

    def _on_device(self, name: str) -> None:
        self._device.choose(name)

    def _on_typed(self) -> None:
        problems = self.form.problems
        if not self._device.chosen:
            problems = ["Name the device under the probes.", *problems]
        if not self._bench.is_connected:
            problems = ["Connect a bench in the bench panel.", *problems]
        # Nothing is queued whose worst case nobody has seen.
        self.add.setEnabled(False)
        if problems:
            self._timer.stop()
            self._say("\n".join(problems), is_bad=True)
        else:
            self._say("What this does at worst is being worked out ...", is_bad=False)
            self._timer.start()

    def _foresee(self) -> None:
        if not self.form.problems and self._bench.is_connected:
            form = self.form
            self._queue.foresee(
                self._device.chosen, self.name, form.values, form.swept, self.repeats.value()
            )

    def _show_estimate(self) -> None:
        found = self._queue.estimate
        if found is None or self._timer.isActive() or self.form.problems:
            return
        self._say(found.text, is_bad=not found.is_allowed)
        self.add.setEnabled(found.is_allowed and bool(self._device.chosen))

    def _say(self, text: str, is_bad: bool) -> None:
        self.estimate.setText(text)
        self.estimate.setStyleSheet(f"color: {current_theme().bad}" if is_bad else "")

    def _on_add(self) -> None:
        self._queue.add(
            self._device.chosen,
            self.name,
            self.form.values,
            self.form.swept,
            self.repeats.value(),
        )
