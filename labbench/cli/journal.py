"""Commands of the journal: what people say about runs, devices and wafers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from labbench.cli.options import AsJson, Database

if TYPE_CHECKING:
    from labbench.store import JournalRecord

journal_app = typer.Typer(
    help="Notes, tags and exclusions; never changed, never deleted.", no_args_is_help=True
)

RunId = Annotated[int | None, typer.Option("--run", help="Number of a run.")]
DeviceName = Annotated[str | None, typer.Option("--device", help="Name of a device.")]
WaferLabel = Annotated[str | None, typer.Option("--wafer", help="Label of a wafer.")]


@journal_app.command("add")
def journal_add(
    db: Database,
    run: RunId = None,
    device: DeviceName = None,
    wafer: WaferLabel = None,
    note: Annotated[str | None, typer.Option("--note", help="What is to be said.")] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="A tag to put on.")] = None,
    untag: Annotated[str | None, typer.Option("--untag", help="A tag to take off.")] = None,
    exclude: Annotated[
        str | None, typer.Option("--exclude", help="Why fits and comparisons leave the run out.")
    ] = None,
    include: Annotated[
        str | None, typer.Option("--include", help="Why they take it in again.")
    ] = None,
) -> None:
    """Add one entry about one run, device or wafer."""
    from labbench.store import Store

    subjects = {"run": run, "device": device, "wafer": wafer}
    about = {name: value for name, value in subjects.items() if value is not None}
    kinds = {"note": note, "tag": tag, "untag": untag, "exclude": exclude, "include": include}
    said = {name: value for name, value in kinds.items() if value is not None}
    _require_one("an entry is about one of", about, subjects)
    _require_one("an entry says one of", said, kinds)
    ((kind, text),) = said.items()
    if kind in ("exclude", "include") and run is None:
        raise typer.BadParameter(f"--{kind} is for runs: name one with --run.")
    with Store.open(db) as store:
        getattr(store, kind)(**{_NAMED[kind]: text}, **about)
    ((subject, value),) = about.items()
    print(f"{subject} {value}: {kind} {text}")


@journal_app.command("show")
def journal_show(
    db: Database,
    run: RunId = None,
    device: DeviceName = None,
    wafer: WaferLabel = None,
    as_json: AsJson = False,
) -> None:
    """Show the entries about a run, a device or a wafer, or all of them; oldest first."""
    from labbench.store import Store

    with Store.open(db) as store:
        found = store.journal(run=run, device=device, wafer=wafer)
    if as_json:
        documents = [asdict(entry) | {"created_at": _time(entry)} for entry in found]
        print(json.dumps(documents, indent=2))
        return
    for entry in found:
        print(f"{_time(entry)}  {_subject(entry)}  {entry.kind}: {entry.text}  ({entry.author})")


# What the text of an entry is called by the methods of the store.
_NAMED = {
    "note": "text",
    "tag": "name",
    "untag": "name",
    "exclude": "reason",
    "include": "reason",
}


def _require_one(rule: str, given: Mapping[str, object], known: Iterable[str]) -> None:
    if len(given) != 1:
        options = ", ".join(f"--{name}" for name in known)
        found = ", ".join(f"--{name}" for name in given) or "none"
        raise typer.BadParameter(f"{rule} {options}: {found} was given.")


def _subject(entry: JournalRecord) -> str:
    if entry.run_id is not None:
        return f"run {entry.run_id}"
    return f"wafer {entry.wafer}" if entry.device is None else f"device {entry.device}"


def _time(entry: JournalRecord) -> str:
    return entry.created_at.isoformat(timespec="seconds").replace("+00:00", "Z")
