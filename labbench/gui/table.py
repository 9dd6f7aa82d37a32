"""A table of texts, one row of which can be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from PySide6.QtWidgets import QAbstractItemView, QTableView, QWidget

Row = Sequence[str]
AnyIndex = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
# So many rows, and those in sight, say how wide a column is: all of a long table take too long.
_MEASURED_ROWS = 30


class RowTable(QTableView):
    """Rows of text under a header; up and down walk them.

    Signals
    -------
    row_chosen : int
        The user went to another row.
    selected
        The user selected other rows.
    """

    row_chosen = Signal(int)
    selected = Signal()

    def __init__(self, header: Row, parent: QWidget | None = None, *, many: bool = False) -> None:
        super().__init__(parent)
        self._rows = _Rows(header, self)
        self._is_filling = False
        self.setModel(self._rows)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        modes = QAbstractItemView.SelectionMode
        self.setSelectionMode(modes.ExtendedSelection if many else modes.SingleSelection)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        # Tab goes to the next table, not to the next cell.
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        self.horizontalHeader().setStretchLastSection(True)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setResizeContentsPrecision(_MEASURED_ROWS)
        self.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        self.selectionModel().currentRowChanged.connect(self._on_current)
        self.selectionModel().selectionChanged.connect(self._on_selection)

    @property
    def rows(self) -> Sequence[Row]:
        """What is shown."""
        return self._rows.rows

    @property
    def selected_rows(self) -> list[int]:
        """Which rows are selected, the current one first."""
        chosen = [index.row() for index in self.selectionModel().selectedRows()]
        here = self.currentIndex().row()
        return sorted(chosen, key=lambda row: (row != here, row))

    def select_rows(self, chosen: Sequence[int]) -> None:
        """Select rows, as if the user had not done it."""
        self._is_filling = True
        self.clearSelection()
        flags = QItemSelectionModel.SelectionFlag
        for row in chosen:
            index = self._rows.index(row, 0)
            self.selectionModel().select(index, flags.Select | flags.Rows)
        if chosen:
            index = self._rows.index(chosen[0], 0)
            self.selectionModel().setCurrentIndex(index, flags.NoUpdate)
        self._is_filling = False

    def show_rows(self, rows: Sequence[Row], chosen: int | None = None) -> None:
        """Show other rows, one of them as chosen."""
        self._is_filling = True
        self._rows.replace(rows)
        if chosen is not None:
            self.setCurrentIndex(self._rows.index(chosen, 0))
        self._is_filling = False
        self.resizeColumnsToContents()

    def _on_current(self, current: QModelIndex) -> None:
        if current.isValid() and not self._is_filling:
            self.row_chosen.emit(current.row())

    def _on_selection(self) -> None:
        if not self._is_filling:
            self.selected.emit()


class _Rows(QAbstractTableModel):
    def __init__(self, header: Row, parent: QWidget) -> None:
        super().__init__(parent)
        self.header = header
        self.rows: Sequence[Row] = ()

    def replace(self, rows: Sequence[Row]) -> None:
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def rowCount(self, parent: AnyIndex = _NOWHERE) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: AnyIndex = _NOWHERE) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(self.header)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.DisplayRole:
            return self.rows[index.row()][index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            # A tip takes what looks like HTML for HTML; what is escaped is always shown right.
            return f"<span>{escape(self.rows[index.row()][index.column()])}</span>"
        return None

    def headerData(  # noqa: N802
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.header[section]
        return None
