"""Commands that keep devices alive: the worst case of a run, what was applied, what is allowed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labbench.cli.options import AsJson, Database, Device
from labbench.errors import SettingError

if TYPE_CHECKING:
    from labbench.store import DoseRecord
    from procedures import NeuronProcedure

# Of a dose: what a budget can bound, for people.
_UNITS = {"n_pulses": "", "at_voltage_s": " s", "charge_c": " C", "energy_j": " J", "peak_v": " V"}


def dose(
    db: Database,
    device: Device,
    bounds: Annotated[
        list[str] | None,
        typer.Option("--set", help="A bound, name=value or name=none; repeat it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what was ever applied to a device, and what it may still take; change its budget."""
    from labbench.store import Store

    with Store.open(db) as store:
        if bounds:
            store.set_budget(
                device, {name: _bound(name, text) for name, text in pairs(bounds).items()}
            )
        found, budget = store.dose(device), store.budget(device)
    if as_json:
        print(json.dumps({**asdict(found), "budget": budget}, indent=2))
    else:
        _print_dose(found, budget)


def say_forecast(
    procedure: NeuronProcedure, bench: Path, db: str, device: str, as_json: bool
) -> None:
    """Print the worst case of a procedure; opens the bench file, and no instrument.

    Raises
    ------
    LimitError
        If it is too much for the bench or the device, once all of it is printed.
    """
    from labbench.bench import foresee, read_bench
    from labbench.store import Store, exists

    spent, budget = None, {}
    if exists(db):
        with Store.open(db) as store:
            if device in {record.name for record in store.devices()}:
                spent, budget = store.dose(device), store.budget(device)
    forecast = foresee(procedure, read_bench(bench), spent, budget)
    if as_json:
        print(json.dumps({"procedure": procedure.name, **forecast.to_dict()}, indent=2))
    else:
        tally = forecast.tally
        print(
            f"{procedure.name} at worst, of {forecast.answers} ways to answer it: "
            f"{tally.n_stimuli} stimuli, {tally.at_voltage_s:g} s at voltage"
        )
        for each in forecast.comparisons:
            print(f"  {'TOO MUCH  ' if each.is_exceeded else ''}{each}")
        for note in forecast.notes:
            print(f"  not foreseen: {note}")
    forecast.require()


def pairs(given: Sequence[str]) -> dict[str, str]:
    """Return the settings of a repeated option, name=value.

    Raises
    ------
    SettingError
        If one is not a pair, or comes twice.
    """
    settings: dict[str, str] = {}
    for item in given:
        name, separator, value = item.partition("=")
        if not separator:
            raise SettingError(f"--set takes name=value, not {item!r}.")
        if name in settings:
            raise SettingError(f"--set gives {name} twice: {settings[name]} and {value}.")
        settings[name] = value
    return settings


def _bound(name: str, text: str) -> float | None:
    if text == "none":
        return None
    try:
        return float(text)
    except ValueError:
        raise SettingError(f"A budget is a number or none: {name} cannot be {text!r}.") from None


def _print_dose(found: DoseRecord, budget: dict[str, float]) -> None:
    print(f"{found.device}: {found.n_stimuli} stimuli were applied")
    for name, unit in _UNITS.items():
        line = f"  {name:13} {getattr(found, name):.6g}{unit}"
        print(line + (f" of {budget[name]:g}{unit}" if name in budget else ""))
    print(f"  charge and energy: {found.n_measured} stimuli measured, {found.n_unknown} not known,")
    print("    the others at worst, through the smallest resistance that could be in the path")
    if found.n_not_recorded:
        print(f"  {found.n_not_recorded} stimuli counted that may not have reached the device")
    if found.n_in_compliance:
        print(f"  a limit acted after {found.n_in_compliance} stimuli")
