"""Rows of an export in a database that may have some of them already: found again or added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, UniqueConstraint, insert, select

from labbench.errors import ImportFileError
from labbench.store.document import to_json
from labbench.store.exchange.cells import kind, to_cells
from labbench.store.exchange.scope import parents

Ids = dict[str, dict[int, int]]
# Columns by which a thing is the same although its table does not say so.
_SAME = {"model_card": ("name", "document")}
# Columns in which a thing that goes by the same name must agree.
_AGREE = {"device": ("kind",)}


class UnknownReferenceError(ImportFileError):
    """A row that refers to one that was not brought along."""


def remap(table: Table, row: Mapping[str, Any], ids: Ids) -> dict[str, Any]:
    """Return a row with the ids of this database for those of the other.

    Raises
    ------
    UnknownReferenceError
        If it refers to something that is not here.
    """
    made = dict(row)
    for name, to in parents(table).items():
        old = row.get(name)
        if old is None:
            continue
        if old not in ids.get(to.name, {}):
            raise UnknownReferenceError(
                f"A {table.name} of the export refers to {to.name} {old}, which is not in it."
            )
        made[name] = ids[to.name][old]
    return made


def add(connection: Connection, table: Table, row: Mapping[str, Any]) -> int | None:
    """Insert a row under an id of its own; return it, None where rows have none."""
    if not has_own_id(table):
        connection.execute(insert(table), dict(row))
        return None
    values = {name: value for name, value in row.items() if name != "id"}
    key = connection.execute(insert(table).values(**values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def has_own_id(table: Table) -> bool:
    """Return whether the rows of a table are numbered by the database."""
    return "id" in table.c and not table.c.id.foreign_keys


def find(
    connection: Connection, table: Table, row: Mapping[str, Any]
) -> tuple[int, list[str]] | None:
    """Return the id (zero where rows have none) of the row that is the same, and what differs.

    Raises
    ------
    ImportFileError
        If something that goes by the same name is something else.
    """
    for key in _keys(table):
        for found in _candidates(connection, table, row, key):
            other = _differing(table, row, found)
            clash = [name for name in _AGREE.get(table.name, ()) if name in other]
            if clash:
                raise ImportFileError(
                    f"The {table.name} {row.get('name')!r} of the export is a {row[clash[0]]}, and "
                    f"the one of this database is a {found[clash[0]]}: import into another."
                )
            return int(found.get("id", 0) or 0), other
    return None


def _keys(table: Table) -> list[tuple[str, ...]]:
    named = [
        tuple(column.name for column in constraint.columns)
        for constraint in sorted(table.constraints, key=lambda c: str(c.name))
        if isinstance(constraint, UniqueConstraint)
    ]
    if not has_own_id(table):
        named.append(tuple(column.name for column in table.primary_key))
    if table.name in _SAME:
        named.append(_SAME[table.name])
    return named or [tuple(column.name for column in table.columns if column.name != "id")]


def _candidates(
    connection: Connection, table: Table, row: Mapping[str, Any], key: tuple[str, ...]
) -> list[Mapping[str, Any]]:
    plain = [name for name in key if kind(table.c[name]) != "document"]
    alike: list[ColumnElement[bool]] = [
        table.c[name].is_(None) if row.get(name) is None else table.c[name] == row[name]
        for name in plain
    ]
    found = connection.execute(select(table).where(*alike).order_by(*table.primary_key))
    documents = [name for name in key if name not in plain]
    return [
        dict(one)
        for one in found.mappings()
        if all(to_json(one[name]) == to_json(row.get(name)) for name in documents)
    ]


def _differing(table: Table, row: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    here = to_cells(table, found)
    there = to_cells(table, {**found, **row})
    return [name for name in here if name != "id" and here[name] != there[name]]
