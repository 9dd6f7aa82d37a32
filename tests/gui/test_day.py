"""A day at the bench, by mouse and keys: also run under a real X server, see `.ci/run`.

With a folder in LABBENCH_PICTURES, the panels are drawn into it: those are the README's.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QImage

PICTURES = os.environ.get("LABBENCH_PICTURES")
NO_DITHER = Qt.ImageConversionFlag.ThresholdDither | Qt.ImageConversionFlag.AvoidDither
LONG_MS = 60_000
# A person notices a tenth of a second. How much of that the window itself takes can be tested on a
# busy machine, the rest is only said: `-s` shows it.
NOTICED_S, MOST_OWN_S, NEVER_S = 0.1, 0.25, 5.0


@dataclass(frozen=True)
class Gap:
    """Between two rounds of the event loop: how long, how much of it was the window's own work."""

    wall_s: float
    own_s: float
    end_s: float


class Pulse:
    """Notes when the event loop came round."""

    def __init__(self, parent):
        self.rounds = []
        self.marks = []
        self._timer = QTimer(parent, interval=2)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(
            lambda: self.rounds.append((time.perf_counter(), time.thread_time()))
        )
        self._timer.start()

    def mark(self, name):
        self.marks.append((time.perf_counter(), name))

    def gaps(self):
        """Return all gaps, the longest first."""
        found = [Gap(b[0] - a[0], b[1] - a[1], b[0]) for a, b in pairwise(self.rounds)]
        return sorted(found, key=lambda gap: -gap.wall_s)

    def at(self, gap):
        """Return what the day was at."""
        return next((name for t, name in self.marks if t >= gap.end_s), "the end")


@pytest.fixture
def until(qtbot):
    return lambda holds: qtbot.waitUntil(lambda: bool(holds()), timeout=LONG_MS)


@pytest.mark.timeout(400)
def test_a_day_at_the_bench(qtbot, open_window, bench_file, store, tmp_path, until, monkeypatch):
    pictures = PICTURES and Path(PICTURES).resolve()
    monkeypatch.chdir(tmp_path)
    bench_file = Path(bench_file).name
    store.add_wafer("W7")
    for x in range(-1, 2):
        for y in range(-1, 2):
            store.add_die("W7", x, y)
    store.add_device("W7-a", "neuron", store.add_die("W7", 0, 1))
    window = open_window()
    window.resize(1440, 900)
    lab, run, view = window.lab, window.run, window.run.queue_view
    with qtbot.waitActive(window):
        window.activateWindow()
    until(lambda: lab.device.devices)
    pulse = Pulse(window)

    def click(button):
        until(button.isEnabled)
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def draw(name):
        if pictures:
            qtbot.wait(300)
            # 256 colours are enough, and a quarter of the size.
            image = window.grab().toImage()
            image = image.convertToFormat(QImage.Format.Format_Indexed8, NO_DITHER)
            assert image.save(str(pictures / f"{name}.png"))

    def type_into(field, text):
        field.selectAll()
        qtbot.keyClicks(field, text)

    def queue(procedure, **settings):
        window.docks["Run"].raise_()
        run.procedure.setCurrentIndex(run.procedure.findData(procedure))
        for name, text in settings.items():
            type_into(run.form.fields[name], text)
        n = len(lab.queue.planned)
        click(run.add)
        until(lambda: len(lab.queue.planned) == n + 1)

    # Connect, and pick a device on the map.
    type_into(window.bench.file, bench_file)
    click(window.bench.connect_button)
    until(lambda: lab.bench.state == "ready" and lab.bench.roles)
    pulse.mark("connect")
    draw("bench")
    window.docks["Device"].raise_()
    qtbot.wait(50)
    place = window.device.map.place_of((0, 1)).center().toPoint()
    qtbot.mouseClick(window.device.map, Qt.MouseButton.LeftButton, pos=QPoint(place))
    until(lambda: lab.device.facts is not None)
    assert run.device.currentText() == "W7-a"

    # A wrong setting is seen at once, and nothing can be queued.
    window.docks["Run"].raise_()
    run.procedure.setCurrentIndex(run.procedure.findData("threshold_firing"))
    until(run.add.isEnabled)
    type_into(run.form.fields["width_s"], "9")
    assert not run.add.isEnabled()
    assert "bounds" in run.estimate.text()
    draw("run")
    type_into(run.form.fields["width_s"], "0.003")
    pulse.mark("wrong setting")

    queue("threshold_firing", repeats="60", start_v="0.3")
    queue("threshold_firing", repeats="2", stop_v="1.8", start_v="0.6")
    queue("threshold_firing", repeats="12", stop_v="1.2", start_v="0.3")
    # The second was allowed when it was planned, and is too much by now.
    lab.device.set_budget("peak_v", 3.6)
    until(lambda: lab.device.facts.budget)
    pulse.mark("queue")

    before = sys.getrefcount(None)
    qtbot.keyClick(window, Qt.Key.Key_F9)
    until(lambda: lab.bench.running is not None and lab.bench.percent > 3)
    draw("live")
    qtbot.keyClick(window, Qt.Key.Key_F10)
    until(lambda: len(lab.bench.ended) == 3)
    until(lambda: lab.bench.state == "ready")
    pulse.mark("run")
    assert [run.state for run in store.runs()] == ["aborted", "failed", "finished"]
    assert "voltage" in store.runs()[1].error
    assert not any(role.is_output_on for role in lab.bench.roles)
    assert "run 3 finished" in view.state.text()
    until(lambda: "run 3" in window.live.title.text() and window.live.features.rows)

    window.docks["Compare"].raise_()
    click(window.compare.fit)
    until(lambda: lab.compare.is_busy)
    until(lambda: not lab.compare.is_busy)
    until(lambda: window.compare.rows.rows)
    pulse.mark("fit and compare")
    assert "done" in window.compare.task.text()
    shown = {row[1] for row in window.compare.properties.rows}
    assert {"threshold firing", "stochasticity", "leaky integration"} <= shown
    draw("compare")
    window.docks["Device"].raise_()
    window.docks["Live"].raise_()
    until(lambda: window.live.card.currentText() == "W7-a-fit")
    until(lambda: window.live.channels.rows["output"].predicted.getOriginalDataset()[0] is not None)

    draw("device")
    window.docks["History"].raise_()
    history = window.history
    until(lambda: len(history.runs.rows) == 3)
    history.runs.selectRow(0)
    until(lambda: lab.history.opened)
    type_into(history.said, "golden")
    click(history.say_buttons["Tag"])
    until(lambda: lab.history.opened and lab.history.opened[0].tags == ["golden"])
    draw("history")
    type_into(history.target, str(tmp_path / "export"))
    click(history.export)
    until(lambda: "are in" in history.exported.text())
    assert list((tmp_path / "export").iterdir())
    pulse.mark("history and export")

    assert sys.getrefcount(None) > before - 2000
    if not pictures:
        gaps = pulse.gaps()
        noticed = [f"{g.wall_s:.3f} s in {pulse.at(g)}" for g in gaps if g.wall_s > NOTICED_S]
        sys.stdout.write(
            f"{len(gaps)} rounds of the event loop, longest {gaps[0].wall_s:.3f} s; above "
            f"{NOTICED_S} s: {', '.join(noticed) or 'none'}\n"
        )
        assert max(gap.own_s for gap in gaps) < MOST_OWN_S
        assert gaps[0].wall_s < NEVER_S
