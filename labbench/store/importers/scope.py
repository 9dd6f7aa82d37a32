"""Oscilloscope CSV: ``x-axis,1,2`` over ``second,Volt,Volt``, then one row a sample."""

from __future__ import annotations

from collections.abc import Sequence

from labbench.store.importers.block import Block, Column, Dialect
from labbench.store.importers.grid import find_delimiter, read_grid, split_fields
from labbench.store.importers.options import ReadOptions
from labbench.store.importers.text import SourceText

_HEADER_LINES = 2


def recognises(lines: Sequence[str]) -> bool:
    """Tell whether the first name is ``x-axis``."""
    return split_fields(lines[0], find_delimiter(lines[0]))[0].lower() == "x-axis"


def read(source: SourceText, options: ReadOptions) -> list[Block]:
    """Read the one table: the time and a channel a column."""
    delimiter = find_delimiter(source.lines[0])
    names = split_fields(source.lines[0], delimiter)
    units = split_fields(source.lines[1], delimiter) if len(source.lines) > 1 else []
    if len(units) != len(names):
        raise source.error(
            _HEADER_LINES, f"found {len(units)} units for {len(names)} columns; export it again."
        )
    lines = range(_HEADER_LINES, len(source.lines))
    grid = read_grid(source, names, lines, delimiter, options)
    columns = [
        Column(name, values, unit or None, "time" if place == 0 else None)
        for place, (name, unit, values) in enumerate(zip(names, units, grid.values.T, strict=True))
    ]
    shape = None if options.columns else "record"
    return [Block(tuple(columns), grid.line_numbers, 1, shape, notes=grid.notes)]


DIALECT = Dialect(
    "scope",
    "'x-axis,1,2' over 'second,Volt,Volt' (Keysight oscilloscopes)",
    "nothing; --column voltage=2 --column drop=1 --shunt-ohm R for a device above a resistor R",
    recognises,
    read,
)
