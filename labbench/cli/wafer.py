"""Commands for wafers: a sweep, and what it says."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labbench.cli.options import AsJson, Database, Seed
from labbench.cli.terminal import STOPPED, progress, say_error, stoppable

if TYPE_CHECKING:
    from labbench.wafer.dry_run import SweepForecast
    from labbench.wafer.progress import Progress

# Off a terminal, seconds between two lines.
LINE_S = 30.0


def sweep(
    plan_file: Annotated[Path, typer.Argument(help="Sweep plan (TOML).", metavar="PLAN.toml")],
    db: Database = "lab.db",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on at the next point that was not stimulated.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say duration and worst case; open no instrument.")
    ] = False,
    log: Annotated[
        Path | None, typer.Option("--log", help="Log; beside the plan if not given.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--page", help="Page to watch; beside the plan if not given.")
    ] = None,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="The computer that swept before is certainly off.")
    ] = False,
    repeat: Annotated[
        list[str] | None,
        typer.Option("--repeat", help="A device whose interrupted points you looked at; repeat."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure a wafer by a plan, unattended; resume after anything."""
    from labbench.bench import open_bench, read_bench
    from labbench.store import Store
    from labbench.wafer.dry_run import foresee_sweep
    from labbench.wafer.plan import bench_file, read_plan
    from labbench.wafer.unattended import conduct

    plan = read_plan(plan_file)
    bench = bench_file(plan, plan_file)
    if dry_run:
        forecast = foresee_sweep(plan, read_bench(bench))
        _say_forecast(plan.name, forecast, as_json)
        forecast.require()
        return
    with stoppable(), open_bench(bench) as opened, Store.open(db, create=not resume) as store:
        with _points_bar(plan.name) as follow:
            report = conduct(
                plan,
                opened,
                store,
                log=log or plan_file.with_suffix(".log"),
                page=page or plan_file.with_suffix(".html"),
                resume=resume,
                take_over=take_over,
                repeat=repeat or (),
                on_progress=follow,
                on_notice=say_error,
            )
        counts = report.progress.counts
        if as_json:
            print(json.dumps({"sweep": plan.name, "points": counts, "note": report.note}, indent=2))
        else:
            print(report)
    if report.note:
        raise typer.Exit(STOPPED)


@contextmanager
def _points_bar(name: str) -> Iterator[Callable[[Progress], None]]:
    """Show one bar of points on a terminal; a line now and then elsewhere."""
    if not sys.stderr.isatty():
        said_s = time.monotonic()

        def say(now: Progress) -> None:
            nonlocal said_s
            if not now.left or time.monotonic() - said_s > LINE_S:
                said_s = time.monotonic()
                print(f"{name}: {now}", file=sys.stderr)

        yield say
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.fields[device]}"), BarColumn(), TextColumn("{task.description}"))
    with Bars(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task("", total=None, device=name)
        yield lambda now: bars.update(
            task,
            total=now.total,
            completed=now.total - now.left,
            description=str(now),
            device=now.device,
        )


def wafer_report(
    wafer: Annotated[str, typer.Option("--wafer", help="Label of the wafer.")],
    out: Annotated[Path, typer.Option("--out", help="HTML report.")],
    db: Database = "lab.db",
    criteria: Annotated[
        list[str] | None,
        typer.Option("--good", help="What a good device shows, feature=low:high; repeat it."),
    ] = None,
    features: Annotated[
        list[str] | None, typer.Option("--feature", help="Only this feature; repeat it.")
    ] = None,
    parquet: Annotated[
        Path | None, typer.Option("--parquet", help="The tidy table, for other programmes.")
    ] = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Maps, yield, variance, trends, outliers and correlations of a wafer on one page."""
    from labbench.store import Store
    from labbench.wafer.frames import write_parquet
    from labbench.wafer.report import analyse_wafer, write_wafer_report
    from labbench.wafer.statistics import criterion_from

    chosen = [criterion_from(text) for text in criteria or ()]
    with Store.open(db) as store:
        found, frame = analyse_wafer(
            store, wafer, criteria=chosen, features=features or (), seed=seed
        )
    write_wafer_report(found, out)
    if parquet is not None:
        write_parquet(frame, parquet)
    good = found.good
    if as_json:
        print(json.dumps({"wafer": wafer, "yield": asdict(good), "states": found.states}, indent=2))
    else:
        share = f", {good.share:.1%} ({good.low:.1%} to {good.high:.1%})" if good.n else ""
        print(
            f"{wafer}: {good.good} of {good.n} devices good{share}, {good.unknown} unknown; "
            f"report {out}"
        )


def wafer_fit(
    wafer: Annotated[str, typer.Option("--wafer", help="Label of the wafer.")],
    db: Database = "lab.db",
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Processes here; 0 for all cores.")
    ] = 0,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", help="Address of a dask scheduler instead.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fit all measured devices of a wafer; a fit that is there already is not done again."""
    from labbench.store import Store
    from labbench.wafer.fits import FitReport, Wish, fit_devices
    from labbench.wafer.frames import device_states

    with Store.open(db) as store:
        states = device_states(store, wafer)
    names = [str(name) for name in states.index[states == "measured"]]
    kept = 0
    try:
        with progress() as show:

            def follow(report: FitReport) -> None:
                nonlocal kept
                kept = len(report.kept)
                show(f"fits of {wafer}", 100.0 * report.done / len(names))

            found = fit_devices(
                Wish(db), names, workers=workers, scheduler=scheduler, on_progress=follow
            )
    except KeyboardInterrupt:
        say_error(f"Stopped: {kept} fits were kept; the same command fits the others.")
        raise typer.Exit(STOPPED) from None
    if as_json:
        print(json.dumps(asdict(found), indent=2))
    else:
        print(f"{wafer}: {len(found.kept)} fits kept, {len(found.known)} there before")
        for device, fault in found.faults.items():
            print(f"  no fit of {device}: {fault}")
    if names and not (found.kept or found.known):
        raise typer.Exit(1)


def sweep_schema() -> None:
    """Print what a sweep plan may say, as a JSON schema."""
    from labbench.wafer.plan import Plan

    print(json.dumps(Plan.model_json_schema(), indent=2))


def _say_forecast(name: str, forecast: SweepForecast, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"sweep": name, **forecast.to_dict()}, indent=2))
        return
    hours = forecast.duration_s / 3600.0
    print(
        f"{name}: {forecast.n_points} points on {forecast.n_devices} devices, at worst "
        f"{forecast.duration_s:.0f} s ({hours:.2f} h) of stimuli, rests and moves"
    )
    for procedure, times, each in forecast.steps:
        tally = each.tally
        print(
            f"  {procedure} (at most {times} times a device): {tally.n_stimuli} stimuli, "
            f"{tally.peak_v:g} V at most, {tally.duration_s:.3g} s"
        )
        for note in each.notes:
            print(f"    not foreseen: {note}")
    for what, tally in (("each device", forecast.device), ("the wafer", forecast.wafer)):
        print(
            f"  {what} at worst: {tally.n_pulses} pulses, {tally.peak_v:g} V at most, "
            f"{tally.at_voltage_s:.3g} s at voltage, {tally.charge_c:.3g} C, {tally.energy_j:.3g} J"
        )
    for compared in forecast.comparisons:
        print(f"  {'TOO MUCH  ' if compared.is_exceeded else ''}{compared}")
