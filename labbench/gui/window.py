"""The window of a bench: panels in docks around the banner, and how it ends."""

from __future__ import annotations

import signal
from math import inf

from PySide6.QtCore import QByteArray, QSettings, Qt, QTimer
from PySide6.QtGui import QAction, QCloseEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QDockWidget,
    QLabel,
    QMainWindow,
    QPushButton,
    QSizePolicy,
    QTabWidget,
    QToolBar,
    QWidget,
)

from labbench.bench.run import STOP_SIGNALS
from labbench.bench.safe_end import unsafe
from labbench.errors import InstrumentError
from labbench.gui.banner import ALL_OFF_KEY, Banner
from labbench.gui.models.lab import Lab
from labbench.gui.panels.bench import BenchPanel
from labbench.gui.panels.compare import ComparePanel
from labbench.gui.panels.device import DevicePanel
from labbench.gui.panels.history import HistoryPanel
from labbench.gui.panels.live import LivePanel
from labbench.gui.panels.run import RunPanel
from labbench.gui.responsive import responsive
from labbench.gui.theme import WARNING, use_theme_in_plots
from labbench.store import Store

# Each does a third of what is to be done for a picture: all at once would hold the window up.
TICK_MS = 12
REFRESH_MS = 2000
# How long a run may take to come to its safe end when the window is closed; then the window says
# so, and waits on.
_CLOSING_MS = 100
_LEFT, _RIGHT = ("Bench", "Device", "Run"), ("Live", "Compare", "History")
_HINTS = (
    "F9: start   F10: abort   F12: ALL OFF   Ctrl+1 ... 6: panels   F5: read anew   Ctrl+Q: quit"
)


def show_window(store: Store, bench_file: str = "") -> int:
    """Show the window on a store until it is closed, and return Qt's exit code.

    Ctrl-C, SIGTERM and a closed terminal close it as a user does: a run comes to its safe end.

    Raises
    ------
    InstrumentError
        Afterwards, if an output could not be verified as off.
    """
    application = QApplication.instance() or QApplication(["labbench-gui"])
    with responsive():
        window = BenchWindow(Lab(store), QSettings("labbench", "labbench-gui"), bench_file)
        window.show()
        # Python hears a signal at the next tick of a timer of the window.
        before = {each: signal.signal(each, lambda *_: window.leave()) for each in STOP_SIGNALS}
        try:
            code = application.exec()
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
        if window.lab.bench.unsafe:
            raise InstrumentError(unsafe(list(window.lab.bench.unsafe)))
        return code


