"""One run: a procedure on one device, recorded as it goes, the bench safe on every way out."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from types import FrameType
from typing import Any

from labbench.bench.bench import Bench
from labbench.bench.compliance import policy_named
from labbench.bench.dry_run import foresee
from labbench.bench.guarded import GuardedPlayer
from labbench.bench.recovery import recover
from labbench.errors import BudgetError, InstrumentError, StoreError
from labbench.features import Response, read_pulses
from labbench.features.pulses import has_pulses
from labbench.report.device import draw_features, save_features
from labbench.stimulus import PulseTrain, Stimulus
from labbench.store import PulseRow, Store
from procedures.base import NeuronProcedure, source_sha256

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
        due = entry.calibration_due
        store.add_instrument_state(
            session_id,
            role,
            entry.address,
            entry.driver,
            instrument.identity,
            {},
            calibration_due=None if due is None else due.isoformat(),
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
    compliance_policy: str | None = None,
    on_notice: Callable[[str], None] = _LOG.warning,
    given_up: Sequence[int] = (),
) -> RunReport:
    """Run a procedure on a bench and record it.

    First, runs that a killed process left behind are cleared up, see `recover`, and a dry run
    says what the procedure does at worst: too much is refused before any output is on. Then each
    stimulus enters the ledger before it is applied, and every response is in the store before the
    next stimulus is asked for.

    Ctrl-C, SIGTERM, a closed terminal and `should_stop` end the run as "aborted", and so do a
    limit that acts (see `CompliancePolicy`) and a stimulus that would exceed the device's budget;
    an error ends it as "failed". Whatever happens, the outputs go to zero and off first, and what
    was recorded stays.

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

    Raises
    ------
    LabbenchError
        Whatever the bench, the procedure or the store raised.
    """
    policy = None if compliance_policy is None else policy_named(compliance_policy)
    recover(bench, store, on_notice, given_up)
    run_id = store.begin_run(
        session_id,
        device_id,
        procedure.name,
        procedure.version,
        dict(procedure.parameter_values()),
        seed=None,
        procedure_sha256=source_sha256(type(procedure)),
    )
    for role, (entry, _) in bench.roles().items():
        if entry.is_overdue:
            on_notice(f"The calibration of the {role} ran out on {entry.calibration_due}.")
    device = next(each.name for each in store.devices() if each.id == device_id)
    player = GuardedPlayer(
        bench, store, run_id, procedure, policy, store.dose(device), store.budget(device)
    )
    recorded: list[Response] = []

    def record(ordinal: int, response: Response) -> None:
        rows = _pulse_rows(response)
        store.save_response(run_id, ordinal, response, rows, in_compliance=player.in_compliance)
        recorded.append(response)

    def emit(topic: str, value: Any) -> None:
        if topic == "progress":
            on_progress(float(value))

    procedure.player, procedure.record, procedure.emit = player, record, emit
    with _signals_as_interrupts() as signalled:
        procedure.should_stop = lambda: signalled.is_set() or bool(player.stopped) or should_stop()
        try:
            foresee(procedure, bench.description, player.spent, player.budget).require()
            _energise(bench, store, run_id, procedure, player)
            if signalled.is_set():
                raise KeyboardInterrupt
        except BaseException as error:
            _end_by(error, store, run_id)
            raise
        state = "aborted" if player.stopped or should_stop() else "finished"
        store.end_run(run_id, state, player.stopped or None)
    if player.stopped:
        on_notice(f"Run {run_id} was stopped: {player.stopped}.")
    on_progress(100.0)
    save_features(store, run_id, draw_features(procedure.name, recorded))
    return RunReport(run_id, state, len(recorded), player.stopped)


def _energise(
    bench: Bench, store: Store, run_id: int, procedure: NeuronProcedure, player: GuardedPlayer
) -> None:
    """Play a procedure from the first output that goes on to the last that is off."""

    def keep_compliance() -> None:
        if bench.compliance is not None:
            store.add_compliance_check(run_id, "supply", **asdict(bench.compliance))
        for role, check in bench.sweep_checks.items():
            store.add_compliance_check(run_id, role, **asdict(check))

    failure: BaseException | None = None
    try:
        try:
            bench.start(procedure.needs)
        finally:
            keep_compliance()
        procedure.startup()
        try:
            procedure.execute()
        except BudgetError as error:
            player.stopped = str(error)
        if not player.stopped:
            bench.observe()
        keep_compliance()
    except BaseException as error:
        failure = error
        raise
    finally:
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
            store.end_run(run_id, "aborted", "stopped by the operator")
        else:
            store.end_run(run_id, "failed", f"{type(error).__name__}: {error}")
    except StoreError as fault:
        error.add_note(f"Moreover, the end of run {run_id} could not be stored: {fault}")


def _said(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "Stopped by the operator."
    return f"{type(error).__name__}: {error}"


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
