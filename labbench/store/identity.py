"""Who an instrument says it is."""

from __future__ import annotations

from typing import NamedTuple

# IEEE 488.2, 10.14: manufacturer, model, serial number and firmware level, by commas.
_FIELDS = 4


class Identity(NamedTuple):
    """The fields of an answer to ``*IDN?``."""

    vendor: str
    model: str
    serial: str
    firmware: str | None


def identity_of(idn: str) -> Identity:
    """Take an answer to ``*IDN?`` apart; where it has no four fields, all of it is the model."""
    fields = [field.strip() for field in idn.split(",", _FIELDS - 1)]
    if len(fields) < _FIELDS:
        return Identity("", idn.strip(), "", None)
    vendor, model, serial, firmware = fields
    return Identity(vendor, model, serial, firmware)
