"""Numbers without names: what they are must be said."""

from __future__ import annotations

from collections.abc import Sequence

from labbench.store.importers.block import Block, Column, Dialect
from labbench.store.importers.grid import find_delimiter, parse_number, read_grid, split_fields
from labbench.store.importers.options import ReadOptions
from labbench.store.importers.text import SourceText


def recognises(lines: Sequence[str]) -> bool:
    """Tell whether the first line is nothing but numbers."""
    fields = split_fields(lines[0], find_delimiter(lines[0]))
    return len(fields) > 1 and all(parse_number(field) is not None for field in fields)


def read(source: SourceText, options: ReadOptions) -> list[Block]:
    """Read the one table of the file."""
    delimiter = find_delimiter(source.lines[0])
    n_columns = len(split_fields(source.lines[0], delimiter))
    names = [f"column {number}" for number in range(1, n_columns + 1)]
    grid = read_grid(source, names, range(len(source.lines)), delimiter, options)
    columns = [Column(name, values) for name, values in zip(names, grid.values.T, strict=True)]
    if not options.columns:
        first = ", ".join(source.lines[0].split(delimiter))[:60]
        raise source.error(
            1,
            f"found {n_columns} columns of numbers ({first}) and no names: say what they hold, "
            f"such as --column voltage=1 --column current=2 --unit voltage=V,current=uA.",
        )
    return [Block(tuple(columns), grid.line_numbers, notes=grid.notes)]


DIALECT = Dialect(
    "bare",
    "numbers without names, apart by tabs, semicolons, commas or blanks",
    "--column time=1 --column current=2 --column voltage=3 and --unit time=s,current=A,voltage=V",
    recognises,
    read,
)
