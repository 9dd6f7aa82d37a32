"""The newest picture of a run: what it shows, and that nobody waits for it."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from labbench.gui.models.live_model import LiveModel
from labbench.model import read_card
from labbench.spikes import find_spikes

LONG_S = 30.0


@pytest.fixture
def run(store, add_run):
    return store.run(add_run())


@pytest.fixture
def live():
    made = LiveModel()
    yield made
    made.close()


def picture(live, holds):
    until_s = time.monotonic() + LONG_S
    while time.monotonic() < until_s:
        frame = live.take()
        if frame is not None and holds(frame):
            return frame
        time.sleep(0.002)
    raise AssertionError("no such picture came")


def test_a_picture_shows_the_newest_response_and_all_pulses(live, run, response):
    live.begin(run)
    for _ in range(3):
        live.feed(response)
    frame = picture(live, lambda f: f.n_responses == 3 and f.features)
    assert [curve.name for curve in frame.curves] == list(response.trace.channels)
    assert_array_equal(frame.spike_s, find_spikes(response.trace).time_s)
    assert len(frame.strip) == 6
    assert all(np.isfinite(p.latency_s) == p.fired for p in frame.strip)
    output = next(curve for curve in frame.curves if curve.name == "output")
    assert output.values.max() == response.trace.values("output").max()
    assert output.values.size < response.trace.values("output").size
    assert not frame.predicted


def test_a_card_chosen_later_is_drawn_over_the_same_response(live, run, response):
    live.begin(run)
    live.feed(response)
    picture(live, lambda f: f.n_responses == 1)
    live.card = read_card("b1")
    live.feed(response)
    frame = picture(live, lambda f: f.predicted)
    said = {curve.name: curve for curve in frame.predicted}["output"]
    # The recording is of the same card, with noise: the output swings as far.
    assert np.ptp(said.values) == pytest.approx(np.ptp(response.trace.values("output")), rel=0.05)


def test_the_oldest_waveforms_are_let_go(run, response):
    size = sum(channel.raw.nbytes for channel in response.trace.channels.values())
    live = LiveModel(most_bytes=3 * size)
    try:
        live.begin(run)
        for _ in range(10):
            live.feed(response)
        frame = picture(live, lambda f: f.n_responses == 10)
        assert "last 3 responses" in frame.note
        assert len(frame.strip) <= 20
        live.begin(run)
        live.feed(response)
        assert picture(live, lambda f: f.n_responses == 1).note == ""
    finally:
        live.close()


def test_feeding_takes_no_time(live, run, response):
    live.begin(run)
    slowest_s = 0.0
    for _ in range(500):
        began_s = time.perf_counter()
        live.feed(response)
        slowest_s = max(slowest_s, time.perf_counter() - began_s)
    # Three hundred pictures could not be drawn in that time.
    assert slowest_s < 1.0
    assert picture(live, lambda f: f.n_responses == 500)


def test_a_response_that_cannot_be_drawn_is_said_and_the_next_one_comes(
    live, run, response, monkeypatch
):
    def broken(*_):
        raise ZeroDivisionError("no pixels")

    with monkeypatch.context() as patched:
        patched.setattr("labbench.gui.models.live_model.curves_of", broken)
        live.begin(run)
        live.feed(response)
        frame = picture(live, lambda f: f.n_responses == 1 and f.note)
        assert "no pixels" in frame.note
    live.feed(response)
    assert picture(live, lambda f: f.n_responses == 2).curves
