"""A table whose names carry their units in brackets: ``Time (s)``, ``Voltage [mV]``.

The scaled waveforms grabbed from a Tektronix TBS1000C look like this, and many others do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from labbench.store.importers.block import ROLES, Block, Column, Dialect
from labbench.store.importers.grid import find_delimiter, parse_number, read_grid, split_fields
from labbench.store.importers.options import ReadOptions
from labbench.store.importers.text import SourceText
from labbench.store.importers.units import find_unit

_NAME = re.compile(r"(?P<name>.*\w)\s*[(\[](?P<unit>[^()\[\]]+)[)\]]")


def recognises(lines: Sequence[str]) -> bool:
    """Tell whether every name of the first line, or all but a counter, ends in a bracketed unit."""
    delimiter = find_delimiter(lines[0])
    names = split_fields(lines[0], delimiter) if delimiter else []
    return (
        len(names) > 1
        and sum(_split(name)[1] is not None for name in names) >= max(len(names) - 1, 1)
        and all(parse_number(name) is None for name in names)
    )


def read(source: SourceText, options: ReadOptions) -> list[Block]:
    """Read the one table of the file."""
    delimiter = find_delimiter(source.lines[0])
    names = split_fields(source.lines[0], delimiter)
    grid = read_grid(source, names, range(1, len(source.lines)), delimiter, options)
    columns = []
    for name, values in zip(names, grid.values.T, strict=True):
        stem, unit = _split(name)
        role = stem.lower().replace(" ", "_")
        columns.append(Column(name, values, unit, role if role in ROLES else None))
    has_current = any(column.role in ("current", "abs_current") for column in columns)
    # A lone voltage against time may be anything on a scope: nobody said that it was applied.
    if not has_current and not options.columns:
        columns = [c if c.role == "time" else Column(c.name, c.raw, c.unit) for c in columns]
    shape = None if has_current or options.columns else "record"
    return [Block(tuple(columns), grid.line_numbers, shape=shape, notes=grid.notes)]


def _split(name: str) -> tuple[str, str | None]:
    matched = _NAME.fullmatch(name)
    if matched is None or find_unit(matched["unit"].strip()) is None:
        return name, None
    return matched["name"], matched["unit"].strip()


DIALECT = Dialect(
    "bracketed",
    "one line of names with units in brackets, 'Time (s)' and 'Voltage (V)' (Tektronix TBS1000C)",
    "nothing; --column voltage='Voltage (V)' if that was applied to the device",
    recognises,
    read,
)
