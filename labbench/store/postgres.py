"""The same store on a PostgreSQL server, named by a URL: all that differs from a file.

The tables, the revisions and every statement are those of a file. One writer works at a time
here too, held by a lock of the database that a killed one lets go, so that what was read within a
transaction still holds when it is written; readers keep one snapshot and wait for nobody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import URL, Connection, Engine, Insert, create_engine, event, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError

from labbench.errors import StoreError
from labbench.store.document import from_json, to_json

LOCK_S = 5
READING: Mapping[str, Any] = MappingProxyType(
    {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
)
_WRITER = int.from_bytes(b"labb", "big")
_NAMES = ("postgresql", "postgres", "postgresql+psycopg")
# A vanished network must not hang a run: seconds, but tcp_user_timeout in ms.
_LINK = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
    "application_name": "labbench",
}


def server_url(path_or_url: str | Path) -> URL | None:
    """Return the address of a server, with psycopg as its driver; None for anything else.

    Raises
    ------
    StoreError
        If it is one of PostgreSQL that cannot be used.
    """
    text = str(path_or_url)
    scheme = text.partition("://")[0]
    if "://" not in text or scheme.partition("+")[0] not in ("postgresql", "postgres"):
        return None
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    if url is None or not url.database or scheme not in _NAMES:
        raise StoreError(
            f"A lab database was asked at {without_password(text)}: give "
            "postgresql://USER@HOST:PORT/DATABASE."
        )
    return url.set(drivername="postgresql+psycopg")


def without_password(text: str) -> str:
    """Return a URL, readable or not, without its password and options."""
    if "://" not in text:
        return text
    scheme, _, rest = text.partition("://")
    user, at, place = rest.rpartition("@")
    return f"{scheme}://{user.partition(':')[0]}{at}{place.partition('?')[0]}"


def label(url: URL) -> str:
    """Return the address of a server for people: no password, no options but a socket's folder."""
    folder = {"host": url.query["host"]} if "host" in url.query else {}
    shown = URL.create("postgresql", url.username, None, url.host, url.port, url.database, folder)
    return shown.render_as_string()


def make_server_engine(url: URL, durable: bool) -> Engine:
    """Return an engine on a server; nothing is connected yet.

    Parameters
    ----------
    url : URL
        From `server_url`.
    durable : bool
        Whether every commit waits for the server's disk.

    Raises
    ------
    StoreError
        If the driver is not installed.
    """
    try:
        engine = create_engine(
            url,
            json_serializer=to_json,
            json_deserializer=from_json,
            pool_pre_ping=True,
            connect_args={key: value for key, value in _LINK.items() if key not in url.query},
        )
    except ImportError as error:
        raise StoreError(
            f"The database {label(url)} needs the package psycopg ({error}): install "
            "labbench-1m1t1r[scale]."
        ) from error

    # First of all: SQLAlchemy itself stumbles over a server that sends no text.
    @event.listens_for(engine, "connect", insert=True)
    def set_up(connection: Any, record: Any) -> None:
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise StoreError(
                f"The database {label(url)} keeps text as {encoding}, which loses some: create it "
                "with the encoding UTF8."
            )
        connection.adapters.register_loader("numeric", _number_loader())
        connection.execute(f"SET lock_timeout = '{LOCK_S}s'")
        connection.execute(f"SET synchronous_commit = {'on' if durable else 'off'}")
        connection.commit()

    event.listen(engine, "begin", _begin)
    event.listen(engine, "after_execute", _advance_sequence)
    return engine


def _number_loader() -> type:
    from psycopg.adapt import Buffer, Loader

    class NumberLoader(Loader):
        """Read a numeric, as the sum of integers is one, as a number and no Decimal."""

        def load(self, data: Buffer) -> int | float:
            text = bytes(data).decode()
            return int(text) if text.lstrip("-").isdigit() else float(text)

    return NumberLoader


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("writes", False):
        # A writer computes nothing inside: one that is silent that long has lost its network.
        connection.exec_driver_sql(
            "SET LOCAL idle_in_transaction_session_timeout = '60s'; "
            f"SELECT pg_advisory_xact_lock({_WRITER})"
        )


def _advance_sequence(
    connection: Connection,
    statement: Any,
    multiparams: Any,
    params: Any,
    options: Any,
    result: Any,
) -> None:
    """Let ids that are given by hand count, as SQLite does: the next one is larger."""
    if not isinstance(statement, Insert):
        return
    column = getattr(statement.table, "autoincrement_column", None)
    rows = result.context.compiled_parameters
    if column is None or not rows or rows[0].get(column.name) is None:
        return
    table = connection.dialect.identifier_preparer.format_table(statement.table)
    sequence = f"pg_get_serial_sequence('{table}', '{column.name}')"
    connection.exec_driver_sql(
        f"SELECT setval({sequence}, greatest(nextval({sequence}), (SELECT max({column.name}) "
        f"FROM {table})))"
    )


def broken_references(connection: Connection) -> list[tuple[str, int, str]]:
    """Return rows that refer to nothing: table, first column of its key, table of the missing.

    The server refuses to make such; one restored with its checks switched off may have them.
    """
    from labbench.store.schema import metadata

    found = []
    for table in metadata.sorted_tables:
        key = next(iter(table.primary_key.columns))
        for reference in sorted(table.foreign_keys, key=lambda each: each.parent.name):
            parent = reference.column.table.alias()
            there = reference.parent == parent.c[reference.column.name]
            asked = (
                select(key)
                .join_from(table, parent, there, isouter=True)
                .where(reference.parent.is_not(None), parent.c[reference.column.name].is_(None))
                .order_by(key)
            )
            rows = connection.execute(asked).scalars()
            found += [(table.name, row, reference.column.table.name) for row in rows]
    return found


def explain(url: URL, error: DBAPIError) -> str:
    """Return in one line what a server, its driver or the network complained about."""
    name = label(url)
    cause = " ".join(str(error.orig).split()).rstrip(".")
    if url.password:
        cause = cause.replace(str(url.password), "***")
    state = getattr(error.orig, "sqlstate", None) or ""
    if state == "23503":
        cause = "it refers to something that is not stored"
    if isinstance(error, IntegrityError):
        return f"The database {name} refused a record ({cause}); nothing of it was stored."
    for pattern, words in _MEANINGS.items():
        if re.match(pattern, state):
            return words.format(name=name, cause=cause, busy_s=LOCK_S)
    if state.startswith("22") or "NUL" in cause:
        return f"The database {name} cannot keep this record: {cause}"
    if error.connection_invalidated:
        return (
            f"The link to the database {name} was lost ({cause}): what was acknowledged is safe; "
            "look whether the last record is there before you repeat it."
        )
    if not state:
        return (
            f"The database {name} cannot be reached ({cause}): start the server, correct the URL, "
            "or let the server's owner create user and database."
        )
    return f"The database {name} cannot be used: {cause}."


# By the server's error codes.
_MEANINGS = {
    "55P03|40|57014": (
        "The database {name} was busy for {busy_s} s or wanted this twice at once ({cause}): "
        "try again when it is less used."
    ),
    "53": (
        "No space is left for the database {name} ({cause}); nothing of this record was stored, "
        "and all before it is safe: free some on the server and go on."
    ),
    "XX00[12]": "The database {name} is damaged ({cause}): restore it from a backup.",
    "42501": "The database {name} does not let this user do that ({cause}): ask its owner.",
}
