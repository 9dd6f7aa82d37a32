"""What all tables share: names of their rules, and that they are STRICT."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, Column, MetaData, Table, UniqueConstraint

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)


def strict_table(name: str, *parts: Column[Any] | CheckConstraint | UniqueConstraint) -> Table:
    """Return a table of the schema."""
    return Table(name, metadata, *parts, sqlite_strict=True)
