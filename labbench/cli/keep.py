"""Commands that look after what is kept: model cards and databases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labbench.errors import NotFoundError

if TYPE_CHECKING:
    from labbench.model import ModelCard
    from labbench.store import Store

card_app = typer.Typer(help="Model cards.", no_args_is_help=True)
db_app = typer.Typer(help="Lab databases.", no_args_is_help=True)


@card_app.command("list")
def card_list(db: Annotated[Path | None, typer.Option("--db")] = None) -> None:
    """List the cards that ship with labbench, and those of a database."""
    from labbench.model.card import read_card, shipped_cards

    for name in shipped_cards():
        made = read_card(name)
        print(f"{name:16} {made.circuit:10} {made.model:10} {made.source}")
    if db is not None:
        from labbench.store import Store

        with Store.open(db) as store:
            for record in store.cards():
                made = record.card
                print(f"{made.name:16} {made.circuit:10} {made.model:10} {made.source}")


@card_app.command("show")
def card_show(
    name: Annotated[str, typer.Argument(help="Card file, or the name of a card.")],
    db: Annotated[Path | None, typer.Option("--db", help="Database that holds it.")] = None,
) -> None:
    """Show a card's values with units."""
    from labbench.model.card import PARAMETERS, read_card

    if db is None:
        made = read_card(name)
    else:
        from labbench.store import Store

        with Store.open(db) as store:
            made = find_card(store, name)
    print(f"{made.name}: model {made.model}, circuit {made.circuit}\n{made.source}")
    for key, value in made.values.items():
        spec = PARAMETERS[key]
        error = f" +- {made.stderr[key]:.2g}" if key in made.stderr else ""
        print(f"  {key:26} {value:.6g}{error} {spec.unit:8} {spec.meaning}")


@db_app.command("check")
def db_check(db: Annotated[Path, typer.Argument(help="Lab database.")]) -> None:
    """Check integrity, references and the checksum of every waveform."""
    from labbench.store import Store, check

    with Store.open(db) as store:
        problems = check(store)
    for problem in problems:
        print(problem)
    if problems:
        raise typer.Exit(1)
    print(f"{db} is sound")


@db_app.command("upgrade")
def db_upgrade(db: Annotated[Path, typer.Argument(help="Lab database.")]) -> None:
    """Bring a database to the newest schema, after a backup beside it."""
    from labbench.store import upgrade

    backup = upgrade(db)
    print(f"{db} is up to date" + (f"; the old one is kept as {backup}" if backup else ""))


def find_card(store: Store, name: str) -> ModelCard:
    """Return a card of the store, else a file or a card that ships with labbench."""
    from labbench.model.card import read_card

    try:
        card: ModelCard = store.card(name).card
    except NotFoundError:
        return read_card(name)
    return card
