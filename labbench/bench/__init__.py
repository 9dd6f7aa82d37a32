"""The bench: opens a bench description, checks and guards it, runs a procedure, leaves it safe."""

from labbench.bench.bench import Bench
from labbench.bench.description import BenchDescription, Limits, Recording, Wiring, read_bench
from labbench.bench.opening import open_bench
from labbench.bench.run import RunReport, run_procedure

__all__ = [
    "Bench",
    "BenchDescription",
    "Limits",
    "Recording",
    "RunReport",
    "Wiring",
    "open_bench",
    "read_bench",
    "run_procedure",
]
