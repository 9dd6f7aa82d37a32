"""A recording process killed with SIGKILL at random moments, and what is left of its work.

What must hold after each kill is in ``tests/store/test_under_load.py``: every acknowledged train is
there, none in part, every dose in the ledger, `check` finds nothing, the interrupted run is found.
In every second database a listing and a fit work at the same time.

    python benchmarks/kill_the_store.py [--kills 200] [--seed 0]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEST = "tests/store/test_under_load.py::test_a_kill_at_any_moment_loses_nothing"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table"
        settings = {
            "LABBENCH_KILLS": str(asked.kills),
            "LABBENCH_KILLS_SEED": str(asked.seed),
            "LABBENCH_STORE_TABLE": str(table),
        }
        command = [sys.executable, "-m", "pytest", "-q", "-o", "timeout=0", TEST]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, check=False)
        rows = [json.loads(line) for line in table.read_text("utf-8").splitlines()]
    kills = [row for row in rows if "last" in row]
    readers = [row for row in rows if "reader" in row]
    total: Counter[str] = Counter()
    for row in kills:
        names = ("runs", "acknowledged", "trains", "lost", "partial", "not_recorded")
        total.update({name: row.get(name, 0) for name in names})
    print(f"{len(kills)} kills in {time.monotonic() - started_s:.0f} s: {dict(total)}")
    print(f"the last word before the kill: {dict(Counter(row['last'] for row in kills))}")
    opened_s = sorted(row["opened_s"] for row in kills)
    print(
        f"opened again in {1e3 * statistics.median(opened_s):.0f} ms (median), "
        f"{1e3 * opened_s[-1]:.0f} ms at worst"
    )
    for name in sorted({row["reader"] for row in readers}):
        own = [row for row in readers if row["reader"] == name]
        worst_s = max(row["worst_s"] for row in own)
        count = sum(row["count"] for row in own)
        print(f"meanwhile {name}: {count} times without an error, {1e3 * worst_s:.0f} ms at worst")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
