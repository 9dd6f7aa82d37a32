"""A sweep killed with SIGKILL at random moments, and resumed each time.

What must hold at the end, beside an uninterrupted sweep of the same wafer: every planned point is
there exactly once, recorded or interrupted; what the needles saw, written down by the simulated
bench itself at each stimulus, holds no stimulus twice; every device that no kill touched has the
same features.

    python benchmarks/kill_the_sweep.py [--kills 100] [--devices 400] [--seed 0]

Needs a system that can fork: the sweeps run in processes of their own, without loading everything
anew for each.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from importlib.resources import files
from math import hypot
from pathlib import Path
from typing import Any

import numpy as np

from labbench.bench import Bench, open_bench
from labbench.errors import StoreError
from labbench.store import Store, check
from labbench.wafer.plan import Plan, plan_from
from labbench.wafer.sweep import run_sweep

PROBER = """
[[simulated.instruments]]
address = "GPIB0::28::INSTR"
model = "Velox"

[simulated.wafer]
columns = {columns}
rows = {rows}
die_width_m = 1e-3
die_height_m = 1e-3
spread = 0.1
"""


def prepare(folder: Path, devices: int) -> tuple[Plan, Path]:
    """Write the bench file, and return it with the plan."""
    columns = max(1, round(devices**0.5))
    rows = -(-devices // columns)
    text = files("labbench.bench").joinpath("dc.toml").read_text("utf-8")
    role = '[instruments.prober]\ndriver = "velox"\naddress = "GPIB0::28::INSTR"\n\n[wiring]\n'
    path = folder / "bench.toml"
    path.write_text(
        text.replace("[wiring]\n", role, 1) + PROBER.format(columns=columns, rows=rows), "utf-8"
    )
    steps = [
        {"procedure": "contact_check", "settings": {"terminals": 1, "read_v": read_v}}
        for read_v in (0.02, 0.04)
    ]
    wafer = {"label": "W1", "columns": columns, "rows": rows}
    plan = {"name": "killed", "bench": "bench.toml", "wafer": wafer, "contact": None}
    return plan_from({**plan, "steps": steps}), path


def sweep(plan: Plan, bench_file: Path, database: Path, resume: bool, seen: Path) -> None:
    """Sweep in this process; what reaches a device is written to a file at once."""
    with (
        open_bench(bench_file) as bench,
        Store.open(database, create=True) as store,
        seen.open("ab", buffering=0) as file,
    ):
        witness(bench, file)
        run_sweep(plan, bench, store, resume=resume, on_notice=lambda sentence: None)


def witness(bench: Bench, file: Any) -> None:
    """Write down each stimulus with the device under the needles, before it is played."""
    from instruments.simulated.bench import bench_of

    meter = bench.meter
    play, manager = meter.sweep, meter.driver.adapter.manager
    simulated = bench_of(manager)

    def seen(level_v: Any, *more: Any) -> Any:
        assert simulated.wafer is not None
        file.write(f"{simulated.wafer.touched} {max(level_v):g}\n".encode())
        return play(level_v, *more)

    bench.instruments["meter"].sweep = seen  # type: ignore[attr-defined]


def killed_after(plan: Plan, bench_file: Path, database: Path, seen: Path, life_s: float) -> bool:
    """Resume in a process of its own, and kill that; return whether it was done before."""
    child = os.fork()
    if child == 0:
        try:
            sweep(plan, bench_file, database, database.exists() and is_begun(database), seen)
            os._exit(0)
        except BaseException as error:  # noqa: BLE001 - a child must not come back
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
    ends_s = time.monotonic() + life_s
    while time.monotonic() < ends_s:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert status == 0, "the sweep failed by itself"
            return True
        time.sleep(2e-3)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def is_begun(database: Path) -> bool:
    try:
        with Store.open(database) as store:
            return bool(store.sweeps())
    except StoreError:
        return False


def features(store: Store, plan: Plan) -> dict[tuple[str, int], list[tuple[str, float, float]]]:
    """Return by device and point what was drawn from each recorded run."""
    found = {}
    for point in store.sweep_points(store.sweep(plan.name).id):
        if point.state == "recorded" and point.run_id is not None:
            drawn = [record.feature for record in store.features(run_id=point.run_id)]
            found[point.device, point.ordinal] = [(f.name, f.value, f.stderr) for f in drawn]
    return found


def judge(plan: Plan, whole: Path, broken: Path, seen: Path) -> dict[str, Any]:
    """Lay the killed sweep beside the uninterrupted one, and return what was counted.

    Raises
    ------
    AssertionError
        If anything is missing, there twice, or different.
    """
    with Store.open(whole) as first, Store.open(broken) as second:
        expected = first.sweep_points(first.sweep(plan.name).id)
        points = second.sweep_points(second.sweep(plan.name).id)
        assert [(p.device, p.ordinal, p.procedure, p.settings) for p in points] == [
            (p.device, p.ordinal, p.procedure, p.settings) for p in expected
        ]
        counts = Counter(point.state for point in points)
        assert set(counts) <= {"recorded", "interrupted"}, counts
        lines = seen.read_text("utf-8").splitlines()
        twice = [line for line, n in Counter(lines).items() if n > 1]
        assert not twice, f"sent twice: {twice}"
        doses = {p.device: second.dose(p.device).n_stimuli for p in points}
        assert all(n <= 2 for n in doses.values())
        one, other = features(first, plan), features(second, plan)
        assert set(other) == {(p.device, p.ordinal) for p in points if p.state == "recorded"}
        same = sum(
            allclose([v for _, *v in other[key]], [v for _, *v in one[key]]) for key in other
        )
        for key, values in other.items():
            # A device that was left and touched again meets other noise.
            for (name, value, stderr), (its_name, its_value, its_stderr) in zip(
                values, one[key], strict=True
            ):
                assert name == its_name
                doubt = hypot(stderr, its_stderr)
                assert not abs(value - its_value) > 6.0 * doubt, (key, name, value, its_value)
        problems = check(second)
        assert not problems, problems
        interrupted = {p.device for p in points if p.state == "interrupted"}
        untouched = [key for key in other if key[0] not in interrupted]
    return {
        "points": dict(counts),
        "stimuli sent": len(lines),
        "sent twice": len(twice),
        "features the same to 1e-6": f"{same} of {len(other)}",
        "of devices without an interrupted point": len(untouched),
    }


def allclose(one: list[list[float]], other: list[list[float]]) -> bool:
    return bool(np.allclose(one, other, rtol=1e-6, equal_nan=True))


def kill(devices: int, kills: int, seed: int, folder: Path) -> dict[str, Any]:
    """Sweep once as a whole, once with kills, and compare."""
    plan, bench_file = prepare(folder, devices)
    whole, broken, seen = folder / "whole.db", folder / "broken.db", folder / "seen"
    began_s = time.monotonic()
    sweep(plan, bench_file, whole, False, folder / "whole.seen")
    whole_s = time.monotonic() - began_s
    lives = random.Random(seed)
    done, n_kills = False, 0
    began_s = time.monotonic()
    while n_kills < kills:
        # Long enough to open the bench, which is some 0.2 s, and for its share of the points.
        life_s = lives.uniform(0.0, 2.0) * whole_s / kills + lives.uniform(0.0, 0.6)
        done = killed_after(plan, bench_file, broken, seen, life_s)
        if done:
            break
        n_kills += 1
    if not done:
        sweep(plan, bench_file, broken, is_begun(broken), seen)
    return {
        "kills": n_kills,
        "uninterrupted_s": round(whole_s, 1),
        "with kills_s": round(time.monotonic() - began_s, 1),
        **judge(plan, whole, broken, seen),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--devices", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, value in kill(asked.devices, asked.kills, asked.seed, Path(folder)).items():
            print(f"{name}: {value}")


if __name__ == "__main__":
    main()
