"""Ten thousand devices: from the features in the store to maps, yield, variance and one page.

A seeded population is written into a database first, which is not timed; what is timed runs in a
process of its own, whose peak memory is told.

    python benchmarks/wafer_maps.py [--side 100]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from labbench.store import Site, Store, schema
from labbench.store.engine import writing
from labbench.store.write import add_rows, now
from labbench.wafer.population import Population, draw_population

FEATURES = ("ramp_threshold", "latency", "interval", "gate_resistance")


def fill(database: Path, side: int) -> None:
    """Write a wafer of side x side devices, two a die and two runs on each, four features a run."""
    hidden = Population(columns=side, rows=side // 2, sites=2, cycles=2)
    frames = [
        draw_population(replace(hidden, seed=seed), feature=name)[0]
        for seed, name in enumerate(FEATURES)
    ]
    first = frames[0]
    with Store.open(database, create=True, durable=False) as store:
        store.add_wafer("W1")
        session = store.begin_session({}, simulated=True)
        places = first.drop_duplicates("device")
        ids = store.add_sites(
            "W1", [Site(p.device, "neuron", p.die_x, p.die_y, p.site) for p in places.itertuples()]
        )
        moment = now()
        with writing(store.engine) as connection:
            runs = [
                {
                    "id": k + 1, "session_id": session, "device_id": ids[name],
                    "procedure": "ramp_threshold", "procedure_version": "1", "settings": {},
                    "seed": None, "state": "finished", "started_at": moment, "ended_at": moment,
                }
                for k, name in enumerate(first["device"])
            ]  # fmt: skip
            for start in range(0, len(runs), 5000):
                connection.execute(schema.run.insert(), runs[start : start + 5000])
        stamp = f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"
        with writing(store.engine) as connection:
            rows = [
                (None, k + 1, name, name, "{}", none(value), "V", none(stderr), 1, outcome, 0,
                 "made", "1", stamp)
                for name, frame in zip(FEATURES, frames, strict=True)
                for k, (value, stderr, outcome) in enumerate(
                    zip(frame["value"], frame["stderr"], frame["outcome"], strict=True)
                )
            ]  # fmt: skip
            add_rows(connection, schema.feature, rows)


def none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def analyse(database: Path, page: Path) -> None:
    """Go from the store to the page, and say how long each part took."""
    began_s = time.monotonic()
    from labbench.wafer.report import analyse_wafer, write_wafer_report
    from labbench.wafer.statistics import Criterion

    loaded_s = time.monotonic()
    with Store.open(database) as store:
        found, frame = analyse_wafer(store, "W1", criteria=[Criterion("ramp_threshold", 0.65, 0.9)])
    analysed_s = time.monotonic()
    write_wafer_report(found, page)
    done_s = time.monotonic()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{len(frame)} feature values of {sum(found.states.values())} devices: imports "
        f"{loaded_s - began_s:.1f} s, store to findings {analysed_s - loaded_s:.1f} s, page "
        f"{done_s - analysed_s:.1f} s ({page.stat().st_size / 1e6:.1f} MB); "
        f"{done_s - began_s:.1f} s in all, {memory:.0f} MB at most"
    )
    hidden = Population()
    for each in found.features[0].components[1:]:
        truth = getattr(hidden, f"{each.level}_sd") ** 2
        inside = each.low <= truth <= each.high
        print(
            f"  {each.level}: {each.variance:.3g} ({each.low:.3g} to {each.high:.3g}), hidden "
            f"{truth:.3g}, {'inside' if inside else 'OUTSIDE'}"
        )
    trend = found.features[0].trend
    print(f"  middle to rim: {trend.change:.4f} +- {trend.stderr:.4f} V, hidden {hidden.radial} V")
    good = found.good
    print(f"  yield: {good.share:.3f} ({good.low:.3f} to {good.high:.3f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--side", type=int, default=100)
    parser.add_argument("--analyse", nargs=2, type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.analyse:
        analyse(*asked.analyse)
        return
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "lab.db"
        began_s = time.monotonic()
        fill(database, asked.side)
        print(f"filled in {time.monotonic() - began_s:.0f} s (not timed)")
        page = Path(folder) / "wafer.html"
        command = [sys.executable, __file__, "--analyse", str(database), str(page)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
