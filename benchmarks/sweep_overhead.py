"""What a sweep costs beside instruments and model, on the simulated bench.

Time in instruments is that between a message to the simulated bench and its answer (drivers
included: what every road to an instrument costs), with the model behind it, and that of drawing
features from the responses. All else is overhead: plan, states, ledger, waveforms, commits, dry
run, page. On a bench whose time is real, the instruments take as long as their stimuli: the second
figure takes the bench's own clock for them.

    python benchmarks/sweep_overhead.py [--side 4] [--procedure threshold_firing]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import labbench.bench.run as running
from labbench.bench import Bench, open_bench
from labbench.store import Store
from labbench.wafer.plan import plan_from
from labbench.wafer.unattended import conduct

ROLE = '[instruments.prober]\ndriver = "velox"\naddress = "GPIB0::28::INSTR"\n\n[wiring]\n'
PROBER = """
[[simulated.instruments]]
address = "GPIB0::28::INSTR"
model = "Velox"

[simulated.wafer]
columns = {side}
rows = {side}
spread = 0.05
"""


class Watch:
    """Sums the time in some calls, those within each other once."""

    def __init__(self) -> None:
        self.spent_s, self._depth = 0.0, 0

    def over(self, owner: Any, name: str) -> None:
        """Time a method or function from now on."""
        setattr(owner, name, self.timed(getattr(owner, name)))

    def timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return a call that is timed."""

        def timed(*given: Any, **named: Any) -> Any:
            self._depth += 1
            began_s = time.perf_counter()
            try:
                return call(*given, **named)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.spent_s += time.perf_counter() - began_s

        return timed


def watch_all(bench: Bench, watch: Watch) -> None:
    for name in ("play", "start", "observe", "make_safe"):
        watch.over(bench, name)
    source = type(bench.pulse_source)
    source.is_output_on = property(watch.timed(source.is_output_on.fget))  # type: ignore
    for name in ("move_to_die", "contact", "safe"):
        watch.over(bench.prober, name)
    watch.over(running, "draw_features")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--side", type=int, default=4)
    parser.add_argument("--procedure", default="threshold_firing")
    parser.add_argument("--durable", action="store_true", help="Commits wait for the disk.")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = files("labbench.bench").joinpath("demo.toml").read_text("utf-8")
        path = Path(folder) / "bench.toml"
        made = text.replace("[wiring]\n", ROLE, 1) + PROBER.format(side=asked.side)
        path.write_text(made, "utf-8")
        wafer = {"label": "W1", "columns": asked.side, "rows": asked.side}
        plan = plan_from(
            {
                "name": "timed", "bench": "bench.toml", "wafer": wafer,
                "steps": [{"procedure": asked.procedure}],
            }
        )  # fmt: skip
        with (
            open_bench(path) as bench,
            Store.open(Path(folder) / "lab.db", create=True, durable=asked.durable) as store,
        ):
            # The model compiles, or is loaded, before the clock starts.
            bench.prober.move_to_die(1, 1)
            bench.prober.contact()
            bench.prober.separate()
            watch = Watch()
            watch_all(bench, watch)
            bench_s, began_s = bench.clock.now(), time.perf_counter()
            report = conduct(
                plan, bench, store, log=Path(folder) / "log", page=Path(folder) / "page.html",
                on_notice=print,
            )  # fmt: skip
            all_s, bench_s = time.perf_counter() - began_s, bench.clock.now() - bench_s
        other_s = all_s - watch.spent_s
        print(f"{asked.procedure}: {report.progress}")
        print(
            f"{all_s:.1f} s, of which {watch.spent_s:.1f} s in instruments and model: "
            f"overhead {other_s / all_s:.1%}"
        )
        print(
            f"the bench's own clock says {bench_s:.0f} s: beside real instruments "
            f"{other_s / (other_s + bench_s):.1%}"
        )


if __name__ == "__main__":
    main()
