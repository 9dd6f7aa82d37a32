"""Run the revisions on the engine that `labbench.store.migrate` hands over.

Foreign keys are off meanwhile: rebuilding a table with them on refuses or deletes its children.
SQLite ignores that switch inside of a transaction, so it is thrown before, on the raw connection.
PostgreSQL rebuilds no table and keeps its foreign keys on: the same revisions run with ALTER TABLE,
as long as they leave it to alembic (``recreate="auto"``) whether a table is rebuilt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alembic import context
from sqlalchemy import Connection, Engine, Row

from labbench.errors import StoreError
from labbench.store.engine import is_file, name_of, plain_errors
from labbench.store.schema import metadata


def _set_foreign_keys(connection: Connection, state: str) -> None:
    if not is_file(connection.engine):
        return
    raw = connection.connection.dbapi_connection
    assert raw is not None
    raw.cursor().execute(f"PRAGMA foreign_keys={state}")


def _broken_references(connection: Connection) -> Sequence[Row[Any]]:
    if not is_file(connection.engine):
        return []
    return connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()


def _run(engine: Engine) -> None:
    """Run what is pending in one transaction, which ends with a check of all references."""
    with plain_errors(engine), engine.connect() as connection:
        connection.execution_options(writes=True)
        _set_foreign_keys(connection, "OFF")
        try:
            with connection.begin():
                context.configure(
                    connection=connection, target_metadata=metadata, render_as_batch=True
                )
                context.run_migrations()
                broken = _broken_references(connection)
                if broken:
                    raise StoreError(
                        f"The database {name_of(engine)} was left as it was: its new schema "
                        f"would break {len(broken)} references, first in table {broken[0][0]!r}."
                    )
        finally:
            _set_foreign_keys(connection, "ON")


_run(context.config.attributes["engine"])
