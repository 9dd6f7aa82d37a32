"""Plan runs and work the queue: procedure, settings checked as they are typed, worst case first."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from labbench.bench import BenchDescription, Forecast
from labbench.bench.desk import Desk
from labbench.errors import LabbenchError
from labbench.gui.run_form import RunForm, forecast_words, said
from labbench.gui.table import RowTable
from labbench.report.wording import words
from labbench.store import Store
from procedures import PROCEDURES

_QUEUE_HEADER = ("#", "Device", "Procedure", "Settings", "When a limit acts")
_POLICIES = ("as the procedure says", "record", "stop", "ramp_down")
# Typing goes on; a dry run may take a second.
_SETTLED_S = 0.4
_QUEUE_S = 0.5
_WRONG = "QLineEdit { border: 2px solid #cc3311 }"


class RunPanel(QWidget):
    """Fills a `RunForm`, puts what it means into the queue of the store, and starts the desk."""

    def __init__(self, store: Store, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.store = store
        self.desk: Desk | None = None
        self.bench: BenchDescription | None = None
        self.form = RunForm(next(iter(PROCEDURES)))
        self.fields: dict[str, QLineEdit] = {}
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="labbench dry run")
        self._forecast: Future[list[Forecast]] | None = None
        self._changed_s: float | None = monotonic()
        self._read_s = 0.0
        self.entries: list[int] = []
        self._build()
        self._arrange()
        self._connect()
        self._on_procedure()

    def _build(self) -> None:
        self.device = QComboBox(editable=True)
        self.device.setPlaceholderText("device, a new name adds it")
        self.procedure = QComboBox()
        for name in PROCEDURES:
            self.procedure.addItem(words(name), name)
        self.policy = QComboBox()
        self.policy.addItems(_POLICIES)
        self.repeats = QSpinBox(minimum=1, maximum=100)
        self.settings = QWidget()
        self.problem, self.estimate = QLabel(wordWrap=True), QLabel(wordWrap=True)
        for label in (self.problem, self.estimate):
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.add = QPushButton("Add to queue")
        self.queue = RowTable(_QUEUE_HEADER)
        self.start, self.pause = QPushButton("Start queue"), QPushButton("Pause after this run")
        self.abort = QPushButton("Abort run")
        self.up, self.down = QPushButton("Up"), QPushButton("Down")
        self.remove, self.again = QPushButton("Withdraw"), QPushButton("Repeat")
        self.bar = QProgressBar()
        self.bar.setFormat("no run")

    def _arrange(self) -> None:
        top = QFormLayout()
        for label, widget in (
            ("Device", self.device),
            ("Procedure", self.procedure),
            ("When a limit acts", self.policy),
            ("Repeat", self.repeats),
        ):
            top.addRow(label, widget)
        scroll = QScrollArea(widgetResizable=True)
        scroll.setWidget(self.settings)
        scroll.setMinimumHeight(120)
        work = QGridLayout()
        for place, button in enumerate((self.start, self.pause, self.abort)):
            work.addWidget(button, 0, place)
        entries = QHBoxLayout()
        for button in (self.up, self.down, self.again, self.remove):
            entries.addWidget(button)
        column = QVBoxLayout(self)
        column.addLayout(top)
        column.addWidget(scroll, stretch=3)
        for part in (self.problem, self.estimate, self.add):
            column.addWidget(part)
        column.addWidget(self.queue, stretch=2)
        column.addLayout(entries)
        column.addLayout(work)
        column.addWidget(self.bar)

    def _connect(self) -> None:
        self.procedure.currentIndexChanged.connect(self._on_procedure)
        self.device.currentTextChanged.connect(self._on_change)
        self.repeats.valueChanged.connect(self._on_change)
        self.add.clicked.connect(lambda: self._try(self._enqueue))
        self.start.clicked.connect(lambda: self._tell(Desk.start))
        self.pause.clicked.connect(lambda: self._tell(Desk.pause))
        self.abort.clicked.connect(lambda: self._tell(Desk.abort))
        self.up.clicked.connect(lambda: self._try(lambda: self._move(-1)))
        self.down.clicked.connect(lambda: self._try(lambda: self._move(1)))
        self.remove.clicked.connect(lambda: self._try(self._withdraw))
        self.again.clicked.connect(lambda: self._try(self._repeat))

    def sit_at(self, desk: Desk, bench: BenchDescription) -> None:
        """Plan for another bench."""
        self.desk, self.bench = desk, bench
        self._on_change()

    def choose_device(self, name: str) -> None:
        """Plan for a device."""
        self.device.setCurrentText(name)

    def refresh(self) -> None:
        """Draw what has changed: the estimate, the queue, how far the run is."""
        self._show_forecast()
        now_s = monotonic()
        if now_s - self._read_s > _QUEUE_S:
            self._read_s = now_s
            self._try(self.read_queue)
        state = None if self.desk is None else self.desk.state
        is_open = state is not None and state.phase not in ("closed", "opening")
        is_started = state is not None and state.is_started
        self.start.setEnabled(is_open and not is_started and bool(self.entries))
        self.pause.setEnabled(is_started)
        self.abort.setEnabled(state is not None and state.phase == "running")
        if state is not None and state.run is not None:
            run = state.run
            self.bar.setValue(int(run.percent))
            ending = "ending: " if state.phase == "ending" else ""
            self.bar.setFormat(f"{ending}run {run.run_id}, {words(run.procedure)}, %p %")
        else:
            self.bar.setValue(0)
            self.bar.setFormat("no run")

    def read_queue(self) -> None:
        """Read the queue, and the devices that there are."""
        found = self.store.queue()
        rows = [
            (
                str(place + 1),
                entry.device,
                words(entry.procedure),
                ", ".join(f"{k}={v:g}" for k, v in entry.settings.items()) or "defaults",
                entry.compliance_policy or _POLICIES[0],
            )
            for place, entry in enumerate(found)
        ]
        if rows != list(self.queue.rows):
            chosen = self._chosen()
            self.entries = [entry.id for entry in found]
            kept = self.entries.index(chosen) if chosen in self.entries else None
            self.queue.show_rows(rows, 0 if kept is None and rows else kept)
        names = [device.name for device in self.store.devices()]
        if names != [self.device.itemText(i) for i in range(self.device.count())]:
            text = self.device.currentText()
            self.device.blockSignals(True)
            self.device.clear()
            self.device.addItems(names)
            self.device.setCurrentText(text or (names[0] if names else ""))
            self.device.blockSignals(False)
            self._on_change()

    def close_threads(self) -> None:
        """Give up what is still computed."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _on_procedure(self) -> None:
        self.form.choose(self.procedure.currentData())
        layout = QFormLayout()
        self.fields = {}
        for setting in self.form.settings:
            field = QLineEdit(placeholderText=f"{setting.default:g}")
            unit = "" if setting.unit == "1" else f" {setting.unit}"
            field.setToolTip(
                f"{setting.name}: {setting.lower:g} to {setting.upper:g}{unit}. Sweep it with a "
                "list 0.8, 1.0 or a range 0.8..1.2:5."
            )
            field.textChanged.connect(self._on_change)
            self.fields[setting.name] = field
            bounds = f"{setting.lower:g} … {setting.upper:g}{unit}"
            layout.addRow(f"{setting.label} ({bounds})", field)
        old = self.settings.layout()
        if old is not None:
            QWidget().setLayout(old)  # which takes the fields along
        self.settings.setLayout(layout)
        self._on_change()

    def _on_change(self) -> None:
        self.form.texts = {name: field.text() for name, field in self.fields.items()}
        self.form.repeats = self.repeats.value()
        wrong = self.form.problems()
        for name, field in self.fields.items():
            field.setStyleSheet(_WRONG if name in wrong else "")
        self.problem.setText("\n".join(wrong.values()))
        self.problem.setVisible(bool(wrong))
        self.add.setEnabled(not wrong and bool(self.device.currentText().strip()))
        self.estimate.setText("")
        self._forecast = None
        self._changed_s = None if wrong else monotonic()

    def _show_forecast(self) -> None:
        if self.bench is None:
            self.estimate.setText("Choose a bench file for an estimate of duration and stress.")
            return
        if self._changed_s is not None and monotonic() - self._changed_s > _SETTLED_S:
            self._changed_s = None
            self.estimate.setText("playing the dry run …")
            name = self.device.currentText()
            known = {device.name for device in self.store.devices()}
            spent = self.store.dose(name) if name in known else None
            budget = self.store.budget(name) if name in known else {}
            self._forecast = self._threads.submit(self.form.forecasts, self.bench, spent, budget)
        if self._forecast is None or not self._forecast.done():
            return
        done, self._forecast = self._forecast, None
        error = done.exception()
        if error is not None:
            self.estimate.setText(f"No estimate: {said(error)}")
            return
        line, exceeded = forecast_words(done.result())
        self.estimate.setText("\n".join([line, *(f"TOO MUCH  {each}" for each in exceeded)]))
        self.add.setEnabled(self.add.isEnabled() and not exceeded)

    def _enqueue(self) -> None:
        device_id = self._device_id()
        policy = None if self.policy.currentIndex() == 0 else self.policy.currentText()
        for settings in self.form.entries():
            self.store.enqueue(device_id, self.form.procedure, settings, policy)
        self.read_queue()

    def _device_id(self) -> int:
        name = self.device.currentText().strip()
        known = {device.name: device.id for device in self.store.devices()}
        return known[name] if name in known else self.store.add_device(name, "neuron")

    def _chosen(self) -> int | None:
        row = self.queue.currentIndex().row()
        return self.entries[row] if 0 <= row < len(self.entries) else None

    def _move(self, by: int) -> None:
        chosen = self._chosen()
        if chosen is None:
            return
        place = self.entries.index(chosen)
        to = min(max(place + by, 0), len(self.entries) - 1)
        order = [entry for entry in self.entries if entry != chosen]
        self.store.order_queue([*order[:to], chosen, *order[to:]])
        self.read_queue()

    def _withdraw(self) -> None:
        chosen = self._chosen()
        if chosen is not None:
            self.store.withdraw([chosen], "withdrawn by the operator")
            self.read_queue()

    def _repeat(self) -> None:
        chosen = self._chosen()
        for entry in self.store.queue():
            if entry.id == chosen:
                self.store.enqueue(
                    entry.device_id, entry.procedure, entry.settings, entry.compliance_policy
                )
        self.read_queue()

    def _tell(self, what: Callable[[Desk], None]) -> None:
        if self.desk is not None:
            what(self.desk)

    def _try(self, act: Callable[[], Any]) -> None:
        try:
            act()
        except LabbenchError as error:
            self.problem.setText(str(error))
            self.problem.setVisible(True)
