"""A bench that a person sits at: one thread works its queue, and says what it does.

Nobody waits for the thread: it is told what to do, and what it tells is collected until somebody
polls. It is the only one that talks to the instruments, but for `Desk.all_off`, which after a
moment goes past it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from labbench.bench.bench import Bench
from labbench.bench.opening import open_bench
from labbench.bench.recovery import recover
from labbench.bench.run import begin_session, run_procedure
from labbench.bench.safe_end import unsafe
from labbench.errors import LabbenchError, SettingError
from labbench.features import Response
from labbench.store import PulseRow, QueueRecord, Store
from procedures import configure, find_procedure

# All off goes past a thread that has not come to its safe end by then.
PATIENCE_S = 2.0
_IDLE_S = 0.05
_MOST_NOTICES = 200


@dataclass(frozen=True)
class InstrumentState:
    """An instrument in its role: who answers there, and whether its output is on.

    Attributes
    ----------
    is_output_on : bool or None
        None where it has none, or nobody could ask.
    """

    role: str
    driver: str
    address: str
    identity: str
    is_output_on: bool | None


@dataclass(frozen=True)
class RunState:
    """The run that is going on."""

    run_id: int
    device: str
    procedure: str
    percent: float = 0.0
    responses: int = 0


@dataclass(frozen=True)
class Notice:
    """A sentence for the operator."""

    at: datetime
    text: str
    is_error: bool


@dataclass(frozen=True)
class DeskState:
    """What is known of a desk at one moment.

    Attributes
    ----------
    phase : str
        "closed", "opening", "idle", "running" or "ending" (on its way to the safe state).
    is_simulated : bool or None
        None while no bench is open.
    is_started : bool
        Whether the next entry of the queue begins by itself.
    """

    phase: str = "closed"
    bench: str = ""
    is_simulated: bool | None = None
    instruments: tuple[InstrumentState, ...] = ()
    limits: tuple[str, ...] = ()
    is_started: bool = False
    run: RunState | None = None


@dataclass(frozen=True)
class Played:
    """A response as it came."""

    run_id: int
    ordinal: int
    response: Response
    pulses: Sequence[PulseRow]


class Desk:
    """One bench and one lab database, worked by a thread.

    Parameters
    ----------
    bench : str or Path
        The bench file.
    db : str or Path
        The lab database; a file is made if it is not there.

    Attributes
    ----------
    state : DeskState
        Replaced whole, never changed.
    """

    def __init__(self, bench: str | Path, db: str | Path) -> None:
        self.bench_path, self.db = Path(bench), db
        self.state = DeskState()
        self._notices: deque[Notice] = deque(maxlen=_MOST_NOTICES)
        self._listeners: list[Callable[[Played], None]] = []
        self._commands: SimpleQueue[Callable[[Bench], None]] = SimpleQueue()
        self._abort, self._closing = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._bench: Bench | None = None
        self._lock = threading.Lock()

    def on_response(self, listener: Callable[[Played], None]) -> None:
        """Have each response handed on, in the desk's thread: return at once, raise nothing."""
        self._listeners.append(listener)

    def take_notices(self) -> list[Notice]:
        """Return what was said since the last time."""
        taken = []
        while self._notices:
            taken.append(self._notices.popleft())
        return taken

    def open(self) -> None:
        """Connect to the instruments, in the background; a notice says if that fails."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._closing.clear()
        self.state = DeskState(phase="opening")
        self._thread = threading.Thread(target=self._work, name="labbench desk", daemon=False)
        self._thread.start()

    def check(self) -> None:
        """Ask all instruments who they are and whether their outputs are on."""
        self._commands.put(self._look)

    def start(self) -> None:
        """Work the queue from now on, one entry after the other."""
        self._change(is_started=True)

    def pause(self) -> None:
        """Begin no other entry once the present run has ended."""
        self._change(is_started=False)

    def abort(self) -> None:
        """End the present run safely; the queue goes on if it is started."""
        if self.state.run is not None:
            self._abort.set()
            self._change(phase="ending")

    def all_off(self) -> None:
        """Bring every output to zero and off, now, whatever is going on; the queue stops."""
        self.pause()
        self.abort()
        self._commands.put(self._safe)
        threading.Thread(target=self._past_the_thread, name="labbench all off").start()

    def close(self) -> None:
        """End the present run safely and let the instruments go, in the background."""
        self.pause()
        self.abort()
        self._closing.set()

    @property
    def is_open(self) -> bool:
        """Whether the thread has anything left to do."""
        return self._thread is not None and self._thread.is_alive()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the end of a desk that was closed, and return whether it came."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return not self.is_open

    # What follows runs in the thread.

    def _work(self) -> None:
        try:
            with ExitStack() as held:
                bench = held.enter_context(open_bench(self.bench_path))
                store = held.enter_context(Store.open(self.db, create=True))
                session_id = begin_session(bench, store)
                held.callback(store.end_session, session_id)
                self._bench = bench
                held.callback(partial(setattr, self, "_bench", None))
                self._change(
                    phase="idle",
                    bench=bench.description.name,
                    is_simulated=bench.description.is_simulated,
                    limits=tuple(bench.check()[len(bench.roles()) :]),
                )
                recover(bench, store, self._say)
                self._look(bench)
                while not self._closing.is_set():
                    self._step(bench, store, session_id)
        except LabbenchError as error:
            self._say(str(error), is_error=True)
        except Exception as error:  # noqa: BLE001 - a thread that dies must say so
            self._say(f"{type(error).__name__}: {error}", is_error=True)
        finally:
            self.state = DeskState()

    def _step(self, bench: Bench, store: Store, session_id: int) -> None:
        try:
            self._commands.get(timeout=_IDLE_S)(bench)
        except Empty:
            waiting = store.queue() if self.state.is_started else []
            if waiting:
                self._run(bench, store, session_id, waiting[0])
            elif self.state.is_started:
                self._change(is_started=False)
                self._say("The queue is empty.")

    def _run(self, bench: Bench, store: Store, session_id: int, entry: QueueRecord) -> None:
        try:
            procedure = configure(find_procedure(entry.procedure), entry.settings)
        except SettingError as error:
            store.refuse_queued(entry.id, str(error))
            self._say(f"Not run: {error}", is_error=True)
            return
        self._abort.clear()

        def begin(run_id: int) -> None:
            store.begin_queued(entry.id, run_id)
            run = RunState(run_id, entry.device, entry.procedure)
            self._change(phase="running", run=run)

        def hand_on(ordinal: int, response: Response, pulses: Sequence[PulseRow]) -> None:
            run = self.state.run
            assert run is not None
            self._change(run=replace(run, responses=ordinal + 1))
            for listener in self._listeners:
                listener(Played(run.run_id, ordinal, response, pulses))

        def show(percent: float) -> None:
            if self.state.run is not None:
                self._change(run=replace(self.state.run, percent=percent))

        try:
            report = run_procedure(
                bench, store, session_id, entry.device_id, procedure, on_progress=show,
                should_stop=self._abort.is_set, compliance_policy=entry.compliance_policy,
                on_notice=self._say, on_begin=begin, on_response=hand_on,
            )  # fmt: skip
            self._say(f"Run {report.run_id} {report.state}: {report.responses} responses.")
        except LabbenchError as error:
            self._failed(bench, str(error))
        except Exception as error:  # noqa: BLE001 - whatever it was, the next one may go on
            self._failed(bench, f"{type(error).__name__}: {error}")
        finally:
            self._change(phase="idle", run=None)
            self._look(bench)

    def _failed(self, bench: Bench, said: str) -> None:
        """Say what failed; the queue goes on only if all outputs are known to be off."""
        self._say(said, is_error=True)
        faults = bench.make_safe()
        if faults:
            self.pause()
            self._say(unsafe(faults), is_error=True)

    def _safe(self, bench: Bench) -> None:
        faults = bench.make_safe()
        if faults:
            self._say(unsafe(faults), is_error=True)
        else:
            self._say("All outputs are at zero and off.")
        self._look(bench)

    def _past_the_thread(self) -> None:
        """Switch off from here if the thread does not come to it, as behind a mute instrument."""
        done = threading.Event()
        self._commands.put(lambda bench: done.set())
        bench = self._bench
        if done.wait(PATIENCE_S) or bench is None:
            return
        faults = bench.make_safe()
        said = unsafe(faults) if faults else "All outputs are at zero and off, past the run."
        self._say(said, is_error=bool(faults))

    def _look(self, bench: Bench) -> None:
        self._change(
            instruments=tuple(
                InstrumentState(
                    role, entry.driver, entry.address, instrument.identity, _output(instrument)
                )
                for role, (entry, instrument) in bench.roles().items()
            )
        )

    def _change(self, **values: Any) -> None:
        with self._lock:
            self.state = replace(self.state, **values)

    def _say(self, text: str, is_error: bool = False) -> None:
        self._notices.append(Notice(datetime.now(), text, is_error))


def _output(instrument: Any) -> bool | None:
    try:
        found = getattr(instrument, "is_output_on", None)
    except LabbenchError:
        return None
    return None if found is None else bool(found)
