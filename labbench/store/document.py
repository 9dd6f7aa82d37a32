"""Documents: settings, cards and fits as JSON that any reader accepts and that comes back exact."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from math import isfinite
from typing import Any

import numpy as np

from labbench.errors import StoreError

# JSON has no word for NaN and the infinities, and readers differ on Python's own words for them.
_NUMBER = "$float"


class JsonText(str):
    """A document that is JSON already, because somebody wrote it before the transaction."""

    __slots__ = ()


def to_json(value: object, sort_keys: bool = False) -> str:
    """Return the JSON text of mappings, sequences, numbers (numpy's too), text and None.

    The order of mappings is kept; NaN and infinities become ``{"$float": "nan"}``. What is
    `JsonText` already stays as it is.
    """
    if isinstance(value, JsonText):
        return str(value)
    try:
        return json.dumps(value, allow_nan=False, sort_keys=sort_keys, default=_plain)
    except ValueError:
        return json.dumps(_mark(value), allow_nan=False, sort_keys=sort_keys)


def from_json(text: str) -> Any:
    """Return what `to_json` was given, with lists for sequences and Python's own numbers."""
    return json.loads(text, object_hook=_unmark)


def document_sha256(value: object) -> str:
    """Return a hash of a document that does not depend on the order of its mappings."""
    return sha256(to_json(value, sort_keys=True).encode()).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise StoreError(f"Documents hold no {type(value).__name__}, only what JSON can: {value!r}.")


def _mark(value: object) -> object:
    if isinstance(value, float):
        return value if isfinite(value) else {_NUMBER: repr(float(value))}
    if isinstance(value, Mapping):
        return {key: _mark(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_mark(entry) for entry in value]
    if value is None or isinstance(value, str | int):
        return value
    return _mark(_plain(value))


def _unmark(entries: dict[str, Any]) -> Any:
    return float(entries[_NUMBER]) if entries.keys() == {_NUMBER} else entries
