"""One run: a procedure on one device, recorded as it goes, the bench safe on every way out."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from types import FrameType
from typing import Any

from instruments.uninterrupted import uninterrupted
from labbench.bench.bench import Bench
from labbench.bench.calibration import overdue
from labbench.bench.compliance import policy_named
from labbench.bench.dry_run import foresee
from labbench.bench.guarded import GuardedPlayer
from labbench.bench.patience import Patience
from labbench.bench.recovery import recover
from labbench.errors import BudgetError, InstrumentError, StoreError, StoreFullError
from labbench.features import Response, read_pulses
from labbench.features.pulses import has_pulses
from labbench.report.device import draw_features, save_features
from labbench.stimulus import PulseTrain, Stimulus
from labbench.store import PulseRow, Store
from procedures.base import NeuronProcedure

_LOG = logging.getLogger("labbench.bench")

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
    note : str
        Why it was stopped before its end, if the bench did.
    """

    run_id: int
    state: str
    responses: int
    note: str = ""


def begin_session(bench: Bench, store: Store) -> int:
    """Note in the store who measures where, with which bench and instruments."""
    config = bench.description.model_dump(mode="json", exclude={"simulated"})
    session_id = store.begin_session(config, simulated=bench.description.is_simulated)
    for role, (entry, instrument) in bench.roles().items():
        store.add_instrument_state(
            session_id,
            role,
            entry.address,
            entry.driver,
            instrument.identity,
            {},
            calibrated_at=entry.calibrated,
            calibration_due=entry.calibration_due,
        )
    return session_id


@contextmanager
def bench_session(bench: Bench, store: Store) -> Iterator[int]:
    """Begin a session, yield its id, and note its end on every way out."""
    session_id = begin_session(bench, store)
    try:
        yield session_id
    except BaseException as error:
        try:
            store.end_session(session_id)
        except StoreError as fault:
            error.add_note(f"Moreover, the end of the session could not be stored: {fault}")
        raise
    store.end_session(session_id)


def run_procedure(
    bench: Bench,
    store: Store,
    session_id: int,
    device_id: int,
    procedure: NeuronProcedure,
    *,
    on_progress: Callable[[float], None] = lambda percent: None,
    should_stop: Callable[[], bool] = lambda: False,
    compliance_policy: str | None = None,
    on_notice: Callable[[str], None] = _LOG.warning,
    given_up: Sequence[int] = (),
    wait: Callable[[float], None] = time.sleep,
    planned: int | None = None,
    on_begin: Callable[[int], None] = lambda run_id: None,
    on_response: Callable[[int, Response], None] = lambda ordinal, response: None,
) -> RunReport:
    """Run a procedure on a bench and record it.

    First, runs that a killed process left behind are cleared up, see `recover`, and a dry run
    says what the procedure does at worst: too much is refused before any output is on. Then each
    stimulus enters the ledger before it is applied, and every response is in the store before the
    next stimulus is asked for.

    Ctrl-C, SIGTERM, a closed terminal and `should_stop` end the run as "aborted", and so do a
    limit that acts (see `CompliancePolicy`) and a stimulus that would exceed the device's budget;
    an error ends it as "failed". Whatever happens, the outputs go to zero and off first, and what
    was recorded stays. A full disk pauses the run with the outputs off, see `Patience`.

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
    compliance_policy : {"record", "stop", "ramp_down"}, optional
        In place of the procedure's.
    on_notice : callable, optional
        Told in a sentence what an operator should know; logged by default.
    given_up : sequence of int, optional
        See `recover`.
    wait : callable, optional
        Called with seconds while the disk is full.
    planned : int, optional
        The planned run that this is; a new one otherwise.
    on_begin : callable, optional
        Called with the id of the run before anything is energised.
    on_response : callable, optional
        Called with the ordinal and the response, once that is in the store.

    Raises
    ------
    LabbenchError
        Whatever the bench, the procedure or the store raised.
    """
    policy = None if compliance_policy is None else policy_named(compliance_policy)
    recover(bench, store, on_notice, given_up)
    for line in overdue(bench.description, date.today()):
        on_notice(line)
    patience = Patience(bench, on_notice, should_stop, wait)
    run_id = patience.keep(
        "the beginning of the run",
        lambda: _begin(store, session_id, device_id, procedure, planned),
    )
    device = store.device(device_id).name
    player = GuardedPlayer(
        bench, store, patience, run_id, procedure, policy, store.dose(device), store.budget(device)
    )
    recorded: list[Response] = []

    def record(ordinal: int, response: Response) -> None:
        rows, seen = _pulse_rows(response), player.in_compliance
        patience.keep(
            f"response {ordinal}",
            lambda: store.save_response(run_id, ordinal, response, rows, in_compliance=seen),
        )
        recorded.append(response)
        on_response(ordinal, response)

    def emit(topic: str, value: Any) -> None:
        if topic == "progress":
            on_progress(float(value))

    procedure.player, procedure.record, procedure.emit = player, record, emit
    with signals_as_interrupts() as signalled:
        patience.should_stop = lambda: signalled.is_set() or should_stop()
        procedure.should_stop = lambda: bool(player.stopped) or patience.should_stop()
        try:
            on_begin(run_id)
            foresee(procedure, bench.description, player.spent, player.budget).require()
            _energise(bench, store, run_id, procedure, player, patience)
            if signalled.is_set():
                raise KeyboardInterrupt
        except BaseException as error:
            _end_by(error, store, run_id)
            raise
        state = "aborted" if player.stopped or should_stop() else "finished"
        note = player.stopped or None
        patience.keep("the end of the run", lambda: store.end_run(run_id, state, note))
    if player.stopped:
        on_notice(f"Run {run_id} was stopped: {player.stopped}.")
    on_progress(100.0)
    features = draw_features(procedure.name, recorded)
    patience.keep("the features of the run", lambda: save_features(store, run_id, features))
    store.checkpoint()
    return RunReport(run_id, state, len(recorded), player.stopped)


