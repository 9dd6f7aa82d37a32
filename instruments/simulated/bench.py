"""Build a simulated bench from the [simulated] part of a bench file.

One seed decides everything random: it draws the hidden device from around a nominal card (`truth`),
and feeds the device's own noise and that of each instrument, each from a stream of its own.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from math import inf, log1p
from pathlib import Path
from threading import RLock
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pyvisa import rname

from instruments.simulated.circuit import Circuit, VirtualClock
from instruments.simulated.generator import Generator
from instruments.simulated.oscilloscope import Oscilloscope
from instruments.simulated.scpi import ScpiInstrument
from instruments.simulated.sourcemeter import SourceMeter
from labbench.errors import BenchError, CardError
from labbench.model import PARAMETERS, Loading, ModelCard, read_card

# What differs from device to device, and is drawn.
DRAWN = (
    "mu_per_v_s", "alpha", "beta_per_s", "gamma1_per_s", "gamma2_per_s", "lambda", "r_off_ohm",
    "kappa_per_s", "eta", "gate_capacitance_f",
)  # fmt: skip
# Streams of random numbers under one seed.
_DRAW_STREAM, _INSTRUMENT_STREAM = 0, 1

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class InstrumentEntry(_Entry):
    """One simulated instrument: where it answers, what it is, which node each terminal touches."""

    address: str
    model: Literal["33512B", "33622A", "DSOX3024T", "DSOX4024A", "2400"]
    terminals: dict[int, Literal["input", "output", "supply"]] = {}
    external_trigger: str | None = None
    probe_resistance_ohm: Positive | None = None
    probe_capacitance_f: NotNegative = 0.0


class SimulatedEntry(_Entry):
    """The [simulated] part of a bench file."""

    seed: Annotated[int, Field(ge=0)] = 0
    card: str = "b1"
    spread: Annotated[float, Field(ge=0, le=10)] = 0.0
    message_latency_s: NotNegative = 1e-3
    instruments: list[InstrumentEntry]


Kind = type[Generator] | type[Oscilloscope] | type[SourceMeter]
_KINDS: dict[str, tuple[Kind, str]] = {
    "33512B": (Generator, "Agilent Technologies,33512B,{serial},5.03-3.15-2.00-58-00"),
    "33622A": (Generator, "Keysight Technologies,33622A,{serial},A.02.03-3.15-03-64-02"),
    "DSOX3024T": (Oscilloscope, "KEYSIGHT TECHNOLOGIES,DSO-X 3024T,{serial},07.50.2021102830"),
    "DSOX4024A": (Oscilloscope, "KEYSIGHT TECHNOLOGIES,DSO-X 4024A,{serial},07.50.2021102830"),
    "2400": (SourceMeter, "KEITHLEY INSTRUMENTS INC.,MODEL 2400,{serial},C34 Sep 21 2016"),
}


class SimulatedBench:
    """Instruments around one hidden neuron.

    Parameters
    ----------
    entry : SimulatedEntry

    Attributes
    ----------
    clock : VirtualClock
        Shared by all; give it to the drivers and wait with it.
    truth : ModelCard
        The hidden device, to score fits with.
    instruments : mapping of str to ScpiInstrument
        By canonical resource name.
    lock : RLock
        Held while a message is handled: instruments may be used from several threads.
    """

    def __init__(self, entry: SimulatedEntry) -> None:
        self.clock = VirtualClock()
        self.message_latency_s = entry.message_latency_s
        self.lock = RLock()
        try:
            nominal = read_card(entry.card)
        except CardError as error:
            raise BenchError(f"The simulated bench has no device: {error}") from error
        if nominal.circuit != "neuron":
            raise BenchError(f"A simulated bench holds a neuron; card {entry.card!r} is none.")
        self.truth = draw_device(nominal, entry.spread, entry.seed)
        self._circuit = Circuit(self.truth, self.clock, entry.seed, _loading(entry.instruments))
        self.instruments: dict[str, ScpiInstrument] = {}
        for number, each in enumerate(entry.instruments):
            address = canonical(each.address)
            if address in self.instruments:
                raise BenchError(f"Two simulated instruments answer at {address}.")
            noise = np.random.default_rng([entry.seed, _INSTRUMENT_STREAM, number])
            self.instruments[address] = self._build(each, f"SIM{number + 1:05d}", noise)
        for each in entry.instruments:
            self._wire_trigger(each)

    def _build(
        self, entry: InstrumentEntry, serial: str, noise: np.random.Generator
    ) -> ScpiInstrument:
        kind, identity = _KINDS[entry.model]
        for terminal, node in entry.terminals.items():
            if not 1 <= terminal <= kind.last_terminal:
                raise BenchError(f"A {entry.model} has no terminal {terminal} ({entry.address}).")
            if node not in kind.nodes:
                raise BenchError(
                    f"Terminal {terminal} of the {entry.model} at {entry.address} cannot touch "
                    f"{node!r} in the simulated circuit: {' or '.join(kind.nodes)} only."
                )
        name = identity.format(serial=serial)
        return kind(name, self.clock, self._circuit, entry.terminals, noise)

    def _wire_trigger(self, entry: InstrumentEntry) -> None:
        """Wire a sync output to a scope; without a word, to that of the only generator."""
        scope = self.instruments[canonical(entry.address)]
        if not isinstance(scope, Oscilloscope):
            if entry.external_trigger is not None:
                raise BenchError(f"Only a scope has an external_trigger, not a {entry.model}.")
            return
        if entry.external_trigger is None:
            sources = [i for i in self.instruments.values() if isinstance(i, Generator)]
            source = sources[0] if len(sources) == 1 else None
        else:
            found = self.instruments.get(canonical(entry.external_trigger))
            if not isinstance(found, Generator):
                raise BenchError(f"No simulated generator answers at {entry.external_trigger}.")
            source = found
        if source is not None:
            source.sync_listeners.append(scope.external_edge)


def read_bench(path: str | Path | None = None) -> SimulatedBench:
    """Build a fresh bench from a bench file, or the default one.

    Raises
    ------
    BenchError
        If the file cannot be read, or its [simulated] part cannot be built.
    """
    if path is None:
        text = files("instruments.simulated").joinpath("default.toml").read_text("utf-8")
    else:
        try:
            text = Path(path).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BenchError(f"The bench file {str(path)!r} cannot be read: {error}.") from error
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BenchError(f"The bench file {str(path)!r} is not valid TOML: {error}.") from error
    if "simulated" not in document:
        raise BenchError(f"The bench file {str(path)!r} has no [simulated] part.")
    return SimulatedBench(parse_simulated(document["simulated"]))


def parse_simulated(part: Mapping[str, Any]) -> SimulatedEntry:
    """Check the [simulated] part of a bench file.

    Raises
    ------
    BenchError
        With everything that is wrong, in one line.
    """
    try:
        return SimulatedEntry.model_validate(part)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, ('simulated', *each['loc'])))}: {each['msg']}"
            for each in error.errors()
        )
        raise BenchError(f"The bench cannot be simulated: {wrong}.") from error


def bench_of(resource_manager: Any) -> SimulatedBench:
    """Return the simulated bench behind a PyVISA ResourceManager.

    Raises
    ------
    BenchError
        If it talks to real instruments, or is closed.
    """
    bench = getattr(getattr(resource_manager, "visalib", None), "bench", None)
    if not isinstance(bench, SimulatedBench):
        raise BenchError("This resource manager has no simulated bench open.")
    return bench


def draw_device(nominal: ModelCard, spread: float, seed: int) -> ModelCard:
    """Draw a device around a card: factors log-uniform between 1 / (1 + spread) and 1 + spread."""
    random = np.random.default_rng([seed, _DRAW_STREAM])
    factors = np.exp(random.uniform(-1.0, 1.0, len(DRAWN)) * log1p(spread))
    values = {
        name: min(nominal[name] * float(factor), PARAMETERS[name].upper)
        for name, factor in zip(DRAWN, factors, strict=True)
    }
    return nominal.with_values(values, name=f"{nominal.name}-seed{seed}", source="drawn")


def canonical(address: str) -> str:
    """Return a resource name with all its defaults spelt out."""
    try:
        return str(rname.ResourceName.from_string(address))
    except rname.InvalidResourceName as error:
        raise BenchError(f"{address!r} is not a VISA resource name.") from error


def _loading(entries: list[InstrumentEntry]) -> Loading:
    """Return all probes on the output together."""
    conductance, capacitance_f = 0.0, 0.0
    for entry in entries:
        probes = list(entry.terminals.values()).count("output")
        conductance += probes / (entry.probe_resistance_ohm or inf)
        capacitance_f += probes * entry.probe_capacitance_f
    return Loading(1.0 / conductance if conductance else inf, capacitance_f)
