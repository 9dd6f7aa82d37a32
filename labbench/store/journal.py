"""The journal: what people say of runs, devices and wafers, added to and never changed."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, select

from labbench.errors import NotFoundError, StoreError
from labbench.store import schema
from labbench.store.records import JournalRecord
from labbench.store.write import add_row, now

# Of each subject, where it is and the column by which people know it.
_SUBJECTS = {
    "run": (schema.run, schema.run.c.id),
    "device": (schema.device, schema.device.c.name),
    "wafer": (schema.wafer, schema.wafer.c.label),
}
Subject = Mapping[str, int | str]


def subject_of(run: int | None, device: str | None, wafer: str | None) -> Subject:
    """Return the one subject that was named.

    Raises
    ------
    StoreError
        If it was none, or more than one.
    """
    given = {"run": run, "device": device, "wafer": wafer}
    named = {kind: key for kind, key in given.items() if key is not None}
    if len(named) != 1:
        raise StoreError(
            f"The journal is about one run, device or wafer: found {len(named)} of them. "
            "Name exactly one."
        )
    return named


def add(connection: Connection, subject: Subject, kind: str, text: str, author: str) -> int:
    """Add an entry and return its id.

    Raises
    ------
    NotFoundError
        If its subject is not there.
    StoreError
        If it says nothing, or what it takes back was never said.
    """
    if kind not in schema.JOURNAL_KINDS:
        known = ", ".join(schema.JOURNAL_KINDS)
        raise StoreError(f"The journal has no {kind!r}: it has {known}.")
    if not text.strip():
        raise StoreError(f"The {kind} says nothing: give a text (a tag's name, or a reason).")
    if kind in ("exclude", "include") and "run" not in subject:
        raise StoreError(f"Only a run is excluded or included: found a {next(iter(subject))}.")
    ids = _ids(connection, subject)
    if kind == "untag" and text not in tags(connection, subject):
        raise StoreError(f"There is no tag {text!r} to take off: {_said(connection, subject)}.")
    return add_row(
        connection, schema.journal, kind=kind, text=text.strip(), author=author,
        created_at=now(), **ids,
    )  # fmt: skip


def entries(connection: Connection, subject: Subject | None) -> list[JournalRecord]:
    """Return what was said, of one subject or of all, oldest first."""
    journal = schema.journal.c
    asked = (
        select(
            journal.id,
            journal.kind,
            journal.run_id,
            schema.device.c.name.label("device"),
            schema.wafer.c.label.label("wafer"),
            journal.text,
            journal.author,
            journal.created_at,
        )
        .join_from(
            schema.journal, schema.device, schema.device.c.id == journal.device_id, isouter=True
        )
        .join(schema.wafer, schema.wafer.c.id == journal.wafer_id, isouter=True)
        .order_by(journal.id)
    )
    if subject is not None:
        ids = _ids(connection, subject)
        asked = asked.where(*(journal[name] == value for name, value in ids.items()))
    return [JournalRecord(**row) for row in connection.execute(asked).mappings()]


def tags(connection: Connection, subject: Subject) -> tuple[str, ...]:
    """Return the tags that a subject has now."""
    found: dict[str, None] = {}
    for entry in entries(connection, subject):
        if entry.kind == "tag":
            found[entry.text] = None
        elif entry.kind == "untag":
            found.pop(entry.text, None)
    return tuple(found)


def exclusions(connection: Connection) -> dict[int, str]:
    """Return why runs are excluded, by their ids; those that are not are not in it."""
    journal = schema.journal.c
    asked = (
        select(journal.run_id, journal.kind, journal.text)
        .where(journal.kind.in_(("exclude", "include")))
        .order_by(journal.id)
    )
    found: dict[int, str] = {}
    for run_id, kind, text in connection.execute(asked):
        if kind == "exclude":
            found[run_id] = text
        else:
            found.pop(run_id, None)
    return found


def _ids(connection: Connection, subject: Subject) -> dict[str, int]:
    """Return the column and the id that refer to a subject."""
    ((kind, key),) = subject.items()
    table, known_by = _SUBJECTS[kind]
    row_id = connection.execute(select(table.c.id).where(known_by == key)).scalar_one_or_none()
    if row_id is None:
        raise NotFoundError(f"There is no {kind} {key!r} in this database.")
    return {f"{kind}_id": int(row_id)}


def _said(connection: Connection, subject: Subject) -> str:
    known = tags(connection, subject)
    return f"it has {', '.join(known)}" if known else "it has no tag"
