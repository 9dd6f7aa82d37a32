"""The command that lists runs."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated

import typer

from labbench.cli.options import AsJson, Database


def runs(
    db: Database,
    wafer: Annotated[str | None, typer.Option("--wafer", help="On this wafer.")] = None,
    die: Annotated[tuple[int, int] | None, typer.Option("--die", help="On the die X Y.")] = None,
    device: Annotated[str | None, typer.Option("--device", help="Of this device.")] = None,
    procedure: Annotated[str | None, typer.Option("--procedure", help="Of this procedure.")] = None,
    state: Annotated[
        str | None, typer.Option("--state", help="planned, running, finished, ...")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Started then or later: 2026-01-31[T12:00].")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Started before that.")] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Run, device or wafer bears it.")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--setting", help="name=value or name=low..high.")
    ] = None,
    session: Annotated[int | None, typer.Option("--session", help="Of this session.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=0, help="At most so many.")] = None,
    newest_first: Annotated[bool, typer.Option("--newest-first", help="Else the oldest.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the runs of a database for which all holds that is given."""
    from labbench.store import Store, run_table

    with Store.open(db) as store:
        found = store.find_runs(
            wafer=wafer,
            die=die,
            device=device,
            procedure=procedure,
            state=state,
            since=since,
            until=until,
            tag=tag,
            setting=dict(map(_setting, setting or ())),
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


def _setting(text: str) -> tuple[str, object]:
    """Return name and value, or ends of a range, of ``name=value`` or ``name=low..high``."""
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not name=value or name=low..high.")
    low, dots, high = value.partition("..")
    try:
        if dots:
            return name, (float(low) if low else None, float(high) if high else None)
        return name, float(value)
    except ValueError:
        return name, {"true": True, "false": False}.get(value, value)
