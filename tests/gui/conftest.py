"""A lab database with one simulated response, and a window on it without a screen.

Without Qt these tests fail: a window that was never opened has not been tested.
"""

from __future__ import annotations

import os

# Unless somebody asks for a real X server.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from labbench.features import Feature, Outcome, Response
from labbench.gui.models.lab import Lab
from labbench.gui.responsive import responsive
from labbench.gui.window import BenchWindow
from labbench.model import read_card, simulate
from labbench.stimulus import Pulse, PulseTrain
from labbench.store import Store

TEMPLATE = files("labbench.bench").joinpath("demo.toml").read_text("utf-8")
LONG_MS = 60_000


@pytest.fixture(scope="module", autouse=True)
def as_in_the_programme(qapp: QApplication) -> Iterator[None]:
    """Collect garbage in this thread only, as `show_window` does: windows are garbage here."""
    with responsive():
        yield


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
def bench_file(tmp_path: Path) -> str:
    path = tmp_path / "bench.toml"
    path.write_text(TEMPLATE.replace("spread = 0.3", "spread = 0.0"), "utf-8")
    return str(path)


@pytest.fixture
def settings(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def open_window(
    qtbot: QtBot, store: Store, settings: QSettings
) -> Iterator[Callable[..., BenchWindow]]:
    """Return a function that opens a window; all of them are closed as a user does it."""
    opened = []

    def open_one(bench_file: str = "") -> BenchWindow:
        window = BenchWindow(Lab(store), settings, bench_file)
        opened.append(window)
        window.show()
        if bench_file:
            ready = window.lab.bench
            qtbot.waitUntil(lambda: ready.state == "ready" and bool(ready.roles), timeout=LONG_MS)
        return window

    yield open_one
    for window in opened:
        close(qtbot, window)


@pytest.fixture
def window(open_window: Callable[..., BenchWindow], add_run: Callable[..., int]) -> BenchWindow:
    add_run()
    return open_window()


def close(qtbot: QtBot, window: BenchWindow) -> None:
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=LONG_MS)
    # Its timers and plots must not outlive the test.
    window.deleteLater()
    qtbot.wait(1)
