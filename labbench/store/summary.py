"""What a listing tells of a run, and a list of runs that is good to look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

_SHOWN = 20


class RunSummary(NamedTuple):
    """What is known of a run without opening it.

    Attributes
    ----------
    wafer, die_x, die_y : str, int, int or None
        Label of the wafer and place of the die; None where nobody said.
    state : str
        "planned", "running", "finished", "aborted", "failed" or "interrupted".
    started_at, ended_at : datetime or None
        In UTC; None before it started or ended.
    simulated : bool
        Whether its session was at a simulated bench.
    excluded : str or None
        Why it is left out of fits and comparisons; None if it is not.
    n_responses, n_features : int
    """

    id: int
    device: str
    wafer: str | None
    die_x: int | None
    die_y: int | None
    procedure: str
    procedure_version: str
    state: str
    started_at: datetime | None
    ended_at: datetime | None
    simulated: bool
    session_id: int
    excluded: str | None
    n_responses: int
    n_features: int

    def __repr__(self) -> str:
        return f"<run {', '.join(filter(None, _row(self)))}>"


class RunList(tuple[RunSummary, ...]):
    """Runs, in the order that was asked for; a table where it is shown."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self:
            return "no runs"
        lines = list(run_table(self[:_SHOWN]))
        more = len(self) - _SHOWN
        return "\n".join([*lines, f"... and {more:,} more"] if more > 0 else lines)


_HEADER = (
    "run",
    "device",
    "die",
    "procedure",
    "state",
    "started (UTC)",
    "responses",
    "features",
    "remarks",
)


def run_table(runs: Iterable[RunSummary]) -> Iterator[str]:
    """Return a header and a line for each run, in the columns that say something."""
    rows = list(map(_row, runs))
    told = [(head, *cells) for head, *cells in zip(_HEADER, *rows, strict=True) if any(cells)]
    widths = [max(map(len, column)) for column in told]
    for row in zip(*told, strict=True):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _row(run: RunSummary) -> tuple[str, ...]:
    remarks = ["simulated"] if run.simulated else []
    if run.excluded is not None:
        remarks.append(f"excluded: {run.excluded}")
    return (
        str(run.id),
        run.device,
        "" if run.wafer is None else f"{run.wafer} ({run.die_x}, {run.die_y})",
        run.procedure,
        run.state,
        "" if run.started_at is None else f"{run.started_at:%Y-%m-%d %H:%M:%S}",
        str(run.n_responses),
        str(run.n_features),
        ", ".join(remarks),
    )
