"""The bench: who answers in which role, whether outputs are on, and one way to all of them off."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from labbench.bench.desk import Desk, DeskState, InstrumentState
from labbench.gui.table import RowTable

_HEADER = ("Role", "Output", "Instrument", "Address")
_MOST_LINES = 500
_OFF_STYLE = (
    "QPushButton { background: #b00020; color: white; font-weight: bold; font-size: 16pt;"
    " padding: 12px; border: 3px solid #600010; border-radius: 6px }"
    "QPushButton:pressed { background: #600010 }"
    "QPushButton:focus { border-color: white }"
)


class BenchPanel(QWidget):
    """Shows a desk, and tells it what to do.

    Signals
    -------
    bench_wanted
        The user asked for another bench file.
    """

    bench_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.desk: Desk | None = None
        self._shown: DeskState | None = None
        self.all_off = QPushButton("ALL OFF  (Ctrl+0 or Esc Esc)")
        self.all_off.setStyleSheet(_OFF_STYLE)
        self.all_off.setToolTip("Every output to zero and off, now; the run and the queue stop.")
        self.file = QPushButton("Bench file …")
        self.link = QPushButton("Connect")
        self.check = QPushButton("Check")
        self.check.setToolTip("Ask every instrument who it is and whether its output is on.")
        self.title = QLabel("No bench file is chosen.")
        self.title.setWordWrap(True)
        self.instruments = RowTable(_HEADER)
        self.limits = QLabel("")
        self.limits.setWordWrap(True)
        self.notices = QListWidget()
        self.notices.setWordWrap(True)
        self.notices.setTextElideMode(Qt.TextElideMode.ElideNone)
        self._arrange()
        self.file.clicked.connect(self.bench_wanted)
        self.link.clicked.connect(self._on_link)
        self.check.clicked.connect(self._on_check)
        self.all_off.clicked.connect(self.switch_off)
        self.refresh()

    def _arrange(self) -> None:
        buttons = QHBoxLayout()
        for button in (self.file, self.link, self.check):
            buttons.addWidget(button)
        column = QVBoxLayout(self)
        column.addWidget(self.all_off)
        column.addLayout(buttons)
        column.addWidget(self.title)
        column.addWidget(self.instruments, stretch=2)
        column.addWidget(self.limits)
        column.addWidget(QLabel("Messages"))
        column.addWidget(self.notices, stretch=2)

    def sit_at(self, desk: Desk) -> None:
        """Show another desk."""
        self.desk, self._shown = desk, None
        self.refresh()

    def switch_off(self) -> None:
        """Bring every output to zero and off, whatever is going on."""
        if self.desk is not None and self.desk.is_open:
            self.desk.all_off()
        else:
            self.add_line("No bench is connected: no output is on by this programme.", False)

    def refresh(self) -> None:
        """Draw what has changed."""
        state = None if self.desk is None else self.desk.state
        if self.desk is not None:
            for notice in self.desk.take_notices():
                self.add_line(f"{notice.at:%H:%M:%S}  {notice.text}", notice.is_error)
        if state is self._shown and state is not None:
            return
        before, self._shown = self._shown, state
        phase = "closed" if state is None else state.phase
        self.link.setEnabled(self.desk is not None and phase != "opening")
        self.link.setText("Connect" if phase == "closed" else "Disconnect")
        self.check.setEnabled(phase == "idle")
        if state is None or self.desk is None:
            return
        name = state.bench or self.desk.bench_path.name
        self.title.setText(f"{name}: {phase}")
        self.limits.setText("\n".join(state.limits))
        shown = (None, None) if before is None else (before.instruments, before.phase)
        if shown != (state.instruments, state.phase):
            self.instruments.show_rows([_row(each, state.phase) for each in state.instruments])

    def add_line(self, text: str, is_error: bool) -> None:
        """Add a line to the messages; the oldest go."""
        item = QListWidgetItem(f"ERROR  {text}" if is_error else text)
        if is_error:
            font = item.font()
            font.setBold(True)
            item.setFont(font)
        self.notices.addItem(item)
        if self.notices.count() > _MOST_LINES:
            self.notices.takeItem(0)
        self.notices.scrollToBottom()

    def _on_check(self) -> None:
        if self.desk is not None:
            self.desk.check()

    def _on_link(self) -> None:
        if self.desk is None:
            return
        if self.desk.state.phase == "closed":
            self.desk.open()
        else:
            self.desk.close()


def _row(each: InstrumentState, phase: str) -> tuple[str, ...]:
    output = {True: "ON", False: "off", None: "–"}[each.is_output_on]
    if phase in ("running", "ending") and each.is_output_on is not None:
        output = "in use"
    return (each.role.replace("_", " "), output, each.identity, each.address)
