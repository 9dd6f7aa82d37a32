"""Fits of simulated devices on one process and on two: how much quicker, and the same results.

A small wafer is swept first, which is not timed.

    python benchmarks/fits_on_workers.py [--devices 8] [--workers 2]
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from importlib.resources import files
from pathlib import Path

from labbench.bench import open_bench
from labbench.store import Store
from labbench.wafer.fits import Wish, fit_devices
from labbench.wafer.plan import plan_from
from labbench.wafer.sweep import run_sweep

ROLE = '[instruments.prober]\ndriver = "velox"\naddress = "GPIB0::28::INSTR"\n\n[wiring]\n'
PROBER = """
[[simulated.instruments]]
address = "GPIB0::28::INSTR"
model = "Velox"

[simulated.wafer]
columns = {devices}
rows = 1
die_width_m = 1e-3
spread = 0.1
"""
STEPS = (
    {"procedure": "threshold_firing", "settings": {"repeats": 8, "rest_s": 0.1}},
    {"procedure": "identification_steps"},
)


def measure(folder: Path, devices: int) -> Path:
    text = files("labbench.bench").joinpath("demo.toml").read_text("utf-8")
    text = text.replace("spread = 0.3", "spread = 0.0").replace("[wiring]\n", ROLE, 1)
    path, database = folder / "bench.toml", folder / "lab.db"
    path.write_text(text + PROBER.format(devices=devices), "utf-8")
    wafer = {"label": "W1", "columns": devices, "rows": 1}
    plan = plan_from(
        {"name": "fits", "bench": "b", "wafer": wafer, "contact": None, "steps": STEPS}
    )
    with open_bench(path) as bench, Store.open(database, create=True, durable=False) as store:
        run_sweep(plan, bench, store)
    return database


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--devices", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = measure(Path(folder), asked.devices)
        with Store.open(database) as store:
            names = [device.name for device in store.devices()]
        took_s, cards = {}, {}
        for workers in (1, asked.workers):
            copy = shutil.copy(database, Path(folder) / f"{workers}.db")
            began_s = time.monotonic()
            came_s: list[float] = []
            report = fit_devices(
                Wish(str(copy)),
                names,
                workers=workers,
                on_progress=lambda found, came_s=came_s: came_s.append(time.monotonic()),
            )
            # A worker's first fit loads what all its others have.
            took_s[workers] = (came_s[-1] - came_s[workers - 1]) / (len(names) - workers)
            with Store.open(copy) as store:
                fits = store.wafer_fits("W1")
            cards[workers] = {name: document["parameters"] for name, document in fits.items()}
            print(
                f"{workers} workers: {len(report.kept)} fits in {came_s[-1] - began_s:.1f} s, the "
                f"start of the processes included; {took_s[workers]:.2f} s for each after the "
                f"first of each worker; {len(report.faults)} without"
            )
        print(f"{took_s[1] / took_s[asked.workers]:.2f} times as fast")
        print(f"the same parameters: {cards[1] == cards[asked.workers]}")


if __name__ == "__main__":
    main()
