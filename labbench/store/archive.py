"""Put a lab database away, so that it can be read from where nothing can be written.

A database in WAL, even a cleanly closed one, needs files beside it to be read. An archived one is
a single file with a mark in its header; it is read as it is, and refuses writes until it is taken
out of the archive again. No open by itself does that: what was put away stays as it was.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine

from labbench.errors import StoreError
from labbench.store.engine import file_path, make_read_only_engine, prepare_file

# SQLite leaves ``user_version`` to the programme; labbench marks an archive with it.
_ARCHIVED = 1
_WAIT_S = 1.0


def is_archived(path: Path) -> bool:
    """Return whether a database file is marked as archived."""
    with path.open("rb") as file:
        header = file.read(100)
    return int.from_bytes(header[60:64], "big") == _ARCHIVED


def why_read_only(path: Path) -> str | None:
    """Return why a database file can only be read, None if it can be written.

    A file whose mode lets nobody write is meant to be kept, whatever the administrator may do.
    """
    if is_archived(path):
        return f"it is archived: `labbench db archive --undo {path}` opens it for writing again"
    return _why_unwritable(path)


def _why_unwritable(path: Path) -> str | None:
    if not path.stat().st_mode & 0o222 or not _is_writable(path):
        return "its file is read-only: copy it or change its mode to write to it"
    if not _is_writable(path.parent):
        return f"its folder {path.parent} is read-only: copy it elsewhere to write to it"
    return None


def _is_writable(path: Path) -> bool:
    if os.access in os.supports_effective_ids:
        return os.access(path, os.W_OK, effective_ids=True)
    return os.access(path, os.W_OK)


def open_read_only(path: Path, reason: str) -> Engine:
    """Return an engine that only reads a file that cannot be written.

    Raises
    ------
    StoreError
        If the file cannot be read as it is, or only without the records in a -wal file.
    """
    wal = path.with_name(path.name + "-wal")
    # Before anything is opened, because SQLite may make an empty one while it tries.
    left_over = wal.exists() and wal.stat().st_size > 0
    problem = _try(path, "mode=ro")
    if problem is None:
        return make_read_only_engine(path, "mode=ro", reason)
    if left_over:
        raise StoreError(
            f"The database {path} cannot be read where it lies: {wal.name} beside it holds records "
            "that are not in the file yet. Copy both to a folder where you may write, or close the "
            "programme that writes it, and run `labbench db archive` on it first."
        )
    problem = _try(path, "immutable=1")
    if problem is not None:
        raise StoreError(f"The database {path} cannot be read where it lies: {problem}.")
    return make_read_only_engine(path, "immutable=1", reason)


def _try(path: Path, how: str) -> str | None:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        return str(error)
    return None


def archive(path_or_url: str | Path) -> bool:
    """Check a database, gather it into one file and mark it as archived.

    Returns
    -------
    bool
        Whether it was not archived before.

    Raises
    ------
    StoreError
        If it is damaged, in use, or cannot be written; it is left as it was then.
    """
    from labbench.store.check import check
    from labbench.store.store import Store

    path = file_path(path_or_url)
    prepare_file(path, create=False)
    if is_archived(path):
        return False
    _require_writable(path)
    with Store.open(path) as store:
        problems = check(store)
    if problems:
        raise StoreError(
            f"The database {path} was not archived, because it is damaged ({len(problems)} "
            f"problems; the first: {problems[0]}): see `labbench db check {path}`."
        )
    _set(path, "DELETE", _ARCHIVED)
    return True


def unarchive(path_or_url: str | Path) -> bool:
    """Take a database out of the archive, so that it can be written again.

    Returns
    -------
    bool
        Whether it was archived.
    """
    path = file_path(path_or_url)
    prepare_file(path, create=False)
    if not is_archived(path):
        return False
    _require_writable(path)
    _set(path, "WAL", 0)
    return True


def require_not_archived(path: Path) -> None:
    """Check that a database may be written.

    Raises
    ------
    StoreError
        If it is archived.
    """
    if is_archived(path):
        raise StoreError(
            f"The database {path} is archived: run `labbench db archive --undo {path}` first."
        )


def _require_writable(path: Path) -> None:
    reason = _why_unwritable(path)
    if reason is not None:
        raise StoreError(f"The database {path} can only be read, because {reason}.")


def _set(path: Path, journal: str, mark: int) -> None:
    try:
        with closing(sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None)) as connection:
            # Nobody can come in between the change of the journal and the mark.
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("PRAGMA synchronous=FULL")
            checkpoint = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if checkpoint[0]:
                raise StoreError(_busy(path))
            (found,) = connection.execute(f"PRAGMA journal_mode={journal}").fetchone()
            if found != journal.lower():
                raise StoreError(_busy(path))
            connection.execute(f"PRAGMA user_version={mark}")
            if journal == "WAL":
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise StoreError(_busy(path)) from error
        raise StoreError(f"The database {path} cannot be archived: {error}.") from error
    except sqlite3.Error as error:
        raise StoreError(f"The database {path} cannot be archived: {error}.") from error


def _busy(path: Path) -> str:
    return (
        f"The database {path} is in use (busy): a bench, a window or a notebook has it open. "
        "Close them and archive it then; nothing was changed."
    )
