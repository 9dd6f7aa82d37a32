"""What the formats have in common: what a writer and a reader can do, and the names of pieces."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from labbench.errors import ImportFileError
from labbench.store.exchange.cells import Cells

MANIFEST = "manifest.json"
# Rows that are held at once, so that memory stays flat.
AT_ONCE = 5000
_FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Samples:
    """The samples of one waveform and what a reader who has nothing else must know of them.

    Attributes
    ----------
    raw : (n,) int8, int16 or float64 array
        As delivered; the physical value is ``raw * scale + offset``, in `unit`.
    start_s : float
    interval_s : float or None
        Of an even time base.
    time_s : (n,) float64 array or None
        None where only the order of the samples is known.
    sha256 : str
        Of the raw samples, little-endian.
    """

    waveform_id: int
    run_id: int
    ordinal: int
    channel: str
    quantity: str
    unit: str
    scale: float
    offset: float
    raw: NDArray[Any]
    start_s: float
    interval_s: float | None
    time_s: _FloatArray | None
    sha256: str

    @property
    def values(self) -> _FloatArray:
        """The samples in `unit`, (n,)."""
        if self.is_physical:
            return self.raw
        # Whatever scale a device gave: too much of it is infinite, and the raw samples stay.
        with np.errstate(over="ignore", invalid="ignore"):
            return self.raw.astype(np.float64) * self.scale + self.offset

    @property
    def is_physical(self) -> bool:
        """Whether the samples are in `unit` already."""
        return self.raw.dtype == np.float64 and self.scale == 1.0 and self.offset == 0.0

    @property
    def time_axis(self) -> str:
        """Where the times of the samples are found, in words."""
        if self.channel == "time":
            return "these are the times of the other channels of this response"
        if self.interval_s is not None:
            return "start_s + index * interval_s"
        if self.time_s is not None:
            return "channel 'time' of the same response"
        return "not known: only the order of the samples is"

    @property
    def name(self) -> str:
        """A name of its own within an export, safe in every file system."""
        channel = re.sub(r"[^A-Za-z0-9_-]", "_", self.channel)[:40]
        return f"run-{self.run_id}/response-{self.ordinal}-{self.waveform_id}-{channel}"


class ExportWriter(Protocol):
    """Writes an export, piece by piece."""

    def rows(self, table: str, rows: Sequence[Cells]) -> None:
        """Append rows to a table."""

    def samples(self, samples: Samples) -> str:
        """Write the samples of a waveform and return where they are."""

    def finish(self, manifest: dict[str, Any]) -> None:
        """Write what is only known at the end, close and seal."""

    def abandon(self) -> None:
        """Close what is open, of an export that nobody will get."""


class ExportReader(Protocol):
    """Reads an export; the rows of a table in the order in which they were written."""

    manifest: dict[str, Any]

    def rows(self, table: str, n: int) -> list[Cells]:
        """Return the next rows of a table."""

    def samples(self, waveform: Cells) -> NDArray[Any]:
        """Return the raw samples of a waveform, which is later than all that were asked for."""

    def close(self) -> None:
        """Close what is open."""


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON document of an export.

    Raises
    ------
    ImportFileError
        If there is none.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ImportFileError(
            f"{path.parent} is not an export of labbench, {path.name} cannot be read: {error}."
        ) from error
    if not isinstance(found, dict):
        raise ImportFileError(f"{path.parent} is not an export of labbench: correct the path.")
    return found


def require_rows(found: list[Cells], n: int, table: str) -> list[Cells]:
    """Return rows, if as many as announced are there."""
    if len(found) != n:
        raise ImportFileError(
            f"The export announces {n} more rows of {table}, and has {len(found)}: get a new copy."
        )
    return found
