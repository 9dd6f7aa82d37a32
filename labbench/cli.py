"""The commands: the only place that prints or exits.

Exit codes: 0 done, 1 a clear error in one line on stderr, 2 wrong usage, 3 stopped in the safe
state before the end. Everything heavy is imported inside the commands, so that ``--help`` is quick.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labbench import __version__
from labbench.errors import ImportFileError, LabbenchError, SettingError

if TYPE_CHECKING:
    from labbench.compare import Scorecard
    from labbench.model import ModelCard

app = typer.Typer(
    help="Measure, model and understand 1M1T1R spiking neurons.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
bench_app = typer.Typer(help="The instruments of a bench file.", no_args_is_help=True)
card_app = typer.Typer(help="Model cards.", no_args_is_help=True)
db_app = typer.Typer(help="Lab databases.", no_args_is_help=True)
app.add_typer(bench_app, name="bench")
app.add_typer(card_app, name="card")
app.add_typer(db_app, name="db")

Database = Annotated[Path, typer.Option("--db", help="Lab database.")]
Device = Annotated[str, typer.Option("--device", help="Name of the device.")]
BenchFile = Annotated[Path, typer.Option("--bench", help="Bench file (TOML).")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]

STOPPED = 3


def main() -> None:
    """Run the command line; turn every labbench error into one line and exit code 1."""
    try:
        app(standalone_mode=True)
    except LabbenchError as error:
        _say_error(str(error))
        raise SystemExit(1) from None


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """Measure, model and understand 1M1T1R spiking neurons."""
    if version:
        print(__version__)
        raise typer.Exit


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for lab.db, report and scorecard.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same numbers.")] = 0,
) -> None:
    """Go the whole road on the simulated bench: measure, store, fit, compare, report."""
    from labbench.bench.demo import run_demo

    with _stoppable(), _progress() as show:
        result = run_demo(out, seed, show)
    _print_scorecard(result.scorecard)
    print(f"\nreport     {result.report}\nscorecard  {result.scorecard_file}")
    print(f"database   {result.database}")


@app.command()
def procedures() -> None:
    """List the procedures with their settings, units and bounds."""
    from procedures import PROCEDURES, settings_of

    for name, procedure in PROCEDURES.items():
        print(f"{name} (version {procedure.version}): {(procedure.__doc__ or '').splitlines()[0]}")
        for s in settings_of(procedure):
            print(
                f"  {s.name:14} {s.label}: {s.default:g} {s.unit} "
                f"({s.lower:g} to {s.upper:g} {s.unit})"
            )


@app.command()
def instruments() -> None:
    """List the drivers that a bench file can name."""
    from labbench.bench.bench import DRIVERS

    for name, where in DRIVERS.items():
        print(f"{name:16} {where}")


@bench_app.command("check")
def bench_check(bench: BenchFile) -> None:
    """Connect, identify and compare limits; change nothing."""
    from labbench.bench import open_bench

    with open_bench(bench) as opened:
        for line in opened.check():
            print(line)


@app.command()
def run(
    procedure: Annotated[str, typer.Argument(help="Name of the procedure.")],
    bench: BenchFile,
    db: Database,
    device: Device,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, name=value; repeat it.")
    ] = None,
) -> None:
    """Run a procedure on a neuron and record it."""
    from labbench.bench import open_bench, run_procedure
    from labbench.bench.run import begin_session
    from labbench.store import Store
    from procedures import configure, find_procedure

    configured = configure(find_procedure(procedure), _settings(settings or []))
    with _stoppable(), open_bench(bench) as opened, Store.open(db, create=True) as store:
        device_id = store.add_device(device, "neuron")
        session_id = begin_session(opened, store)
        with _progress() as show:
            report = run_procedure(
                opened,
                store,
                session_id,
                device_id,
                configured,
                on_progress=lambda percent: show(procedure, percent),
            )
        print(f"run {report.run_id} {report.state}: {report.responses} responses in {db}")
        _print_features(store.features(run_id=report.run_id))


@app.command("import")
def import_recordings(
    files: Annotated[list[Path], typer.Argument(help="Recordings of other tools (CSV).")],
    db: Database,
    device: Device,
    dwell_s: Annotated[
        float | None, typer.Option(help="Time at each voltage, for sweeps without times.")
    ] = None,
    compliance_a: Annotated[float | None, typer.Option(help="Current limit of the source.")] = None,
) -> None:
    """Import recorded traces and sweeps of a memristor from other tools."""
    from labbench.report.device import save_features
    from labbench.store import Store
    from labbench.store.importers import read_recording

    # All files are read before anything is written.
    read = [(f, read_recording(f, dwell_s=dwell_s, compliance_a=compliance_a)) for f in files]
    with Store.open(db, create=True) as store:
        runs = store.runs(device=device) if _has(store, device) else []
        known = {run.source_sha256: run.id for run in runs}
        for file, recording in read:
            if recording.sha256 in known:
                raise ImportFileError(
                    f"{str(file)!r} is in {str(db)!r} already, as run {known[recording.sha256]} of "
                    f"{device!r}: nothing was imported again."
                )
        device_id = store.add_device(device, "memristor")
        session_id = store.begin_session({"imported": True}, simulated=False)
        for file, recording in read:
            run_id = store.begin_run(
                session_id,
                device_id,
                recording.procedure,
                "1",
                recording.settings,
                seed=None,
                source=file.read_text("utf-8-sig"),
            )
            for ordinal, response in enumerate(recording.responses):
                store.save_response(run_id, ordinal, response)
            store.end_run(run_id, "finished")
            save_features(store, run_id, recording.procedure, recording.responses)
            print(f"run {run_id}: {len(recording.responses)} responses from {file}")
            for note in recording.notes:
                print(f"  note: {note}")
            _print_features(store.features(run_id=run_id))


@app.command()
def simulate(
    card: Annotated[str, typer.Option("--card", help="Card file, or the name of a shipped card.")],
    stimulus: Annotated[
        Path, typer.Option("--stimulus", help="CSV: time_s, voltage_v or current_a.")
    ],
    out: Annotated[Path, typer.Option("--out", help="CSV; events go beside it.")],
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    noise: Annotated[bool, typer.Option(help="With the card's jump noise.")] = True,
) -> None:
    """Play a stimulus to a model card."""
    from labbench.model import read_card
    from labbench.model import simulate as play
    from labbench.model.files import read_stimulus, write_solution

    made = play(
        read_card(card), read_stimulus(stimulus), seed=seed, noise="jumps" if noise else "off"
    )
    events = write_solution(out, made.solution)
    print(f"{made.outcome}: {len(made.trace)} samples in {out}, {events.name} beside it")


@app.command()
def fit(db: Database, device: Device, as_json: AsJson = False) -> None:
    """Fit the model to what is recorded of a device."""
    from labbench.report.device import fit_device, load_device
    from labbench.store import Store

    with Store.open(db) as store:
        result = fit_device(store, load_device(store, device))
    if as_json:
        print(json.dumps(result.to_dict(), indent=2, default=float))
        return
    for stage in result.stages:
        print(f"stage: {stage}")
    for p in result.parameters:
        doubt = "" if p.is_identifiable else f"  {p.outcome}; would need: {p.remedy}"
        print(f"  {p.name:20} {p.value:12.5g} +- {p.stderr:9.2g} {p.unit:8}{doubt}")
    print(f"reduced chi-square {result.redchi:.2f} ({result.nfree} left over), {result.outcome}")


@app.command()
def compare(
    db: Database,
    device: Device,
    card: Annotated[
        str | None, typer.Option("--card", help="Card file or name; else the latest fit.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="HTML report.")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the simulated trials.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Lay measured and simulated behaviour of a device side by side."""
    from labbench.report.device import latest_fit, load_device, report_device
    from labbench.store import Store

    with Store.open(db) as store:
        if card is None:
            record, result = latest_fit(store, device)
            data = load_device(store, device, record.run_ids)
        else:
            from labbench.fit import FitResult

            data, result = load_device(store, device), FitResult.of_card(_card(store, card))
        scorecard = report_device(store, data, result, out, seed=seed)
    if as_json:
        print(json.dumps(scorecard.to_dict(), indent=2))
        return
    _print_scorecard(scorecard)
    if out is not None:
        print(f"\nreport  {out}")


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
            made = _card(store, name)
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


