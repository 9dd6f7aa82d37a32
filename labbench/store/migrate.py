"""Revisions of the schema: which one a file has, and bringing it to the newest one.

A revision is a file in ``migrations/versions``, named ``NNNN_what.py``; a new database is made by
running all of them. Alembic is slow to import, so it is, only when there is something to run.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from sqlalchemy import Engine, inspect, text

from labbench.errors import NewerSchemaError, StoreError
from labbench.store.archive import require_not_archived
from labbench.store.engine import file_path, make_engine, prepare_file, reading

MIGRATIONS = Path(str(files("labbench.store").joinpath("migrations")))


def known_revisions() -> tuple[str, ...]:
    """Return the revisions that this labbench knows, the newest last."""
    return tuple(sorted(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py")))


def found_revision(engine: Engine) -> str | None:
    """Return the revision of a database, None before the first one.

    Raises
    ------
    NewerSchemaError
        If this labbench does not know the revision.
    """
    with reading(engine) as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    known = known_revisions()
    if found is None or found in known:
        return found
    raise NewerSchemaError(
        f"The database {engine.url.database} has schema revision {found}, and this labbench knows "
        f"revisions up to {known[-1]}: open it with the newer labbench that wrote it."
    )


def require_newest(engine: Engine, create: bool) -> None:
    """Check that a database has the newest schema; give it to an empty one if `create` is true.

    Raises
    ------
    StoreError
        If it has an older schema, or a newer one (`NewerSchemaError`).
    """
    found = found_revision(engine)
    newest = known_revisions()[-1]
    path = engine.url.database
    if found is None and create:
        run_migrations(engine)
    elif found is None:
        raise StoreError(f"The database {path} was never finished: remove it and create it again.")
    elif found != newest:
        raise StoreError(
            f"The database {path} has schema revision {found}, and this labbench works with "
            f"{newest}: run `labbench db upgrade {path}`, which keeps a copy of the file."
        )


def upgrade(path_or_url: str | Path) -> Path | None:
    """Bring an existing database to the newest schema, after copying it.

    Returns
    -------
    Path or None
        The copy, beside the database; None if there was nothing to do.
    """
    path = file_path(path_or_url)
    prepare_file(path, create=False)
    require_not_archived(path)
    engine = make_engine(path, durable=True)
    try:
        found = found_revision(engine)
        if found == known_revisions()[-1]:
            return None
        copy = _back_up(path, found or "empty")
        run_migrations(engine)
        return copy
    finally:
        engine.dispose()


def run_migrations(engine: Engine, to: str = "head") -> None:
    """Run the revisions that a database does not have yet, the last by default, in one go."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["engine"] = engine
    command.upgrade(config, to)


def _back_up(path: Path, revision: str) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    copy = path.with_name(f"{path.stem}-revision-{revision}-{stamp}{path.suffix}")
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    except sqlite3.Error as error:
        copy.unlink(missing_ok=True)
        raise StoreError(
            f"The database {path} was not upgraded, because its copy {copy} could not be written: "
            f"{error}."
        ) from error
    return copy
