"""The bench as a person sees it: what is connected, simulated or live, on or off, and what it does.

Told by the bench's thread through the office, so that all of it changes in the window's thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from labbench.bench import BenchDescription
from labbench.bench.safe_end import unsafe
from labbench.features import Response
from labbench.gui.models.bench_thread import BenchThread, RoleState, RunEnd
from labbench.gui.models.live_model import LiveModel
from labbench.gui.models.model import Model
from labbench.gui.models.office import Office
from labbench.store import RunRecord, Store

State = Literal["absent", "connecting", "ready", "running", "stopping"]
# As many sentences as anybody reads back.
_MOST_NOTICES = 200


class BenchModel(Model):
    """Parts: "state", "roles", "progress", "notices", "runs" (one began or ended).

    Attributes
    ----------
    state : str
    description : BenchDescription or None
    session_id : int
    lines : list of str
        What `Bench.check` says.
    roles : list of RoleState
    running : RunRecord or None
    percent : float
    ended : list of RunEnd
        Since the window was opened, oldest first.
    notices : list of str
        What an operator should know, oldest first.
    resting : str
        Why the queue waits; empty if it does not, or is done.
    unsafe : tuple of str
        The outputs that could not be verified as off.
    """

    def __init__(self, store: Store, office: Office, live: LiveModel) -> None:
        super().__init__()
        self.state: State = "absent"
        self.description: BenchDescription | None = None
        self.session_id = 0
        self.lines: list[str] = []
        self.roles: list[RoleState] = []
        self.running: RunRecord | None = None
        self.percent = 0.0
        self.ended: list[RunEnd] = []
        self.notices: list[str] = []
        self.resting = ""
        self.unsafe: tuple[str, ...] = ()
        self._office, self._live = office, live
        self.thread = BenchThread(store, self)

    @property
    def origin(self) -> str:
        """Who answers: "SIMULATED", "LIVE", or "NO BENCH"."""
        if self.description is None:
            return "NO BENCH"
        return "SIMULATED" if self.description.is_simulated else "LIVE"

    @property
    def is_connected(self) -> bool:
        """Whether runs can be planned and played."""
        return self.description is not None

    # What a person asks for.

    def connect(self, path: str) -> None:
        """Open the bench of a file."""
        self._become("connecting")
        self.thread.connect(path)

    def disconnect(self) -> None:
        """Close the bench, its outputs at zero and off."""
        if self.is_connected:
            self._become("stopping")
            self.thread.disconnect()

    def check(self) -> None:
        """Ask the instruments anew."""
        self.thread.check()

    def start(self) -> None:
        """Play the queue."""
        self.resting = ""
        self.thread.start()
        self._changed("state")

    def hold(self) -> None:
        """Start no further run."""
        self.thread.hold()

    def abort(self) -> None:
        """End the run that is going on, safe."""
        if self.running is not None:
            self.thread.abort()
            self._become("stopping")

    def all_off(self) -> None:
        """Bring every output to zero and off, at once."""
        self.thread.all_off()
        if self.is_connected:
            self._become("stopping")

    # What the bench's thread says.

    def connected(self, bench: BenchDescription, session_id: int, lines: list[str]) -> None:
        """See `Listener`."""

        def act() -> None:
            self.description, self.session_id, self.lines = bench, session_id, lines
            self.unsafe = ()
            self._become("ready")
            for line in lines:
                if line.startswith("warning"):
                    self._notice(line)

        self._office.post(act)

    def disconnected(self, why: str, faults: Sequence[str] = ()) -> None:
        """See `Listener`."""

        def act() -> None:
            self.description, self.session_id, self.lines, self.roles = None, 0, [], []
            if faults:
                self._warn(faults)
            self._become("absent")
            self._changed("roles")
            if why:
                self._notice(why)
                self._office.on_error(why)

        self._office.post(act)

    def checked(self, roles: list[RoleState]) -> None:
        """See `Listener`."""

        def act() -> None:
            self.roles = roles
            self._changed("roles")

        self._office.post(act)

    def made_safe(self, faults: list[str]) -> None:
        """See `Listener`."""

        def act() -> None:
            if faults:
                self._warn(faults)
            else:
                self.unsafe = ()
                self._notice("All outputs are at zero and off, verified by reading back.")
            self._become("ready" if self.is_connected else "absent")

        self._office.post(act)

    def run_began(self, run: RunRecord) -> None:
        """See `Listener`."""
        self._live.begin(run)

        def act() -> None:
            self.running, self.percent = run, 0.0
            self._become("running")
            self._changed("progress", "runs")

        self._office.post(act)

    def responded(self, run: RunRecord, ordinal: int, response: Response) -> None:
        """See `Listener`."""
        self._live.feed(response)

    def progressed(self, run_id: int, percent: float) -> None:
        """See `Listener`."""
        # Only kept: the window looks when it draws the next frame.
        self.percent = percent

    def run_ended(self, end: RunEnd) -> None:
        """See `Listener`."""

        def act() -> None:
            self.running = None
            self.ended.append(end)
            if end.note:
                self._notice(f"Run {end.run_id} {end.state}: {end.note}")
            if end.holds_queue and end.state == "failed":
                self._office.on_error(f"Run {end.run_id} failed, and the queue waits: {end.note}")
            self._changed("runs", "progress")

        self._office.post(act)

    def queue_rests(self, why: str) -> None:
        """See `Listener`."""

        def act() -> None:
            self.resting = why
            if self.state != "connecting":
                self._become("ready" if self.is_connected else "absent")
            self._changed("runs")

        self._office.post(act)

    def noticed(self, text: str) -> None:
        """See `Listener`."""
        self._office.post(lambda: self._notice(text))

    def _warn(self, faults: Sequence[str]) -> None:
        self.unsafe = tuple(faults)
        self._notice(unsafe(list(faults)))
        self._office.on_error(unsafe(list(faults)))

    def _notice(self, text: str) -> None:
        self.notices.append(" ".join(text.split()))
        del self.notices[:-_MOST_NOTICES]
        self._changed("notices")

    def _become(self, state: State) -> None:
        self.state = state
        self._changed("state")
