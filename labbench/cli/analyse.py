"""Commands that work on recordings: simulate, fit, compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from labbench.cli.keep import find_card
from labbench.cli.options import AsJson, Database, Device, Seed, WithExcluded
from labbench.cli.terminal import print_fit, print_scorecard, say_error


def simulate(
    card: Annotated[str, typer.Option("--card", help="Card file, or the name of a shipped card.")],
    stimulus: Annotated[
        Path, typer.Option("--stimulus", help="CSV: time_s, voltage_v or current_a.")
    ],
    out: Annotated[Path, typer.Option("--out", help="CSV; events go beside it.")],
    seed: Seed = 0,
    noise: Annotated[bool, typer.Option(help="With the card's jump noise.")] = True,
) -> None:
    """Play a stimulus to a model card: a memristor in its fixture, a neuron, or a chain of them."""
    from labbench.model import read_card
    from labbench.model import simulate as play
    from labbench.model.chain import simulate_chain
    from labbench.model.files import read_stimulus, write_solutions

    made_card, drive = read_card(card), read_stimulus(stimulus)
    law = "random" if noise else "off"
    if made_card.circuit == "chain":
        solutions = simulate_chain(made_card, drive, seed=seed, noise=law)
    else:
        solutions = (play(made_card, drive, seed=seed, noise=law).solution,)
    events = write_solutions(out, solutions)
    for place, made in enumerate(solutions, start=1):
        of = f" (neuron {place})" if len(solutions) > 1 else ""
        print(f"{made.outcome}{of}: {made.time_s.size} samples in {out}, {events.name} beside it")
        if made.remedy:
            print(made.remedy)


def fit(
    db: Database,
    device: Annotated[list[str], typer.Option("--device", help="Name of a device; repeat it.")],
    card: Annotated[
        str | None, typer.Option("--card", help="Kind of device: card file or name; its model.")
    ] = None,
    profile: Annotated[
        list[str] | None,
        typer.Option("--profile", help="Profile likelihood of a parameter; repeat it."),
    ] = None,
    bootstrap: Annotated[
        int, typer.Option("--bootstrap", min=0, help="Draws of a parametric bootstrap.")
    ] = 0,
    noise_exponent: Annotated[
        list[float] | None,
        typer.Option("--noise-exponent", help="Fit again with another m; repeat it."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Even if the latest fit is of the same data.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Devices at once; as many as cores.")
    ] = None,
    with_excluded: WithExcluded = False,
    as_json: AsJson = False,
) -> None:
    """Fit the model to what is recorded of one device, or of many at once."""
    from labbench.fit import FitOptions
    from labbench.report.fits import latest_fit
    from labbench.store import Store
    from labbench.wafer.fits import Wish, fit_devices

    options = FitOptions(
        sensitivity_m=tuple(noise_exponent or ()),
        profiles=tuple(profile or ()),
        bootstrap=bootstrap,
    )
    with Store.open(db) as store:
        prior = None if card is None else find_card(store, card).to_dict()
    wish = Wish(db, prior, options, again, with_excluded)
    report = fit_devices(wish, device, workers=jobs or 0)
    with Store.open(db) as store:
        results = {
            name: latest_fit(store, name)[1]
            for name in dict.fromkeys(device)
            if name not in report.faults
        }
    if as_json and results:
        documents = [{"device": name, **one.to_dict()} for name, one in results.items()]
        print(json.dumps(documents if len(device) > 1 else documents[0], indent=2, default=float))
    elif not as_json:
        for name, one in results.items():
            print_fit(name, one)
    for name, fault in report.faults.items():
        say_error(f"{name}: {fault}" if len(device) > 1 else fault)
    if report.faults:
        raise typer.Exit(1)


def compare(
    db: Database,
    device: Device,
    card: Annotated[
        str | None, typer.Option("--card", help="Card file or name; else the latest fit.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="HTML report.")] = None,
    seed: Seed = 0,
    with_excluded: WithExcluded = False,
    held_out: Annotated[
        bool, typer.Option("--held-out", help="Fit on some procedures, predict the others only.")
    ] = False,
    fit_on: Annotated[
        list[str] | None,
        typer.Option("--fit-on", help="With --held-out: a procedure to fit on; several times."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Lay measured and simulated behaviour of a device side by side."""
    from labbench.report.device import load_device, report_device
    from labbench.report.fits import latest_fit
    from labbench.store import Store

    if fit_on and not held_out:
        raise typer.BadParameter("--fit-on says what --held-out fits on: give both.")
    if held_out and (card or out):
        raise typer.BadParameter("--held-out fits a card of its own and writes no report.")
    if held_out:
        _predict_held_out(db, device, fit_on, seed, with_excluded, as_json)
        return
    with Store.open(db) as store:
        fitted = None
        if card is None:
            record, result = latest_fit(store, device)
            fitted = record.run_ids
        else:
            from labbench.fit import FitResult

            result = FitResult.of_card(find_card(store, card))
        data = load_device(store, device, with_excluded=with_excluded)
        scorecard = report_device(store, data, result, out, seed=seed, fitted=fitted)
    if as_json:
        print(json.dumps(scorecard.to_dict(), indent=2))
        return
    print_scorecard(scorecard)
    if out is not None:
        print(f"\nreport  {out}")


def _predict_held_out(
    db: str,
    device: str,
    fit_on: list[str] | None,
    seed: int,
    with_excluded: bool,
    as_json: bool,
) -> None:
    from labbench.report.cross_validation import cross_validate
    from labbench.report.device import load_device
    from labbench.report.fits import FIT_DATA
    from labbench.report.scorecard import scorecard_of
    from labbench.store import Store

    with Store.open(db) as store:
        data = load_device(store, device, with_excluded=with_excluded)
    found = cross_validate(data, fit_on=fit_on or FIT_DATA, seed=seed)
    scorecard = scorecard_of(device, found.fit, found.rows, seed=seed)
    if as_json:
        print(json.dumps(scorecard.to_dict(), indent=2))
        return
    print_scorecard(scorecard)
    print(found.coverage.text)
