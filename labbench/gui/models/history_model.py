"""Every run in the store: found by filters, page by page; those that are open, and what is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labbench.errors import LabbenchError, NotFoundError
from labbench.features import Response
from labbench.gui.models.child import Child, Ended
from labbench.gui.models.model import Model
from labbench.gui.models.office import Office
from labbench.report.wording import count
from labbench.store import FeatureRecord, JournalRecord, RunRecord, RunSummary, Store
from labbench.store.exchange.place import clear

# Runs on a page: what is scrolled through before one would rather filter.
PAGE = 200
# More curves than that in one plot tell nothing.
MOST_OPEN = 8


@dataclass(frozen=True, eq=False)
class OpenRun:
    """All that is known of a run."""

    run: RunRecord
    responses: Sequence[Response]
    features: Sequence[FeatureRecord]
    tags: Sequence[str]
    journal: Sequence[JournalRecord]


class HistoryModel(Model):
    """Parts: "runs", "open", "response", "export".

    Attributes
    ----------
    filters : dict
        Of `Store.find_runs`.
    runs : sequence of RunSummary
        Newest first.
    has_more : bool
        Whether older ones are not listed yet.
    message : str
        Why no run is listed; empty otherwise.
    chosen : tuple of int
        The runs that notes, tags, exclusions and exports are of, the one chosen first in front.
    opened : tuple of OpenRun
        The first of them, which are drawn; at most `MOST_OPEN`.
    ordinal : int
        Place of the response that is shown.
    export_state : str
        What is being exported, or what became of it; empty at first.
    """

    def __init__(self, store: Store, office: Office) -> None:
        super().__init__()
        self.filters: dict[str, Any] = {}
        self.runs: Sequence[RunSummary] = ()
        self.has_more = False
        self.message = ""
        self.chosen: tuple[int, ...] = ()
        self.opened: tuple[OpenRun, ...] = ()
        self.ordinal = 0
        self.export_state = ""
        self._store, self._office = store, office
        self._pages, self._is_asking = 1, False
        self._stale: set[int] = set()
        self._child, self._target = Child(office), Path()

    @property
    def is_exporting(self) -> bool:
        """Whether an export goes on."""
        return self._child.is_busy

    @property
    def export_began_s(self) -> float:
        """When the last export was started, on the monotonic clock."""
        return self._child.began_s

    def filter(self, **filters: Any) -> None:
        """List only runs for which all holds that is given; see `Store.find_runs`."""
        self.filters = {name: value for name, value in filters.items() if value not in ("", None)}
        self._pages = 1
        self.refresh(anew=True)

    def more(self) -> None:
        """List a page of older runs, too."""
        self._pages += 1
        self.refresh(anew=True)

    def refresh(self, anew: bool = False) -> None:
        """Look for new runs, unless the last question is not answered yet."""
        if self._is_asking and not anew:
            return
        self._is_asking = True
        filters, limit = dict(self.filters), PAGE * self._pages

        def look() -> tuple[Sequence[RunSummary], str]:
            try:
                found = self._store.find_runs(limit=limit + 1, newest_first=True, **filters)
                return tuple(found), "" if found else "No run is like that."
            except NotFoundError as error:
                return (), str(error)

        def show(found: tuple[Sequence[RunSummary], str]) -> None:
            self._is_asking = False
            runs, message = found
            before = (self.runs, self.has_more, self.message)
            self.runs, self.has_more, self.message = runs[:limit], len(runs) > limit, message
            if before != (self.runs, self.has_more, self.message):
                self._changed("runs")
                self._reopen_changed(before[0])

        def failed(text: str) -> None:
            self._is_asking = False
            self.message = text
            self._changed("runs")

        self._office.ask(look, show, failed)

    def open(self, run_ids: Sequence[int], ordinal: int | None = 0) -> None:
        """Choose runs, and open the first of them side by side; what is open is not read again.

        Parameters
        ----------
        run_ids : sequence of int
        ordinal : int or None
            Which response is shown; None keeps the place that is shown by then.
        """
        chosen = self.chosen = tuple(run_ids)
        known = {each.run.id: each for each in self.opened if each.run.id not in self._stale}
        anew = set(chosen[:MOST_OPEN]) - known.keys()

        def look() -> tuple[OpenRun, ...]:
            return tuple(known.get(run_id) or self._read(run_id) for run_id in chosen[:MOST_OPEN])

        def show(found: tuple[OpenRun, ...]) -> None:
            if chosen == self.chosen:
                self.opened = found
                self._stale -= anew
                self.ordinal = self.ordinal if ordinal is None else ordinal
                self._changed("open", "response")

        self._office.ask(look, show)

    def show_response(self, ordinal: int) -> None:
        """Show another response of the open runs."""
        self.ordinal = ordinal
        self._changed("response")

    def tag(self, name: str) -> None:
        """Put a tag on the chosen runs."""
        self._say(lambda run_id: self._store.tag(name, run=run_id))

    def untag(self, name: str) -> None:
        """Take a tag off the chosen runs."""
        self._say(lambda run_id: self._store.untag(name, run=run_id))

    def note(self, text: str) -> None:
        """Write a note on the chosen runs."""
        self._say(lambda run_id: self._store.note(text, run=run_id))

    def exclude(self, reason: str) -> None:
        """Leave the chosen runs out of fits and comparisons."""
        self._say(lambda run_id: self._store.exclude(run_id, reason))

    def include(self, reason: str) -> None:
        """Take the chosen runs into fits and comparisons again."""
        self._say(lambda run_id: self._store.include(run_id, reason))

    def repeat(self, plan: Callable[[RunRecord], None]) -> None:
        """Have each of the chosen runs planned again."""
        run_ids = self.chosen

        def show(runs: Sequence[RunRecord]) -> None:
            for run in runs:
                plan(run)

        self._office.ask(lambda: [self._store.run(run_id) for run_id in run_ids], show)

    def export(self, path: Path, format_name: str) -> None:
        """Write everything of the chosen runs for others to read, in a process of its own."""
        if self.is_exporting:
            self._office.on_error("An export goes on: wait for it, or cancel it.")
            return
        if not self.chosen:
            return
        what, was_there = count(len(self.chosen), "run"), path.exists()
        command = ["db", "export", self._store.name, f"--format={format_name}", f"--out={path}"]
        command += [f"--run={run_id}" for run_id in self.chosen]

        def tidy(ended: Ended) -> str:
            left = clear(path, ended.pid)
            if not was_there and path.exists():
                return ""
            rest = "" if left is None else f"; {left} is what is left of it, and can be removed"
            return f"{path} was not written{rest}"

        def done(ended: Ended) -> None:
            if ended.code == 0:
                finished(ended, "")
            else:
                self._office.ask(lambda: tidy(ended), lambda said: finished(ended, said))

        def finished(ended: Ended, missing: str) -> None:
            if not missing:
                # Also if it was cancelled, but too late: an export is there only if it is whole.
                self._exported(f"All files of {what} are in {path}, after {ended.lasted_s:.0f} s.")
            elif ended.was_cancelled:
                self._exported(f"Export cancelled: {missing}.")
            else:
                self._exported(f"Not exported: {ended.problem} ({missing}.)")

        try:
            self._child.start(command, done)
        except OSError as error:
            self._exported(f"Not exported: the command could not be started: {error}.")
        else:
            self._target = path
            self._exported(f"Exporting {what} to {path}")

    def cancel_export(self) -> None:
        """Stop the export; nothing half written is left."""
        self._child.cancel()

    def close(self) -> None:
        """Stop the export, and have what it wrote removed before the office closes."""
        pid = self._child.close()
        if pid is not None:
            self._office.ask(lambda: clear(self._target, pid))

    def _exported(self, text: str) -> None:
        self.export_state = text
        self._changed("export")

    def _say(self, say: Callable[[int], int]) -> None:
        run_ids = self.chosen

        def write() -> list[str]:
            refused = []
            for run_id in run_ids:
                # One that has no such tag keeps nothing from the others.
                try:
                    say(run_id)
                except LabbenchError as error:
                    refused.append(str(error))
            return refused

        def done(refused: list[str]) -> None:
            if len(refused) == 1 == len(run_ids):
                self._office.on_error(refused[0])
            elif refused:
                said = f"Not written for {len(refused)} of {len(run_ids)} runs"
                self._office.on_error(f"{said}: {' '.join(refused)}")
            self._reopen(run_ids)
            self.refresh(anew=True)

        self._office.ask(write, done)

    def _reopen(self, run_ids: Sequence[int]) -> None:
        """Read runs again where they are open; what is shown stays until then."""
        self._stale.update(run_ids)
        self.open(self.chosen, ordinal=None)

    def _reopen_changed(self, before: Sequence[RunSummary]) -> None:
        """Read open runs again whose state, or number of features, is another one now."""
        was, now = {run.id: run for run in before}, {run.id: run for run in self.runs}
        shown = self.chosen[:MOST_OPEN]
        stale = [i for i in shown if i in was and i in now and was[i] != now[i]]
        if stale:
            self._reopen(stale)

    def _read(self, run_id: int) -> OpenRun:
        return OpenRun(
            self._store.run(run_id),
            self._store.responses(run_id),
            self._store.features(run_id=run_id),
            self._store.tags(run=run_id),
            self._store.journal(run=run_id),
        )
