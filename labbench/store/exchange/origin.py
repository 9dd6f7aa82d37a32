"""Where restored runs came from: kept as a session, like that of any other import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, update

from labbench.store import schema
from labbench.store.document import document_sha256
from labbench.store.provenance import programme, user
from labbench.store.write import add_session

_OF_EXPORT = (
    "database",
    "host",
    "operator",
    "exported_at",
    "labbench_version",
    "git_commit",
    "schema_revision",
    "format",
)


def note_origin(connection: Connection, manifest: Mapping[str, Any], path: str) -> int:
    """Note that runs of an export are being restored, and return the id of the session.

    It names each run by its id over there and by the hash of its content, so that it says where a
    run came from even if the import is interrupted.
    """
    return add_session(connection, _config(manifest, path, {}), False, user(), programme())


def note_ids(
    connection: Connection,
    session_id: int,
    manifest: Mapping[str, Any],
    path: str,
    ids: Mapping[int, int],
) -> None:
    """Add the ids that the runs have here to what `note_origin` noted."""
    table, config = schema.session, _config(manifest, path, ids)
    connection.execute(
        update(table)
        .where(table.c.id == session_id)
        .values(config=config, config_sha256=document_sha256(config))
    )


def _config(manifest: Mapping[str, Any], path: str, ids: Mapping[int, int]) -> dict[str, object]:
    runs = [
        {"was": run["id"], "is": ids.get(run["id"]), "content_sha256": run["content_sha256"]}
        for run in manifest["runs"]
    ]
    of_export = {name: manifest[name] for name in _OF_EXPORT}
    return {"imported": {"export": path, **of_export, "runs": runs}}