def _settings(given: list[str]) -> dict[str, str]:
    settings = {}
    for item in given:
        name, separator, value = item.partition("=")
        if not separator:
            raise SettingError(f"--set takes name=value, not {item!r}.")
        settings[name] = value
    return settings


def _has(store: Any, device: str) -> bool:
    return any(record.name == device for record in store.devices())


def _card(store: Any, name: str) -> ModelCard:
    from labbench.errors import NotFoundError
    from labbench.model.card import read_card

    try:
        card: ModelCard = store.card(name).card
    except NotFoundError:
        return read_card(name)
    return card


def _say_error(message: str) -> None:
    print(f"labbench: {' '.join(message.split())}", file=sys.stderr)


def _print_scorecard(scorecard: Scorecard) -> None:
    from rich.console import Console

    from labbench.report.table import scorecard_tables

    # Off a terminal nothing wraps or cuts a line.
    console = Console(width=None if sys.stdout.isatty() else 160)
    for table in scorecard_tables(scorecard):
        console.print(table)


def _print_features(records: list[Any]) -> None:
    for record in records:
        feature = record.feature
        value = f"{feature.value:.5g} +- {feature.stderr:.2g} {feature.unit} (n = {feature.n})"
        outcome = "" if feature.outcome == "ok" else f"  {feature.outcome}"
        print(f"  {record.property}: {feature.label} = {value}{outcome}")


@contextmanager
def _stoppable() -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM, once the bench is safe, into one line and their own exit code."""
    try:
        yield
    except KeyboardInterrupt:
        _say_error("Stopped by the operator: outputs are at zero and off, the recorded is kept.")
        raise typer.Exit(STOPPED) from None


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
    """Show a bar for each stage on a terminal, a line at each stage's end elsewhere."""
    if not sys.stderr.isatty():

        said: set[str] = set()

        def say(stage: str, percent: float) -> None:
            if percent >= 100 and stage not in said:
                said.add(stage)
                print(f"{stage}: done", file=sys.stderr)

        yield say
        return
    from rich.console import Console
    from rich.progress import Progress, TaskID

    with Progress(console=Console(stderr=True)) as bars:
        stages: dict[str, TaskID] = {}

        def show(stage: str, percent: float) -> None:
            if stage not in stages:
                stages[stage] = bars.add_task(stage, total=100)
            bars.update(stages[stage], completed=percent)

        yield show
