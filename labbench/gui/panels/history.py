"""The history panel: every run, found, opened, laid over each other, tagged, excluded, exported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from labbench.gui.models.device_model import DeviceModel
from labbench.gui.models.history_model import HistoryModel
from labbench.gui.models.queue_model import QueueModel
from labbench.gui.plot import TracePlot
from labbench.gui.rows import (
    FEATURE_HEADER,
    RESPONSE_HEADER,
    RUN_HEADER,
    feature_row,
    journal_words,
    response_row,
    run_row,
    run_words,
)
from labbench.gui.table import RowTable
from labbench.gui.theme import OVERLAY, colour_of
from labbench.report.wording import words
from labbench.store.exchange import FORMATS
from labbench.store.states import RUN_STATES
from procedures import PROCEDURES

_SUFFIXES = {"hdf5": ".h5"}


class HistoryPanel(QWidget):
    """Runs on the left, what is in the chosen ones on the right."""

    def __init__(self, history: HistoryModel, device: DeviceModel, queue: QueueModel) -> None:
        super().__init__()
        self._history, self._device, self._queue = history, device, queue
        self.by_device, self.by_tag = QComboBox(), QLineEdit(placeholderText="tag")
        self.by_procedure, self.by_state = QComboBox(), QComboBox()
        self.since = QLineEdit(placeholderText="since 2026-01-31")
        self.by_procedure.addItem("any procedure", "")
        for name in PROCEDURES:
            self.by_procedure.addItem(words(name), name)
        self.by_state.addItems(["any state", *RUN_STATES])
        self.by_device.addItem("any device")
        for box in (self.by_device, self.by_procedure, self.by_state):
            # Narrow: the window must fit a small screen.
            box.setSizeAdjustPolicy(box.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(8)
        self.runs, self.more = RowTable(RUN_HEADER, many=True), QPushButton("Older runs")
        self.message, self.title = QLabel(wordWrap=True), QLabel(wordWrap=True)
        self.plot, self.responses = TracePlot(), RowTable(RESPONSE_HEADER)
        self.features, self.journal = RowTable(FEATURE_HEADER), QListWidget()
        self.said = QLineEdit(placeholderText="a note, a tag, or a reason")
        self.format, self.target = QComboBox(), QLineEdit(placeholderText="export to ...")
        self.format.addItems(FORMATS[::-1])
        self.browse, self.export = QPushButton("Browse ..."), QPushButton("Export")
        self.exported = QLabel(wordWrap=True)
        self._arrange()
        self._connect()

    def _arrange(self) -> None:
        filters = QGridLayout()
        for place, widget in enumerate(
            (self.by_device, self.by_procedure, self.by_state, self.by_tag, self.since)
        ):
            filters.addWidget(widget, place // 3, place % 3)
        left, right = QWidget(), QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(filters)
        column.addWidget(self.message)
        column.addWidget(self.runs, stretch=1)
        column.addWidget(self.more)
        tabs = QTabWidget()
        tabs.addTab(self.responses, "Responses")
        tabs.addTab(self.features, "Features")
        tabs.addTab(self.journal, "Journal")
        inner = QSplitter(Qt.Orientation.Vertical, childrenCollapsible=False)
        inner.addWidget(self.plot)
        inner.addWidget(tabs)
        inner.setStretchFactor(0, 3)
        inner.setStretchFactor(1, 2)
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.title)
        column.addWidget(inner, stretch=1)
        column.addWidget(self.said)
        column.addLayout(self._say_row())
        column.addLayout(self._export_row())
        column.addWidget(self.exported)
        splitter = QSplitter(Qt.Orientation.Horizontal, childrenCollapsible=False)
        splitter.addWidget(left)
        splitter.addWidget(right)
        QVBoxLayout(self).addWidget(splitter)

    def _say_row(self) -> QHBoxLayout:
        history = self._history
        row = QHBoxLayout()
        self.say_buttons: dict[str, QPushButton] = {}
        kinds: tuple[tuple[str, Callable[[str], None]], ...] = (
            ("Note", history.note),
            ("Tag", history.tag),
            ("Untag", history.untag),
            ("Exclude", history.exclude),
            ("Include", history.include),
        )
        for name, say in kinds:
            button = QPushButton(name)
            button.clicked.connect(lambda _=False, say=say: self._say(say))
            self.say_buttons[name] = button
            row.addWidget(button)
        return row

    def _export_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addWidget(self.target, stretch=1)
        self.repeat = QPushButton("Queue again")
        for widget in (self.browse, self.format, self.export, self.repeat):
            row.addWidget(widget)
        return row

    def _connect(self) -> None:
        history = self._history
        history.subscribe("runs", self._show_runs)
        history.subscribe("open", self._show_open)
        history.subscribe("response", self._show_response)
        history.subscribe("export", lambda: self.exported.setText(history.export_state))
        self._device.subscribe("devices", self._show_devices)
        for box in (self.by_device, self.by_procedure, self.by_state):
            box.activated.connect(self._filter)
        for line in (self.by_tag, self.since):
            line.editingFinished.connect(self._filter)
        self.more.clicked.connect(history.more)
        self.runs.selected.connect(self._on_selected)
        self.responses.row_chosen.connect(history.show_response)
        self.browse.clicked.connect(self._choose_target)
        self.export.clicked.connect(self._on_export)
        self.repeat.clicked.connect(self._on_repeat)
        self._show_open()

    def _filter(self) -> None:
        device = self.by_device.currentText() if self.by_device.currentIndex() > 0 else ""
        state = self.by_state.currentText() if self.by_state.currentIndex() > 0 else ""
        wanted = {
            "device": device,
            "procedure": self.by_procedure.currentData(),
            "state": state,
            "tag": self.by_tag.text().strip(),
            "since": self.since.text().strip(),
        }
        if {name: value for name, value in wanted.items() if value} != self._history.filters:
            self._history.filter(**wanted)

    def _show_devices(self) -> None:
        chosen = self.by_device.currentText()
        self.by_device.clear()
        self.by_device.addItems(["any device", *(each.name for each in self._device.devices)])
        self.by_device.setCurrentIndex(max(self.by_device.findText(chosen), 0))

    def _show_runs(self) -> None:
        history = self._history
        opened = {each.run.id for each in history.opened}
        self.runs.show_rows([run_row(run) for run in history.runs])
        self.runs.select_rows([k for k, run in enumerate(history.runs) if run.id in opened])
        self.message.setText(history.message)
        self.message.setVisible(bool(history.message))
        self.more.setVisible(history.has_more)

    def _on_selected(self) -> None:
        runs = self._history.runs
        self._history.open([runs[row].id for row in self.runs.selected_rows])

    def _show_open(self) -> None:
        opened = self._history.opened
        for button in (*self.say_buttons.values(), self.repeat, self.export):
            button.setEnabled(bool(opened))
        self.title.setText("\n".join(run_words(each.run) for each in opened) or "no run is open")
        rows = [response_row(k, r) for k, r in enumerate(opened[0].responses)] if opened else []
        self.responses.show_rows(rows, 0 if rows else None)
        self.features.show_rows(
            [feature_row(f.property, f.feature) for each in opened for f in each.features]
        )
        self.journal.clear()
        for each in opened:
            tags = f"run {each.run.id}, tags: {', '.join(each.tags)}" if each.tags else ""
            self.journal.addItems([*filter(None, [tags]), *map(journal_words, each.journal)])

    def _show_response(self) -> None:
        history = self._history
        drawn = []
        for place, each in enumerate(history.opened):
            if each.responses:
                response = each.responses[min(history.ordinal, len(each.responses) - 1)]
                colour = colour_of(each.run.simulated) if not place else OVERLAY[place - 1]
                drawn.append((response, colour))
        self.plot.show_responses(drawn)

    def _say(self, say: Callable[[str], None]) -> None:
        text = self.said.text().strip()
        if text:
            say(text)
            self.said.clear()
        else:
            self.said.setFocus()

    def _choose_target(self) -> None:
        # Not modal: all off must stay within reach.
        dialog = QFileDialog(self, "Export to", self.target.text())
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
        dialog.fileSelected.connect(self.target.setText)
        dialog.setModal(False)
        dialog.show()

    def _on_export(self) -> None:
        target = self.target.text().strip()
        if target:
            name = self.format.currentText()
            path = Path(target)
            suffix = _SUFFIXES.get(name, "")
            self._history.export(
                path if path.suffix or not suffix else path.with_suffix(suffix), name
            )
        else:
            self.target.setFocus()

    def _on_repeat(self) -> None:
        for each in self._history.opened:
            self._queue.repeat(each.run)
