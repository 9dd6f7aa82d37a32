"""The one thread that talks to the instruments: it opens the bench, plays the queue, ends safe.

Jobs come one at a time; "all off" and "abort" reach into the one that is going on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Protocol

from labbench.bench import Bench, BenchDescription, open_bench
from labbench.bench.description import InstrumentEntry
from labbench.bench.run import begin_session
from labbench.bench.run_queue import RunQueue
from labbench.errors import (
    FeatureError,
    LabbenchError,
    LimitError,
    SettingError,
    StimulusError,
    StoreError,
    TraceError,
)
from labbench.features import Response
from labbench.store import RunRecord, Store

_LOG = logging.getLogger("labbench.gui")
# Faults of one run; the next one does not meet them again. Those of a link, an instrument or the
# store hold the queue until somebody has looked.
OWN_FAULTS = (SettingError, StimulusError, TraceError, FeatureError, LimitError)


@dataclass(frozen=True)
class RoleState:
    """An instrument in its role.

    Attributes
    ----------
    role, driver, address, identity : str
    is_output_on, is_interlock_open : bool or None
        None where it has no such thing.
    fault : str
        Why it did not answer; nothing else is known then.
    """

    role: str
    driver: str
    address: str
    identity: str = ""
    is_output_on: bool | None = None
    is_interlock_open: bool | None = None
    fault: str = ""


@dataclass(frozen=True)
class RunEnd:
    """How a run ended: its state, and why."""

    run_id: int
    state: str
    note: str
    holds_queue: bool


class Listener(Protocol):
    """Who is told what happens; called in the bench's thread."""

    def connected(self, bench: BenchDescription, session_id: int, lines: list[str]) -> None:
        """A bench is open."""

    def disconnected(self, why: str, faults: Sequence[str] = ()) -> None:
        """No bench is open (any more); `why` is empty if that was asked for.

        The outputs in `faults` could not be verified as off.
        """

    def checked(self, roles: list[RoleState]) -> None:
        """The instruments were asked."""

    def made_safe(self, faults: list[str]) -> None:
        """All outputs are off, but for what is named."""

    def run_began(self, run: RunRecord) -> None:
        """A run of the queue was started."""

    def responded(self, run: RunRecord, ordinal: int, response: Response) -> None:
        """A response is in the store."""

    def progressed(self, run_id: int, percent: float) -> None:
        """A run went on."""

    def run_ended(self, end: RunEnd) -> None:
        """A run ended."""

    def queue_rests(self, why: str) -> None:
        """Nothing is played any more; `why` is empty if all that was planned was played."""

    def noticed(self, text: str) -> None:
        """An operator should know this."""


