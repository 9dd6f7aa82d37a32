"""Which tables belong to a run, found by their references to each other, not by a list of names.

A table that a later revision adds is carried along by itself. Three groups, in the order in which
they are written and read back:

- *shared*: what runs refer to (device, session, ...) and what belongs to that (instruments, ...);
- *run*: what refers to a run, directly or through others, one run at a time;
- *results*: what was made of several runs (fits), and notes, which may be about anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from sqlalchemy import ColumnElement, MetaData, Select, Table, or_, select

from labbench.store import schema

# Not in an export as rows, with the reason.
EXCEPTIONS = {
    "waveform_data": "packed bytes: an export holds the samples themselves, unpacked",
}
# Columns made anew where an export is read, with the reason.
MADE_ANEW = {("waveform", "crc32"): "the checksum of the packed bytes, which are packed anew"}


def parents(table: Table) -> dict[str, Table]:
    """Return the tables that the columns of a table refer to; a table may refer to itself."""
    keys = sorted(table.foreign_keys, key=lambda key: key.parent.name)
    return {key.parent.name: key.column.table for key in keys}


def above(start: Iterable[Table]) -> set[Table]:
    """Return what some tables refer to, directly or through others."""
    found: set[Table] = set()
    todo = list(start)
    while todo:
        for parent in parents(todo.pop()).values():
            if parent not in found:
                found.add(parent)
                todo.append(parent)
    return found


class Scope:
    """The tables of an export in three groups, each with parents before their children."""

    def __init__(self, metadata: MetaData = schema.metadata) -> None:
        self._tables = metadata.sorted_tables
        self._run = metadata.tables["run"]

    @cached_property
    def shared(self) -> tuple[Table, ...]:
        """What runs share."""
        return self._ordered(self._shared)

    @cached_property
    def run(self) -> tuple[Table, ...]:
        """The run and what belongs to one only."""
        others = self._links | self._notes
        return self._ordered(t for t in self._owned - others if t.name not in EXCEPTIONS)

    @cached_property
    def results(self) -> tuple[Table, ...]:
        """What was made of runs, with the references to them, and notes."""
        made = {to for link in self._links for to in parents(link).values()}
        made -= self._owned | self._shared
        made = self._below(made) | above(self._below(made)) - self._owned - self._shared
        return self._ordered(made | self._links | self._notes)

    def owners(self, table: Table) -> dict[str, Table]:
        """Return the columns by which a row belongs to a run, and the tables they refer to."""
        return {
            name: to for name, to in parents(table).items() if to in self._owned and to != table
        }

    def is_link(self, table: Table) -> bool:
        """Return whether a table ties runs to results."""
        return table in self._links

    def is_note(self, table: Table) -> bool:
        """Return whether a table's rows may belong to a run, and need not."""
        return table in self._notes

    def follows(self, table: Table) -> tuple[str, ...]:
        """Return the columns by which a row belongs to something that runs share.

        A session's instruments belong to it; a device that others share a wafer with does not.
        """
        if table in above([self._run]):
            return ()
        return tuple(name for name, to in parents(table).items() if to in self._followed)

    def of_run(self, table: Table, run_id: int) -> Select[tuple[object, ...]]:
        """Return the question for the rows of a table that belong to a run, in order."""
        return select(table).where(self._belongs(table, run_id)).order_by(*table.primary_key)

    def _belongs(self, table: Table, run_id: int) -> ColumnElement[bool]:
        if table is self._run:
            return table.c.id == run_id
        ways: list[ColumnElement[bool]] = []
        for name, owner in self.owners(table).items():
            if owner is self._run:
                ways.append(table.c[name] == run_id)
            else:
                ways.append(
                    table.c[name].in_(select(owner.c.id).where(self._belongs(owner, run_id)))
                )
        return or_(*ways)

    def _children(self, table: Table) -> list[Table]:
        return [t for t in self._tables if table in parents(t).values() and t is not table]

    def _below(self, start: Iterable[Table]) -> set[Table]:
        """Return tables and what refers to them, but not what belongs to a run."""
        found, todo = set(start), list(start)
        while todo:
            for child in self._children(todo.pop()):
                if child not in found and child not in self._owned:
                    found.add(child)
                    todo.append(child)
        return found

    @cached_property
    def _owned(self) -> set[Table]:
        """The run and all that refers to one."""
        higher, found, todo = above([self._run]), {self._run}, [self._run]
        while todo:
            for child in self._children(todo.pop()):
                if child not in found and child not in higher:
                    found.add(child)
                    todo.append(child)
        return found

    @cached_property
    def _followed(self) -> set[Table]:
        return self._below(above([self._run]))

    @cached_property
    def _shared(self) -> set[Table]:
        return (self._followed | above(self._followed)) - self._owned

    @cached_property
    def _links(self) -> set[Table]:
        known = self._owned | self._shared
        return {
            table
            for table in self._owned
            if set(parents(table).values()) - known
            and all(column.foreign_keys for column in table.primary_key)
        }

    @cached_property
    def _notes(self) -> set[Table]:
        return {
            table
            for table in self._owned - {self._run}
            if all(table.c[name].nullable for name in self.owners(table))
        }

    def _ordered(self, chosen: Iterable[Table]) -> tuple[Table, ...]:
        wanted = set(chosen)
        return tuple(table for table in self._tables if table in wanted)
