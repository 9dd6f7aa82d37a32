"""The window: what it shows of a run, and that it keeps up with a bench that is writing."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter

from labbench.features import Response
from labbench.gui.browser import RunBrowser
from labbench.gui.plot import TracePlot
from labbench.gui.window import BrowserWindow
from labbench.spikes import find_spikes
from labbench.stimulus import Pulse, PulseTrain
from labbench.trace import Channel, Trace

TOFU = "\U0010fffe"


def drawn(panel) -> tuple[np.ndarray, np.ndarray]:
    return panel.curve.getOriginalDataset()


def test_a_run_is_shown_with_its_response(window):
    (run,) = window.runs.rows
    assert run[1:4] == ("N-01", "threshold firing", "finished")
    (shown,) = window.responses.rows
    assert "2 pulses" in shown[1]


@pytest.mark.parametrize(("simulated", "word"), [(True, "SIMULATED"), (False, "MEASURED")])
def test_the_banner_says_who_answered(qtbot, store, add_run, simulated, word):
    add_run(simulated=simulated)
    window = BrowserWindow(RunBrowser(store))
    qtbot.addWidget(window)
    window.show()
    other = {"SIMULATED": "MEASURED", "MEASURED": "SIMULATED"}[word]
    assert word in window.banner.text()
    assert other not in window.banner.text()
    assert window.banner.isVisible()
    assert window.banner.height() > 30


def test_the_curves_are_the_samples(window, response):
    trace = response.trace
    for panel, name in ((window.plot.above, "input"), (window.plot.below, "output")):
        time_s, values = drawn(panel)
        at = np.searchsorted(trace.time_s, time_s)
        assert_array_equal(trace.time_s[at], time_s)
        assert_array_equal(trace.values(name)[at], values)
        assert values.max() == trace.values(name).max()
        assert values.min() == trace.values(name).min()
        assert panel.curve.opts["pen"].width() == 1
        assert panel.item.getAxis("left").labelUnits == "V"


def test_spikes_are_marked(window, response):
    spikes = find_spikes(response.trace)
    assert len(spikes)
    assert_array_equal(window.plot.spike_marks.getData()[0], spikes.time_s)


def test_time_axes_are_linked_and_a_zoom_shows_more(window, response):
    before = drawn(window.plot.below)[0]
    window.plot.above.item.setXRange(1e-3, 1.2e-3, padding=0)
    assert window.plot.below.item.viewRange()[0] == pytest.approx([1e-3, 1.2e-3])
    time_s = response.trace.time_s
    seen = time_s[(time_s >= 1e-3) & (time_s <= 1.2e-3)]
    assert np.isin(seen, drawn(window.plot.below)[0]).all()
    assert not np.isin(seen, before).all()


def test_order_only_traces_are_drawn_against_sample_number(qtbot):
    plot = TracePlot()
    qtbot.addWidget(plot)
    current = Channel(np.array([1e-9, 3e-9, 2e-9]), "current", "A")
    train = PulseTrain((Pulse(0.0, 1e-3, 0.5),), duration_s=2e-3)
    plot.show_response(Response(train, Trace({"memristor": current, "output": current})), "k")
    assert_array_equal(drawn(plot.below)[0], [0.0, 1.0, 2.0])
    assert "sample" in plot.below.item.getAxis("bottom").labelText
    assert "not recorded" in plot.above.item.titleLabel.text


def test_features_stand_in_the_table(window):
    latency, recovery = window.features.rows
    assert latency[1:3] == ("latency", "amplitude 1.2\N{NO-BREAK SPACE}V")
    assert "±" in latency[3]
    assert latency[4:] == ("5", "ok")
    assert recovery[-1] == "did not fire"


def test_a_later_run_appears_and_the_choice_stays(window, add_run):
    chosen = window.browser.run.id
    add_run("N-02", simulated=False)
    window.browser.refresh()
    assert [row[1] for row in window.runs.rows] == ["N-02", "N-01"]
    assert window.browser.run.id == chosen
    assert window.runs.currentIndex().row() == 1
    assert "SIMULATED" in window.banner.text()


def test_keys_walk_refresh_and_quit(qtbot, window, add_run):
    add_run("N-02", simulated=False)
    with qtbot.waitActive(window):
        window.activateWindow()
    window.runs.setFocus()
    qtbot.keyClick(window, Qt.Key.Key_F5)
    assert len(window.runs.rows) == 2
    qtbot.keyClick(window.runs, Qt.Key.Key_Up)
    assert "MEASURED" in window.banner.text()
    qtbot.keyClick(window.runs, Qt.Key.Key_Down)
    assert "SIMULATED" in window.banner.text()
    qtbot.keyClick(window, Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)
    assert not window.isVisible()


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


def test_refreshing_the_plot_gives_no_reference_away(window, response):
    window.plot.show_response(response, "k")
    before = sys.getrefcount(None)
    for _ in range(200):
        window.plot.show_response(response, "k")
    assert sys.getrefcount(None) > before - 50
