"""Which instrument it is: what *IDN? says, in its parts."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select

from labbench.store import schema
from labbench.store.write import add_row


class Identity(NamedTuple):
    """Vendor, model, serial number and firmware of an instrument."""

    vendor: str
    model: str
    serial: str
    firmware: str | None


def parse_identity(idn: str) -> Identity | None:
    """Return the parts of an answer to *IDN?; None of an empty one.

    IEEE 488.2 has four parts with commas between. An answer with fewer is whole the model, and
    the vendor and serial number are empty; a firmware may have commas of its own.
    """
    if not idn.strip():
        return None
    parts = [part.strip() for part in idn.split(",", 3)]
    if len(parts) < 4 or not (parts[0] and parts[1]):
        return Identity("", idn.strip(), "", None)
    return Identity(parts[0], parts[1], parts[2], parts[3] or None)


def add_instrument(connection: Connection, identity: Identity) -> int:
    """Return the id of an instrument, adding it if it is new."""
    key = {"vendor": identity.vendor, "model": identity.model, "serial": identity.serial}
    asked = select(schema.instrument.c.id).filter_by(**key)
    found = connection.execute(asked).scalar_one_or_none()
    return add_row(connection, schema.instrument, **key) if found is None else int(found)
