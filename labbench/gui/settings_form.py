"""The settings of a procedure: units, bounds, checked as they are typed, one value or many."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QLineEdit, QWidget

from labbench.gui.models.queue_model import problem_of, read_values
from labbench.gui.theme import current_theme, em
from procedures import find_procedure, settings_of
from procedures.base import Setting


class SettingsForm(QWidget):
    """A line for each setting; several values in one make a sweep.

    Signals
    -------
    changed
        Something was typed.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(2)
        self._procedure = ""
        self.fields: dict[str, QLineEdit] = {}
        self._notes: dict[str, QLabel] = {}
        self._settings: dict[str, Setting] = {}
        # What was wrong with which text: to look at a thousand values takes a while.
        self._known: dict[str, tuple[str, str]] = {}

    def show_procedure(self, name: str) -> None:
        """Show the settings of a procedure, at their defaults."""
        self._procedure = name
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.fields, self._notes, self._known = {}, {}, {}
        self._settings = {s.name: s for s in settings_of(find_procedure(name))}
        for row, setting in enumerate(self._settings.values()):
            self._add_line(row, setting)
        self._grid.setColumnStretch(1, 1)
        self.changed.emit()

    @property
    def problems(self) -> list[str]:
        """What is wrong, a line each."""
        return [f"{self._settings[n].label}: {p}" for n, p in self._found().items() if p]

    @property
    def values(self) -> dict[str, float]:
        """The first value of each setting; only where nothing is wrong."""
        return {name: read_values(field.text())[0] for name, field in self.fields.items()}

    @property
    def swept(self) -> dict[str, list[float]]:
        """The settings with more than one value."""
        many = {name: read_values(field.text()) for name, field in self.fields.items()}
        return {name: values for name, values in many.items() if len(values) > 1}

    def _add_line(self, row: int, setting: Setting) -> None:
        unit = "" if setting.unit == "1" else f" {setting.unit}"
        field = QLineEdit(f"{setting.default:g}")
        field.setObjectName(setting.name)
        field.setMinimumWidth(em(self, 5))
        field.setToolTip(
            f"{setting.lower:g} to {setting.upper:g}{unit}. Several values make a sweep: "
            "1, 2, 5 or 0.5:1.0:6 (six from 0.5 to 1.0)."
        )
        label = QLabel(f"{setting.label}{f' [{setting.unit}]' if unit else ''}")
        label.setBuddy(field)
        note = QLabel(f"{setting.lower:g} to {setting.upper:g}{unit}", wordWrap=True)
        for column, widget in enumerate((label, field, note)):
            self._grid.addWidget(widget, row, column)
        self.fields[setting.name], self._notes[setting.name] = field, note
        field.textChanged.connect(self._on_typed)

    def _on_typed(self) -> None:
        theme = current_theme()
        for name, problem in self._found().items():
            setting, note = self._settings[name], self._notes[name]
            unit = "" if setting.unit == "1" else f" {setting.unit}"
            note.setText(f"{setting.lower:g} to {setting.upper:g}{unit}")
            note.setStyleSheet(f"color: {theme.bad}; font-weight: bold" if problem else "")
            self.fields[name].setStyleSheet(f"border: 2px solid {theme.bad}" if problem else "")
            self.fields[name].setAccessibleDescription(problem)
        self.changed.emit()

    def _found(self) -> dict[str, str]:
        return {name: self._problem(name, field.text()) for name, field in self.fields.items()}

    def _problem(self, name: str, text: str) -> str:
        known_text, problem = self._known.get(name, (None, ""))
        if text != known_text:
            problem = self._look_at(name, text)
            self._known[name] = (text, problem)
        return problem

    def _look_at(self, name: str, text: str) -> str:
        try:
            values = read_values(text)
        except ValueError as error:
            return f"{error} (in {self._settings[name].unit})"
        problems = (problem_of(self._procedure, name, repr(value)) for value in values)
        return next((problem for problem in problems if problem), "")
