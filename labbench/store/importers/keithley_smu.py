"""Keithley SMU as CSV: ``Item,Smu1.Time[1][1],Smu1.V[1][1],Smu1.I[1][1],...``, no units."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from labbench.store.importers.block import Block, Column, Dialect
from labbench.store.importers.grid import find_delimiter, read_grid, split_fields
from labbench.store.importers.options import ReadOptions
from labbench.store.importers.text import SourceText

_NAME = re.compile(r"Smu\d+\.(?P<what>\w+)\[\d+\]\[\d+\]", re.IGNORECASE)
_ROLES = {"time": "time", "v": "voltage", "i": "current"}


def recognises(lines: Sequence[str]) -> bool:
    """Tell whether the first line names columns of an SMU."""
    return any(_NAME.fullmatch(name) for name in split_fields(lines[0], find_delimiter(lines[0])))


def read(source: SourceText, options: ReadOptions) -> list[Block]:
    """Read the one table; voltage and current are those of the first SMU, unless mapped."""
    delimiter = find_delimiter(source.lines[0])
    names = split_fields(source.lines[0], delimiter)
    grid = read_grid(source, names, range(1, len(source.lines)), delimiter, options)
    columns, taken = [], set()
    for name, values in zip(names, grid.values.T, strict=True):
        matched = _NAME.fullmatch(name)
        role = _ROLES.get(matched["what"].lower()) if matched else None
        if role in taken or options.columns:
            role = None
        taken.add(role)
        columns.append(Column(name, values, None, role))
        if name.lower() == "item":
            _check_items(source, values, grid.line_numbers)
    return [
        Block(
            tuple(columns),
            grid.line_numbers,
            shape="sweep",
            needs_current=True,
            notes=grid.notes,
        )
    ]


def _check_items(source: SourceText, items: np.ndarray, line_numbers: np.ndarray) -> None:
    # A row that was left out, on purpose, leaves its line out too.
    wrong = np.flatnonzero(np.diff(items) != np.diff(line_numbers))
    if wrong.size:
        row = int(wrong[0]) + 1
        raise source.error(
            int(line_numbers[row]),
            f"item {items[row]:g} follows item {items[row - 1]:g}; rows are missing or out of "
            f"order, so export the file again.",
        )


DIALECT = Dialect(
    "keithley_smu",
    "names such as Smu1.V[1][1] (Keithley SMU exports)",
    "--unit voltage=V,current=A,time=s; --column for another SMU than the first",
    recognises,
    read,
)
