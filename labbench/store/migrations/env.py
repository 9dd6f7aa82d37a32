"""Run the revisions on the engine that `labbench.store.migrate` hands over.

Foreign keys are off meanwhile: rebuilding a table with them on refuses or deletes its children.
SQLite ignores that switch inside of a transaction, so it is thrown before, on the raw connection.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, Engine

from labbench.errors import StoreError
from labbench.store.engine import plain_errors
from labbench.store.schema import metadata


def _set_foreign_keys(connection: Connection, state: str) -> None:
    raw = connection.connection.dbapi_connection
    assert raw is not None
    raw.cursor().execute(f"PRAGMA foreign_keys={state}")


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
                # For tools that know SQLite and not Alembic.
                found = context.get_context().get_current_revision() or "0"
                connection.exec_driver_sql(f"PRAGMA user_version={int(found)}")
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
                if broken:
                    raise StoreError(
                        f"The database {engine.url.database} was left as it was: its new schema "
                        f"would break {len(broken)} references, first in table {broken[0][0]!r}."
                    )
        finally:
            _set_foreign_keys(connection, "ON")


_run(context.config.attributes["engine"])
