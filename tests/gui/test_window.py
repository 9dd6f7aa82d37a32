"""The window: who answers, keys, layout, what it says, and how it ends."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QTextDocumentFragment
from PySide6.QtWidgets import QLabel, QTabBar

from labbench.bench import Bench
from labbench.gui.models import child
from labbench.gui.panels.bench import role_row
from labbench.store import Store

TOFU = "\U0010fffe"
LONG_MS = 60_000
ODD = "we<b>ird"
# In place of an export: half of it is written, and the rest takes long.
HALF = """
import sys, time
from pathlib import Path
from labbench.store.exchange.place import whole
with whole(Path(sys.argv[1])) as partial:
    partial.write_text("half")
    time.sleep(60)
"""
MANY = {"repeats": 30, "start_v": 0.3}


@pytest.fixture
def until(qtbot):
    return lambda holds: qtbot.waitUntil(lambda: bool(holds()), timeout=LONG_MS)


def queue_and_start(window, until, *settings):
    for each in settings:
        window.lab.queue.add("n1", "threshold_firing", each)
    until(lambda: len(window.lab.queue.planned) == len(settings))
    window.lab.bench.start()
    until(lambda: window.lab.bench.running is not None and window.lab.bench.percent > 0)


def test_the_banner_says_who_answers(open_window, bench_file, until):
    window = open_window()
    assert "NO BENCH" in window.banner.word.text()
    window.bench.file.setText(bench_file)
    window.bench.connect_button.click()
    until(lambda: "SIMULATED" in window.banner.word.text())
    assert "LIVE" not in window.banner.word.text()
    assert window.banner.isVisible()
    assert window.banner.height() > 30


def test_a_real_bench_is_live(open_window, bench_file):
    window = open_window(bench_file)
    description = window.lab.bench.description
    window.lab.bench.description = description.model_copy(update={"visa": "@py"})
    window.lab.bench._changed("state")
    assert "LIVE" in window.banner.word.text()
    assert "real" in window.banner.details.text()
    window.lab.bench.description = description


def test_instruments_and_limits_are_listed(open_window, bench_file):
    window = open_window(bench_file)
    rows = {row[0]: row for row in window.bench.roles.rows}
    assert rows["supply"][1] == "off"
    assert "2400" in rows["supply"][3]
    assert "limits" in window.bench.limits.text()
    assert role_row(window.lab.bench.roles[0])[5].startswith("TCPIP0")


def test_the_key_of_all_off_works_in_a_run_and_from_every_panel(
    qtbot, open_window, bench_file, until
):
    window = open_window(bench_file)
    queue_and_start(window, until, MANY)
    window.run.form.fields["repeats"].setFocus()
    with qtbot.waitActive(window):
        window.activateWindow()
    qtbot.keyClick(window.run.form.fields["repeats"], Qt.Key.Key_F12)
    until(lambda: any("verified" in notice for notice in window.lab.bench.notices))
    assert [run.state for run in window.lab.store.runs()] == ["aborted"]
    assert not any(role.is_output_on for role in window.lab.bench.roles)
    assert window.banner.all_off.isEnabled()


def test_a_window_stays_while_an_output_may_be_on(open_window, bench_file, until, monkeypatch):
    window = open_window(bench_file)
    monkeypatch.setattr(Bench, "leave", lambda bench: ["supply at GPIB0::24::INSTR: mute"])
    window.close()
    until(lambda: "close the window once more" in window.message.text())
    assert "by hand: supply at GPIB0" in window.message.text()
    assert window.isVisible()
    assert "SWITCH OFF BY HAND" in window.banner.details.text()
    window.close()
    assert not window.isVisible()


def test_closing_during_a_run_ends_it_safe(open_window, bench_file, until, monkeypatch):
    window = open_window(bench_file)
    queue_and_start(window, until, MANY, MANY)
    bench = window.lab.bench.thread._bench
    done = []
    make_safe = bench.make_safe
    monkeypatch.setattr(bench, "make_safe", lambda: done.append(make_safe()) or done[-1])
    window.close()
    assert window.isVisible(), "it waits for the safe end"
    until(lambda: not window.isVisible())
    assert done
    assert done[-1] == []
    assert not window.lab.bench.thread.is_alive
    states = [run.state for run in window.lab.store.runs()]
    assert states == ["aborted", "planned"]


def test_the_next_window_says_what_is_planned_and_what_was_interrupted(
    open_window, bench_file, store, until
):
    code = (
        "import os, sys\n"
        "from labbench.store import Store\n"
        "store = Store.open(sys.argv[1])\n"
        "session = store.begin_session({'name': 'simulated neuron bench'}, simulated=True)\n"
        "device = store.add_device('n1', 'neuron')\n"
        "for _ in range(2):\n"
        "    run = store.plan_run(session, device, 'threshold_firing', '2', {}, None)\n"
        "store.start_run(1)\n"
        "os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(store.path)], check=False)
    window = open_window(bench_file)
    view = window.run.queue_view
    until(lambda: "1 run was interrupted" in view.interrupted.text())
    until(lambda: [row[:2] for row in view.table.rows] == [("2", "planned")])
    assert view.take_up.isVisibleTo(view)
    view.take_up.click()
    until(lambda: len(window.lab.queue.planned) == 2)
    assert not view.take_up.isVisibleTo(view)


def test_the_layout_is_remembered(qtbot, open_window, settings, until):
    first = open_window()
    first.docks["Device"].setFloating(True)
    first.docks["History"].close()
    first.close()
    until(lambda: not first.isVisible())
    second = open_window()
    assert second.docks["Device"].isFloating()
    assert second.docks["History"].isHidden()
    assert not second.docks["Run"].isHidden()
    with qtbot.waitActive(second):
        second.activateWindow()
    qtbot.keyClick(second, Qt.Key.Key_6, Qt.KeyboardModifier.ControlModifier)
    assert not second.docks["History"].isHidden()


def test_each_side_has_one_row_of_tabs(window, qtbot):
    qtbot.wait(50)
    bars = [bar for bar in window.findChildren(QTabBar) if bar.parent() is window]
    shown = [[bar.tabText(k) for k in range(bar.count())] for bar in bars if bar.isVisible()]
    assert sorted(shown) == [["Bench", "Device", "Run"], ["Live", "Compare", "History"]]


def test_it_fits_a_laptop_at_150_percent(window):
    needed = window.minimumSizeHint()
    assert needed.width() <= 1280
    assert needed.height() <= 690


def test_it_can_be_as_small_as_an_old_projector(window, qtbot):
    for name in ("History", "Compare", "Run"):
        window.docks[name].raise_()
    qtbot.wait(50)
    assert window.minimumSizeHint().width() <= 1024
    window.resize(1024, 700)
    qtbot.wait(50)
    assert (window.width(), window.height()) == (1024, 700)


def test_a_long_name_makes_no_panel_wider(open_window, add_run, until):
    name = "N" * 200
    add_run(name)
    window = open_window()
    panels = (window.history, window.compare, window.device, window.live)
    before = [panel.minimumSizeHint().width() for panel in panels]
    until(lambda: window.history.runs.rows)
    window.lab.device.choose(name)
    until(lambda: window.lab.device.facts is not None)
    window.history.runs.selectRow(0)
    until(lambda: window.lab.history.opened)
    window.live.title.setText(name)
    assert [panel.minimumSizeHint().width() for panel in panels] == before


def test_names_are_shown_letter_by_letter(open_window, add_run, store, until):
    add_run(ODD)
    window = open_window()
    until(lambda: window.history.runs.rows)
    window.lab.device.choose(ODD)
    until(lambda: window.lab.device.facts is not None)
    window.history.runs.selectRow(0)
    until(lambda: window.lab.history.opened)
    window.lab.compare.fit()
    panels = (window.history, window.compare, window.device)
    shown = [label for each in panels for label in each.findChildren(QLabel) if ODD in label.text()]
    assert len(shown) == 4, "history, device, compare, and what is computed"
    labels = [*shown, window.live.title, window.live.note]
    assert {label.textFormat() for label in labels} == {Qt.TextFormat.PlainText}
    model = window.history.runs.model()
    tip = model.data(model.index(0, 1), Qt.ItemDataRole.ToolTipRole)
    assert QTextDocumentFragment.fromHtml(tip).toPlainText() == ODD


def test_more_runs_than_are_drawn_are_said_and_stay_selected(window, add_run, until):
    for k in range(12):
        add_run(f"M-{k}")
    window.lab.refresh()
    history = window.history
    until(lambda: len(history.runs.rows) == 13)
    history.runs.selectAll()
    until(lambda: len(window.lab.history.opened) == 8)
    assert "8 of 13 are drawn" in history.title.text()
    history.said.setText("noisy")
    history.say_buttons["Exclude"].click()
    until(lambda: all("noisy" in row[-1] for row in history.runs.rows))
    assert len(history.runs.selected_rows) == 13


def test_the_row_of_the_shown_response_stays(open_window, add_run, store, response, until):
    run_id = add_run(state=None)
    store.save_response(run_id, 1, response)
    store.end_run(run_id, "finished")
    window = open_window()
    history = window.history
    until(lambda: history.runs.rows)
    history.runs.selectRow(0)
    until(lambda: len(history.responses.rows) == 2)
    history.responses.selectRow(1)
    history.said.setText("odd")
    history.say_buttons["Note"].click()
    until(lambda: history.journal.count() == 1)
    assert history.responses.currentIndex().row() == 1
    assert window.lab.history.ordinal == 1


def test_an_export_goes_on_is_said_and_can_be_cancelled(window, tmp_path, until):
    history = window.history
    until(lambda: history.runs.rows)
    assert not history.cancel.isEnabled()
    history.runs.selectRow(0)
    until(lambda: window.lab.history.opened)
    history.target.setText(str(tmp_path / "out"))
    history.export.click()
    assert "so far" in history.exported.text()
    assert not history.export.isEnabled()
    history.cancel.click()
    until(lambda: "Export cancelled" in history.exported.text())
    assert history.export.isEnabled()
    assert not history.cancel.isEnabled()
    assert not list(tmp_path.glob("*out*"))


def test_closing_ends_an_export_soon(window, tmp_path, until, monkeypatch):
    start = child.subprocess.Popen

    def popen(command, **options):
        (out,) = (word for word in command if word.startswith("--out="))
        return start([sys.executable, "-c", HALF, out.removeprefix("--out=")], **options)

    history = window.history
    until(lambda: history.runs.rows)
    history.runs.selectRow(0)
    until(lambda: window.lab.history.opened)
    history.target.setText(str(tmp_path / "out"))
    with monkeypatch.context() as patch:
        patch.setattr(child.subprocess, "Popen", popen)
        history.export.click()
    until(lambda: list(tmp_path.glob(".out.*.partial")))
    began_s = time.monotonic()
    window.close()
    until(lambda: not window.isVisible())
    assert time.monotonic() - began_s < 3.0
    assert not list(tmp_path.glob("*out*"))


def test_errors_are_shown_until_they_are_dismissed(window, tmp_path, until):
    window.lab.bench.connect(str(tmp_path / "nowhere.toml"))
    until(lambda: "nowhere.toml" in window.message.text())
    assert window.message.isVisible()
    window.say("")
    assert not window.message.isVisible()


def test_keys_walk_and_quit(qtbot, window, until):
    with qtbot.waitActive(window):
        window.activateWindow()
    qtbot.keyClick(window, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    assert not window.run.visibleRegion().isEmpty()
    qtbot.keyClick(window, Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)
    until(lambda: not window.isVisible())


def test_letters_have_ink_of_their_own(window):
    def rendered(text: str) -> np.ndarray:
        image = QImage(48, 48, QImage.Format.Format_Grayscale8)
        image.fill(QColor("white"))
        painter = QPainter(image)
        painter.setFont(window.font())
        painter.drawText(QRect(0, 0, 48, 48), Qt.AlignmentFlag.AlignCenter, text)
        painter.end()
        return np.array(image.constBits()).reshape(48, image.bytesPerLine())

    assert (rendered("A") < 128).any(), "no fonts: nothing was rendered"
    assert not np.array_equal(rendered("A"), rendered(TOFU)), "no fonts: every letter is a box"


def test_what_another_programme_writes_appears(window, store, add_run, until):
    assert isinstance(store, Store)
    until(lambda: len(window.history.runs.rows) == 1)
    add_run("N-02", simulated=False)
    window.lab.refresh()
    until(lambda: [row[1] for row in window.history.runs.rows] == ["N-02", "N-01"])
