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
    state : str
        "planned", "running", "finished", "aborted", "failed" or "interrupted".
    started_at, ended_at : datetime or None
        In UTC; None before it started or ended.
    simulated : bool
        Whether its session was at a simulated bench.
    n_responses, n_features : int
    """

    id: int
    device: str
    procedure: str
    procedure_version: str
    state: str
    started_at: datetime | None
    ended_at: datetime | None
    simulated: bool
    session_id: int
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


_HEADER = ("run", "device", "procedure", "state", "started (UTC)", "responses", "features", "bench")


def run_table(runs: Iterable[RunSummary]) -> Iterator[str]:
    """Return a header and a line for each run, in columns."""
    rows = [_HEADER, *map(_row, runs)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _row(run: RunSummary) -> tuple[str, ...]:
    return (
        str(run.id),
        run.device,
        run.procedure,
        run.state,
        "" if run.started_at is None else f"{run.started_at:%Y-%m-%d %H:%M:%S}",
        str(run.n_responses),
        str(run.n_features),
        "simulated" if run.simulated else "real",
    )
