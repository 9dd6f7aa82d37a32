"""The settings of a run as rows, so that runs can be found by them."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan

from labbench.store.document import to_json


def setting_rows(run_id: int, settings: Mapping[str, object]) -> list[dict[str, object]]:
    """Return one row a setting.

    A number (true is 1, false is 0) is in `value_real`, a text in `value_text`, and what has parts
    is there as JSON. None has neither. A number that float64 cannot hold, or NaN, is also a text.
    """
    rows: list[dict[str, object]] = []
    for name, value in settings.items():
        real, text = _split(value)
        rows.append({"run_id": run_id, "name": name, "value_real": real, "value_text": text})
    return rows


def _split(value: object) -> tuple[float | None, str | None]:
    if value is None or isinstance(value, str):
        return None, value
    found = to_json(value)
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None, found
    if isnan(number):
        return None, "nan"
    return number, (None if number == value else found)
