"""How long the first call takes: after an installation (compiling), and at every later start.

Each is a fresh Python that imports the model and plays 20 ms to card B1; what numba itself and
numpy need to be imported is the reference. Run: ``python benchmarks/first_call.py``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

CALL = """
from labbench.model import read_card, simulate
from labbench.stimulus import Waveform
simulate(read_card("b1"), Waveform([0.0, 1e-6, 20e-3], [0.0, 0.65, 0.65], 20e-3))
"""
BATCH = """
from labbench.model import read_card
from labbench.model.batch import first_spikes_s
from labbench.stimulus import Waveform
first_spikes_s(read_card("b1"), Waveform([0.0, 1e-6, 2e-3], [0.0, 0.8, 0.8], 2e-3), 10)
"""


def run(code: str, cache: str) -> float:
    """Return the wall time of a fresh Python that runs some code, in s."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "NUMBA_CACHE_DIR": cache}
    )
    return time.perf_counter() - began


def main() -> None:
    """Print a line for each kind of first call."""
    with tempfile.TemporaryDirectory() as cache:
        imports_s = min(run("import numba, numpy", cache) for _ in range(3))
        print(f"import numba, numpy      {imports_s:6.2f} s")
        for name, code in (("one stimulus", CALL), ("a batch on all cores", BATCH)):
            first_s = run(code, cache)
            later_s = min(run(code, cache) for _ in range(3))
            print(
                f"{name:24} {first_s:6.2f} s the first time, {later_s:5.2f} s later "
                f"({later_s / imports_s:.1f} times the imports)"
            )


if __name__ == "__main__":
    main()
