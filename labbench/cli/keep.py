"""Commands that look after what is kept: model cards and databases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labbench.cli.options import AsJson, DatabaseArgument
from labbench.cli.terminal import print_scaling, scaling_document
from labbench.errors import NotFoundError, OutputError

if TYPE_CHECKING:
    from labbench.model import ModelCard
    from labbench.store import Store

card_app = typer.Typer(help="Model cards.", no_args_is_help=True)
db_app = typer.Typer(help="Lab databases.", no_args_is_help=True)


CardDatabase = Annotated[str | None, typer.Option("--db", help="Database whose cards count too.")]
CardName = Annotated[str, typer.Argument(help="Card file, or the name of a card.")]


@card_app.command("list")
def card_list(db: CardDatabase = None) -> None:
    """List the cards that ship with labbench, and those of a database."""
    from labbench.model.card import read_card, shipped_cards

    known = [read_card(name) for name in shipped_cards()]
    if db is not None:
        from labbench.store import Store

        with Store.open(db) as store:
            known += [record.card for record in store.cards()]
    for card in known:
        print(f"{card.name:16} {card.model:12} {card.circuit:10} {card.source}")


@card_app.command("show")
def card_show(name: CardName, db: CardDatabase = None) -> None:
    """Show what a card is of, and its values with errors and units."""
    from labbench.model.card import PARAMETERS
    from labbench.model.models import MODELS

    card = open_card(name, db)
    model = MODELS[card.model]
    print(f"{card.name}: model {card.model}, version {model.version}: {model.summary}")
    print(f"circuit {card.circuit}, driven by a {card.drive}, polarity {card.polarity}")
    print(f"source: {card.source or 'not given'}")
    for key, value in card.values.items():
        spec = PARAMETERS[key]
        error = f"+- {card.stderr[key]:.2g}" if key in card.stderr else ""
        ours = "  (ours)" if key in card.assumed else ""
        print(f"  {key:26} {value:<12.6g} {error:10} {spec.unit:9} {spec.meaning}{ours}")


@card_app.command("export")
def card_export(
    name: CardName,
    format_name: Annotated[str, typer.Option("--format", help="spice, veriloga or json.")],
    out: Annotated[Path, typer.Option("--out", help="File to write.")],
    db: CardDatabase = None,
) -> None:
    """Write a card for a circuit simulator (SPICE, Verilog-A) or another program (JSON)."""
    from labbench.report.netlist import card_json, spice, verilog_a
    from labbench.report.output import write_whole

    formats = {"spice": spice, "veriloga": verilog_a, "json": card_json}
    if format_name not in formats:
        raise OutputError(f"A card is written as {', '.join(formats)}, not as {format_name!r}.")
    write_whole(out, formats[format_name](open_card(name, db)))
    print(f"{out}: card {name} as {format_name}")


@card_app.command("scaling")
def card_scaling(as_json: AsJson = False) -> None:
    """Simulate the energy per spike on the bench, at 65 nm and at 3 nm, beside published ones."""
    from labbench.model.scaling import scaling_table

    rows = scaling_table()
    if as_json:
        print(json.dumps([scaling_document(row) for row in rows], indent=2))
    else:
        print_scaling(rows)


@db_app.command("check")
def db_check(db: DatabaseArgument) -> None:
    """Check integrity, references and the checksum of every waveform."""
    from labbench.store import Store, check

    with Store.open(db) as store:
        problems, name = check(store), store.name
    for problem in problems:
        print(problem)
    if problems:
        raise typer.Exit(1)
    print(f"{name} is sound")


@db_app.command("upgrade")
def db_upgrade(
    db: DatabaseArgument,
    backed_up: Annotated[
        bool, typer.Option("--backed-up", help="A copy of a database on a server was made.")
    ] = False,
) -> None:
    """Bring a database to the newest schema: a file after a backup beside it."""
    from labbench.store import display_name, upgrade

    backup = upgrade(db, backed_up)
    kept = f"; the old one is kept as {backup}" if backup else ""
    print(f"{display_name(db)} is up to date{kept}")


@db_app.command("archive")
def db_archive(
    db: Annotated[Path, typer.Argument(help="Lab database, a file.")],
    undo: Annotated[bool, typer.Option("--undo", help="Open it for writing again.")] = False,
) -> None:
    """Check a database and make it one file that can be kept where nothing can be written."""
    from labbench.store.archive import archive, unarchive

    if undo:
        print(f"{db} can be written again" if unarchive(db) else f"{db} is not archived")
    elif archive(db):
        print(f"{db} is sound and archived: one file, only to be read until archive --undo")
    else:
        print(f"{db} is archived already")


def open_card(name: str, db: str | None) -> ModelCard:
    """Return a card of a database, if one is given, else a file or a card that ships."""
    from labbench.model.card import read_card

    if db is None:
        return read_card(name)
    from labbench.store import Store

    with Store.open(db) as store:
        return find_card(store, name)


def find_card(store: Store, name: str) -> ModelCard:
    """Return a card of the store, else a file or a card that ships with labbench."""
    from labbench.model.card import read_card

    try:
        card: ModelCard = store.card(name).card
    except NotFoundError:
        return read_card(name)
    return card
