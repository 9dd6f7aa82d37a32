"""A day at the window: connect, plan, run, abort, a failure, all off, close - and a killed window.

The window works a simulated bench through a desk, exactly as a person would through its buttons.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt, QTimer
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from labbench.gui.main_window import MainWindow
from labbench.store import Store

LONG_MS = 120_000


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    path = tmp_path / "bench.toml"
    path.write_text(files("labbench.bench").joinpath("demo.toml").read_text("utf-8"), "utf-8")
    return path


@pytest.fixture
def window(qtbot: QtBot, store: Store, bench: Path, tmp_path: Path) -> MainWindow:
    settings = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    made = MainWindow(store, bench, settings)
    made.show()
    yield made
    made.close()
    qtbot.waitUntil(lambda: not made.isVisible(), timeout=LONG_MS)
    made.deleteLater()


def plan(window: MainWindow, procedure: str, **settings: str) -> None:
    panel = window.run_panel
    panel.device.setCurrentText("n1")
    panel.procedure.setCurrentIndex(panel.procedure.findData(procedure))
    for name, text in settings.items():
        panel.fields[name].setText(text)
    panel.add.click()


def connect(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.mouseClick(window.bench_panel.link, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(
        lambda: window.desk.state.phase == "idle" and len(window.bench_panel.instruments.rows) > 4,
        timeout=LONG_MS,
    )


def messages(window: MainWindow) -> str:
    notices = window.bench_panel.notices
    return "\n".join(notices.item(row).text() for row in range(notices.count()))


def ended(store: Store) -> int:
    return sum(run.state != "running" for run in store.runs())


def test_a_day_with_an_abort_and_a_failure(qtbot, window, store):
    gaps: list[float] = []
    last = time.perf_counter()

    def tick() -> None:
        nonlocal last
        now = time.perf_counter()
        gaps.append(now - last)
        last = now

    timer = QTimer()
    timer.timeout.connect(tick)
    timer.start(5)
    assert "NO BENCH" in window.banner.text()
    connect(qtbot, window)
    assert "SIMULATED" in window.banner.text()
    plan(window, "stochasticity", repeats="2000")
    # Above what the bench allows: the run fails before anything is energised.
    store.enqueue(store.devices()[0].id, "threshold_firing", {"stop_v": 9.9, "repeats": 2})
    plan(window, "threshold_firing", repeats="6")
    panel = window.run_panel
    qtbot.waitUntil(lambda: len(panel.queue.rows) == 3 and panel.start.isEnabled(), timeout=LONG_MS)
    qtbot.mouseClick(panel.start, Qt.MouseButton.LeftButton)
    live = window.live_panel
    qtbot.waitUntil(lambda: "response" in live.heading.text(), timeout=LONG_MS)
    qtbot.waitUntil(panel.abort.isEnabled, timeout=LONG_MS)
    qtbot.mouseClick(panel.abort, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(
        lambda: ended(store) == 3 and window.desk.state.phase == "idle", timeout=LONG_MS
    )
    assert [run.state for run in store.runs()] == ["aborted", "failed", "finished"]
    qtbot.waitUntil(lambda: "out of" in messages(window) or "allows" in messages(window))
    assert "ERROR" in messages(window)
    qtbot.waitUntil(lambda: bool(live.features.rows), timeout=LONG_MS)
    assert live.plot.panels.keys() >= {"input", "output"}
    assert "fired" in live.strip.item.titleLabel.text
    assert {row[1] for row in window.bench_panel.instruments.rows} == {"off", "–"}
    timer.stop()
    gaps.sort()
    # On a busy machine single ticks wait for others; a loop that is blocked shows in many.
    assert gaps[int(0.95 * len(gaps))] < 0.1, "the event loop was blocked"


def test_all_off_by_keys_during_a_run(qtbot, window, store):
    connect(qtbot, window)
    plan(window, "stochasticity", repeats="2000")
    panel = window.run_panel
    qtbot.waitUntil(panel.start.isEnabled, timeout=LONG_MS)
    panel.start.click()
    qtbot.waitUntil(lambda: window.desk.state.run is not None, timeout=LONG_MS)
    with qtbot.waitActive(window):
        window.activateWindow()
    for _ in range(2):
        qtbot.keyClick(window, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: "zero and off" in messages(window), timeout=LONG_MS)
    assert [run.state for run in store.runs()] == ["aborted"]
    assert not window.desk.state.is_started


def test_closing_during_a_run_ends_it_safe(qtbot, window, store):
    connect(qtbot, window)
    plan(window, "stochasticity", repeats="2000")
    qtbot.waitUntil(window.run_panel.start.isEnabled, timeout=LONG_MS)
    window.run_panel.start.click()
    qtbot.waitUntil(
        lambda: window.desk.state.run is not None and window.desk.state.run.responses > 2,
        timeout=LONG_MS,
    )
    window.close()
    assert window.isVisible(), "it waits for the safe end"
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=LONG_MS)
    assert [run.state for run in store.runs()] == ["aborted"]


def test_settings_are_checked_as_they_are_typed(qtbot, window):
    panel = window.run_panel
    panel.device.setCurrentText("n1")
    panel.procedure.setCurrentIndex(panel.procedure.findData("threshold_firing"))
    field: QLineEdit = panel.fields["width_s"]
    qtbot.keyClicks(field, "5")
    assert "out of its bounds" in panel.problem.text()
    assert not panel.add.isEnabled()
    field.setText("1e-3..3e-3:3")
    assert panel.add.isEnabled()
    qtbot.waitUntil(lambda: "at worst 3 runs" in panel.estimate.text(), timeout=LONG_MS)
    panel.fields["stop_v"].setText("9.9")
    qtbot.waitUntil(lambda: "TOO MUCH" in panel.estimate.text(), timeout=LONG_MS)
    assert not panel.add.isEnabled()


def test_the_queue_is_moved_repeated_and_withdrawn(qtbot, window, store):
    for width in ("1e-3", "2e-3"):
        plan(window, "threshold_firing", width_s=width)
    panel = window.run_panel

    def shown() -> list[str]:
        return [row[3] for row in panel.queue.rows]

    assert shown() == ["width_s=0.001", "width_s=0.002"]
    panel.queue.setCurrentIndex(panel.queue.model().index(1, 0))
    panel.up.click()
    assert shown() == ["width_s=0.002", "width_s=0.001"]
    panel.again.click()
    assert shown() == ["width_s=0.002", "width_s=0.001", "width_s=0.002"]
    panel.remove.click()
    assert shown() == ["width_s=0.001", "width_s=0.002"]


def test_a_killed_window_leaves_its_queue_and_the_next_says_what_was_interrupted(
    qtbot, store, bench, tmp_path
):
    device = store.add_device("n1", "neuron")
    store.enqueue(device, "stochasticity", {"repeats": 2000})
    store.enqueue(device, "contact_check", {})
    code = (
        "import sys; from labbench.bench.desk import Desk; d = Desk(*sys.argv[1:]); d.open(); "
        "d.start()"
    )
    command = [sys.executable, "-c", code, str(bench), str(store.path)]
    with subprocess.Popen(command, env=os.environ) as process:
        qtbot.waitUntil(lambda: any(store.pulses(r.id).size for r in store.runs()), timeout=LONG_MS)
        process.send_signal(signal.SIGKILL)
    settings = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    window = MainWindow(store, bench, settings)
    window.show()
    connect(qtbot, window)
    qtbot.waitUntil(lambda: "Run 1" in messages(window), timeout=LONG_MS)
    assert store.runs()[0].state == "interrupted"
    assert [row[2] for row in window.run_panel.queue.rows] == ["contact check"]
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=LONG_MS)