def _begin(
    store: Store,
    session_id: int,
    device_id: int,
    procedure: NeuronProcedure,
    planned: int | None,
) -> int:
    if planned is not None:
        store.start_run(planned, session_id)
        return planned
    return store.begin_run(
        session_id,
        device_id,
        procedure.name,
        procedure.version,
        dict(procedure.parameter_values()),
        seed=None,
        procedure_sha256=procedure.source_sha256,
    )


def _energise(
    bench: Bench,
    store: Store,
    run_id: int,
    procedure: NeuronProcedure,
    player: GuardedPlayer,
    patience: Patience,
) -> None:
    """Play a procedure from the first output that goes on to the last that is off."""

    def keep_compliance() -> None:
        checks = [("supply", bench.compliance), *bench.sweep_checks.items()]
        for role, check in checks:
            if check is not None:
                add = partial(store.add_compliance_check, run_id, role, **asdict(check))
                patience.keep(f"the compliance of the {role}", add)

    def start() -> None:
        try:
            bench.start(procedure.needs)
        finally:
            keep_compliance()

    failure: BaseException | None = None
    try:
        patience.start = start
        start()
        procedure.startup()
        try:
            procedure.execute()
        except (BudgetError, StoreFullError) as error:
            player.stopped = str(error)
        if not player.stopped:
            bench.observe()
        keep_compliance()
    except BaseException as error:
        failure = error
        raise
    finally:
        patience.start = None
        procedure.shutdown()
        if procedure.shutdown_faults:
            first = "" if failure is None else f"{_said(failure)} "
            raise InstrumentError(first + "; ".join(procedure.shutdown_faults)) from failure


def _pulse_rows(response: Response) -> list[PulseRow]:
    if not has_pulses(response):
        return _silent_rows(response.stimulus)
    return [
        PulseRow(
            reading.index,
            reading.pulse.start_s,
            reading.pulse.width_s,
            reading.pulse.amplitude_v,
            reading.fired,
            reading.latency_s,
        )
        for reading in read_pulses(response)
    ]


def _silent_rows(stimulus: Stimulus) -> list[PulseRow]:
    """Return the pulses of a train whose output nobody saw; none of any other stimulus."""
    pulses = stimulus.pulses if isinstance(stimulus, PulseTrain) else ()
    return [PulseRow(i, p.start_s, p.width_s, p.amplitude_v) for i, p in enumerate(pulses)]


def _end_by(error: BaseException, store: Store, run_id: int) -> None:
    """End a run by what was raised; a store that fails as well must not hide it."""
    is_operator = isinstance(error, KeyboardInterrupt)
    try:
        if is_operator:
            notes = getattr(error, "__notes__", ())
            store.end_run(run_id, "aborted", ": ".join(["stopped by the operator", *notes]))
        else:
            store.end_run(run_id, "failed", f"{type(error).__name__}: {error}")
    except StoreError as fault:
        error.add_note(f"Moreover, the end of run {run_id} could not be stored: {fault}")


def _said(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "Stopped by the operator."
    return f"{type(error).__name__}: {error}"


@contextmanager
def signals_as_interrupts() -> Iterator[threading.Event]:
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
            uninterrupted.interrupt(f"signal {number}")

    before = {each: signal.signal(each, interrupt) for each in STOP_SIGNALS}
    try:
        yield signalled
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
