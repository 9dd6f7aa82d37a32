from collections.abc import Iterator
from pathlib import Path

import pytest
import pyvisa

from instruments.simulated.bench import SimulatedBench, bench_of

from .meter import METER, Meter, meter_bench


@pytest.fixture
def meter(tmp_path: Path) -> Iterator[Meter]:
    manager = pyvisa.ResourceManager(f"{meter_bench(tmp_path)}@labbench")
    yield Meter(manager, manager.open_resource(METER, timeout=20_000))
    manager.close()


@pytest.fixture
def bench(meter: Meter) -> SimulatedBench:
    return bench_of(meter.manager)
