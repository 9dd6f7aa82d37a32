"""The commands: the only place that prints or exits.

Exit codes: 0 done, 1 a clear error in one line on stderr, 2 wrong usage, 3 stopped in the safe
state before the end. Everything heavy is imported inside the commands, so that ``--help`` is quick.
"""

from __future__ import annotations

from typing import Annotated

import typer

from labbench import __version__
from labbench.cli import analyse, bring_in, exchange, find, measure, safety, simulator, wafer
from labbench.cli.device import device_app
from labbench.cli.journal import journal_app
from labbench.cli.keep import card_app, db_app
from labbench.cli.terminal import one_line_warnings, say_error
from labbench.errors import LabbenchError

app = typer.Typer(
    help="Measure, model and understand 1M1T1R spiking neurons.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
bench_app = typer.Typer(help="The instruments of a bench file.", no_args_is_help=True)
bench_app.command("check")(measure.bench_check)
sim_app = typer.Typer(help="The simulated instruments.", no_args_is_help=True)
sim_app.command("serve")(simulator.serve)
db_app.command("export")(exchange.db_export)
db_app.command("import")(exchange.db_import)

app.command()(measure.demo)
app.command()(measure.procedures)
app.command()(measure.instruments)
app.command()(measure.run)
app.command()(measure.characterize)
app.command()(find.runs)
app.command()(safety.dose)
app.command()(wafer.sweep)
app.command("sweep-schema")(wafer.sweep_schema)
app.command("wafer-report")(wafer.wafer_report)
app.command("wafer-fit")(wafer.wafer_fit)
app.command("import")(bring_in.import_recordings)
app.command()(analyse.simulate)
app.command()(analyse.fit)
app.command()(analyse.compare)
app.add_typer(bench_app, name="bench")
app.add_typer(card_app, name="card")
app.add_typer(db_app, name="db")
app.add_typer(device_app, name="device")
app.add_typer(journal_app, name="journal")
app.add_typer(sim_app, name="sim")


def main() -> None:
    """Run the command line; turn every labbench error into one line and exit code 1."""
    with one_line_warnings():
        try:
            app(standalone_mode=True)
        except LabbenchError as error:
            say_error(str(error))
            raise SystemExit(1) from None


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """Measure, model and understand 1M1T1R spiking neurons."""
    if version:
        print(__version__)
        raise typer.Exit
