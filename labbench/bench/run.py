"""One run: a procedure on one device, recorded as it goes, the bench safe on every way out."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from types import FrameType
from typing import Any

from labbench.bench.bench import Bench
from labbench.features import Response, read_pulses
from labbench.features.pulses import has_pulses
from labbench.report.device import draw_features, save_features
from labbench.store import PulseRow, Store
from procedures.base import NeuronProcedure

# SIGHUP is a closed terminal; Windows has SIGBREAK instead.
STOP_SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
]


@dataclass(frozen=True)
class RunReport:
    """What came of a run.

    Attributes
    ----------
    run_id : int
    state : str
        "finished" or "aborted"; a run that failed raises instead.
    responses : int
        How many are in the store.
    """

    run_id: int
    state: str
    responses: int


def begin_session(bench: Bench, store: Store) -> int:
    """Note in the store who measures where, with which bench and instruments."""
    config = bench.description.model_dump(mode="json", exclude={"simulated"})
    session_id = store.begin_session(config, simulated=bench.description.is_simulated)
    for role, (entry, instrument) in bench.roles().items():
        store.add_instrument_state(
            session_id, role, entry.address, entry.driver, instrument.identity, {}
        )
    return session_id


def run_procedure(
    bench: Bench,
    store: Store,
    session_id: int,
    device_id: int,
    procedure: NeuronProcedure,
    *,
    on_progress: Callable[[float], None] = lambda percent: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> RunReport:
    """Run a procedure on a bench and record it.

    Every response is in the store before the next stimulus is asked for. Ctrl-C, SIGTERM, a closed
    terminal and `should_stop` end the run as "aborted", an error as "failed"; whatever happens,
    the outputs go to zero and off first, and what was recorded stays.

    Parameters
    ----------
    bench, store : Bench, Store
        Open.
    session_id, device_id : int
    procedure : NeuronProcedure
    on_progress : callable, optional
        Called with percent.
    should_stop : callable, optional
        Asked before each stimulus.

    Raises
    ------
    LabbenchError
        Whatever the bench, the procedure or the store raised.
    """
    run_id = store.begin_run(
        session_id,
        device_id,
        procedure.name,
        procedure.version,
        dict(procedure.parameter_values()),
        seed=None,
    )
    recorded: list[Response] = []

    def record(ordinal: int, response: Response) -> None:
        rows = [
            PulseRow(
                reading.index,
                reading.pulse.start_s,
                reading.pulse.width_s,
                reading.pulse.amplitude_v,
                reading.fired,
                reading.latency_s,
            )
            for reading in (read_pulses(response) if has_pulses(response) else ())
        ]
        store.save_response(run_id, ordinal, response, rows)
        recorded.append(response)

    def emit(topic: str, value: Any) -> None:
        if topic == "progress":
            on_progress(float(value))

    def keep_compliance() -> None:
        if bench.compliance is not None:
            store.add_compliance_check(run_id, "supply", **asdict(bench.compliance))
        for role, check in bench.sweep_checks.items():
            store.add_compliance_check(run_id, role, **asdict(check))

    procedure.player, procedure.record = bench, record
    try:
        with _signals_as_interrupts() as signalled:
            procedure.emit = emit
            procedure.should_stop = lambda: signalled.is_set() or should_stop()
            try:
                try:
                    bench.start(procedure.needs)
                finally:
                    keep_compliance()
                procedure.startup()
                procedure.execute()
                bench.observe()
                keep_compliance()
                state = "aborted" if should_stop() else "finished"
            finally:
                procedure.shutdown()
            if signalled.is_set():
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        store.end_run(run_id, "aborted", "stopped by the operator")
        raise
    except BaseException as error:
        store.end_run(run_id, "failed", f"{type(error).__name__}: {error}")
        raise
    store.end_run(run_id, state)
    on_progress(100.0)
    save_features(store, run_id, draw_features(procedure.name, recorded))
    return RunReport(run_id, state, len(recorded))


@contextmanager
def _signals_as_interrupts() -> Iterator[threading.Event]:
    """Let Ctrl-C, SIGTERM and a closed terminal end a run alike, from the main thread.

    Yields an event that is set as well, because Python drops an exception that a signal raises
    while a callback or a destructor runs: the run then ends before the next stimulus.
    """
    signalled = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield signalled
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        # Only the first one: an impatient second must not cut the way to the safe state short.
        if not signalled.is_set():
            signalled.set()
            raise KeyboardInterrupt(f"signal {number}")

    before = {each: signal.signal(each, interrupt) for each in STOP_SIGNALS}
    try:
        yield signalled
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
