"""Commands that take runs out of a database, and bring them into another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labbench.cli.options import Database, DatabaseArgument


def db_export(
    db: DatabaseArgument,
    format_name: Annotated[str, typer.Option("--format", help="parquet, hdf5 or csv.")],
    out: Annotated[Path, typer.Option("--out", help="What is made: a folder, or for hdf5 a file.")],
    run: Annotated[list[int] | None, typer.Option("--run", help="A run; repeat it.")] = None,
    device: Annotated[
        str | None, typer.Option("--device", help="The device all of whose runs are meant.")
    ] = None,
) -> None:
    """Write everything of some runs, or of a device, to files that need no labbench to be read."""
    if bool(run) == (device is not None):
        raise typer.BadParameter("either --run (repeat it) or --device says what is meant.")
    from labbench.store import Store
    from labbench.store.exchange import export

    with Store.open(db) as store:
        made = export(store, out, format_name, run or (), device)
    print(f"{out}: {len(made.run_ids)} runs with {made.n_waveforms} waveforms as {format_name}")
    for note in made.notes:
        print(f"  note: {note}")


def db_import(
    export: Annotated[Path, typer.Argument(help="What `labbench db export` wrote.")],
    db: Database,
) -> None:
    """Restore the runs of an export in a database, bit by bit; each only once."""
    from labbench.store import Store
    from labbench.store.exchange import import_export, require_export

    # Whatever an export can be refused for comes before a database is made.
    require_export(export)
    with Store.open(db, create=True) as store:
        made = import_export(store, export)
    for old, new in made.runs.items():
        print(f"run {new}: restored, run {old} of the export")
    for old, here in made.known.items():
        print(f"run {here} is here already: run {old} of the export was not restored again")
    for note in made.notes:
        print(f"  note: {note}")
