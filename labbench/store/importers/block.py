"""What a dialect finds in a file: columns of numbers with all that the file says of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labbench.store.importers.options import ReadOptions
from labbench.store.importers.text import SourceText

# What a column may hold, with its unit; other names are further channels.
ROLES = {"time": "s", "voltage": "V", "current": "A", "abs_current": "A", "drop": "V"}
GROUP, ORDER = "group", "point"


@dataclass(frozen=True, eq=False)
class Column:
    """A column of a file.

    Attributes
    ----------
    name : str
        As written in the file.
    raw : (n,) int8, int16 or float64 array
        As written, NaN where missing; ``raw * scale + offset`` is in `unit`.
    unit : str or None
        As written, "mV" for instance; None where the file does not tell.
    role : str or None
        One of `ROLES`, `GROUP` or `ORDER`, or None.
    rail_low, rail_high : float or None
        Ends of the measuring range in `unit`, where the file tells.
    """

    name: str
    raw: NDArray[Any]
    unit: str | None = None
    role: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    rail_low: float | None = None
    rail_high: float | None = None


@dataclass(frozen=True, eq=False)
class Block:
    """A measurement in a file; some kinds of files hold several.

    Attributes
    ----------
    columns : tuple of Column
    line_numbers : (n,) intp array
        The line, from 1, of each row.
    header_line : int
        Where the columns are named, from 1.
    shape : {"sweep", "pulse", "record"} or None
        What it is, as far as the file or its kind tells; None where the columns decide.
    group : (n,) array or None
        The number of the sweep that a row belongs to.
    compliance_a : float or None
    needs_current : bool
        Whether such a file makes no sense without voltage and current.
    notes : tuple of str
    """

    columns: tuple[Column, ...]
    line_numbers: NDArray[np.intp]
    header_line: int = 1
    shape: str | None = None
    group: NDArray[Any] | None = None
    compliance_a: float | None = None
    needs_current: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dialect:
    """A kind of file.

    Attributes
    ----------
    name : str
    what : str
        How to know it, in a sentence.
    needs : str
        The options that such a file needs, or may.
    recognises : callable
        Whether a text is of this kind; no two dialects recognise one text.
    read : callable
        Its blocks.
    """

    name: str
    what: str
    needs: str
    recognises: Callable[[Sequence[str]], bool]
    read: Callable[[SourceText, ReadOptions], list[Block]]
