"""The columns: the types that a STRICT SQLite table allows, and a short name for each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
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


def _name_on_sqlite(generic: type, name: str) -> None:
    """Let a generic type be written with one of the few names that a STRICT table allows."""

    def render(element: Any, compiler: Any, **options: Any) -> str:
        return name

    register: Callable[..., Any] = compiles(generic, "sqlite")
    register(render)


_name_on_sqlite(Double, "REAL")
_name_on_sqlite(Boolean, "INTEGER")
_name_on_sqlite(BigInteger, "INTEGER")
_name_on_sqlite(JSON, "TEXT")


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
    return Column(name, Double, nullable=nullable)


def whole(name: str, nullable: bool = False) -> Column[int]:
    """Return a 64-bit integer column."""
    return Column(name, BigInteger, nullable=nullable)


def document(name: str, nullable: bool = False) -> Column[Any]:
    """Return a JSON column."""
    return Column(name, JSON(none_as_null=True), nullable=nullable)


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
