"""A line about something that takes long: that it goes on, for how long, and what became of it."""

from __future__ import annotations

from time import monotonic

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from labbench.gui.theme import em, plain_label

_TICK_MS = 500


class TaskLine(QWidget):
    """A bar that moves while something is done, and words."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.progress, self.words = QProgressBar(), plain_label(wraps=True)
        self.progress.setRange(0, 0)
        self.progress.setMaximumWidth(em(self, 8))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.progress)
        row.addWidget(self.words, stretch=1)
        self._text, self._began_s = "", 0.0
        self._timer = QTimer(self, interval=_TICK_MS)
        self._timer.timeout.connect(self._tick)
        self.show_task("", None)

    def show_task(self, text: str, began_s: float | None) -> None:
        """Show a task that began then, on the monotonic clock; None if nothing goes on."""
        self.progress.setVisible(began_s is not None)
        if began_s is None:
            self._timer.stop()
            self.words.setText(text)
        else:
            self._text, self._began_s = text, began_s
            self._timer.start()
            self._tick()

    def _tick(self) -> None:
        self.words.setText(f"{self._text}: {monotonic() - self._began_s:.0f} s so far")
