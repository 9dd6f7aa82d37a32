"""The live panel on long waveforms, beside pyqtgraph's plain setData of the same samples.

A refresh is everything from a response that has come to pixels that are painted: 4 channels of
1e6 samples of int16, drawn together and drawn. Also: start-up of the window on a store of many
runs; with `--play`, the memory of a window that plays many short runs, and whether references to
None are given away (as PySide6 6.12 did).

    QT_QPA_PLATFORM=offscreen python benchmarks/live_plot.py [--play 1000] [--check]
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from statistics import median

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication

from labbench.features import Response
from labbench.gui.live_plot import ChannelsPlot
from labbench.gui.models.lab import Lab
from labbench.gui.models.live_model import LiveFrame, curves_of
from labbench.gui.responsive import responsive
from labbench.gui.theme import colour_of
from labbench.gui.window import BenchWindow
from labbench.stimulus import Pulse, PulseTrain
from labbench.store import RunRecord, Store
from labbench.trace import Channel, Trace

CHANNELS = ("input", "output", "gate", "memristor")
REFRESH_MS, START_UP_S, GROWN_MB = 50.0, 3.0, 30.0
# Few pulses a run: what is counted here are runs.
SHORT = {"repeats": 1.0, "start_v": 0.6, "stop_v": 0.9}


def response_of(n: int, seed: int) -> Response:
    """Return a response with noise on every channel."""
    noise = np.random.default_rng(seed)
    channels = {
        name: Channel(
            (2000 * np.sin(np.arange(n) * 60 / n) + noise.normal(0, 40, n)).astype(np.int16),
            "voltage",
            "V",
            scale=5e-4,
            rail_high=10.0,
        )
        for name in CHANNELS
    }
    train = PulseTrain((Pulse(0.0, 1e-3, 0.8),), duration_s=2e-3)
    return Response(train, Trace(channels, interval_s=2e-3 / n))


def timed_ms(act: Callable[[], object], n: int) -> list[float]:
    taken = []
    for _ in range(n):
        began_s = time.perf_counter()
        act()
        taken.append(1e3 * (time.perf_counter() - began_s))
    return taken


def memory_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text("utf-8").split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


def ours(responses: list[Response], run: RunRecord, n: int) -> list[float]:
    plot = ChannelsPlot()
    plot.resize(1000, 900)
    plot.show()
    place = 0

    def refresh() -> None:
        nonlocal place
        place += 1
        curves = curves_of(responses[place % len(responses)])
        plot.show_frame(LiveFrame(run, place, curves), colour_of(run.simulated))
        plot.grab()

    timed_ms(refresh, 10)
    gc.collect()
    before = sys.getrefcount(None)
    taken = timed_ms(refresh, n)
    gc.collect()
    print(f"references to None, {n} refreshes: {sys.getrefcount(None) - before:+d}")
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
            curve.setData(trace.time_s, trace.values(name))
        view.grab()

    timed_ms(refresh, 1)
    taken = timed_ms(refresh, n)
    view.close()
    return taken


def add_runs(store: Store, n: int) -> RunRecord:
    session = store.begin_session({}, simulated=True, operator="benchmark")
    device = store.add_device("n1", "neuron")
    for _ in range(n):
        run = store.begin_run(session, device, "stochasticity", "1", {}, None)
        store.end_run(run, "finished")
    return store.run(run)


def open_window(store: Store, folder: str, bench_file: str = "") -> BenchWindow:
    settings = QSettings(str(Path(folder) / "window.ini"), QSettings.Format.IniFormat)
    window = BenchWindow(Lab(store), settings, bench_file)
    window.show()
    return window


def close(window: BenchWindow) -> None:
    window.close()
    spin(lambda: not window.isVisible())
    window.deleteLater()


def spin(holds: Callable[[], bool]) -> None:
    while not holds():
        QApplication.processEvents()
        time.sleep(0.002)


def start_up_s(store: Store, folder: str, n_runs: int) -> float:
    """Return how long it takes until the first page of runs is listed."""
    began_s = time.perf_counter()
    window = open_window(store, folder)
    spin(lambda: len(window.history.runs.rows) > 0)
    window.grab()
    taken_s = time.perf_counter() - began_s
    print(f"{len(window.history.runs.rows):,} of {n_runs:,} runs are listed")
    close(window)
    return taken_s


def play(folder: str, n: int) -> float:
    """Play short runs in a window, and return by how much its memory grew after the first tenth."""
    bench_file = Path(folder) / "bench.toml"
    demo = files("labbench.bench").joinpath("demo.toml").read_text("utf-8")
    bench_file.write_text(demo, "utf-8")
    with Store.open(Path(folder) / "play.db", create=True, durable=False) as store:
        window = open_window(store, folder, str(bench_file))
        lab = window.lab

        def fail(text: str) -> None:
            raise RuntimeError(text)

        lab.office.on_error = fail
        spin(lambda: lab.bench.state == "ready" and bool(lab.bench.roles))
        at_mb, none_at = 0.0, 0
        # In portions, as a day has them.
        for place in range(10):
            for _ in range(max(n // 10, 1)):
                lab.queue.add("n1", "threshold_firing", SHORT)
            spin(lambda: lab.office.is_idle)
            lab.bench.start()
            spin(lambda place=place: len(lab.bench.ended) >= (place + 1) * (n // 10))
            spin(lambda: lab.bench.state == "ready")
            gc.collect()
            if place == 0:
                at_mb, none_at = memory_mb(), sys.getrefcount(None)
            print(
                f"after {(place + 1) * (n // 10)} runs: {memory_mb():.0f} MB, references to None "
                f"{sys.getrefcount(None) - none_at:+d}",
                flush=True,
            )
        grown_mb = memory_mb() - at_mb
        close(window)
    return grown_mb


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--refreshes", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--play", type=int, default=0, help="short runs to play in a window")
    parser.add_argument("--check", action="store_true", help="exit code 1 where a limit is missed")
    asked = parser.parse_args()
    application = QApplication([])
    missed = False
    with tempfile.TemporaryDirectory() as folder, responsive():
        with Store.open(Path(folder) / "lab.db", create=True, durable=False) as store:
            run = add_runs(store, asked.runs)
            started_s = start_up_s(store, folder, asked.runs)
        print(f"start-up with {asked.runs:,} runs: {started_s:.2f} s (limit {START_UP_S:.0f})")
        responses = [response_of(asked.samples, seed) for seed in range(3)]
        ours(responses, run, 5)
        before_mb = memory_mb()
        taken = ours(responses, run, asked.refreshes)
        grown_mb = memory_mb() - before_mb
        reference = plain(responses, 5)
        print(
            f"{len(CHANNELS)} x {asked.samples:,} samples: {median(taken):.0f} ms a refresh (p95 "
            f"{float(np.quantile(taken, 0.95)):.0f}, limit {REFRESH_MS:.0f}); plain setData "
            f"{median(reference):.0f} ms, {median(reference) / median(taken):.1f} times"
        )
        print(f"memory over {asked.refreshes} refreshes: {grown_mb:+.0f} MB (limit {GROWN_MB:.0f})")
        missed = median(taken) > REFRESH_MS or grown_mb > GROWN_MB or started_s > START_UP_S
        if asked.play:
            grown_mb = play(folder, asked.play)
            print(f"memory over {asked.play} runs: {grown_mb:+.0f} MB (limit {GROWN_MB:.0f})")
            missed = missed or grown_mb > GROWN_MB
    application.processEvents()
    return int(asked.check and missed)


if __name__ == "__main__":
    sys.exit(main())
