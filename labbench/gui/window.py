"""The window on a lab database: runs, their responses, traces and features."""

from __future__ import annotations

import signal
from html import escape

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QLabel, QMainWindow, QSplitter, QVBoxLayout, QWidget

from labbench.gui.browser import RunBrowser
from labbench.gui.plot import TracePlot
from labbench.gui.rows import (
    FEATURE_HEADER,
    RESPONSE_HEADER,
    RUN_HEADER,
    feature_row,
    origin,
    response_row,
    run_row,
    run_words,
)
from labbench.gui.table import RowTable
from labbench.store.reader import Reader

REFRESH_MS = 2000
# As in the report.
_COLOURS = {"measured": "#0072b2", "simulated": "#d55e00"}
_NO_RUN_COLOUR = "#6c6d6e"
_HINTS = "Up, Down: walk    Tab: next table    F5: read anew    Ctrl+Q: quit"


def show_window(store: Reader) -> int:
    """Show the runs of a store until the window is closed, and return Qt's exit code."""
    application = QApplication.instance() or QApplication(["labbench-gui"])
    window = BrowserWindow(RunBrowser(store))
    window.show()
    timer = QTimer()
    timer.timeout.connect(window.browser.refresh)
    timer.start(REFRESH_MS)
    # Python hears Ctrl-C in the terminal at the next tick of the timer.
    before = signal.signal(signal.SIGINT, lambda *_: application.quit())
    try:
        return application.exec()
    finally:
        signal.signal(signal.SIGINT, before)


class BrowserWindow(QMainWindow):
    """Shows a `RunBrowser`, and tells it what the user chose."""

    def __init__(self, browser: RunBrowser) -> None:
        super().__init__()
        self.browser = browser
        self.message, self.banner = QLabel(wordWrap=True), QLabel(wordWrap=True)
        self.message.setStyleSheet("background: #ffe08a; color: black; padding: 6px")
        self.message.setTextFormat(Qt.TextFormat.PlainText)
        self.runs = RowTable(RUN_HEADER)
        self.responses = RowTable(RESPONSE_HEADER)
        self.plot = TracePlot()
        self.features = RowTable(FEATURE_HEADER)
        self._arrange()
        self._connect()
        self._show_run()
        self._show_message()
        browser.refresh()
        self.runs.setFocus()

    def _arrange(self) -> None:
        left = _split(Qt.Orientation.Vertical, (self.runs, 3), (self.responses, 4))
        right = _split(Qt.Orientation.Vertical, (self.plot, 5), (self.features, 2))
        central = QWidget()
        column = QVBoxLayout(central)
        column.addWidget(self.message)
        column.addWidget(self.banner)
        column.addWidget(_split(Qt.Orientation.Horizontal, (left, 2), (right, 3)), stretch=1)
        self.setCentralWidget(central)
        self.setWindowTitle(f"labbench: {self.browser.store.name}")
        self.statusBar().addWidget(QLabel(_HINTS))
        self.resize(1360, 860)

    def _connect(self) -> None:
        browser = self.browser
        browser.subscribe("runs", self._show_runs)
        browser.subscribe("run", self._show_run)
        browser.subscribe("response", self._show_response)
        browser.subscribe("features", self._show_features)
        browser.subscribe("message", self._show_message)
        self.runs.row_chosen.connect(lambda row: browser.choose_run(browser.runs[row].id))
        self.responses.row_chosen.connect(browser.choose_response)
        QShortcut(QKeySequence("F5"), self, lambda: browser.refresh(reread=True))
        QShortcut(QKeySequence("Ctrl+Q"), self, self.close)

    def _show_runs(self) -> None:
        runs, chosen = self.browser.runs, self.browser.run
        rows = [run_row(run) for run in runs]
        places = {run.id: place for place, run in enumerate(runs)}
        self.runs.show_rows(rows, places[chosen.id] if chosen is not None else 0)

    def _show_run(self) -> None:
        run = self.browser.run
        if run is None:
            self._show_banner(_NO_RUN_COLOUR, "NO RUNS YET", "")
        else:
            self._show_banner(_COLOURS[origin(run)], origin(run).upper(), run_words(run))
        responses = self.browser.responses
        rows = [response_row(ordinal, response) for ordinal, response in enumerate(responses)]
        self.responses.show_rows(rows, self.browser.ordinal if rows else None)

    def _show_banner(self, colour: str, word: str, details: str) -> None:
        self.banner.setStyleSheet(f"background: {colour}; color: white; padding: 6px")
        big = f'<span style="font-size: 20pt; font-weight: bold">{word}</span>'
        self.banner.setText(f"{big}&nbsp;&nbsp;&nbsp;{escape(details)}")

    def _show_response(self) -> None:
        run = self.browser.run
        colour = _NO_RUN_COLOUR if run is None else _COLOURS[origin(run)]
        self.plot.show_response(self.browser.response, colour)

    def _show_features(self) -> None:
        self.features.show_rows([feature_row(record) for record in self.browser.features])

    def _show_message(self) -> None:
        self.message.setText(self.browser.message)
        self.message.setVisible(bool(self.browser.message))


def _split(orientation: Qt.Orientation, *parts: tuple[QWidget, int]) -> QSplitter:
    splitter = QSplitter(orientation)
    splitter.setChildrenCollapsible(False)
    for place, (widget, stretch) in enumerate(parts):
        splitter.addWidget(widget)
        splitter.setStretchFactor(place, stretch)
    return splitter
