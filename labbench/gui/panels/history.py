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
from labbench.gui.task_line import TaskLine
from labbench.gui.theme import OVERLAY, colour_of, narrow, plain_label
from labbench.report.wording import count, words
from labbench.store.exchange import FORMATS
from labbench.store.states import RUN_STATES
from procedures import PROCEDURES

_SUFFIXES = {"hdf5": ".h5"}
# More would leave no room for the plot on a small screen.
_MOST_TITLES = 3


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
            narrow(box)
        self.runs, self.more = RowTable(RUN_HEADER, many=True), QPushButton("Older runs")
        self.message, self.title = plain_label(wraps=True), plain_label(wraps=True)
        self.plot, self.responses = TracePlot(), RowTable(RESPONSE_HEADER)
        self.features, self.journal = RowTable(FEATURE_HEADER), QListWidget()
        self.said = QLineEdit(placeholderText="a note, a tag, or a reason")
        self.format, self.target = QComboBox(), QLineEdit(placeholderText="export to ...")
        self.format.addItems(FORMATS[::-1])
        self.browse, self.export = QPushButton("Browse ..."), QPushButton("Export")
        self.cancel, self.repeat = QPushButton("Cancel"), QPushButton("Queue again")
        self._export_line = TaskLine()
        self.exported = self._export_line.words
        self._arrange()
        self._connect()

    def _arrange(self) -> None:
        filters = QGridLayout()
        for place, widget in enumerate(
            (self.by_device, self.by_procedure, self.by_state, self.by_tag, self.since)
        ):
            filters.addWidget(widget, place // 2, place % 2)
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
        column.addLayout(self._say_rows())
        column.addLayout(_row(self.target, self.browse))
        column.addLayout(_row(self.format, self.export, self.cancel))
        column.addWidget(self._export_line)
        splitter = QSplitter(Qt.Orientation.Horizontal, childrenCollapsible=False)
        splitter.addWidget(left)
        splitter.addWidget(right)
        QVBoxLayout(self).addWidget(splitter)

    def _say_rows(self) -> QVBoxLayout:
        """Return what is said of the chosen runs, in lines that a small screen has room for."""
        history = self._history
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
        note, tag, untag, exclude, include = self.say_buttons.values()
        rows = QVBoxLayout()
        rows.addWidget(self.said)
        rows.addLayout(_row(note, tag, untag))
        rows.addLayout(_row(exclude, include, self.repeat))
        return rows

    def _connect(self) -> None:
        history = self._history
        history.subscribe("runs", self._show_runs)
        history.subscribe("open", self._show_open)
        history.subscribe("response", self._show_response)
        history.subscribe("export", self._show_export)
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
        self.cancel.clicked.connect(history.cancel_export)
        self.repeat.clicked.connect(lambda: history.repeat(self._queue.repeat))
        self._show_open()
        self._show_export()

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
        self.runs.show_rows([run_row(run) for run in history.runs])
        self.runs.select_rows([k for k, run in enumerate(history.runs) if run.id in history.chosen])
        self.message.setText(history.message)
        self.message.setVisible(bool(history.message))
        self.more.setVisible(history.has_more)

    def _on_selected(self) -> None:
        runs = self._history.runs
        self._history.open([runs[row].id for row in self.runs.selected_rows])

    def _show_open(self) -> None:
        history = self._history
        opened, n_chosen = history.opened, len(history.chosen)
        for button in (*self.say_buttons.values(), self.repeat):
            button.setEnabled(bool(opened))
        self._show_export()
        lines = [run_words(each.run) for each in opened[:_MOST_TITLES]]
        if len(opened) > len(lines):
            lines.append(f"and {count(len(opened) - len(lines), 'more run')}")
        if len(opened) < n_chosen:
            lines.append(
                f"{len(opened)} of {n_chosen} are drawn; "
                f"what is written, queued or exported is of all {n_chosen}."
            )
        self.title.setText("\n".join(lines) or "no run is open")
        rows = [response_row(k, r) for k, r in enumerate(opened[0].responses)] if opened else []
        self.responses.show_rows(rows, min(history.ordinal, len(rows) - 1) if rows else None)
        self.features.show_rows(
            [feature_row(f.property, f.feature) for each in opened for f in each.features]
        )
        self.journal.clear()
        for each in opened:
            tags = f"run {each.run.id}, tags: {', '.join(each.tags)}" if each.tags else ""
            self.journal.addItems([*filter(None, [tags]), *map(journal_words, each.journal)])

    def _show_export(self) -> None:
        history = self._history
        is_busy = history.is_exporting
        self.export.setEnabled(bool(history.opened) and not is_busy)
        self.cancel.setEnabled(is_busy)
        began_s = history.export_began_s if is_busy else None
        self._export_line.show_task(history.export_state, began_s)

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


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    return row
