"""A thousand instrument faults drawn at random, during runs on the simulated bench.

What must hold after each is in ``tests/bench/test_faults.py``: the state of the run, a clear
message, every source at zero or named as not verified, every response kept, every pulse in the
ledger. Prints how often which fault ended how.

    python benchmarks/thousand_faults.py [--faults 1000] [--first 0]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table"
        settings = {
            "LABBENCH_FAULTS": str(asked.faults),
            "LABBENCH_FIRST_FAULT": str(asked.first),
            "LABBENCH_FAULT_TABLE": str(table),
        }
        command = [sys.executable, "-m", "pytest", "-q", "tests/bench/test_faults.py"]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, check=False)
        rows = [json.loads(line) for line in table.read_text("utf-8").splitlines()]
    states: Counter[str] = Counter()
    kinds: Counter[tuple[str, str]] = Counter()
    dark = bright = doubted = 0
    for _, kind, state, n_bright, is_doubted, count in rows:
        states[state] += count
        kinds[kind, state] += count
        bright += count * (n_bright > 0)
        dark += count * (n_bright == 0)
        doubted += count * is_doubted
    for (kind, state), count in sorted(kinds.items()):
        print(f"{kind:16} {state:10} {count:5}")
    print(f"{sum(states.values())} faults in {time.monotonic() - started_s:.0f} s: {dict(states)}")
    print(
        f"sources dark after {dark}, one still on and named after {bright}; an instrument that "
        f"could not be verified was named after {doubted}"
    )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
