"""The map of a wafer: its known dies, to click one on."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from labbench.gui.theme import current_theme, em

Die = tuple[int, int]


class WaferMap(QWidget):
    """A square for each known die, with the number of its devices; rows count upward.

    Signals
    -------
    die_chosen : int, int
        Column and row.
    """

    die_chosen = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._n_devices: Mapping[Die, int] = {}
        # Left, right, bottom, top.
        self._extent = (0, 0, 0, 0)
        self.chosen: Die | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(em(self, 8), em(self, 7))

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return a square."""
        return QSize(em(self, 14), em(self, 12))

    def show_dies(self, n_devices: Mapping[Die, int], chosen: Die | None) -> None:
        """Show dies with the number of devices on each."""
        if n_devices:
            columns, rows = zip(*n_devices, strict=True)
            self._extent = min(columns), max(columns), min(rows), max(rows)
        self._n_devices, self.chosen = n_devices, chosen
        self.update()

    def place_of(self, die: Die) -> QRectF:
        """Return where a die is drawn."""
        left, right, bottom, top = self._extent
        n = max(right - left, top - bottom) + 1
        side = min(self.width(), self.height()) / (n + 0.2)
        x = (self.width() - side * (right - left + 1)) / 2 + (die[0] - left) * side
        y = (self.height() - side * (top - bottom + 1)) / 2 + (top - die[1]) * side
        return QRectF(x + 1, y + 1, side - 2, side - 2)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw the map."""
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self._n_devices:
            painter.setPen(QColor(theme.faint))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "no dies yet")
            return
        for die, n in self._n_devices.items():
            place = self.place_of(die)
            is_chosen = die == self.chosen
            painter.setPen(
                QPen(QColor(theme.ink if is_chosen else theme.faint), 3 if is_chosen else 1)
            )
            painter.setBrush(QColor(theme.measured if n else theme.paper))
            painter.setOpacity(1.0 if is_chosen else 0.75)
            painter.drawRoundedRect(place, 3, 3)
            painter.setOpacity(1.0)
            painter.setPen(QColor(theme.paper if n else theme.faint))
            if place.width() > 2.2 * self.fontMetrics().height():
                text = f"{die[0]}, {die[1]}" + (f"\n{n}" if n else "")
                painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Choose the die that was clicked."""
        self._choose_at(event.position())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Walk with the arrow keys."""
        keys = Qt.Key
        steps = {
            keys.Key_Left: (-1, 0),
            keys.Key_Right: (1, 0),
            keys.Key_Up: (0, 1),
            keys.Key_Down: (0, -1),
        }
        step = steps.get(Qt.Key(event.key()))
        if step is None or not self._n_devices:
            super().keyPressEvent(event)
            return
        here = self.chosen or next(iter(self._n_devices))
        there = (here[0] + step[0], here[1] + step[1])
        if there in self._n_devices:
            self.die_chosen.emit(*there)

    def _choose_at(self, point: QPointF) -> None:
        for die in self._n_devices:
            if self.place_of(die).contains(point):
                self.die_chosen.emit(*die)
                return