class BenchThread:
    """Talks to the instruments, in a thread of its own.

    Parameters
    ----------
    store : Store
    listener : Listener
    """

    def __init__(self, store: Store, listener: Listener) -> None:
        self.queue = RunQueue(store)
        self._store, self._listener = store, listener
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._abort, self._hold = threading.Event(), threading.Event()
        self._bench: Bench | None = None
        self._session_id = 0
        self._thread = threading.Thread(target=self._work, name="bench", daemon=True)
        self._thread.start()

    def connect(self, path: str) -> None:
        """Open the bench of a file."""
        self._jobs.put(lambda: self._connect(path))

    def disconnect(self) -> None:
        """Close the bench, its outputs at zero and off."""
        self._stop()
        self._jobs.put(self._disconnect)

    def check(self) -> None:
        """Ask the instruments who they are, and whether their outputs are on."""
        self._jobs.put(self._check)

    def start(self) -> None:
        """Play what is planned for this bench, one run after the other."""
        self._hold.clear()
        self._jobs.put(self._play)

    def hold(self) -> None:
        """Start no further run; the one that is going on comes to its end."""
        self._hold.set()

    def abort(self) -> None:
        """End the run that is going on before its next stimulus, safe; the queue goes on."""
        self._abort.set()

    def all_off(self) -> None:
        """Bring every output to zero and off, at once, whatever is going on; hold the queue."""
        self._stop()
        self._jobs.put(self._make_safe)

    def close(self, timeout_s: float | None = None) -> bool:
        """End what is going on, leave the bench safe, and end the thread.

        Returns
        -------
        bool
            Whether it came to its end in that time.
        """
        self._stop()
        self._jobs.put(self._disconnect)
        self._jobs.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        """Whether the thread has not ended yet."""
        return self._thread.is_alive()

    def _stop(self) -> None:
        self._hold.set()
        self._abort.set()
        bench = self._bench
        if bench is not None:
            bench.clock.stop()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except LabbenchError as error:
                self._listener.noticed(str(error))
            except KeyboardInterrupt:
                continue  # somebody asked for all off, which is the next job
            except Exception as error:  # noqa: BLE001 - this thread must live
                _LOG.exception("the bench's thread met a fault")
                self._listener.noticed(f"{type(error).__name__}: {error}")

    def _connect(self, path: str) -> None:
        self._disconnect()
        bench = None
        try:
            bench = open_bench(path)
            self._session_id = begin_session(bench, self._store)
            lines = bench.check()
        except Exception as error:  # noqa: BLE001 - whatever it is, the window must know
            if bench is not None:
                with suppress(LabbenchError):
                    bench.leave()
            self._listener.disconnected(_said(error))
            return
        self._bench = bench
        self._listener.connected(bench.description, self._session_id, lines)
        self._check()

    def _disconnect(self) -> None:
        bench, self._bench = self._bench, None
        if bench is None:
            return
        bench.clock.forget()
        faults, said = [], []
        try:
            faults = bench.leave()
        except LabbenchError as error:
            said.append(str(error))
        try:
            self._store.end_session(self._session_id)
        except StoreError as error:
            said.append(str(error))
        self._listener.disconnected(" ".join(said), faults)

    def _check(self) -> None:
        if self._bench is None:
            return
        roles = self._bench.roles().items()
        self._listener.checked([_look_at(role, *filled) for role, filled in roles])

    def _make_safe(self) -> None:
        bench = self._bench
        if bench is None:
            self._listener.noticed("No bench is connected: nothing can be switched off from here.")
            return
        bench.clock.forget()
        self._listener.made_safe(bench.make_safe())
        self._check()

    def _play(self) -> None:
        bench = self._bench
        if bench is None:
            self._listener.queue_rests("No bench is connected: connect one, then start again.")
            return
        if self._hold.is_set():
            return  # somebody has to look first: see the end of the run before
        why = ""
        while not why and not self._hold.is_set():
            run = self.queue.next_for(bench.description)
            if run is None:
                break
            end = self._play_one(bench, run)
            if end is None:
                break
            self._listener.run_ended(end)
            if end.holds_queue:
                self._hold.set()
                why = f"Run {end.run_id} {end.state}, and the queue waits: look at what failed"
                if end.state == "failed":
                    # Its own safe end may be what failed.
                    self._listener.made_safe(bench.make_safe())
        try:
            self._check()
        finally:
            self._listener.queue_rests(why or "Held." * self._hold.is_set())

    def _play_one(self, bench: Bench, run: RunRecord) -> RunEnd | None:
        self._abort.clear()
        bench.clock.forget()
        # Asked once more: what came before the two lines above was forgotten by them.
        if self._hold.is_set():
            return None
        self._listener.run_began(run)
        options: Mapping[str, Any] = {
            "on_progress": lambda percent: self._listener.progressed(run.id, percent),
            "should_stop": lambda: self._abort.is_set(),
            "on_notice": self._listener.noticed,
            "wait": self._abort.wait,
            "on_response": lambda k, response: self._listener.responded(run, k, response),
        }
        try:
            report = self.queue.play(bench, self._session_id, run, **options)
        except KeyboardInterrupt:
            return RunEnd(run.id, "aborted", "all outputs were switched off", True)
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread must live
            # One that is still planned would fail in the same way for ever.
            is_planned = run.id in [each.id for each in self.queue.planned()]
            if not is_planned and self._store.run(run.id).session_id != self._session_id:
                return RunEnd(run.id, "taken", "another programme plays it", False)
            holds = not isinstance(error, OWN_FAULTS) or is_planned
            return RunEnd(run.id, "failed", f"{type(error).__name__}: {error}", holds)
        return RunEnd(report.run_id, report.state, report.note, False)


def _look_at(role: str, entry: InstrumentEntry, instrument: Any) -> RoleState:
    try:
        return RoleState(
            role,
            entry.driver,
            entry.address,
            instrument.identity,
            getattr(instrument, "is_output_on", None),
            getattr(instrument, "is_interlock_open", None),
        )
    except LabbenchError as error:
        return RoleState(role, entry.driver, entry.address, fault=str(error))


def _said(error: Exception) -> str:
    if isinstance(error, LabbenchError):
        return str(error)
    _LOG.error("the bench could not be opened", exc_info=error)
    return f"{type(error).__name__}: {error}"
