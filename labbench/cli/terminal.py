"""What the commands say, and how they end: the only place that prints."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from labbench.errors import StoreWarning

if TYPE_CHECKING:
    from labbench.compare import Scorecard
    from labbench.fit import FitResult
    from labbench.model.scaling import ScalingRow
    from labbench.store import FeatureRecord

STOPPED = 3


def say_error(message: str) -> None:
    """Print one line on stderr."""
    print(f"labbench: {' '.join(message.split())}", file=sys.stderr)


@contextmanager
def one_line_warnings() -> Iterator[None]:
    """Say what a store warns of in one line on stderr, once each."""
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if issubclass(category, StoreWarning):
                say_error(f"warning: {message}")
            else:
                usual(message, category, *where, **more)

        warnings.simplefilter("once", StoreWarning)
        warnings.showwarning = show
        yield


def print_scorecard(scorecard: Scorecard) -> None:
    """Print features and parameters as tables."""
    from rich.console import Console

    from labbench.report.table import scorecard_tables

    # Off a terminal nothing wraps or cuts a line.
    console = Console(width=None if sys.stdout.isatty() else 160)
    for table in scorecard_tables(scorecard):
        console.print(table)


def print_fit(device: str, result: FitResult) -> None:
    """Print stages, parameters with their doubt, and what the model does not explain."""
    print(f"{device}: card {result.card.name}")
    for stage in result.stages:
        print(f"stage: {stage}")
    for p in result.parameters:
        doubt = f"  {p.outcome}" + (f"; would need: {p.remedy}" if p.remedy else "")
        line = f"  {p.name:20} {p.value:12.5g} +- {p.stderr:9.2g} {p.unit:8}"
        print(line + (doubt if not p.is_identifiable else ""))
    for note in result.notes:
        print(f"note: {note}")
    print(f"reduced chi-square {result.redchi:.2f} ({result.nfree} left over), {result.outcome}")
    if result.discrepancy:
        print(result.discrepancy)


def print_features(records: Iterable[FeatureRecord]) -> None:
    """Print a line for each feature."""
    for record in records:
        feature = record.feature
        value = f"{feature.value:.5g} +- {feature.stderr:.2g} {feature.unit} (n = {feature.n})"
        outcome = "" if feature.outcome == "ok" else f"  {feature.outcome}"
        print(f"  {record.property}: {feature.label} = {value}{outcome}")


def print_scaling(rows: Iterable[ScalingRow]) -> None:
    """Print a block for each size: what was played, the energy split, what was assumed."""
    for row in rows:
        print(
            f"{row.name}: card {row.card.name}, {row.pulses} pulses of {row.amplitude_v:g} V every "
            f"{row.period_s:g} s; {row.spikes} spikes, {row.outcome.value}, latched for "
            f"{row.latched_s:.3g} s"
        )
        if row.energy is not None:
            for name, energy_j in vars(row.energy).items():
                print(f"  {name.removesuffix('_j'):12} {energy_j:12.4g} J per spike")
        print(f"  {'gate charge':12} {row.gate_charge_j:12.4g} J to fill the gate once")
        print(f"  {'published':12} {row.published_j:12.4g} J: {row.published}")
        print(f"  {row.comparison}")
        for assumption in row.assumptions:
            print(f"  - [{assumption.origin}] {assumption.sentence}")
        print()


def scaling_document(row: ScalingRow) -> dict[str, Any]:
    """Return a row of the scaling table as JSON takes it."""
    return {
        "name": row.name,
        "card": row.card.name,
        "amplitude_v": row.amplitude_v,
        "period_s": row.period_s,
        "pulses": row.pulses,
        "outcome": row.outcome.value,
        "spikes": row.spikes,
        "latched_s": row.latched_s,
        "energy": None if row.energy is None else dict(vars(row.energy)),
        "gate_charge_j": row.gate_charge_j,
        "published_j": row.published_j,
        "published": row.published,
        "comparison": row.comparison,
        "assumptions": [{"sentence": a.sentence, "origin": a.origin} for a in row.assumptions],
    }


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM, once the bench is safe, into one line and their own exit code."""
    try:
        yield
    except KeyboardInterrupt as stop:
        kept = "Stopped by the operator: outputs are at zero and off, the recorded is kept"
        say_error("; ".join([kept, *getattr(stop, "__notes__", ())]) + ".")
        raise typer.Exit(STOPPED) from None


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
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
