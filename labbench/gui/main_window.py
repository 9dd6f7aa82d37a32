"""The window that a person at the probe station works with for a day."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from PySide6.QtCore import QSettings, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QDockWidget,
    QFileDialog,
    QLabel,
    QMainWindow,
    QMessageBox,
    QVBoxLayout,
    QWidget,
)

from labbench.bench import read_bench
from labbench.bench.desk import Desk
from labbench.errors import LabbenchError
from labbench.gui.bench_panel import BenchPanel
from labbench.gui.live_model import LiveFeed
from labbench.gui.live_panel import LivePanel
from labbench.gui.run_panel import RunPanel
from labbench.store import Store

# 25 frames a second.
FRAME_MS = 40
# A window that was asked to close insists no longer than this before it asks the operator.
_PATIENCE_S = 15.0
_ESCAPES_S = 1.0
_BANNER = "color: white; background: {colour}; font-size: 18pt; font-weight: bold; padding: 6px"
_LIVE, _SIMULATED, _NONE = "#b00020", "#0b6e4f", "#4a4b4c"


class MainWindow(QMainWindow):
    """Docks around the live panel; a timer hands on what the desk and the feed have.

    Parameters
    ----------
    store : Store
        Its database is the one that the desk writes to, through a store of its own.
    bench : str or Path, optional
        The bench file to begin with.
    settings : QSettings, optional
        Where the layout is kept; the user's own by default.
    """

    def __init__(
        self,
        store: Store,
        bench: str | Path | None = None,
        settings: QSettings | None = None,
        database: str | Path | None = None,
    ) -> None:
        super().__init__()
        self.store = store
        self.database = store.path if database is None else database
        self.desk: Desk | None = None
        self._settings = settings or QSettings("labbench", "labbench-gui")
        self._escaped_s = self._closing_s = 0.0
        self._run = 0
        self.feed = LiveFeed(self.database)
        self.banner = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self.bench_panel, self.run_panel = BenchPanel(), RunPanel(store)
        self.live_panel = LivePanel(self.feed)
        self.docks: dict[str, QDockWidget] = {}
        self._arrange()
        self._connect()
        if bench is not None:
            self.choose_bench(bench)
        self._show_banner()
        self.timer = QTimer(self)
        self.timer.timeout.connect(self.refresh)
        self.timer.start(FRAME_MS)

    def _arrange(self) -> None:
        central = QWidget()
        column = QVBoxLayout(central)
        column.addWidget(self.banner)
        column.addWidget(self.live_panel, stretch=1)
        self.setCentralWidget(central)
        self.add_dock("Bench", self.bench_panel, Qt.DockWidgetArea.LeftDockWidgetArea)
        self.add_dock("Run", self.run_panel, Qt.DockWidgetArea.RightDockWidgetArea)
        self.setWindowTitle(f"labbench: {self.store.name}")
        self.resize(1680, 980)

    def add_dock(self, name: str, panel: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        """Add a panel at a side; the menu View shows and hides it."""
        dock = QDockWidget(name, self)
        dock.setObjectName(name)  # by which its place is remembered
        dock.setWidget(panel)
        dock.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetMovable
            | QDockWidget.DockWidgetFeature.DockWidgetFloatable
            | QDockWidget.DockWidgetFeature.DockWidgetClosable
        )
        self.addDockWidget(area, dock)
        if not self.docks:
            self._view = self.menuBar().addMenu("&View")
        self._view.addAction(dock.toggleViewAction())
        QShortcut(QKeySequence(f"Ctrl+{len(self.docks) + 1}"), self, _raiser(dock))
        self.docks[name] = dock
        return dock

    def restore_layout(self) -> None:
        """Put docks and window where they were the last time."""
        for key, restore in (("geometry", self.restoreGeometry), ("layout", self.restoreState)):
            kept = self._settings.value(key)
            if kept is not None:
                restore(kept)

    def _connect(self) -> None:
        self.bench_panel.bench_wanted.connect(self._ask_bench)
        for keys, act in (
            ("Ctrl+0", self.bench_panel.switch_off),
            ("Esc", self._on_escape),
            ("Ctrl+Return", self.run_panel.add.click),
            ("F5", self.run_panel.start.click),
            ("F8", self.run_panel.abort.click),
            ("Ctrl+Q", self.close),
        ):
            shortcut = QShortcut(QKeySequence(keys), self, act)
            shortcut.setContext(Qt.ShortcutContext.ApplicationShortcut)
        self.statusBar().addWidget(
            QLabel("Ctrl+0: all off    Ctrl+Return: add    F5: start    F8: abort    Ctrl+Q: quit")
        )

    def choose_bench(self, path: str | Path) -> None:
        """Take another bench file; the desk before it must be closed."""
        if self.desk is not None and self.desk.is_open:
            self.bench_panel.add_line("Disconnect first: another bench is open.", is_error=True)
            return
        try:
            description = read_bench(path)
        except LabbenchError as error:
            self.bench_panel.add_line(str(error), is_error=True)
            return
        self.desk = Desk(path, self.database)
        self.desk.on_response(self.feed.put)
        self.bench_panel.sit_at(self.desk)
        self.run_panel.sit_at(self.desk, description)

    def refresh(self) -> None:
        """Hand on what is new; called by the timer."""
        self.bench_panel.refresh()
        self.run_panel.refresh()
        state = None if self.desk is None else self.desk.state
        if state is not None and state.run is not None and state.run.run_id != self._run:
            self._run = state.run.run_id
            self.feed.begin(state.run.procedure, state.run.device)
        if state is not None and state.is_simulated is not None:
            self.live_panel.is_simulated = state.is_simulated
        self.live_panel.refresh()
        self._show_banner()
        if self._closing_s:
            self._insist()

    def _show_banner(self) -> None:
        state = None if self.desk is None else self.desk.state
        if state is None or state.is_simulated is None:
            word, colour = "NO BENCH CONNECTED", _NONE
        elif state.is_simulated:
            word, colour = "SIMULATED", _SIMULATED
        else:
            word, colour = "LIVE", _LIVE
        is_on = state is not None and any(each.is_output_on for each in state.instruments)
        if is_on or (state is not None and state.run is not None):
            word += "  ·  OUTPUTS ON"
        if state is not None and state.run is not None:
            word += f"  ·  run {state.run.run_id} on {state.run.device}"
        if self.banner.text() != word:
            self.banner.setText(word)
            self.banner.setStyleSheet(_BANNER.format(colour=colour))

    def _on_escape(self) -> None:
        now_s = monotonic()
        if now_s - self._escaped_s < _ESCAPES_S:
            self.bench_panel.switch_off()
        self._escaped_s = now_s

    def _ask_bench(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Bench file", "", "Bench files (*.toml)")
        if path:
            self.choose_bench(path)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """End a run safely first; the window goes once the desk is closed."""
        if self.desk is not None and self.desk.is_open:
            self.desk.close()
            self._closing_s = self._closing_s or monotonic()
            self.setWindowTitle("labbench: ending safely …")
            event.ignore()
            return
        self.timer.stop()
        self._settings.setValue("geometry", self.saveGeometry())
        self._settings.setValue("layout", self.saveState())
        self.run_panel.close_threads()
        self.feed.close()
        event.accept()

    def _insist(self) -> None:
        if self.desk is None or not self.desk.is_open:
            self.close()
        elif monotonic() - self._closing_s > _PATIENCE_S:
            self._closing_s = monotonic()
            self.desk.all_off()
            QMessageBox.critical(
                self,
                "labbench",
                "The bench does not come to its safe state: an instrument may be mute. Switch its "
                "outputs off by hand. The window closes as soon as it answers.",
            )


def _raiser(dock: QDockWidget) -> Callable[[], None]:
    def show() -> None:
        dock.show()
        dock.raise_()
        dock.widget().setFocus()

    return show


def show_main_window(store: Store, database: str | Path, bench: str | Path | None) -> int:
    """Show the window until it is closed, and return Qt's exit code."""
    application = QApplication.instance() or QApplication(["labbench-gui"])
    window = MainWindow(store, bench, database=database)
    window.restore_layout()
    window.show()
    # Python hears a signal at the next tick of the window's timer; the window ends safely then.
    names = (signal.SIGINT, signal.SIGTERM)
    before = {name: signal.signal(name, lambda *_: window.close()) for name in names}
    try:
        return application.exec()
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
        if window.desk is not None:
            window.desk.close()
            window.desk.join()
