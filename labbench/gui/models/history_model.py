"""Every run in the store: found by filters, page by page; those that are open, and what is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labbench.errors import NotFoundError
from labbench.features import Response
from labbench.gui.models.model import Model
from labbench.gui.models.office import Office
from labbench.store import FeatureRecord, JournalRecord, RunRecord, RunSummary, Store

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
    opened : tuple of OpenRun
        The chosen runs, the one chosen first in front.
    ordinal : int
        Place of the response that is shown.
    export_state : str
        What became of the last export.
    """

    def __init__(self, store: Store, office: Office) -> None:
        super().__init__()
        self.filters: dict[str, Any] = {}
        self.runs: Sequence[RunSummary] = ()
        self.has_more = False
        self.message = ""
        self.opened: tuple[OpenRun, ...] = ()
        self.ordinal = 0
        self.export_state = ""
        self._store, self._office = store, office
        self._pages, self._is_asking = 1, False
        self._chosen: tuple[int, ...] = ()

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

    def open(self, run_ids: Sequence[int]) -> None:
        """Open some runs, side by side; what is open already is not read again."""
        self._chosen = tuple(run_ids)[:MOST_OPEN]
        known = {each.run.id: each for each in self.opened}
        chosen = self._chosen

        def look() -> tuple[OpenRun, ...]:
            return tuple(known.get(run_id) or self._read(run_id) for run_id in chosen)

        def show(found: tuple[OpenRun, ...]) -> None:
            if chosen == self._chosen:
                self.opened, self.ordinal = found, 0
                self._changed("open", "response")

        self._office.ask(look, show)

    def show_response(self, ordinal: int) -> None:
        """Show another response of the open runs."""
        self.ordinal = ordinal
        self._changed("response")

    def tag(self, name: str) -> None:
        """Put a tag on the open runs."""
        self._say(lambda run_id: self._store.tag(name, run=run_id))

    def untag(self, name: str) -> None:
        """Take a tag off the open runs."""
        self._say(lambda run_id: self._store.untag(name, run=run_id))

    def note(self, text: str) -> None:
        """Write a note on the open runs."""
        self._say(lambda run_id: self._store.note(text, run=run_id))

    def exclude(self, reason: str) -> None:
        """Leave the open runs out of fits and comparisons."""
        self._say(lambda run_id: self._store.exclude(run_id, reason))

    def include(self, reason: str) -> None:
        """Take the open runs into fits and comparisons again."""
        self._say(lambda run_id: self._store.include(run_id, reason))

    def export(self, path: Path, format_name: str) -> None:
        """Write everything of the open runs for others to read."""
        from labbench.store.exchange import export

        run_ids = self._chosen
        self._exported(f"Exporting {len(run_ids)} runs to {path} ...")
        self._office.compute(
            lambda: export(self._store, path, format_name, run_ids),
            lambda _: self._exported(f"{len(run_ids)} runs are in {path}."),
            lambda text: self._exported(f"Not exported: {text}"),
        )

    def _exported(self, text: str) -> None:
        self.export_state = text
        self._changed("export")

    def _say(self, say: Callable[[int], int]) -> None:
        run_ids = self._chosen

        def write() -> None:
            for run_id in run_ids:
                say(run_id)

        def done(_: None) -> None:
            self.opened = ()
            self.open(run_ids)
            self.refresh(anew=True)

        self._office.ask(write, done)

    def _reopen_changed(self, before: Sequence[RunSummary]) -> None:
        """Read open runs again whose state, or number of features, is another one now."""
        was, now = {run.id: run for run in before}, {run.id: run for run in self.runs}
        stale = [i for i in self._chosen if i in was and i in now and was[i] != now[i]]
        if stale:
            self.opened = tuple(each for each in self.opened if each.run.id not in stale)
            ordinal = self.ordinal
            self.open(self._chosen)
            self.ordinal = ordinal

    def _read(self, run_id: int) -> OpenRun:
        return OpenRun(
            self._store.run(run_id),
            self._store.responses(run_id),
            self._store.features(run_id=run_id),
            self._store.tags(run=run_id),
            self._store.journal(run=run_id),
        )