class BenchWindow(QMainWindow):
    """Six panels, the banner above them, and a line for what went wrong.

    Parameters
    ----------
    lab : Lab
        Closed with the window.
    settings : QSettings
        Where the layout is remembered.
    bench_file : str, optional
        Connected at once.
    """

    def __init__(self, lab: Lab, settings: QSettings, bench_file: str = "") -> None:
        super().__init__()
        self.lab = lab
        self._settings = settings
        self._is_closed = self._is_laid_out = self._is_left = False
        self._n_ticks = 0
        use_theme_in_plots()
        remembered = str(settings.value("bench_file", ""))
        self.bench = BenchPanel(lab.bench, bench_file or remembered)
        self.device = DevicePanel(lab.device)
        self.run = RunPanel(lab.bench, lab.queue, lab.device)
        self.live = LivePanel(lab.bench, lab.live, lab.compare)
        self.compare = ComparePanel(lab.compare, lab.device)
        self.history = HistoryPanel(lab.history, lab.device, lab.queue)
        self.banner = Banner(lab.bench)
        self.docks: dict[str, QDockWidget] = {}
        self._arrange()
        self._bind_keys()
        lab.office.on_error = self.say
        lab.bench.subscribe("state", self._remember_bench)
        self._ticks = QTimer(self, interval=TICK_MS)
        self._ticks.timeout.connect(self._on_tick)
        self._ticks.start()
        self._looks = QTimer(self, interval=REFRESH_MS)
        self._looks.timeout.connect(lab.refresh)
        self._looks.start()
        lab.refresh()
        if bench_file:
            lab.bench.connect(bench_file)

    def say(self, text: str) -> None:
        """Show what went wrong, and what to do, until it is dismissed."""
        self.message.setText(" ".join(text.split()))
        self._message_bar.setVisible(bool(text))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Place the docks when the window is first seen: earlier, Qt leaves a tab bar behind."""
        super().showEvent(event)
        if not self._is_laid_out:
            self._is_laid_out = True
            self._lay_out()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """End what goes on safely, and only then close."""
        if self._is_closed:
            event.accept()
            return
        event.ignore()
        if self._is_left and not self.lab.bench.thread.is_alive:
            self._finish()
            event.accept()
        elif self._looks.isActive():
            self._settings.setValue("geometry", self.saveGeometry())
            self._settings.setValue("layout", self.saveState())
            self._looks.stop()
            self.setEnabled(self.lab.bench.running is not None)
            if self.isEnabled():
                self.say("Closing: the run is brought to its safe end first ...")
            self.lab.bench.thread.close(0.0)
            self._closing = QTimer(self, interval=_CLOSING_MS)
            self._closing.timeout.connect(self._close_when_safe)
            self._closing.start()

    def leave(self) -> None:
        """Close, although nobody may be there to read what went wrong."""
        self._is_left = True
        self.close()

    def _close_when_safe(self) -> None:
        if self.lab.bench.thread.is_alive:
            return
        self._closing.stop()
        # All of it: the last word may be which outputs are not off.
        self.lab.office.deliver(inf)
        if self.lab.bench.unsafe and not self._is_left:
            # Nobody could read it in a window that is gone.
            self._is_left = True
            self.setEnabled(True)
            self.say(f"{unsafe(list(self.lab.bench.unsafe))}. Then close the window once more.")
            return
        self._finish()
        self.close()

    def _finish(self) -> None:
        self._ticks.stop()
        self.lab.close()
        self._is_closed = True

    def _arrange(self) -> None:
        self.setWindowTitle(f"labbench: {self.lab.store.name}")
        self.setDockNestingEnabled(True)
        self.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        self._add_bar("banner", self.banner)
        self._add_message()
        for name in (*_LEFT, *_RIGHT):
            dock = QDockWidget(name, self)
            dock.setObjectName(name)
            dock.setWidget(getattr(self, name.lower()))
            self.docks[name] = dock
        self.statusBar().addWidget(QLabel(_HINTS))
        self.resize(1440, 900)

    def _lay_out(self) -> None:
        """Place the docks, as they were left or side by side."""
        areas = Qt.DockWidgetArea
        for area, names in ((areas.LeftDockWidgetArea, _LEFT), (areas.RightDockWidgetArea, _RIGHT)):
            first = self.docks[names[0]]
            self.addDockWidget(area, first)
            for name in names[1:]:
                self.tabifyDockWidget(first, self.docks[name])
            first.raise_()
        sides = [self.docks[_LEFT[0]], self.docks[_RIGHT[0]]]
        self.resizeDocks(sides, [4, 7], Qt.Orientation.Horizontal)
        self._restore()

    def _add_bar(self, name: str, widget: QWidget) -> QToolBar:
        bar = QToolBar(name, self)
        bar.setObjectName(name)
        bar.setMovable(False)
        bar.setFloatable(False)
        # Nobody hides what must always be seen.
        bar.toggleViewAction().setVisible(False)
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        bar.addWidget(widget)
        self.addToolBar(Qt.ToolBarArea.TopToolBarArea, bar)
        self.addToolBarBreak(Qt.ToolBarArea.TopToolBarArea)
        return bar

    def _add_message(self) -> None:
        self.message = QLabel(wordWrap=True)
        self.message.setTextFormat(Qt.TextFormat.PlainText)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._message_bar = self._add_bar("message", self.message)
        self._message_bar.setStyleSheet(f"QToolBar {{ {WARNING} }} QLabel {{ {WARNING} }}")
        dismiss = QPushButton("Dismiss")
        dismiss.clicked.connect(lambda: self.say(""))
        self._message_bar.addWidget(dismiss)
        self.message.setMinimumWidth(600)
        self.message.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._message_bar.hide()

    def _bind_keys(self) -> None:
        bench, queue = self.lab.bench, self.run.queue_view
        for key, act in (
            (ALL_OFF_KEY, bench.all_off),
            ("F9", queue.start.click),
            ("F10", queue.abort.click),
            ("F5", self.lab.refresh),
            ("Ctrl+Q", self.close),
        ):
            shortcut = QShortcut(QKeySequence(key), self, act)
            # Also from a panel that floats in a window of its own.
            shortcut.setContext(Qt.ShortcutContext.ApplicationShortcut)
        for number, dock in enumerate(self.docks.values(), start=1):
            action = QAction(dock.windowTitle(), self)
            action.setShortcut(QKeySequence(f"Ctrl+{number}"))
            action.triggered.connect(lambda _=False, dock=dock: (dock.show(), dock.raise_()))
            self.addAction(action)

    def _restore(self) -> None:
        for name, restore in (("geometry", self.restoreGeometry), ("layout", self.restoreState)):
            saved = self._settings.value(name)
            if isinstance(saved, QByteArray):
                restore(saved)
        self._message_bar.hide()

    def _remember_bench(self) -> None:
        if self.lab.bench.state == "ready":
            self._settings.setValue("bench_file", self.bench.file.text())

    def _on_tick(self) -> None:
        self._n_ticks += 1
        if self._n_ticks % 3 == 0:
            self.lab.office.deliver()
        else:
            self.live.refresh()
