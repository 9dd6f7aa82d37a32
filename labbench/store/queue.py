"""The queue of a bench in the store: what is to be run next, by whichever process comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, func, select, update

from labbench.errors import NotFoundError, StoreError
from labbench.store import schema
from labbench.store.records import QueueRecord
from labbench.store.write import add_row, now


def add(
    connection: Connection,
    device_id: int,
    procedure: str,
    settings: Mapping[str, object],
    policy: str | None,
) -> int:
    """See `QueueBook.enqueue`."""
    last = connection.execute(select(func.max(schema.queue.c.place))).scalar()
    return add_row(
        connection,
        schema.queue,
        place=0 if last is None else last + 1,
        device_id=int(device_id),
        procedure=procedure,
        settings=settings,
        compliance_policy=policy,
        state="waiting",
        note="",
        created_at=now(),
    )


def waiting(connection: Connection) -> list[QueueRecord]:
    """See `QueueBook.queue`."""
    asked = (
        select(
            *(column for column in schema.queue.c if column.name != "place"),
            schema.device.c.name.label("device"),
        )
        .join_from(schema.queue, schema.device)
        .where(schema.queue.c.state == "waiting")
        .order_by(schema.queue.c.place, schema.queue.c.id)
    )
    return [QueueRecord(**row) for row in connection.execute(asked).mappings()]


def leave(connection: Connection, entry_id: int, state: str, run_id: int | None, note: str) -> None:
    """Take an entry out of the queue, as what it became."""
    table = schema.queue
    one = table.c.id == int(entry_id)
    values = {"state": state, "run_id": None if run_id is None else int(run_id), "note": note}
    changed = connection.execute(
        update(table).where(one, table.c.state == "waiting").values(**values)
    )
    if changed.rowcount == 1:
        return
    found = connection.execute(select(table.c.state).where(one)).scalar()
    if found is None:
        raise NotFoundError(f"There is no entry {entry_id} in the queue of this database.")
    raise StoreError(f"Entry {entry_id} of the queue is {found} already: look at the queue again.")


def arrange(connection: Connection, entry_ids: Sequence[int]) -> None:
    """See `QueueBook.order_queue`."""
    known = [entry.id for entry in waiting(connection)]
    if sorted(known) != sorted(entry_ids):
        raise StoreError(
            f"The queue holds the entries {known}, and not {list(entry_ids)}: it has changed "
            "meanwhile; look at it again."
        )
    for place, entry_id in enumerate(entry_ids):
        moved = update(schema.queue).where(schema.queue.c.id == entry_id)
        connection.execute(moved.values(place=place))
