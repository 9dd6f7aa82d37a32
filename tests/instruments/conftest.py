from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pyvisa

from instruments.infiniivision import InfiniiVision
from instruments.keithley2400 import Keithley2400
from instruments.keysight33500 import Keysight33500
from instruments.simulated.bench import SimulatedBench, bench_of
from instruments.simulated.clock import VirtualClock

AWG = "TCPIP0::awg.sim::inst0::INSTR"
SCOPE = "TCPIP0::scope.sim::inst0::INSTR"
SMU = "GPIB0::24::INSTR"


@dataclass
class Lab:
    manager: pyvisa.ResourceManager
    bench: SimulatedBench
    clock: VirtualClock
    awg: Keysight33500
    scope: InfiniiVision
    smu: Keithley2400


def open_lab(path: Path | str = "") -> Lab:
    manager = pyvisa.ResourceManager(f"{path}@labbench")
    bench = bench_of(manager)
    link = {"visa_library": manager.visalib, "clock": bench.clock}
    return Lab(
        manager,
        bench,
        bench.clock,
        Keysight33500(AWG, **link),
        InfiniiVision(SCOPE, **link),
        Keithley2400(SMU, **link),
    )


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = open_lab()
    yield lab
    lab.manager.close()


@pytest.fixture
def manager() -> Iterator[pyvisa.ResourceManager]:
    manager = pyvisa.ResourceManager("@labbench")
    yield manager
    manager.close()


def bench_file(folder: Path, simulated: str) -> Path:
    path = folder / "bench.toml"
    path.write_text(
        f"""visa = "@labbench"
[simulated]
{simulated}
[[simulated.instruments]]
address = "{AWG}"
model = "33512B"
terminals = {{ 1 = "input" }}
[[simulated.instruments]]
address = "{SCOPE}"
model = "DSOX3024T"
terminals = {{ 1 = "input", 2 = "output" }}
probe_resistance_ohm = 1e7
probe_capacitance_f = 1e-11
[[simulated.instruments]]
address = "{SMU}"
model = "2400"
terminals = {{ 1 = "supply" }}
"""
    )
    return path
