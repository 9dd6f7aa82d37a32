"""The journal: what people say about runs, devices and wafers. Only ever added to.

An untag takes back the tag before it, an include the exclude before it; both stay to be read.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, Subquery, func, select

from labbench.errors import StoreError
from labbench.store import schema
from labbench.store.places import find_wafer
from labbench.store.read import exclusions, find_device, run_row
from labbench.store.records import JournalRecord
from labbench.store.write import add_row, now


class Subject(NamedTuple):
    """What an entry is about: one of these, the others None."""

    run: int | None = None
    device: str | None = None
    wafer: str | None = None

    def __str__(self) -> str:
        (name, value), *_ = self._given()
        return f"{name} {value!r}"

    def _given(self) -> list[tuple[str, object]]:
        return [(name, value) for name, value in self._asdict().items() if value is not None]

    def key(self, connection: Connection) -> dict[str, int]:
        """Return the column that refers to the subject, and its value.

        Raises
        ------
        StoreError
            If it is not one thing, or there is no such thing (`NotFoundError`).
        """
        if len(self._given()) != 1:
            found = ", ".join(name for name, _ in self._given()) or "none"
            raise StoreError(f"An entry is about one run, device or wafer: {found} was named.")
        if self.run is not None:
            return {"run_id": int(run_row(connection, self.run)["id"])}
        if self.device is not None:
            return {"device_id": find_device(connection, self.device)}
        return {"wafer_id": find_wafer(connection, str(self.wafer))}


def write(connection: Connection, kind: str, subject: Subject, text: str, author: str) -> int:
    """Add an entry and return its id."""
    key = subject.key(connection)
    if not text.strip():
        wanted = {"note": "a text", "tag": "a name", "untag": "a name"}.get(kind, "a reason")
        raise StoreError(f"To {kind} {subject} needs {wanted}: found none.")
    if kind == "untag" and text not in tags(connection, subject):
        known = ", ".join(tags(connection, subject)) or "none"
        raise StoreError(f"{subject} has no tag {text!r} to take off: its tags are {known}.")
    if kind == "include" and not _is_excluded(connection, key["run_id"]):
        raise StoreError(f"{subject} is not excluded: there is nothing to take back.")
    values = {"kind": kind, "text": text, "author": author, "created_at": now(), **key}
    return add_row(connection, schema.journal, **values)


def entries(connection: Connection, subject: Subject) -> list[JournalRecord]:
    """Return the entries about a subject, or all where none is given; oldest first."""
    entry = schema.journal.c
    asked = (
        select(
            entry.id,
            entry.kind,
            entry.run_id,
            schema.device.c.name.label("device"),
            schema.wafer.c.label.label("wafer"),
            entry.text,
            entry.author,
            entry.created_at,
        )
        .join_from(schema.journal, schema.device, isouter=True)
        .join(schema.wafer, entry.wafer_id == schema.wafer.c.id, isouter=True)
        .order_by(entry.id)
    )
    if subject != Subject():
        ((column, value),) = subject.key(connection).items()
        asked = asked.where(entry[column] == value)
    return [JournalRecord(**row) for row in connection.execute(asked).mappings()]


def tags(connection: Connection, subject: Subject) -> list[str]:
    """Return the tags that a subject has now, in alphabetical order."""
    ((column, value),) = subject.key(connection).items()
    tagged = tags_in_force()
    asked = select(tagged.c.tag).where(tagged.c[column] == value).order_by(tagged.c.tag)
    return [str(tag) for tag in connection.execute(asked).scalars()]


def tags_in_force() -> Subquery:
    """Return, as a subquery, who is tagged now: `run_id`, `device_id`, `wafer_id`, `tag`."""
    entry = schema.journal.c
    subject = (entry.run_id, entry.device_id, entry.wafer_id)
    newest = (
        select(func.max(entry.id))
        .where(entry.kind.in_(("tag", "untag")))
        .group_by(*subject, entry.text)
    )
    return (
        select(*subject, entry.text.label("tag"))
        .where(entry.id.in_(newest), entry.kind == "tag")
        .subquery("tagged")
    )


def _is_excluded(connection: Connection, run_id: int) -> bool:
    excluded = exclusions()
    asked = select(excluded.c.reason).where(excluded.c.run_id == run_id)
    return connection.execute(asked).first() is not None
