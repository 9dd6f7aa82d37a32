"""Stochastic first-spike latencies, card B1: all cores against one, in one run.

Run: ``python benchmarks/latencies_on_two_cores.py``.
"""

from __future__ import annotations

import os
import time

import numba
import numpy as np

from labbench.model import read_card
from labbench.model.batch import first_spikes_s
from labbench.stimulus import Waveform

TRIALS, ROUNDS = 4000, 5


def main() -> None:
    """Print the rate on one thread and on all, and the median ratio."""
    card = read_card("b1")
    stimulus = Waveform([0.0, 1e-6, 20e-3], [0.0, 0.7, 0.7], duration_s=20e-3)
    cores = min(numba.config.NUMBA_NUM_THREADS, os.cpu_count() or 1)
    first_spikes_s(card, stimulus, 10)  # compile
    ratios, results = [], []
    for _ in range(ROUNDS):
        took = {}
        for threads in (1, cores):
            numba.set_num_threads(threads)
            began = time.perf_counter()
            results.append(first_spikes_s(card, stimulus, TRIALS))
            took[threads] = time.perf_counter() - began
        ratios.append(took[1] / took[cores])
        print(
            f"1 thread {took[1] / TRIALS * 1e6:7.1f} us a trial, {cores} threads "
            f"{took[cores] / TRIALS * 1e6:7.1f} us, ratio {ratios[-1]:.2f}"
        )
    assert all(np.array_equal(r, results[0], equal_nan=True) for r in results)
    print(f"median ratio {np.median(ratios):.2f}; the same numbers every time")


if __name__ == "__main__":
    main()
