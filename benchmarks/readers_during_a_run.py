"""How long the commits of a bench take, alone and beside a listing and a fit.

A train of 200 pulses with two waveforms of 10,000 samples every 10 ms or so; the readers are those
of ``tests/store/test_under_load.py``, which also says that none of them ever fails.

    python benchmarks/readers_during_a_run.py [--seconds 10]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEST = "tests/store/test_under_load.py::test_readers_and_a_fit_during_a_run"
# Beside two readers on two cores, a commit may take this much longer.
MULTIPLE = 10.0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table"
        settings = {"LABBENCH_READERS_S": str(asked.seconds), "LABBENCH_STORE_TABLE": str(table)}
        command = [sys.executable, "-m", "pytest", "-q", "-o", "timeout=0", TEST]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, check=False)
        rows = [json.loads(line) for line in table.read_text("utf-8").splitlines()]
    p95_s = {}
    for row in rows:
        if "reader" in row:
            print(f"{row['reader']}: {row['count']} times, {1e3 * row['worst_s']:.0f} ms at worst")
            continue
        took_s = row["commits_s"]
        where = "alone" if row["alone"] else "beside readers"
        p95_s[where] = statistics.quantiles(took_s, n=20)[-1]
        print(
            f"{where}: {len(took_s)} trains, commit {1e3 * statistics.median(took_s):.1f} ms "
            f"(median), {1e3 * p95_s[where]:.1f} ms (p95), {1e3 * max(took_s):.1f} ms at worst"
        )
    if len(p95_s) < 2:
        return 1
    multiple = p95_s["beside readers"] / p95_s["alone"]
    print(f"p95 beside readers is {multiple:.1f} times that alone; {MULTIPLE:g} are allowed")
    return done.returncode or int(multiple > MULTIPLE)


if __name__ == "__main__":
    sys.exit(main())
