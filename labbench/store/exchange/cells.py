"""Cells: how a column is named, meant and carried outside of a database, without loss.

Outside there are only whole numbers, real numbers, truth values, text and bytes, each or nothing.
Documents travel as JSON text and moments as ISO-8601 text in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Dialect,
    Integer,
    LargeBinary,
    Table,
    Text,
)
from sqlalchemy.dialects import sqlite

from labbench.errors import ImportFileError, StoreError
from labbench.store.columns import Document, Real, UtcTime
from labbench.store.document import from_json, to_json
from labbench.store.exchange.scope import MADE_ANEW, parents

Cell = int | float | bool | str | bytes | None
Cells = dict[str, Cell]
Described = Mapping[str, Mapping[str, Any]]

_UNITS = {"_ohm": "ohm", "_s": "s", "_v": "V", "_a": "A", "_c": "C", "_j": "J", "_f": "F"}
# Units that stand in another column of the same row, or that the name does not end in.
_MEANT = {
    ("waveform", "scale"): "unit of this row per count",
    ("waveform", "offset"): "unit of this row",
    ("waveform", "rail_low"): "unit of this row",
    ("waveform", "rail_high"): "unit of this row",
    ("waveform", "floor"): "unit of this row",
    ("waveform", "n"): "samples",
    ("feature", "value"): "unit of this row",
    ("feature", "stderr"): "unit of this row",
    ("feature", "at"): "names end in the unit, SI",
    ("compliance_check", "requested"): "unit of this row",
    ("compliance_check", "read_back"): "unit of this row",
    ("budget", "allowed"): "the end of the quantity's name",
    ("setting", "value_real"): "the end of the setting's name",
    ("run", "settings"): "names end in the unit, SI",
    ("stimulus", "spec"): "names end in the unit, SI",
}
_KINDS: tuple[tuple[type, str], ...] = (
    (Boolean, "flag"),
    (Integer, "whole"),
    (Real, "real"),
    (UtcTime, "moment"),
    (Document, "document"),
    (LargeBinary, "bytes"),
    (Text, "text"),
)
_DIALECT: Dialect = sqlite.dialect()


def kind(column: Column[Any]) -> str:
    """Return "flag", "whole", "real", "moment", "document", "bytes" or "text"."""
    for type_, name in _KINDS:
        if isinstance(column.type, type_):
            return name
    raise StoreError(f"Column {column} is of a type that no export knows: {column.type!r}.")


def describe(table: Table) -> dict[str, dict[str, Any]]:
    """Return each column of a table with its kind, whether it may be empty, unit and reference."""
    found = {}
    to = parents(table)
    for column in table.columns:
        if (table.name, column.name) in MADE_ANEW:
            continue
        about: dict[str, Any] = {"kind": kind(column), "nullable": bool(column.nullable)}
        unit = _unit(table.name, column)
        if unit:
            about["unit"] = unit
        if column.name in to:
            about["refers_to"] = f"id of {to[column.name].name}"
        found[column.name] = about
    return found


def _unit(table: str, column: Column[Any]) -> str | None:
    meant = _MEANT.get((table, column.name))
    if meant or kind(column) != "real":
        return meant
    return next((unit for end, unit in _UNITS.items() if column.name.endswith(end)), None)


def to_cells(table: Table, row: Mapping[str, Any]) -> Cells:
    """Return a row as it travels."""
    return {
        column.name: _cell(column, row[column.name])
        for column in table.columns
        if (table.name, column.name) not in MADE_ANEW
    }


def _cell(column: Column[Any], value: Any) -> Cell:
    if value is None:
        return None
    match kind(column):
        case "document":
            return to_json(value)
        case "moment":
            return UtcTime().process_bind_param(value, _DIALECT)
        case "flag":
            return bool(value)
        case "bytes":
            return bytes(value)
    cell: Cell = value
    return cell


def from_cells(table: Table, cells: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as it came, ready to be inserted.

    Raises
    ------
    ImportFileError
        If a cell is not what its column holds.
    """
    row = {}
    for column in table.columns:
        if column.name not in cells:
            continue
        value = cells[column.name]
        try:
            row[column.name] = _value(column, value)
        except (TypeError, ValueError) as error:
            raise ImportFileError(
                f"The export holds {value!r} as {column.name} of a {table.name}: {error}. It was "
                "not written by `labbench db export`, or was changed."
            ) from error
    return row


def _value(column: Column[Any], value: Any) -> Any:
    if value is None:
        return None
    match kind(column):
        case "document":
            return from_json(value)
        case "moment":
            return datetime.fromisoformat(value)
        case "whole":
            return int(value)
        case "real":
            return float(value)
        case "flag":
            return bool(value)
    return value
