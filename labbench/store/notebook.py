"""What people add to a lab database: wafers, dies, and what they say about runs."""

from __future__ import annotations

from labbench.store import journal, places, provenance
from labbench.store.engine import writing
from labbench.store.journal import Subject
from labbench.store.recorder import Recorder


class Notebook(Recorder):
    """The part of a `Store` that takes down what people know and say.

    Each method is one transaction. An entry of the journal is about one run (by its id), device
    (by its name) or wafer (by its label), and is never changed or deleted: `untag` and `include`
    take back what was said before. The author is whoever is logged in, if not given.
    """

    def add_wafer(self, label: str, material: str | None = None, notes: str = "") -> int:
        """Return the id of a wafer, adding it if it is new."""
        with writing(self.engine) as connection:
            return places.add_wafer(connection, label, material, notes)

    def add_die(self, wafer: str, x: int, y: int) -> int:
        """Return the id of a die of a wafer, adding it if it is new.

        Parameters
        ----------
        wafer : str
            Its label.
        x, y : int
            Column and row, counted in dies from the one that the wafer's map calls 0, 0.
        """
        with writing(self.engine) as connection:
            return places.add_die(connection, wafer, x, y)

    def note(
        self,
        text: str,
        *,
        run: int | None = None,
        device: str | None = None,
        wafer: str | None = None,
        author: str | None = None,
    ) -> int:
        """Write a note and return its id."""
        return self._enter("note", Subject(run, device, wafer), text, author)

    def tag(
        self,
        name: str,
        *,
        run: int | None = None,
        device: str | None = None,
        wafer: str | None = None,
        author: str | None = None,
    ) -> int:
        """Put a tag on something, and return the id of the entry."""
        return self._enter("tag", Subject(run, device, wafer), name, author)

    def untag(
        self,
        name: str,
        *,
        run: int | None = None,
        device: str | None = None,
        wafer: str | None = None,
        author: str | None = None,
    ) -> int:
        """Take a tag off again, and return the id of the entry."""
        return self._enter("untag", Subject(run, device, wafer), name, author)

    def exclude(self, run: int, reason: str, author: str | None = None) -> int:
        """Leave a run out of fits and comparisons from now on, and return the id of the entry."""
        return self._enter("exclude", Subject(run=run), reason, author)

    def include(self, run: int, reason: str, author: str | None = None) -> int:
        """Take an exclusion back, and return the id of the entry."""
        return self._enter("include", Subject(run=run), reason, author)

    def _enter(self, kind: str, subject: Subject, text: str, author: str | None) -> int:
        name = provenance.user() if author is None else author
        with writing(self.engine) as connection:
            return journal.write(connection, kind, subject, text, name)
