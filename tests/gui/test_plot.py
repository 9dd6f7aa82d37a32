"""The plot of responses: what is drawn is what was recorded."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pyqtgraph as pg
import pytest
from numpy.testing import assert_array_equal

from labbench.features import Response
from labbench.gui.live_plot import ChannelsPlot
from labbench.gui.models.live_model import LiveFrame, curves_of
from labbench.gui.plot import TracePlot, condition_axis
from labbench.spikes import find_spikes
from labbench.stimulus import Pulse, PulseTrain
from labbench.trace import Channel, Trace


@pytest.fixture
def plot(qtbot, response):
    made = TracePlot()
    qtbot.addWidget(made)
    made.show_response(response, "#000000")
    return made


def drawn(panel) -> tuple[np.ndarray, np.ndarray]:
    return panel.curve.getOriginalDataset()


def test_the_curves_are_the_samples(plot, response):
    trace = response.trace
    for panel, name in ((plot.above, "input"), (plot.below, "output")):
        time_s, values = drawn(panel)
        at = np.searchsorted(trace.time_s, time_s)
        assert_array_equal(trace.time_s[at], time_s)
        assert_array_equal(trace.values(name)[at], values)
        assert values.max() == trace.values(name).max()
        assert values.min() == trace.values(name).min()
        assert panel.curve.opts["pen"].width() == 1
        assert panel.item.getAxis("left").labelUnits == "V"


def test_spikes_are_marked(plot, response):
    spikes = find_spikes(response.trace)
    assert len(spikes)
    assert_array_equal(plot.spike_marks.getData()[0], spikes.time_s)


def test_time_axes_are_linked_and_a_zoom_shows_more(plot, response):
    plot.show()
    before = drawn(plot.below)[0]
    plot.above.item.setXRange(1e-3, 1.2e-3, padding=0)
    assert plot.below.item.viewRange()[0] == pytest.approx([1e-3, 1.2e-3])
    time_s = response.trace.time_s
    seen = time_s[(time_s >= 1e-3) & (time_s <= 1.2e-3)]
    assert np.isin(seen, drawn(plot.below)[0]).all()
    assert not np.isin(seen, before).all()


def test_order_only_traces_are_drawn_against_sample_number(plot):
    current = Channel(np.array([1e-9, 3e-9, 2e-9]), "current", "A")
    train = PulseTrain((Pulse(0.0, 1e-3, 0.5),), duration_s=2e-3)
    plot.show_response(Response(train, Trace({"memristor": current, "output": current})), "k")
    assert_array_equal(drawn(plot.below)[0], [0.0, 1.0, 2.0])
    assert "sample" in plot.below.item.getAxis("bottom").labelText
    assert "not recorded" in plot.above.item.titleLabel.text


def test_responses_lie_over_each_other_and_go_again(plot, response):
    plot.show_responses([(response, "#000000"), (response, "#00ff00")])
    assert len(plot.below.curves) == 2
    assert_array_equal(plot.below.curves[1].item.xData, plot.below.curves[0].item.xData)
    plot.show_response(None, "k")
    assert plot.below.curves[1].item.getOriginalDataset()[0] is None
    assert "nothing to show" in plot.below.item.titleLabel.text


def test_conditions_have_their_unit_on_the_axis():
    assert condition_axis("amplitude_v") == ("amplitude", "V")
    assert condition_axis("pulse") == ("pulse", None)


def test_refreshing_the_plot_gives_no_reference_away(plot, response):
    before = sys.getrefcount(None)
    for _ in range(200):
        plot.show_response(response, "k")
    assert sys.getrefcount(None) > before - 50


def test_live_channels_share_the_place_however_many_come(qtbot, response, store, add_run):
    plot = ChannelsPlot()
    qtbot.addWidget(plot)
    plot.resize(600, 600)
    plot.show()
    run = store.run(add_run())
    both = curves_of(response)
    more = tuple(replace(both[0], name=name) for name in ("input", "output", "gate", "memristor"))
    for curves in (both, more, both[:1], both):
        plot.show_frame(LiveFrame(run, 1, curves), "#000000")
        qtbot.wait(20)
        assert list(plot.rows) == [curve.name for curve in curves]
        heights = [row.item.sceneBoundingRect().height() for row in plot.rows.values()]
        assert sum(heights) > 450
        assert min(heights) > 0.5 * max(heights)
        shown = [item for item in plot.scene().items() if isinstance(item, pg.PlotItem)]
        assert len(shown) == len(curves)
