"""The live panel on long waveforms, beside pyqtgraph's plain setData of the same samples.

A refresh is everything from a response that has come to pixels that are painted: 4 channels of
1e6 samples of int16. Also: start-up of the window on a store of many runs, memory over many
refreshes, and whether references to None are given away (as PySide6 6.12 did).

    QT_QPA_PLATFORM=offscreen python benchmarks/live_plot.py [--samples 1000000] [--check]
"""

from __future__ import annotations

import argparse
import gc
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication

from labbench.features import Response
from labbench.gui.live_panel import LivePlot
from labbench.gui.main_window import MainWindow
from labbench.stimulus import Pulse, PulseTrain
from labbench.store import Store
from labbench.trace import Channel, Trace

CHANNELS = ("input", "output", "gate", "memristor")


def response_of(n: int, seed: int) -> Response:
    """Return a response with noise on every channel."""
    noise = np.random.default_rng(seed)
    channels = {
        name: Channel(
            (2000 * np.sin(np.arange(n) * 60 / n) + noise.normal(0, 40, n)).astype(np.int16),
            "voltage", "V", scale=5e-4, rail_high=10.0,
        )
        for name in CHANNELS
    }  # fmt: skip
    train = PulseTrain((Pulse(0.0, 1e-3, 0.8),), duration_s=2e-3)
    return Response(train, Trace(channels, interval_s=2e-3 / n))


def timed_ms(act: Callable[[], object], n: int) -> list[float]:
    taken = []
    for _ in range(n):
        began_s = time.perf_counter()
        act()
        taken.append(1e3 * (time.perf_counter() - began_s))
    return taken


def ours(responses: list[Response], n: int) -> list[float]:
    plot = LivePlot()
    plot.resize(1000, 900)
    plot.show()
    place = 0

    def refresh() -> None:
        nonlocal place
        place += 1
        plot.show_response(responses[place % len(responses)], is_simulated=True)
        plot.grab()

    timed_ms(refresh, 10)
    gc.collect()
    before = sys.getrefcount(None)
    taken = timed_ms(refresh, n)
    gc.collect()
    lost = before - sys.getrefcount(None)
    assert lost < n, f"{lost} references to None are gone after {n} refreshes"
    plot.close()
    return taken


def plain(responses: list[Response], n: int) -> list[float]:
    view = pg.GraphicsLayoutWidget()
    view.resize(1000, 900)
    curves = [view.addPlot(row=row, col=0).plot() for row in range(len(CHANNELS))]
    view.show()
    place = 0

    def refresh() -> None:
        nonlocal place
        place += 1
        trace = responses[place % len(responses)].trace
        for curve, name in zip(curves, CHANNELS, strict=True):
            curve.setData(trace.time_s, trace.channels[name].values)
        view.grab()

    timed_ms(refresh, 1)
    taken = timed_ms(refresh, n)
    view.close()
    return taken


def start_up_s(runs: int) -> float:
    with (
        tempfile.TemporaryDirectory() as folder,
        Store.open(Path(folder) / "lab.db", create=True, durable=False) as store,
    ):
        session = store.begin_session({}, simulated=True, operator="benchmark")
        device = store.add_device("n1", "neuron")
        for _ in range(runs):
            run = store.begin_run(session, device, "stochasticity", "1", {}, None)
            store.end_run(run, "finished")
        settings = QSettings(str(Path(folder) / "w.ini"), QSettings.Format.IniFormat)
        began_s = time.perf_counter()
        window = MainWindow(store, settings=settings)
        window.show()
        QApplication.processEvents()
        window.grab()
        taken_s = time.perf_counter() - began_s
        window.close()
    return taken_s


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--refreshes", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--check", action="store_true", help="exit code 1 where a limit is missed")
    asked = parser.parse_args()
    application = QApplication.instance() or QApplication([])
    responses = [response_of(asked.samples, seed) for seed in range(3)]
    ours(responses, 5)
    first = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    taken = ours(responses, asked.refreshes)
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - first) / 1024
    reference = plain(responses, 5)
    started_s = start_up_s(asked.runs)
    application.processEvents()
    p95 = float(np.quantile(taken, 0.95))
    print(
        f"4 x {asked.samples:,} samples: {median(taken):.0f} ms a refresh (p95 {p95:.0f}, "
        "limit 50); "
        f"plain setData {median(reference):.0f} ms, {median(reference) / median(taken):.1f} times"
    )
    print(f"memory over {asked.refreshes} refreshes: {grown_mb:+.0f} MB (limit 30)")
    print(f"start-up with {asked.runs:,} runs: {started_s:.2f} s (limit 3)")
    missed = median(taken) > 50 or grown_mb > 30 or started_s > 3
    return int(asked.check and missed)


if __name__ == "__main__":
    sys.exit(main())
