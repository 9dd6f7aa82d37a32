"""What the columns of a file hold: matched by name, with the unit as the suffix of the name.

``voltage_V``, ``voltage_mv`` and ``abs_current_uA`` are understood; ``voltage`` is not, because a
wrong guess of the unit is a wrong device.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labbench.errors import ImportFileError
from labbench.store.importers.table import Table

FloatArray = NDArray[np.float64]

_PREFIXES = {"": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "n": 1e-9, "p": 1e-12}
_BASE_UNITS = {"time": "s", "voltage": "V", "current": "A", "abs_current": "A"}
_GROUPS = ("sweep", "trace")
_ORDER = "point"


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of a recording in SI units, (n,) each.

    Attributes
    ----------
    time_s : array or None
        None if the file has no times, only an order.
    is_magnitude : bool
        Whether the file holds the magnitude of the current only.
    groups : tuple of slice
        The rows of each sweep or trace, in the order of the file.
    notes : tuple of str
    """

    voltage_v: FloatArray
    current_a: FloatArray
    time_s: FloatArray | None
    is_magnitude: bool
    groups: tuple[slice, ...]
    notes: tuple[str, ...]


def match_columns(table: Table) -> Columns:
    """Match the columns of a table by name and bring them to SI units.

    Raises
    ------
    ImportFileError
        If voltage or current is missing or there twice, a unit is missing or unknown, a sweep or
        trace is scattered over the file, its points do not count up by one, or a magnitude is
        negative.
    """
    found: dict[str, FloatArray] = {}
    unread: list[str] = []
    for index, name in enumerate(table.header):
        role, scale = _role(table, name)
        if role is None:
            unread.append(name)
        elif role in found:
            raise _header_error(table, f"there is more than one {role} column; keep one")
        else:
            found[role] = table.values[:, index] * scale
    if "voltage" not in found or ("current" in found) == ("abs_current" in found):
        raise _header_error(
            table, "a recording needs a voltage and one of current or abs_current (voltage_V, ...)"
        )
    is_magnitude = "abs_current" in found
    current_a = found["abs_current" if is_magnitude else "current"]
    if is_magnitude and (current_a < 0).any():
        row = int(np.argmax(current_a < 0))
        raise table.error(
            row, f"a magnitude cannot be {current_a[row]:g} A; name the column current_A."
        )
    groups = _groups(table, found.get("group"))
    _check_order(table, found.get(_ORDER), groups)
    notes = [f"column {name!r} is not read" for name in unread]
    if is_magnitude:
        notes.append("the file holds the magnitude of the current only: its sign is not known")
    return Columns(
        voltage_v=found["voltage"],
        current_a=current_a,
        time_s=found.get("time"),
        is_magnitude=is_magnitude,
        groups=groups,
        notes=tuple(notes),
    )


def _role(table: Table, name: str) -> tuple[str | None, float]:
    """Return what a column holds, None if it is not of ours, and its scale to SI."""
    lower = name.lower()
    if lower in _GROUPS:
        return "group", 1.0
    if lower == _ORDER:
        return _ORDER, 1.0
    stem, unit = (lower, "") if lower in _BASE_UNITS else _split_unit(name)
    base = _BASE_UNITS.get(stem)
    if base is None:
        return None, 1.0
    # The prefix is taken as written: "MV" is not a millivolt.
    if not unit or unit[-1].lower() != base.lower() or unit[:-1] not in _PREFIXES:
        accepted = ", ".join(f"{stem}_{prefix}{base}" for prefix in ("", "m", "u", "n", "p"))
        what = f"the unit {unit!r}" if unit else "no unit"
        raise _header_error(table, f"column {name!r} has {what}; accepted are {accepted}")
    return stem, _PREFIXES[unit[:-1]]


def _split_unit(name: str) -> tuple[str, str]:
    stem, _, unit = name.rpartition("_")
    return stem.lower(), unit


def _groups(table: Table, group: FloatArray | None) -> tuple[slice, ...]:
    n = len(table.values)
    if group is None:
        return (slice(0, n),)
    starts = [0, *(np.flatnonzero(np.diff(group)) + 1).tolist()]
    seen: set[float] = set()
    for start in starts:
        if group[start] in seen:
            raise table.error(
                start, f"group {group[start]:g} returns after another one; sort the file by group."
            )
        seen.add(float(group[start]))
    return tuple(slice(a, b) for a, b in zip(starts, [*starts[1:], n], strict=True))


def _check_order(table: Table, order: FloatArray | None, groups: tuple[slice, ...]) -> None:
    if order is None:
        return
    for group in groups:
        wrong = np.flatnonzero(np.diff(order[group]) != 1)
        if wrong.size:
            row = group.start + int(wrong[0]) + 1
            raise table.error(
                row,
                f"point {order[row]:g} follows point {order[row - 1]:g}; rows are missing or out "
                f"of order, so export the file again.",
            )


def _header_error(table: Table, found: str) -> ImportFileError:
    columns = ",".join(table.header)
    return ImportFileError(f"{table.file_name}, line 1: {found} (found: {columns[:120]}).")
