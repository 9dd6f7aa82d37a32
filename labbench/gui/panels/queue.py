"""The queue: what is planned, what goes on, what was interrupted."""

from __future__ import annotations

from textwrap import shorten

from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from labbench.gui.models.bench_model import BenchModel
from labbench.gui.models.queue_model import QueueModel
from labbench.gui.table import RowTable
from labbench.gui.theme import WARNING, heading
from labbench.report.wording import count, words
from labbench.store import RunRecord
from procedures import PROCEDURES, settings_of

# As many as anybody looks through; the others come up as these are played.
_MOST_ROWS = 200
_NOTE_LENGTH = 160
QUEUE_HEADER = ("Run", "State", "Device", "Procedure", "Settings that differ")


class QueueView(QWidget):
    """The run that goes on, and those that come after it."""

    def __init__(self, bench: BenchModel, queue: QueueModel) -> None:
        super().__init__()
        self._bench, self._queue = bench, queue
        self.table = RowTable(QUEUE_HEADER, many=True)
        self.state = QLabel(wordWrap=True)
        self.interrupted = QLabel(wordWrap=True)
        self.interrupted.setStyleSheet(WARNING)
        self.take_up, self.dismiss = QPushButton("Repeat them"), QPushButton("Dismiss")
        self.start, self.hold = QPushButton("Start  (F9)"), QPushButton("Hold")
        self.abort = QPushButton("Abort run  (F10)")
        self.up, self.down = QPushButton("Up"), QPushButton("Down")
        self.remove, self.repeat = QPushButton("Remove"), QPushButton("Repeat")
        self._arrange()
        self._connect()
        self._show()

    def _arrange(self) -> None:
        buttons = QGridLayout()
        for place, button in enumerate((self.start, self.hold, self.abort)):
            buttons.addWidget(button, 0, place)
        for place, button in enumerate((self.up, self.down, self.remove, self.repeat)):
            buttons.addWidget(button, 1 if place < 3 else 0, place if place < 3 else 3)
        self._warning = QWidget()
        row = QHBoxLayout(self._warning)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.interrupted, stretch=1)
        row.addWidget(self.take_up)
        row.addWidget(self.dismiss)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(heading("Queue"))
        column.addWidget(self._warning)
        column.addWidget(self.table, stretch=1)
        column.addWidget(self.state)
        column.addLayout(buttons)

    def _connect(self) -> None:
        self._queue.subscribe("planned", self._show)
        self._queue.subscribe("interrupted", self._show_interrupted)
        for part in ("state", "runs"):
            self._bench.subscribe(part, self._show)
        self.start.clicked.connect(self._bench.start)
        self.hold.clicked.connect(self._bench.hold)
        self.abort.clicked.connect(self._bench.abort)
        self.up.clicked.connect(lambda: self._move(-1))
        self.down.clicked.connect(lambda: self._move(1))
        self.remove.clicked.connect(lambda: self._queue.remove(self._chosen()))
        self.repeat.clicked.connect(self._on_repeat)
        self.take_up.clicked.connect(lambda: self._queue.settle(self._queue.interrupted, True))
        self.dismiss.clicked.connect(lambda: self._queue.settle(self._queue.interrupted, False))
        self.table.selected.connect(self._show_buttons)

    def _runs(self) -> list[tuple[RunRecord, str]]:
        running = self._bench.running
        shown = [] if running is None else [(running, "running")]
        ids = {run.id for run, _ in shown}
        for each in self._queue.planned:
            if each.run.id not in ids:
                is_other = self._bench.is_connected and not each.is_ours
                shown.append((each.run, "for another bench" if is_other else "planned"))
        return shown

    def _show(self) -> None:
        chosen = set(self._chosen())
        runs = self._runs()
        rows = [queue_row(run, state) for run, state in runs[:_MOST_ROWS]]
        if len(runs) > _MOST_ROWS:
            rows.append(("", f"and {len(runs) - _MOST_ROWS} more", "", "", ""))
        if rows != list(self.table.rows):
            self._ids = [run.id for run, _ in runs[:_MOST_ROWS]]
            self.table.show_rows(rows)
            self.table.select_rows([k for k, i in enumerate(self._ids) if i in chosen])
        self._show_buttons()

    def _show_buttons(self) -> None:
        bench, chosen = self._bench, self._chosen()
        ours = any(each.is_ours for each in self._queue.planned)
        self.start.setEnabled(bench.state == "ready" and ours)
        self.hold.setEnabled(bench.state == "running")
        self.abort.setEnabled(bench.running is not None and bench.state != "stopping")
        for button in (self.up, self.down):
            button.setEnabled(len(chosen) == 1)
        self.remove.setEnabled(bool(chosen))
        self.repeat.setEnabled(bool(chosen) and bench.is_connected)
        n = sum(each.is_ours or not bench.is_connected for each in self._queue.planned)
        text = bench.resting or f"{count(n, 'run')} planned"
        if bench.ended:
            last = bench.ended[-1]
            note = shorten(last.note, _NOTE_LENGTH, placeholder=" ...")
            text += f". Last: run {last.run_id} {last.state}{f', {note}' * bool(note)}"
        self.state.setText(text)

    def _chosen(self) -> list[int]:
        ids = getattr(self, "_ids", [])
        planned = {each.run.id for each in self._queue.planned}
        rows = [row for row in self.table.selected_rows if row < len(ids)]
        return [ids[row] for row in rows if ids[row] in planned]

    def _move(self, places: int) -> None:
        (run_id,) = self._chosen()
        rows = self.table.selected_rows
        self._queue.move(run_id, places)
        self.table.select_rows([min(max(rows[0] + places, 0), len(self.table.rows) - 1)])

    def _on_repeat(self) -> None:
        chosen = set(self._chosen())
        for each in self._queue.planned:
            if each.run.id in chosen:
                self._queue.repeat(each.run)

    def _show_interrupted(self) -> None:
        runs = self._queue.interrupted
        self._warning.setVisible(bool(runs))
        named = ", ".join(f"{run.id} ({words(run.procedure)} on {run.device})" for run in runs[-3:])
        verb = "was" if len(runs) == 1 else "were"
        self.interrupted.setText(
            f"{count(len(runs), 'run')} {verb} interrupted by the end of the programme: {named}. "
            "What was recorded is kept."
        )


def queue_row(run: RunRecord, state: str) -> tuple[str, ...]:
    """Return a run under `QUEUE_HEADER`."""
    return (str(run.id), state, run.device, words(run.procedure), differing(run))


def differing(run: RunRecord) -> str:
    """Return the settings of a run that are not the procedure's defaults, in words."""
    if run.procedure not in PROCEDURES:
        return ""
    return ", ".join(
        f"{setting.label} {run.settings[setting.name]:g}"
        f"{'' if setting.unit == '1' else f' {setting.unit}'}"
        for setting in settings_of(PROCEDURES[run.procedure])
        if run.settings.get(setting.name, setting.default) != setting.default
    )
