"""The rows of an export, read from a database: small groups at once, runs one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, and_, or_, select

from labbench.store import schema
from labbench.store.exchange.scope import Scope, parents

Row = Mapping[str, Any]
# Ids that one statement asks for: a database takes only so many parameters.
_AT_ONCE = 5000


class Selection:
    """The rows that some runs share or that were made of them; what belongs to one run is not in.

    Attributes
    ----------
    rows : mapping of str to list of rows
        By table: shared ones and results.
    incomplete : mapping of str to mapping of int to list of int
        By table: results that were also made of other runs, which are named.
    """

    def __init__(self, connection: Connection, scope: Scope, run_ids: Sequence[int]) -> None:
        self._connection = connection
        self._scope = scope
        self._run_ids = list(run_ids)
        self._ids: dict[str, set[int]] = {}
        self.rows: dict[str, list[Row]] = {}
        self.incomplete: dict[str, dict[int, list[int]]] = {}
        for table in scope.results:
            if scope.is_link(table) or scope.is_note(table):
                self.rows[table.name] = self._of_runs(table)
                self._take_parents(table, self.rows[table.name])
        for table in scope.run:
            self._take_referred(table)
        self._close((*scope.shared, *scope.results))
        for table in scope.results:
            if scope.is_note(table):
                self.rows[table.name] += self._about_shared(table)
            elif scope.is_link(table):
                self._find_incomplete(table)

    def _of_runs(self, table: Table) -> list[Row]:
        found: dict[tuple[Any, ...], Row] = {}
        for run_id in self._run_ids:
            for row in self._connection.execute(self._scope.of_run(table, run_id)).mappings():
                found[tuple(row[column.name] for column in table.primary_key)] = dict(row)
        return [found[key] for key in sorted(found)]

    def _take_parents(self, table: Table, rows: Iterable[Row]) -> None:
        owned = self._scope.owners(table)
        for name, to in parents(table).items():
            if name not in owned:
                self._add(to, (row[name] for row in rows))

    def _take_referred(self, table: Table) -> None:
        owned = self._scope.owners(table)
        for name, to in parents(table).items():
            if name in owned or to is table:
                continue
            for run_id in self._run_ids:
                belonging = self._scope.of_run(table, run_id).subquery()
                asked = select(belonging.c[name]).distinct()
                self._add(to, self._connection.scalars(asked))

    def _add(self, table: Table, ids: Iterable[int | None]) -> None:
        self._ids.setdefault(table.name, set()).update(i for i in ids if i is not None)

    def _close(self, tables: Sequence[Table]) -> None:
        """Add what belongs to the chosen rows, and what those refer to, until nothing is new."""
        plain = [t for t in tables if not (self._scope.is_link(t) or self._scope.is_note(t))]
        before = -1
        while before != (before := sum(map(len, self._ids.values()))):
            for table in plain:
                for name in self._columns_down(table):
                    for part in _parts(self._ids.get(parents(table)[name].name, ())):
                        asked = select(table.c.id).where(table.c[name].in_(part))
                        self._add(table, self._connection.scalars(asked))
                self.rows[table.name] = self._chosen(table)
                self._take_parents(table, self.rows[table.name])

    def _columns_down(self, table: Table) -> tuple[str, ...]:
        if table in self._scope.shared:
            return self._scope.follows(table)
        results = set(self._scope.results)
        return tuple(name for name, to in parents(table).items() if to in results)

    def _chosen(self, table: Table) -> list[Row]:
        rows: list[Row] = []
        for part in _parts(self._ids.get(table.name, ())):
            asked = select(table).where(table.c.id.in_(part)).order_by(table.c.id)
            rows += [dict(row) for row in self._connection.execute(asked).mappings()]
        return rows

    def _about_shared(self, table: Table) -> list[Row]:
        """Return the notes that are about no run, but about something in this export."""
        owned = self._scope.owners(table)
        others = {n: to for n, to in parents(table).items() if n not in owned and to is not table}
        if not others:
            return []
        about = [
            table.c[name].in_(part)
            for name, to in others.items()
            for part in _parts(self._ids.get(to.name, ()))
        ]
        free = and_(*(table.c[name].is_(None) for name in owned))
        asked = select(table).where(free, or_(*about)).order_by(*table.primary_key)
        found = [dict(row) for row in self._connection.execute(asked).mappings()] if about else []
        return [row for row in found if self._is_complete(row, others)]

    def _is_complete(self, row: Row, others: Mapping[str, Table]) -> bool:
        ids = self._ids
        return all(row[n] is None or row[n] in ids.get(to.name, ()) for n, to in others.items())

    def _find_incomplete(self, table: Table) -> None:
        (owner,) = (n for n, to in self._scope.owners(table).items() if to is schema.run)
        mine = set(self._run_ids)
        for name, to in parents(table).items():
            if name == owner:
                continue
            for part in _parts(self._ids.get(to.name, ())):
                asked = select(table.c[name], table.c[owner]).where(table.c[name].in_(part))
                for result, run_id in self._connection.execute(asked):
                    if run_id not in mine:
                        of_table = self.incomplete.setdefault(to.name, {})
                        of_table.setdefault(int(result), []).append(int(run_id))


def _parts(ids: Iterable[int]) -> Iterator[list[int]]:
    ordered = sorted(ids)
    for start in range(0, len(ordered), _AT_ONCE):
        yield ordered[start : start + _AT_ONCE]
