"""Commands that measure: the demo, benches, procedures."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labbench.cli.options import AsJson, BenchFile, Database, Device, Seed
from labbench.cli.safety import pairs, say_forecast
from labbench.cli.terminal import (
    STOPPED,
    print_features,
    print_scorecard,
    progress,
    say_error,
    stoppable,
)

if TYPE_CHECKING:
    from labbench.bench.run import RunReport
    from labbench.store import Store


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for lab.db, report and scorecard.")],
    seed: Seed = 0,
) -> None:
    """Go the whole road on the simulated bench: measure, store, fit, compare, report."""
    from labbench.bench.demo import run_demo

    with stoppable(), progress() as show:
        result = run_demo(out, seed, show)
    print_scorecard(result.scorecard)
    print(f"\nreport     {result.report}\nscorecard  {result.scorecard_file}")
    print(f"database   {result.database}")


def procedures() -> None:
    """List the procedures with their settings, units and bounds."""
    from procedures import PROCEDURES, settings_of

    for name, procedure in PROCEDURES.items():
        print(f"{name} (version {procedure.version}): {(procedure.__doc__ or '').splitlines()[0]}")
        for s in settings_of(procedure):
            unit = "" if s.unit == "1" else f" {s.unit}"
            print(
                f"  {s.name:14} {s.label}: {s.default:g}{unit} ({s.lower:g} to {s.upper:g}{unit})"
            )


def instruments() -> None:
    """List the drivers that a bench file can name, and the models that can be simulated."""
    from instruments.simulated.bench import MODELS
    from labbench.bench.opening import DRIVERS

    print("drivers (driver = ... in a bench file)")
    for name, (role, where) in DRIVERS.items():
        print(f"  {name:20} {role.__name__:12} {where}")
    print("simulated (model = ... in [[simulated.instruments]])")
    for model, (kind, identity) in MODELS.items():
        terminals = f"{kind.last_terminal} terminal{'s' * (kind.last_terminal != 1)}"
        print(f"  {model:20} {terminals:12} {identity.format(serial='SIM00001')}")


def bench_check(bench: BenchFile) -> None:
    """Connect, identify and compare limits; change nothing."""
    from labbench.bench import open_bench

    with open_bench(bench) as opened:
        for line in opened.check():
            print(line)


def run(
    procedure: Annotated[str, typer.Argument(help="Name of the procedure.")],
    bench: BenchFile,
    db: Database,
    device: Device,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, name=value; repeat it.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it does at worst; open no instrument.")
    ] = False,
    on_compliance: Annotated[
        str | None,
        typer.Option("--on-compliance", help="record, stop or ramp_down when a limit acts."),
    ] = None,
    given_up: Annotated[
        list[int] | None,
        typer.Option("--give-up", help="A run of another computer, known to be dead; repeat it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a procedure on a neuron and record it."""
    from labbench.bench import open_bench, run_procedure
    from labbench.bench.run import begin_session
    from labbench.store import Store
    from procedures import configure, find_procedure

    configured = configure(find_procedure(procedure), pairs(settings or []))
    if dry_run:
        say_forecast(configured, bench, db, device, as_json)
        return
    with stoppable(), open_bench(bench) as opened, Store.open(db, create=True) as store:
        device_id = store.add_device(device, "neuron")
        session_id = begin_session(opened, store)
        with progress() as show:
            report = run_procedure(
                opened,
                store,
                session_id,
                device_id,
                configured,
                on_progress=lambda percent: show(procedure, percent),
                compliance_policy=on_compliance,
                on_notice=say_error,
                given_up=given_up or (),
            )
        if as_json:
            print(json.dumps(asdict(report), indent=2))
        else:
            print(
                f"run {report.run_id} {report.state}: {report.responses} responses in {store.name}"
            )
            print_features(store.features(run_id=report.run_id))
    if report.note:
        raise typer.Exit(STOPPED)


def characterize(
    bench: BenchFile,
    db: Database,
    device: Device,
    effort: Annotated[
        float, typer.Option("--effort", help="Repeats, over the usual.", min=0.01, max=100)
    ] = 1.0,
) -> None:
    """Characterise a neuron: all procedures in one plan, scaled to the device, a run for each."""
    from labbench.bench import open_bench
    from labbench.bench.characterize import characterize as characterize_device
    from labbench.bench.run import begin_session
    from labbench.store import Store

    with stoppable(), open_bench(bench) as opened, Store.open(db, create=True) as store:
        device_id = store.add_device(device, "neuron")
        session_id = begin_session(opened, store)
        with progress() as show:
            found = characterize_device(
                opened, store, session_id, device_id, effort=effort, on_progress=show
            )
        for report in found.reports:
            features = store.features(run_id=report.run_id)
            print(
                f"run {report.run_id} {report.state}: {report.responses} responses in {store.name}"
            )
            print_features(f for f in features if f.feature.outcome != "out of reach of the wiring")
        for missed in found.out_of_reach:
            print(f"out of reach of the wiring: {missed}")
        for note in found.notes:
            print(f"note: {note}")


def _say_run(report: RunReport, store: Store) -> None:
    print(f"run {report.run_id} {report.state}: {report.responses} responses in {store.name}")
