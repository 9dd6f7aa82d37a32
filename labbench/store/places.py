"""Wafers, their dies, and the devices on them."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, Row, select, update

from labbench.errors import NotFoundError, StoreError
from labbench.store import schema
from labbench.store.document import to_json
from labbench.store.records import DieRecord, WaferRecord
from labbench.store.write import add_row, now


def add_wafer(connection: Connection, label: str, material: str | None, notes: str) -> int:
    """See `Store.add_wafer`."""
    if not label.strip():
        raise StoreError("A wafer needs a label: found none.")
    asked = select(schema.wafer).where(schema.wafer.c.label == label)
    found = connection.execute(asked).one_or_none()
    if found is None:
        values = {"label": label, "material": material, "notes": notes}
        return add_row(connection, schema.wafer, **values, created_at=now())
    for name, given, known in (
        ("material", material, found.material),
        ("notes", notes or None, found.notes or None),
    ):
        if given is not None and given != known:
            raise StoreError(
                f"Wafer {label!r} is stored with {name} {known!r}, not {given!r}: what is known "
                "stays; write what changed into the journal."
            )
    return int(found.id)


def add_die(connection: Connection, wafer: str, x: int, y: int) -> int:
    """See `Store.add_die`."""
    wafer_id = find_wafer(connection, wafer)
    place = {"wafer_id": wafer_id, "x": int(x), "y": int(y)}
    found = connection.execute(select(schema.die.c.id).filter_by(**place)).scalar_one_or_none()
    return add_row(connection, schema.die, **place) if found is None else int(found)


def add_device(
    connection: Connection,
    name: str,
    kind: str,
    die_id: int | None,
    geometry: Mapping[str, object] | None,
) -> int:
    """See `Store.add_device`."""
    if kind not in schema.DEVICE_KINDS:
        known = ", ".join(schema.DEVICE_KINDS)
        raise StoreError(f"Device {name!r} cannot be a {kind!r}: {known} are known.")
    if not name.strip():
        raise StoreError("A device needs a name: found none.")
    device = schema.device
    found = connection.execute(select(device).where(device.c.name == name)).one_or_none()
    told = {
        "die_id": None if die_id is None else int(die_id),
        "geometry": None if geometry is None else dict(geometry),
    }
    if found is None:
        return add_row(connection, device, name=name, kind=kind, created_at=now(), **told)
    if found.kind != kind:
        raise StoreError(
            f"Device {name!r} is stored as a {found.kind}, not as a {kind}: use another name."
        )
    _complete(connection, found, told)
    return int(found.id)


def _complete(
    connection: Connection, found: Row[tuple[object, ...]], told: Mapping[str, object]
) -> None:
    """Fill in what was not known of a device; what is known stays."""
    known = found._mapping
    for name, value in told.items():
        if value is None or to_json(value, sort_keys=True) == to_json(known[name], sort_keys=True):
            continue
        if known[name] is not None:
            raise StoreError(
                f"Device {known['name']!r} is stored with {name} {known[name]!r}, not {value!r}: "
                "use another name, or write what changed into the journal."
            )
        of_device = update(schema.device).where(schema.device.c.id == known["id"])
        connection.execute(of_device.values({name: value}))


def find_wafer(connection: Connection, label: str) -> int:
    """Return the id of a wafer, or raise NotFoundError, naming those that there are."""
    known = {wafer.label: wafer.id for wafer in wafers(connection)}
    if label not in known:
        names = f"it has {', '.join(known)}" if known else "it has none yet"
        raise NotFoundError(f"There is no wafer {label!r} in this database; {names}.")
    return known[label]


def wafers(connection: Connection) -> list[WaferRecord]:
    """See `Store.wafers`."""
    rows = connection.execute(select(schema.wafer).order_by(schema.wafer.c.label))
    return [WaferRecord(**row) for row in rows.mappings()]


def dies(connection: Connection, wafer: str | None) -> list[DieRecord]:
    """See `Store.dies`."""
    die, label = schema.die.c, schema.wafer.c.label
    asked = (
        select(die.id, label.label("wafer"), die.x, die.y)
        .join_from(schema.die, schema.wafer)
        .order_by(label, die.y, die.x)
    )
    if wafer is not None:
        asked = asked.where(die.wafer_id == find_wafer(connection, wafer))
    return [DieRecord(**row) for row in connection.execute(asked).mappings()]
