"""The bench: opens a bench description, checks and guards it, runs a procedure, leaves it safe."""

from labbench.bench.bench import Bench
from labbench.bench.compliance import CompliancePolicy
from labbench.bench.description import BenchDescription, Limits, Recording, Wiring, read_bench
from labbench.bench.dry_run import Forecast, foresee
from labbench.bench.opening import open_bench
from labbench.bench.recovery import recover
from labbench.bench.run import RunReport, run_procedure

__all__ = [
    "Bench",
    "BenchDescription",
    "CompliancePolicy",
    "Forecast",
    "Limits",
    "Recording",
    "RunReport",
    "Wiring",
    "foresee",
    "open_bench",
    "read_bench",
    "recover",
    "run_procedure",
]
