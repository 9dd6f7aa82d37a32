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

from sqlalchemy import URL, Engine, inspect, text

from labbench.errors import NewerSchemaError, StoreError
from labbench.store.archive import require_not_archived
from labbench.store.engine import (
    file_path,
    is_file,
    make_engine,
    name_of,
    prepare_file,
    reading,
)
from labbench.store.postgres import label, make_server_engine, server_url

_BACK_UP_FIRST = (
    "make a copy first (`pg_dump --format=custom --file=lab.dump {0}`), then run "
    "`labbench db upgrade {0} --backed-up`"
)
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
        tables = inspect(connection).get_table_names()
        if tables and "waveform_data" not in tables and not is_file(engine):
            raise StoreError(
                f"The database {name_of(engine)} holds tables of another programme, such as "
                f"{tables[0]!r}: name an empty one."
            )
        if "alembic_version" not in tables:
            return None
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    known = known_revisions()
    if found is None or found in known:
        return found
    raise NewerSchemaError(
        f"The database {name_of(engine)} has schema revision {found}, and this labbench knows "
        f"revisions up to {known[-1]}: open it with the newer labbench that wrote it."
    )


def exists(path_or_url: str | Path) -> bool:
    """Return whether something is there already: a file, or the tables on a server."""
    url = server_url(path_or_url)
    if url is None:
        return file_path(path_or_url).exists()
    engine = make_server_engine(url, durable=True)
    try:
        return found_revision(engine) is not None
    finally:
        engine.dispose()


def require_newest(engine: Engine, create: bool) -> None:
    """Check that a database has the newest schema; give it to an empty one if `create` is true.

    Raises
    ------
    StoreError
        If it has an older schema, or a newer one (`NewerSchemaError`).
    """
    found = found_revision(engine)
    newest = known_revisions()[-1]
    path = name_of(engine)
    if found is None and create:
        run_migrations(engine)
    elif found is None:
        known = "was never finished: remove it and create it again"
        empty = "is empty: correct the URL, or create the tables by recording into it"
        raise StoreError(f"The database {path} {known if is_file(engine) else empty}.")
    elif found != newest:
        command = f"run `labbench db upgrade {path}`, which keeps a copy of the file"
        raise StoreError(
            f"The database {path} has schema revision {found}, and this labbench works with "
            f"{newest}: {command if is_file(engine) else _BACK_UP_FIRST.format(path)}."
        )


def upgrade(path_or_url: str | Path, backed_up: bool = False) -> Path | None:
    """Bring an existing database to the newest schema, after copying it if it is a file.

    Parameters
    ----------
    path_or_url : str or Path
    backed_up : bool, optional
        Of a database on a server, which cannot be copied here: whether somebody made a copy.

    Returns
    -------
    Path or None
        The copy, beside the database; None if there was nothing to do, or no file.

    Raises
    ------
    StoreError
        If a database on a server needs a newer schema and was not backed up.
    """
    url = server_url(path_or_url)
    if url is not None:
        _upgrade_on_server(url, backed_up)
        return None
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


def _upgrade_on_server(url: URL, backed_up: bool) -> None:
    engine = make_server_engine(url, durable=True)
    try:
        found = found_revision(engine)
        if found is None:
            require_newest(engine, create=False)
        if found == known_revisions()[-1]:
            return
        if not backed_up:
            raise StoreError(
                f"The database {label(url)} has schema revision {found} and was left as it is: "
                f"{_BACK_UP_FIRST.format(label(url))}."
            )
        run_migrations(engine)
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
