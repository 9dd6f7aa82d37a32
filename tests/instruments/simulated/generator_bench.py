"""A generator on a 50 Ohm pad, and a look at what it emits."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyvisa

from instruments.simulated.bench import bench_of
from instruments.simulated.circuit import Cable

ADDRESS = "TCPIP0::awg.sim::inst0::INSTR"
NO_ERROR = '+0,"No error"'


class Pad:
    def __init__(self, folder: Path, model: str) -> None:
        path = folder / "pad.toml"
        path.write_text(
            f"""visa = "@labbench"
[simulated.devices.pad]
resistance_ohm = 50.0
[[simulated.instruments]]
address = "{ADDRESS}"
model = "{model}"
terminals = {{ 1 = "top" }}
"""
        )
        self.manager = pyvisa.ResourceManager(f"{path}@labbench")
        self.bench = bench_of(self.manager)
        self.clock = self.bench.clock
        self.awg = self.manager.open_resource(ADDRESS)
        self.instrument = self.bench.instruments[ADDRESS]
        self._probe = self.bench.circuit.terminal(Cable("top"))

    def send(self, *commands: str) -> list[str]:
        for command in commands:
            self.awg.write(command)
        return self.errors()

    def ask(self, query: str) -> str:
        return self.awg.query(query).strip()

    def errors(self) -> list[str]:
        return list(iter(lambda: self.ask("SYST:ERR?"), NO_ERROR))

    def watch(self) -> float:
        self.start_s = self.clock.now()
        self._probe.watch(self.start_s)
        return self.start_s

    def seen(self, time_s: np.ndarray) -> np.ndarray:
        self.clock.sleep(max(0.0, float(time_s[-1]) - self.clock.now()))
        volts = self._probe.voltage(time_s)
        self._probe.unwatch()
        return volts


def pads(folder: Path, model: str) -> Iterator[Pad]:
    pad = Pad(folder, model)
    yield pad
    pad.manager.close()
