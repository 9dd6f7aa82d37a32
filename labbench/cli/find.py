"""The command that lists runs."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated

import typer

from labbench.cli.options import AsJson, Database


def runs(
    db: Database,
    device: Annotated[str | None, typer.Option("--device", help="Of this device.")] = None,
    procedure: Annotated[str | None, typer.Option("--procedure", help="Of this procedure.")] = None,
    state: Annotated[
        str | None, typer.Option("--state", help="planned, running, finished, ...")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Started then or later: 2026-01-31[T12:00].")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Started before that.")] = None,
    session: Annotated[int | None, typer.Option("--session", help="Of this session.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=0, help="At most so many.")] = None,
    newest_first: Annotated[bool, typer.Option("--newest-first", help="Else the oldest.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the runs of a database for which all holds that is given."""
    from labbench.store import Store, run_table

    with Store.open(db) as store:
        found = store.find_runs(
            device=device,
            procedure=procedure,
            state=state,
            since=since,
            until=until,
            session=session,
            limit=limit,
            newest_first=newest_first,
        )
    if as_json:
        print(json.dumps([run._asdict() for run in found], indent=2, default=datetime.isoformat))
    elif not found:
        print("no runs")
    else:
        for line in run_table(found):
            print(line)
