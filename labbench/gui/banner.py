"""What nobody may miss: who answers, what goes on, and the way to switch everything off."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from labbench.gui.models.bench_model import BenchModel
from labbench.gui.theme import ALL_OFF, ORIGINS, em
from labbench.report.wording import words

ALL_OFF_KEY = "F12"
_PROGRESS_MS = 100


class AllOffButton(QPushButton):
    """Large, red, and always to be pressed: also while a run is on, also without a bench."""

    def __init__(self, bench: BenchModel, parent: QWidget | None = None) -> None:
        super().__init__(f"ALL OFF  ({ALL_OFF_KEY})", parent)
        self.setObjectName("all_off")
        self.setStyleSheet(
            f"QPushButton {{ background: {ALL_OFF}; color: white; font-weight: bold; "
            "font-size: 15pt; border: 2px solid white; border-radius: 6px; padding: 6px 18px }"
            "QPushButton:pressed { background: #7d0b14 } QPushButton:focus { border-color: black }"
        )
        self.setToolTip("Bring every output to zero and off, now; what was recorded stays.")
        self.setAccessibleName("all outputs off")
        self.clicked.connect(lambda: bench.all_off())


class Banner(QFrame):
    """SIMULATED or LIVE, the run that goes on, and ALL OFF."""

    def __init__(self, bench: BenchModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench = bench
        self.setObjectName("banner")
        self.word, self.details = QLabel(), QLabel(wordWrap=True)
        self.details.setTextFormat(Qt.TextFormat.PlainText)
        self.progress = QProgressBar(textVisible=True)
        self.progress.setMaximumWidth(em(self, 14))
        self.all_off = AllOffButton(bench)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 8, 4)
        row.addWidget(self.word)
        row.addWidget(self.details, stretch=1)
        row.addWidget(self.progress)
        row.addWidget(self.all_off)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        for part in ("state", "progress"):
            bench.subscribe(part, self._show)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._show_progress)
        self._timer.start(_PROGRESS_MS)
        self._show()

    def _show(self) -> None:
        bench = self._bench
        colour = "#7d0b14" if bench.unsafe else ORIGINS[bench.origin]
        self.setStyleSheet(
            f"QFrame#banner {{ background: {colour} }} QFrame#banner QLabel {{ color: white }}"
        )
        self.word.setText(f'<span style="font-size: 20pt; font-weight: bold">{bench.origin}</span>')
        self.details.setText(self._details())
        self._show_progress()

    def _show_progress(self) -> None:
        self.progress.setVisible(self._bench.running is not None)
        # A bar that may draw paints the whole window at once, whatever else is due.
        self.progress.setUpdatesEnabled(False)
        self.progress.setValue(round(self._bench.percent))
        self.progress.setUpdatesEnabled(True)

    def _details(self) -> str:
        bench = self._bench
        if bench.unsafe:
            return f"SWITCH OFF BY HAND: {'; '.join(bench.unsafe)}"
        if bench.description is None:
            connecting = "connecting ..." if bench.state == "connecting" else ""
            return connecting or "connect a bench file in the bench panel"
        parts = [bench.description.name]
        if not bench.description.is_simulated:
            parts.append("real instruments, real device")
        if bench.state == "stopping":
            parts.append("stopping ...")
        if bench.running is not None:
            run = bench.running
            parts.append(f"run {run.id}: {words(run.procedure)} on {run.device}")
        elif bench.state == "ready":
            parts.append("ready")
        return "  ·  ".join(parts)
