"""Plain CSV: one line of names, the unit as the suffix of each name.

``voltage_V``, ``voltage_mv`` and ``abs_current_uA`` are understood; ``voltage`` alone is asked
about, because a wrong guess of the unit is a wrong device.
"""

from __future__ import annotations

from collections.abc import Sequence

from labbench.store.importers import bracketed, keithley_smu
from labbench.store.importers.block import GROUP, ORDER, ROLES, Block, Column, Dialect
from labbench.store.importers.grid import find_delimiter, parse_number, read_grid, split_fields
from labbench.store.importers.options import ReadOptions
from labbench.store.importers.text import SourceText
from labbench.store.importers.units import find_unit

_GROUPS = ("sweep", "trace")


def recognises(lines: Sequence[str]) -> bool:
    """Tell whether the first line names columns, and the second holds numbers or names fit."""
    delimiter = find_delimiter(lines[0])
    if delimiter is None or bracketed.recognises(lines) or keithley_smu.recognises(lines):
        return False
    names = split_fields(lines[0], delimiter)
    if len(names) < 2 or any(not name or parse_number(name) is not None for name in names):
        return False
    if any(name_role(name)[0] in ROLES for name in names):
        return True
    below = split_fields(lines[1], delimiter) if len(lines) > 1 else []
    return len(below) == len(names) and all(parse_number(field) is not None for field in below)


def read(source: SourceText, options: ReadOptions) -> list[Block]:
    """Read the one table of the file."""
    delimiter = find_delimiter(source.lines[0])
    names = split_fields(source.lines[0], delimiter)
    grid = read_grid(source, names, range(1, len(source.lines)), delimiter, options)
    columns = []
    for name, values in zip(names, grid.values.T, strict=True):
        role, unit = name_role(name)
        columns.append(Column(name, values, unit, role))
    is_mapped = bool(options.columns)
    return [Block(tuple(columns), grid.line_numbers, needs_current=not is_mapped, notes=grid.notes)]


def name_role(name: str) -> tuple[str | None, str | None]:
    """Return what a column of this name holds and its unit, None where the name does not tell."""
    lower = name.lower()
    if lower in _GROUPS:
        return GROUP, None
    if lower == ORDER:
        return ORDER, None
    if lower in ROLES:
        return lower, None
    stem, _, unit = name.rpartition("_")
    if stem.lower() in ROLES:
        return stem.lower(), unit
    return None, unit if stem and find_unit(unit) else None


DIALECT = Dialect(
    "plain",
    "one line of names such as time_s, voltage_V, current_uA, then numbers",
    "--unit where a name has no unit, --column where it has another name",
    recognises,
    read,
)
