"""Open a database file: what is checked first, its PRAGMAs, and how transactions begin.

WAL lets readers and one writer work at once. A writer says BEGIN IMMEDIATE, because a reading
transaction that turns into a writing one fails at once, without waiting its turn; readers say
BEGIN. Compute outside of transactions: a long one starves the acquisition. What is different on
a server is in `labbench.store.postgres`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    SQLAlchemyError,
    StatementError,
)

from labbench.errors import StoreError
from labbench.store import postgres
from labbench.store.document import from_json, to_json

APPLICATION_ID = int.from_bytes(b"labb", "big")
BUSY_S = 5
_PAGE_BYTES = 16384
_CHECKPOINT_PAGES = 4000  # 64 MB


def file_path(path_or_url: str | Path) -> Path:
    """Return the file that a path or an ``sqlite:///`` URL means."""
    text = str(path_or_url)
    if "://" not in text and text not in ("", ":memory:"):
        return Path(text)
    try:
        url = make_url(text)
    except ArgumentError:
        url = None
    if url is None or url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        raise StoreError(
            f"A lab database is an SQLite file, not {postgres.without_password(text)!r}: give a "
            "path or sqlite:///PATH, or postgresql://USER@HOST:PORT/DATABASE."
        )
    return Path(str(url.database))


def prepare_file(path: Path, create: bool) -> bool:
    """Check that a file is a lab database, before anything touches it, or create an empty one.

    Returns
    -------
    bool
        Whether this call created the file.

    Raises
    ------
    StoreError
        If there is something else at that place, or nothing and `create` is false.
    """
    try:
        if path.is_dir():
            raise StoreError(f"A database was asked at {path}, a folder: name a file in it.")
        if not path.parent.is_dir():
            raise StoreError(
                f"A database was asked at {path}, but there is no folder {path.parent}: create it "
                "or correct the path."
            )
        if not path.exists():
            if not create:
                raise StoreError(f"There is no database at {path}: correct the path or create it.")
            created = _create(path)
            _mark_as_ours(path)
            return created
        with path.open("rb") as file:
            _check_header(path, file.read(100), create)
        return False
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"The database {path} cannot be used: {error}.") from error


def _create(path: Path) -> bool:
    try:
        with path.open("xb"):
            return True
    except FileExistsError:
        return False  # another process was faster, and both go on to make the same of it


def _check_header(path: Path, header: bytes, create: bool) -> None:
    if not header:
        if not create:
            raise StoreError(
                f"The file {path} is empty: correct the path, or remove and create it."
            )
        _mark_as_ours(path)
    elif not header.startswith(b"SQLite format 3\0"):
        raise StoreError(f"The file {path} is not an SQLite database: correct the path.")
    elif int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise StoreError(
            f"The file {path} is an SQLite database of another programme: correct the path."
        )


def _mark_as_ours(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute("PRAGMA journal_mode=WAL")


def remove_file(path: Path) -> None:
    """Remove a database and what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def make_engine(path: Path, durable: bool) -> Engine:
    """Return an engine on a prepared file.

    Parameters
    ----------
    path : Path
    durable : bool
        Whether every commit waits for the disk; without, the last commits before a power loss
        may be gone, but a killed process loses nothing.
    """
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        json_serializer=to_json,
        json_deserializer=from_json,
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's "begin" below is the only one to begin
        connection.execute(f"PRAGMA busy_timeout={BUSY_S * 1000}")
        (journal,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        if journal != "wal":
            raise StoreError(
                f"The database {path} cannot be shared between programmes where it lies (journal "
                f"{journal!r}): move it to a disk of this computer."
            )
        connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def open_engine(path_or_url: str | Path, create: bool, durable: bool) -> tuple[Engine, Path | None]:
    """Return an engine on what a path or a URL means, and the file if this call created it."""
    url = postgres.server_url(path_or_url)
    if url is not None:
        return postgres.make_server_engine(url, durable), None
    path = file_path(path_or_url)
    created = prepare_file(path, create)
    return make_engine(path, durable), path if created else None


def is_file(engine: Engine) -> bool:
    """Return whether a database is a file of its own, and not kept by a server."""
    return engine.dialect.name == "sqlite"


def name_of(engine: Engine) -> str:
    """Return the path of a database, or the URL without its password."""
    return str(engine.url.database) if is_file(engine) else postgres.label(engine.url)


def display_name(path_or_url: str | Path) -> str:
    """Return a path, or a URL without its password, for people."""
    url = postgres.server_url(path_or_url)
    return str(file_path(path_or_url)) if url is None else postgres.label(url)


def make_read_only_engine(path: Path, how: str, reason: str) -> Engine:
    """Return an engine that never writes, nor makes a file beside the database.

    Parameters
    ----------
    path : Path
    how : str
        "mode=ro", or "immutable=1" where not even a lock can be kept.
    reason : str
        Why, for those who try to write.
    """
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        creator=lambda: sqlite3.connect(
            f"{path.absolute().as_uri()}?{how}", uri=True, check_same_thread=False
        ),
        json_serializer=to_json,
        json_deserializer=from_json,
        execution_options={"read_only": reason},
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, record: Any) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={BUSY_S * 1000}")
        connection.execute("PRAGMA query_only=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Read in one snapshot of the database."""
    with plain_errors(engine), engine.connect() as connection:
        if not is_file(engine):
            connection.execution_options(**postgres.READING)
        with connection.begin():
            yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Write everything in the block, or nothing if it raises."""
    read_only = engine.get_execution_options().get("read_only")
    if read_only is not None:
        raise StoreError(
            f"The database {engine.url.database} can only be read, because {read_only}."
        )
    with plain_errors(engine), engine.connect() as connection:
        connection.execution_options(writes=True)
        with connection.begin():
            yield connection


@contextmanager
def plain_errors(engine: Engine) -> Iterator[None]:
    """Raise what the database and SQLAlchemy complain about as one clear StoreError."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OverflowError, UnicodeError) as error:
        if isinstance(error, DBAPIError) and not is_file(engine):
            raise StoreError(postgres.explain(engine.url, error)) from error
        raise StoreError(_explain(name_of(engine), error)) from error


def _explain(path: str, error: Exception) -> str:
    cause = str(error.orig) if isinstance(error, StatementError) else str(error)
    if not isinstance(error, DBAPIError | sqlite3.Error):
        return f"The database {path} cannot keep this record: {cause}"
    if isinstance(error, IntegrityError):
        if "FOREIGN KEY" in cause:
            cause = "it refers to something that is not stored"
        return f"The database {path} refused a record ({cause}); nothing of it was stored."
    if "locked" in cause:
        return f"The database {path} was busy for {BUSY_S} s: try again when it is less used."
    if "disk is full" in cause:
        return (
            f"No space is left for the database {path}; nothing of this record was stored, and all "
            "before it is safe: free some space and go on."
        )
    if "malformed" in cause or "not a database" in cause:
        return f"The database {path} is damaged ({cause}): restore it from a backup."
    return f"The database {path} cannot be used: {cause}."
