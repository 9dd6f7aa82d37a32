"""The columns: types that keep the same on SQLite and PostgreSQL, and a short name for each kind.

Both keep documents and moments as text and sort text by its bytes; both keep NaN as NULL. LIKE is
the one that stays different (SQLite's ignores the case of a to z): search with ``ilike``, which is
the same on both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from math import isnan
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Integer,
    Text,
    TypeDecorator,
)
from sqlalchemy.ext.compiler import compiles

from labbench.store.document import from_json, to_json


def _render(dialect: str, generic: type, render: Callable[..., str]) -> None:
    """Let a dialect write something generic in its own words, in the revisions too."""
    register: Callable[..., Any] = compiles(generic, dialect)
    register(render)


def _named(name: str) -> Callable[..., str]:
    return lambda element, compiler, **options: name


def _text_by_bytes(element: Any, compiler: Any, **options: Any) -> str:
    # A cast has no place for the words of a column.
    return 'TEXT COLLATE "C"' if isinstance(options.get("type_expression"), Column) else "TEXT"


def _flag_check(element: Any, compiler: Any, **options: Any) -> str:
    written: str = compiler.visit_check_constraint(element, **options)
    return written.replace(" IN (0, 1)", " IN (false, true)")


# A STRICT table of SQLite allows only a few names of types.
_render("sqlite", Double, _named("REAL"))
_render("sqlite", Boolean, _named("INTEGER"))
_render("sqlite", BigInteger, _named("INTEGER"))
_render("sqlite", JSON, _named("TEXT"))
# PostgreSQL sorts text by the rules of some language, and has no order for JSON.
_render("postgresql", Text, _text_by_bytes)
_render("postgresql", JSON, _text_by_bytes)
_render("postgresql", CheckConstraint, _flag_check)


class Real(TypeDecorator[float]):
    """A float64 of any kind; NaN is kept as NULL."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        """Return the number as Python's own."""
        return None if value is None or isnan(value) else float(value)


class Document(TypeDecorator[Any]):
    """Mappings, sequences, numbers and text, kept as the JSON of `to_json`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Return the JSON text; None is kept as NULL."""
        return None if value is None else to_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Return what was kept."""
        return None if value is None else from_json(value)


class UtcTime(TypeDecorator[datetime]):
    """A moment, kept as ISO-8601 text in UTC: ``2026-01-31T12:00:00.000000Z``."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Return the text of a moment that knows its time zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"A stored moment needs a time zone: {value} has none.")
        utc = value.astimezone(UTC).replace(tzinfo=None)
        return utc.isoformat(timespec="microseconds") + "Z"

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """Return the moment, in UTC."""
        return None if value is None else datetime.fromisoformat(value)


def row_id() -> Column[int]:
    """Return the integer primary key."""
    return Column("id", Integer, primary_key=True)


def reference(
    table: str, index: bool = True, nullable: bool = False, **options: Any
) -> Column[int]:
    """Refer to a row; ``index=False`` only where a key of the table begins with this column."""
    target = ForeignKey(f"{table}.id", ondelete="RESTRICT")
    return Column(f"{table}_id", Integer, target, nullable=nullable, index=index, **options)


def text(name: str, nullable: bool = False) -> Column[str]:
    """Return a text column."""
    return Column(name, Text, nullable=nullable)


def real(name: str, nullable: bool = False) -> Column[float]:
    """Return a float64 column; it keeps infinities, and NaN as NULL."""
    return Column(name, Real, nullable=nullable)


def whole(name: str, nullable: bool = False) -> Column[int]:
    """Return a 64-bit integer column."""
    return Column(name, BigInteger, nullable=nullable)


def document(name: str, nullable: bool = False) -> Column[Any]:
    """Return a JSON column."""
    return Column(name, Document, nullable=nullable)


def moment(name: str, nullable: bool = False) -> Column[datetime]:
    """Return a column of moments in UTC."""
    return Column(name, UtcTime, nullable=nullable)


def one_of(column: str, allowed: Iterable[str]) -> CheckConstraint:
    """Allow only some words in a text column."""
    words = ", ".join(f"'{word}'" for word in allowed)
    return CheckConstraint(f"{column} IN ({words})", name=f"{column}_known")


def flag(name: str, nullable: bool = False) -> tuple[Column[bool], CheckConstraint]:
    """Return a column that is true or false (or NULL)."""
    check = CheckConstraint(f"{name} IN (0, 1)", name=f"{name}_flag")
    return Column(name, Boolean, nullable=nullable), check
