"""Keithley I-V as text: names apart by blanks, numbers apart by tabs, no units, loops in a row."""

from __future__ import annotations

from collections.abc import Sequence

from labbench.store.importers.block import Block, Column, Dialect
from labbench.store.importers.grid import parse_number, read_grid, split_fields
from labbench.store.importers.options import ReadOptions
from labbench.store.importers.text import SourceText

_HEADERS = (["voltage", "current"], ["voltage", "current", "time"])


def recognises(lines: Sequence[str]) -> bool:
    """Tell whether the names are ``Voltage Current`` (``Time``), and tabs are below."""
    if "\t" in lines[0] or lines[0].lower().split() not in _HEADERS:
        return False
    below = split_fields(lines[1], "\t") if len(lines) > 1 else []
    return len(below) > 1 and parse_number(below[0]) is not None


def read(source: SourceText, options: ReadOptions) -> list[Block]:
    """Read the one table of the file."""
    names = source.lines[0].split()
    grid = read_grid(source, names, range(1, len(source.lines)), "\t", options)
    columns = [
        Column(name, values, None, name.lower())
        for name, values in zip(names, grid.values.T, strict=True)
    ]
    return [
        Block(
            tuple(columns),
            grid.line_numbers,
            shape="sweep",
            needs_current=True,
            notes=grid.notes,
        )
    ]


DIALECT = Dialect(
    "keithley_text",
    "'Voltage Current Time' apart by blanks, numbers apart by tabs (Keithley source meters)",
    "--unit voltage=V,current=A,time=s",
    recognises,
    read,
)
