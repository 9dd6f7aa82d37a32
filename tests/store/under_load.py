"""Processes that use one database at once: a bench that records, a listing, and a fit."""

from __future__ import annotations

import time
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event

import numpy as np

from labbench.errors import StoreError
from labbench.features import Feature, Response
from labbench.model.card import ModelCard
from labbench.stimulus import Pulse, PulseTrain
from labbench.store import PulseRow, Store, worst_dose
from labbench.trace import Channel, Trace

N_PULSES = 200
TRAINS_A_RUN = 5
_SAMPLES = 10_000


@cache
def train() -> PulseTrain:
    """Return the stimulus of every response."""
    return PulseTrain(tuple(Pulse(k * 1e-3, 5e-4, 0.8) for k in range(N_PULSES)), duration_s=0.2)


def rows() -> list[PulseRow]:
    """Return its pulses."""
    return [PulseRow(k, k * 1e-3, 5e-4, 0.8, k % 3 == 0, 1e-4) for k in range(N_PULSES)]


def response(run_id: int, ordinal: int) -> Response:
    """Return what came back: other samples for each, and the same ones for whoever asks."""
    random = np.random.default_rng([run_id, ordinal])
    channels = {
        name: Channel(random.integers(-2048, 2048, _SAMPLES, dtype=np.int16), "voltage", "V", 1e-3)
        for name in ("input", "output")
    }
    return Response(train(), Trace(channels, interval_s=2e-5))


def record(path: str, told: Connection, pace_s: float = 0.0, seconds: float = 3600.0) -> None:
    """Record runs as a bench does, and tell of each step after the store has returned from it."""
    started_s = time.monotonic()
    with Store.open(path) as store:
        session = store.begin_session({}, simulated=True)
        device = store.add_device("D1", "neuron")
        while time.monotonic() - started_s < seconds:
            run_id = store.begin_run(session, device, "p", "1", {}, None)
            told.send(("begun", run_id, 0, 0.0))
            for ordinal in range(TRAINS_A_RUN):
                came_back = response(run_id, ordinal)
                store.apply_dose(run_id, ordinal, worst_dose(train(), 1e3), "stop")
                told.send(("applied", run_id, ordinal, 0.0))
                began_s = time.perf_counter()
                store.save_response(run_id, ordinal, came_back, rows(), in_compliance=False)
                told.send(("saved", run_id, ordinal, time.perf_counter() - began_s))
                time.sleep(pace_s)
            store.end_run(run_id, "finished")
            told.send(("ended", run_id, 0, 0.0))
            store.save_features(run_id, "energy", [Feature("e", 1e-12, "J", 0.0, 1)], "a", "1")
            store.checkpoint()


def poll(path: str, told: Connection, stop: Event) -> None:
    """List what is there over and over, as a window does."""

    def look(store: Store) -> None:
        store.runs()
        store.devices()
        store.features()
        store.abandoned_runs()
        time.sleep(0.02)

    _repeat(path, told, stop, look)


def fit(path: str, told: Connection, stop: Event) -> None:
    """Read a run, compute, and write a result, as a fit does."""

    def work(store: Store) -> None:
        finished = store.runs(state="finished")
        if not finished:
            time.sleep(0.02)
            return
        run_id = finished[-1].id
        found = store.responses(run_id)
        until_s = time.monotonic() + 0.01
        while time.monotonic() < until_s:
            np.linalg.svd(np.outer(np.arange(50.0), found[0].trace.values("output")[:50]))
        card = store.save_card(ModelCard("B1"))
        store.save_fit(card, [run_id], "converged", {"n": len(found)}, "0" * 64)

    _repeat(path, told, stop, work)


def _repeat(path, told, stop, act):
    """Act until told to stop; tell how often, how long at worst, and what went wrong."""
    count, worst_s, faults = 0, 0.0, []
    with Store.open(path) as store:
        told.send("ready")
        while not stop.is_set():
            began_s = time.perf_counter()
            try:
                act(store)
            except StoreError as error:
                faults.append(str(error))
            count, worst_s = count + 1, max(worst_s, time.perf_counter() - began_s)
    told.send((count, worst_s, faults))
