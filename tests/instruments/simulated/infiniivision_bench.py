"""A scope with its first two channels on two resistors, which a test drives directly."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyvisa

from instruments.simulated.bench import SimulatedBench, bench_of
from instruments.simulated.circuit import Cable, Terminal
from instruments.simulated.infiniivision import Oscilloscope

ADDRESS = "TCPIP0::scope.sim::inst0::INSTR"


@dataclass
class ScopeBench:
    manager: pyvisa.ResourceManager
    bench: SimulatedBench
    scope: Any
    first: Terminal
    second: Terminal

    @property
    def instrument(self) -> Oscilloscope:
        made = self.bench.instruments[ADDRESS]
        assert isinstance(made, Oscilloscope)
        return made

    def write(self, *commands: str) -> None:
        for command in commands:
            self.scope.write(command)
        error = self.error()
        assert error.startswith("+0"), (commands, error)

    def ask(self, command: str) -> str:
        return str(self.scope.query(command)).strip()

    def error(self) -> str:
        return self.ask(":SYST:ERR?")

    def words(self, channel: int = 1) -> np.ndarray:
        self.scope.write(f":WAV:SOUR CHAN{channel};FORM WORD;BYT LSBF;UNS 1")
        return np.array(self.scope.query_binary_values(":WAV:DATA?", datatype="H"))

    def volts(self, channel: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Return times and voltages as the programmer's guide computes them."""
        words = self.words(channel).astype(float)
        head = [float(x) for x in self.ask(":WAV:PRE?").split(",")]
        assert head[2] == words.size
        time_s = (np.arange(words.size) - head[6]) * head[4] + head[5]
        return time_s, (words - head[9]) * head[7] + head[8]

    def square(
        self, period_s: float, low_v: float, high_v: float, cycles: int, edge_s: float = 1e-6
    ) -> float:
        """Play a square wave on the first node from 1 ms on; return its first rising edge."""
        start_s = self.bench.clock.now() + 1e-3
        corners = np.array([0, edge_s, period_s / 2, period_s / 2 + edge_s])
        time_s = start_s + (np.arange(cycles)[:, None] * period_s + corners).ravel()
        self.first.drive(time_s, np.tile([low_v, high_v, high_v, low_v], cycles))
        return start_s

    def sine(self, hz: float, amplitude_v: float, length_s: float) -> None:
        start_s = self.bench.clock.now() + 1e-4
        time_s = np.arange(0, length_s, 1 / hz / 100)
        level_v = amplitude_v * np.sin(2 * np.pi * hz * time_s)
        self.first.drive(start_s + time_s, level_v)
        self.second.drive(start_s + time_s + 0.25 / hz, level_v / 2)


@contextmanager
def scope_bench(folder: Path, model: str = "DSOX3024T") -> Iterator[ScopeBench]:
    path = folder / "scope.toml"
    path.write_text(
        f"""[simulated]
seed = 1
[simulated.devices.a]
resistance_ohm = 1e6
[simulated.devices.b]
resistance_ohm = 1e6
[[simulated.instruments]]
address = "{ADDRESS}"
model = "{model}"
terminals = {{ 1 = "a.top", 2 = "b.top" }}
"""
    )
    manager = pyvisa.ResourceManager(f"{path}@labbench")
    bench = bench_of(manager)
    sources = [bench.circuit.terminal(Cable(node)) for node in ("a.top", "b.top")]
    for source in sources:
        source.connect("voltage", 1.0)
    yield ScopeBench(manager, bench, manager.open_resource(ADDRESS, timeout=5000), *sources)
    manager.close()
