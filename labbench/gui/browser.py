"""What a window on a lab database shows, without any window: runs, and the chosen one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

from labbench.errors import LabbenchError
from labbench.features import Response
from labbench.store import FeatureRecord, RunRecord
from labbench.store.reader import Reader

Part = Literal["runs", "run", "response", "features", "message"]
T = TypeVar("T")


class RunBrowser:
    """The runs of a lab database, the chosen run and its chosen response.

    Whoever shows it subscribes to its parts. Errors of the database become the `message`, and what
    was read before stays. Samples are read when their run is chosen and when its state changes.

    Attributes
    ----------
    runs : sequence of RunRecord
        Newest first.
    run : RunRecord or None
        The chosen one; the newest at first, None as long as there are none.
    responses, features : sequence of Response, of FeatureRecord
        Of the chosen run.
    ordinal : int
        Place of the chosen response among them.
    """

    def __init__(self, store: Reader) -> None:
        self.store = store
        self.runs: Sequence[RunRecord] = ()
        self.run: RunRecord | None = None
        self.responses: Sequence[Response] = ()
        self.ordinal = 0
        self.features: Sequence[FeatureRecord] = ()
        self._errors: dict[str, str] = {}
        self._callbacks: dict[Part, list[Callable[[], None]]] = {}

    @property
    def response(self) -> Response | None:
        """The chosen response, None if the run has none."""
        return self.responses[self.ordinal] if self.responses else None

    @property
    def message(self) -> str:
        """What went wrong at the last look, in one line; empty if nothing did."""
        return " ".join(" ".join(self._errors.values()).split())

    def subscribe(self, part: Part, callback: Callable[[], None]) -> None:
        """Call back whenever a part changed."""
        self._callbacks.setdefault(part, []).append(callback)

    def refresh(self, *, reread: bool = False) -> None:
        """Look for new runs, and for what became of the chosen one.

        Parameters
        ----------
        reread : bool, optional
            Whether the samples of the chosen run are read anew, whatever became of it.
        """
        found = self._ask("runs", self.store.runs)
        if found is not None and _states(found[::-1]) != _states(self.runs):
            self.runs = found[::-1]
            if self.run is not None and self._find(self.run.id) is None:
                self.run = None  # another file was put in place of the database
            self._changed("runs")
        now = None if self.run is None else self._find(self.run.id)
        if self.run is None or now is None:
            if self.runs:
                self.choose_run(self.runs[0].id)
            return
        if reread or _states([now]) != _states([self.run]):
            self.run = now
            self._read_responses(now.id)
        # Features are saved after their run has ended.
        self._read_features(now.id)

    def choose_run(self, run_id: int) -> None:
        """Choose a listed run, and its first response; the samples are read once."""
        if self.run is not None and self.run.id == run_id:
            return
        self.run, self.ordinal = self._find(run_id), 0
        self.responses, self.features = (), ()
        self._read_responses(run_id)
        self._changed("features")
        self._read_features(run_id)

    def choose_response(self, ordinal: int) -> None:
        """Choose a response of the chosen run."""
        self.ordinal = ordinal
        self._changed("response")

    def _find(self, run_id: int) -> RunRecord | None:
        return next((run for run in self.runs if run.id == run_id), None)

    def _read_responses(self, run_id: int) -> None:
        found = self._ask("responses", lambda: self.store.responses(run_id))
        if found is not None:
            self.responses = found
        self._changed("run")
        self._changed("response")

    def _read_features(self, run_id: int) -> None:
        found = self._ask("features", lambda: self.store.features(run_id=run_id))
        if found is not None and _ages(found) != _ages(self.features):
            self.features = found
            self._changed("features")

    def _ask(self, what: str, ask: Callable[[], T]) -> T | None:
        before = self.message
        try:
            answer = ask()
        except LabbenchError as error:
            self._errors[what] = str(error)
            return None
        else:
            self._errors.pop(what, None)
            return answer
        finally:
            if self.message != before:
                self._changed("message")

    def _changed(self, part: Part) -> None:
        for callback in self._callbacks.get(part, ()):
            callback()


def _states(runs: Sequence[RunRecord]) -> list[tuple[int, str, str | None]]:
    """Return all of a run that ever changes, with its id."""
    return [(run.id, run.state, run.excluded) for run in runs]


def _ages(records: Sequence[FeatureRecord]) -> list[tuple[str, object]]:
    return [(record.feature.label, record.created_at) for record in records]
