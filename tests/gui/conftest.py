"""A lab database with one simulated response, and a window on it without a screen.

Without Qt these tests fail: a window that was never opened has not been tested.
"""

from __future__ import annotations

import os

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from labbench.features import Feature, Outcome, Response
from labbench.gui.browser import RunBrowser
from labbench.gui.window import BrowserWindow
from labbench.model import read_card, simulate
from labbench.stimulus import Pulse, PulseTrain
from labbench.store import Store


@pytest.fixture(scope="session")
def response() -> Response:
    pulses = tuple(Pulse(2e-3 * i, 1.5e-3, 1.2) for i in range(2))
    train = PulseTrain(pulses, duration_s=5e-3)
    made = simulate(read_card("b1"), train, seed=7, interval_s=5e-7, start_s=-2e-4)
    return Response(train, made.trace)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "lab.db", create=True, durable=False) as opened:
        yield opened


@pytest.fixture
def add_run(store: Store, response: Response) -> Callable[..., int]:
    def add(device: str = "N-01", simulated: bool = True, state: str | None = "finished") -> int:
        session = store.begin_session({"roles": {}}, simulated, "tester")
        device_id = store.add_device(device, "neuron")
        run = store.begin_run(session, device_id, "threshold_firing", "1", {}, 7)
        store.save_response(run, 0, response)
        features = [
            Feature("latency", 2.5e-4, "s", 1e-5, 5, at={"amplitude_v": 1.2}),
            Feature("recovery_time", float("nan"), "s", n=0, outcome=Outcome.DID_NOT_FIRE),
        ]
        store.save_features(run, "threshold_firing", features, "edges", "1")
        if state is not None:
            store.end_run(run, state)
        return run

    return add


@pytest.fixture
def window(qtbot: QtBot, store: Store, add_run: Callable[..., int]) -> BrowserWindow:
    add_run()
    opened = BrowserWindow(RunBrowser(store))
    qtbot.addWidget(opened)
    opened.show()
    return opened
