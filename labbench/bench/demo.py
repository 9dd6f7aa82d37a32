"""The demo: the whole road on the simulated bench, in one folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from itertools import count
from pathlib import Path

from labbench.bench.bench import Bench
from labbench.bench.characterize import characterize
from labbench.bench.opening import open_bench
from labbench.bench.run import bench_session, run_procedure
from labbench.compare import Scorecard
from labbench.errors import OutputError
from labbench.model import ModelCard
from labbench.report.device import load_device, report_device
from labbench.report.fits import fit_device, latest_fit
from labbench.report.scorecard import write_scorecard
from labbench.store import Store
from procedures import configure, find_procedure

# How often what a fit needs is repeated, beside a whole characterization.
EFFORT = 0.4
# Which bench measures what to show, after what a fit needs on the first one. The last one has two
# neurons like the first bench's one, in a row.
BENCHES: Mapping[str, Sequence[str]] = {
    "demo.toml": (
        "threshold_firing",
        "refractory_period",
        "leaky_integration",
        "intrinsic_plasticity",
        "stochasticity",
        "energy_per_spike",
    ),
    "chain.toml": ("cascaded_propagation",),
}


@dataclass(frozen=True)
class DemoResult:
    """What the demo made."""

    scorecard: Scorecard
    database: Path
    report: Path
    scorecard_file: Path


def run_demo(
    folder: Path,
    seed: int,
    on_progress: Callable[[str, float], None] = lambda stage, percent: None,
) -> DemoResult:
    """Measure a simulated neuron, fit it, compare and report.

    The device's true parameters are drawn from the seed inside the simulated bench; only the
    scorecard, at the very end, asks for them.

    Parameters
    ----------
    folder : Path
        Made if its parent is there. A database in it is added to.
    seed : int
        Same seed, same numbers.
    on_progress : callable, optional
        Called with a stage and percent.

    Raises
    ------
    OutputError
        If the folder cannot be made or written to.
    """
    bench_files = _write_benches(folder, seed)
    database = folder / "lab.db"
    with Store.open(database, create=True, durable=False) as store:
        device = _new_device(store, seed)
        device_id = store.add_device(device, "neuron")
        run_ids: list[int] = []
        truth: ModelCard | None = None
        for bench_file, procedures in bench_files.items():
            with open_bench(bench_file) as bench, bench_session(bench, store) as session_id:
                if truth is None:
                    truth = bench.truth
                    run_ids += _identify(bench, store, session_id, device_id, on_progress)
                run_ids += _measure(bench, store, session_id, device_id, procedures, on_progress)
        on_progress("fit", 0)
        data = load_device(store, device, run_ids)
        fit = fit_device(store, data)
        on_progress("fit", 100)
        on_progress("compare and report", 0)
        scorecard = report_device(
            store,
            data,
            fit,
            folder / "report.html",
            seed=seed,
            truth=truth,
            fitted=latest_fit(store, device)[0].run_ids,
        )
        write_scorecard(folder / "scorecard.json", scorecard)
        on_progress("compare and report", 100)
    return DemoResult(scorecard, database, folder / "report.html", folder / "scorecard.json")


def _write_benches(folder: Path, seed: int) -> dict[Path, Sequence[str]]:
    """Write the bench files, and return them with the procedures of each."""
    written = {}
    try:
        folder.mkdir(exist_ok=True)
        for name, procedures in BENCHES.items():
            template = files("labbench.bench").joinpath(name).read_text("utf-8")
            bench_file = folder / name.replace("demo", "bench")
            bench_file.write_text(template.replace("seed = 0", f"seed = {seed}"), "utf-8")
            written[bench_file] = procedures
    except OSError as error:
        raise OutputError(
            f"The demo cannot write to {str(folder)!r}: {error.strerror}. "
            "Name a folder in a place that exists and is writable."
        ) from error
    return written


def _identify(
    bench: Bench,
    store: Store,
    session_id: int,
    device_id: int,
    on_progress: Callable[[str, float], None],
) -> list[int]:
    """Run what a fit needs, scaled to the device, and return the ids of the runs."""
    found = characterize(
        bench, store, session_id, device_id, effort=EFFORT, purposes=("scale", "fit"),
        on_progress=on_progress,
    )  # fmt: skip
    return [report.run_id for report in found.reports]


def _measure(
    bench: Bench,
    store: Store,
    session_id: int,
    device_id: int,
    procedures: Sequence[str],
    on_progress: Callable[[str, float], None],
) -> list[int]:
    """Run procedures as they are by default, and return the ids of their runs."""
    return [
        run_procedure(
            bench,
            store,
            session_id,
            device_id,
            configure(find_procedure(name), {}),
            on_progress=partial(on_progress, name),
        ).run_id
        for name in procedures
    ]


def _new_device(store: Store, seed: int) -> str:
    """Return a name that is not taken: the same trials twice must not pass for twice as many."""
    taken = {record.name for record in store.devices()}
    names = (f"demo-neuron-{seed}" + (f"-{i}" if i > 1 else "") for i in count(1))
    return next(name for name in names if name not in taken)
