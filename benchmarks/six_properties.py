"""How long the six properties and the energy of one simulated device take, and what of it is ours.

Each procedure with its default settings runs twice on the simulated bench: through the drivers,
every message, the guard, the dose ledger and the database; the second time, warm, counts. The
reference is the model alone, which answers the same stimuli as the same procedure sends them.
"""

from __future__ import annotations

import time
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from labbench.bench import open_bench, run_procedure
from labbench.bench.demo import BENCHES
from labbench.bench.run import begin_session
from labbench.compare import replay
from labbench.model import ModelCard
from labbench.store import Store
from procedures import configure, find_procedure


def on_the_bench(
    bench_file: Path, names: tuple[str, ...], store: Store
) -> dict[str, tuple[float, int, float]]:
    """Return the seconds on the bench, the stimuli, and the model's seconds, by procedure."""
    found = {}
    with open_bench(bench_file) as bench:
        card: ModelCard | None = bench.truth
        assert card is not None
        session_id = begin_session(bench, store)
        for name in names:
            for turn in ("cold", "warm"):
                device_id = store.add_device(f"{name} {turn}", "neuron")
                started_s = time.perf_counter()
                procedure = configure(find_procedure(name), {})
                report = run_procedure(bench, store, session_id, device_id, procedure)
                bench_s = time.perf_counter() - started_s
            responses = store.responses(report.run_id)
            started_s = time.perf_counter()
            replay(responses, card, seed=0)
            found[name] = bench_s, len(responses), time.perf_counter() - started_s
    return found


def main() -> None:
    """Print a line for each procedure, and the sum."""
    print(f"{'procedure':22} {'stimuli':>8} {'bench s':>8} {'model s':>8} {'ratio':>6}")
    found: dict[str, tuple[float, int, float]] = {}
    with TemporaryDirectory() as folder, Store.open(Path(folder, "lab.db"), create=True) as store:
        for template, names in BENCHES.items():
            bench_file = Path(folder, template)
            text = files("labbench.bench").joinpath(template).read_text("utf-8")
            bench_file.write_text(text, "utf-8")
            found |= on_the_bench(bench_file, tuple(names), store)
    rows = [*found.items(), ("all", tuple(map(sum, zip(*found.values(), strict=True))))]
    for name, (bench_s, n, model_s) in rows:
        print(f"{name:22} {n:8} {bench_s:8.2f} {model_s:8.2f} {bench_s / model_s:6.1f}")


if __name__ == "__main__":
    main()
