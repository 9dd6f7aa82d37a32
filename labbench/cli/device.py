"""Commands of the devices: which there are, what they are and on which die of which wafer."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from labbench.cli.options import AsJson, Database

device_app = typer.Typer(help="The devices of a database and where they are.", no_args_is_help=True)


@device_app.command("add")
def device_add(
    name: Annotated[str, typer.Argument(help="As it shall be found again.")],
    db: Database,
    kind: Annotated[
        str, typer.Option("--kind", help="neuron, memristor, transistor or resistor.")
    ] = "neuron",
    wafer: Annotated[str | None, typer.Option("--wafer", help="Label of its wafer.")] = None,
    die: Annotated[tuple[int, int] | None, typer.Option("--die", help="Its die X Y.")] = None,
    geometry: Annotated[
        list[str] | None, typer.Option("--geometry", help="width_m=1e-6; several times.")
    ] = None,
) -> None:
    """Add a device, or say more of one: what is known stays, the rest is filled in."""
    from labbench.store import Store

    if (wafer is None) != (die is None):
        raise typer.BadParameter("A place is --wafer W --die X Y: give both.")
    shape = dict(map(_number, geometry or ())) or None
    with Store.open(db, create=True) as store:
        die_id = None
        if wafer is not None and die is not None:
            store.add_wafer(wafer)
            die_id = store.add_die(wafer, *die)
        device_id = store.add_device(name, kind, die=die_id, geometry=shape)
    print(f"device {name}: {kind}, number {device_id}")


@device_app.command("list")
def device_list(db: Database, as_json: AsJson = False) -> None:
    """List the devices by name."""
    from labbench.store import Store

    with Store.open(db) as store:
        found = store.devices()
    if as_json:
        print(json.dumps([asdict(each) for each in found], indent=2, default=datetime.isoformat))
        return
    if not found:
        print("no devices")
    for each in found:
        place = "" if each.wafer is None else f"  {each.wafer} ({each.x}, {each.y})"
        print(f"{each.name}  {each.kind}{place}")


def _number(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not name=number, as in width_m=1e-6.") from None
