"""The settings of a run as single columns, by which runs are found."""

from __future__ import annotations

from labbench.store.document import to_json


def setting_columns(value: object) -> tuple[float | None, str | None]:
    """Return a setting as a number and as a text: one of them, or neither for None.

    True and false count as 1 and 0; what is neither a number nor a text is its JSON.
    """
    if value is None:
        return None, None
    if isinstance(value, bool | int | float):
        return float(value), None
    return None, value if isinstance(value, str) else to_json(value)
