"""A table of texts, one row of which can be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QTableView, QWidget

Row = Sequence[str]
AnyIndex = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


class RowTable(QTableView):
    """Rows of text under a header; up and down walk them.

    Signals
    -------
    row_chosen : int
        The user went to another row.
    """

    row_chosen = Signal(int)

    def __init__(self, header: Row, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = _Rows(header, self)
        self._is_filling = False
        self.setModel(self._rows)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        # Tab goes to the next table, not to the next cell.
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        self.horizontalHeader().setStretchLastSection(True)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        self.selectionModel().currentRowChanged.connect(self._on_current)

    @property
    def rows(self) -> Sequence[Row]:
        """What is shown."""
        return self._rows.rows

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
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return self.rows[index.row()][index.column()]
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
