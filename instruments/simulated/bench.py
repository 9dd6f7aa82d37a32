"""Build a simulated bench from the [simulated] part of a bench file.

One seed decides everything random: it draws the hidden device from around a nominal card (`truth`),
and feeds the device's own noise and that of each instrument, each from a stream of its own.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from math import inf
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pyvisa import rname

from instruments.simulated.circuit import Cable, Circuit
from instruments.simulated.clock import VirtualClock
from instruments.simulated.devices import Device, Memristor, Neurons, Wire
from instruments.simulated.drawing import draw_device
from instruments.simulated.faults import Fault, Port
from instruments.simulated.generators.function_generator import FunctionGenerator
from instruments.simulated.generators.keysight33500 import Generator
from instruments.simulated.generators.keysight81160a import PulseGenerator
from instruments.simulated.infiniivision import Oscilloscope
from instruments.simulated.instrument import Instrument
from instruments.simulated.keithley2400 import SourceMeter
from instruments.simulated.keithley2636b import SourceMeter2636B
from instruments.simulated.keithley4200a import ParameterAnalyzer
from instruments.simulated.keithley7001 import SwitchSystem
from instruments.simulated.prober.velox import Prober
from instruments.simulated.prober.wafer import Wafer, WaferEntry
from instruments.simulated.relays import Relay, RelayEntry, Route, build_relays
from instruments.simulated.touch_noise import Noise
from instruments.uninterrupted import Turn
from labbench.errors import BenchError, CardError
from labbench.model import ModelCard, read_card

# Streams of random numbers under one seed.
_INSTRUMENT_STREAM = 1
_MOST_IN_A_ROW = 1000

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CableEntry(_Entry):
    """What lies between one terminal of an instrument and its node, beside the defaults."""

    resistance_ohm: Positive | None = None
    capacitance_f: NotNegative = 0.0
    skew_s: float = 0.0


class InstrumentEntry(_Entry):
    """One simulated instrument: where it answers, what it is, which node each terminal touches.

    Attributes
    ----------
    probe_resistance_ohm, probe_capacitance_f : float
        Of each of its connected terminals, if `cables` does not say otherwise.
    ground_v : float
        Its ground above the device's.
    """

    address: str
    model: str
    terminals: dict[int, str] = {}
    external_trigger: str | None = None
    probe_resistance_ohm: Positive | None = None
    probe_capacitance_f: NotNegative = 0.0
    cables: dict[int, CableEntry] = {}
    ground_v: float = 0.0
    faults: list[Fault] = []


class DeviceEntry(_Entry):
    """One device under the probes: a card, or a resistor to ground."""

    card: str = ""
    resistance_ohm: Positive | None = None
    spread: Annotated[float, Field(ge=0, le=10)] = 0.0
    stray_gate_f: NotNegative = 0.0
    stray_output_f: NotNegative = 0.0


class SimulatedEntry(_Entry):
    """The [simulated] part of a bench file.

    Attributes
    ----------
    card, spread, stray_gate_f, stray_output_f
        Of the only device; several are given by name in `devices`.
    pace : float
        Seconds of the bench in a second of real time; 0 for a clock that waits for nobody.
    wafer : WaferEntry, optional
        What a prober brings under the probes, in the place of one device.
    relays : list of RelayEntry
        What a switch matrix connects to the nodes, or what is connected to them for good.
    """

    seed: Annotated[int, Field(ge=0)] = 0
    card: str = "b1"
    spread: Annotated[float, Field(ge=0, le=10)] = 0.0
    stray_gate_f: NotNegative = 0.0
    stray_output_f: NotNegative = 0.0
    devices: dict[str, DeviceEntry] = {}
    message_latency_s: NotNegative = 1e-3
    pace: NotNegative = 0.0
    wafer: WaferEntry | None = None
    relays: list[RelayEntry] = []
    instruments: list[InstrumentEntry]


# Name in the bench file, class, identity with a place for the serial number.
MODELS: dict[str, tuple[type[Instrument], str]] = {
    "33512B": (Generator, "Agilent Technologies,33512B,{serial},5.03-3.15-2.00-58-00"),
    "33522B": (Generator, "Agilent Technologies,33522B,{serial},5.03-3.15-2.00-58-00"),
    "33622A": (Generator, "Keysight Technologies,33622A,{serial},A.02.03-3.15-03-64-02"),
    "81160A": (PulseGenerator, "Agilent Technologies,81160A,{serial},1.0.3.0-2.6"),
    "DSOX3024T": (Oscilloscope, "KEYSIGHT TECHNOLOGIES,DSO-X 3024T,{serial},07.50.2021102830"),
    "MSOX3104T": (Oscilloscope, "KEYSIGHT TECHNOLOGIES,MSO-X 3104T,{serial},07.50.2021102830"),
    "DSOX4024A": (Oscilloscope, "KEYSIGHT TECHNOLOGIES,DSO-X 4024A,{serial},07.50.2021102830"),
    "2400": (SourceMeter, "KEITHLEY INSTRUMENTS INC.,MODEL 2400,{serial},C34 Sep 21 2016"),
    "2636B": (SourceMeter2636B, "Keithley Instruments Inc., Model 2636B, {serial}, 3.2.2"),
    "4200A-SCS": (ParameterAnalyzer, "KEITHLEY INSTRUMENTS,KI4200A,{serial},V1.14"),
    "7001": (SwitchSystem, "KEITHLEY INSTRUMENTS INC.,MODEL 7001,{serial},A09  /A02"),
    "Velox": (Prober, "FormFactor,Velox,{serial},3.4.1"),
}


class SimulatedBench:
    """Instruments around the devices of one circuit.

    Parameters
    ----------
    entry : SimulatedEntry

    Attributes
    ----------
    clock : VirtualClock
        Shared by all; give it to the drivers and wait with it.
    circuit : Circuit
    truth : ModelCard or None
        The first hidden device, to score fits with; None for a resistor or a wafer, which has a
        truth for each die.
    wafer : Wafer or None
    instruments : mapping of str to Instrument
        By canonical resource name.
    ports : mapping of str to Port
        What a link sees of each, with its faults.
    lock : Turn
        Held while a message is handled: instruments may be used from several threads.
    """

    def __init__(self, entry: SimulatedEntry) -> None:
        self.clock = VirtualClock(entry.pace)
        self.message_latency_s = entry.message_latency_s
        self.lock = Turn()
        self.truth: ModelCard | None = None
        self.circuit = Circuit(self.clock, self._devices(entry))
        relays = build_relays(entry.relays, self.circuit, entry.seed)
        self.instruments: dict[str, Instrument] = {}
        self.ports: dict[str, Port] = {}
        self._noises: list[Noise] = []
        for number, each in enumerate(entry.instruments):
            address = canonical(each.address)
            if address in self.instruments:
                raise BenchError(f"Two simulated instruments answer at {address}.")
            noise = Noise.of(entry.seed, _INSTRUMENT_STREAM, number)
            self._noises.append(noise)
            made = self._build(each, f"SIM{number + 1:05d}", noise)
            self.instruments[address] = made
            self.ports[address] = Port(made, each.faults)
        for each in entry.instruments:
            self._wire_trigger(each)
        self._wire_relays(relays)
        # The instruments were wired to the device that gives the wafer's nodes their names.
        self.wafer = None if entry.wafer is None else self._wafer(entry, entry.wafer)
        for instrument in self.instruments.values():
            if isinstance(instrument, Prober):
                instrument.load(self.wafer)

    def _wafer(self, entry: SimulatedEntry, wafer: WaferEntry) -> Wafer:
        entries = _device_entries(entry)
        slot = wafer.slot or next(iter(entries))
        if slot not in entries or entries[slot].resistance_ohm is not None:
            raise BenchError(f"A wafer takes the place of a device with a card, not of {slot!r}.")
        place = entries[slot]
        nominal = read_card(place.card)
        stray_f = {"gate": place.stray_gate_f, "output": place.stray_output_f}
        self.truth = None
        return Wafer(
            wafer.model_copy(update={"slot": slot}),
            entry.seed,
            self.circuit,
            lambda number, die: draw_device(
                draw_device(nominal, wafer.die_spread, entry.seed, die),
                wafer.spread,
                entry.seed,
                number,
            ),
            lambda card, number, at_s: build_device(card, entry.seed, number, stray_f, at_s),
            lambda index, count: self._start_noise(entry.seed, index, count),
        )

    def _start_noise(self, seed: int, *touch: int) -> None:
        """Let the noise of every instrument start anew, with what is under the needles."""
        for number, noise in enumerate(self._noises):
            noise.restart(seed, _INSTRUMENT_STREAM, number, *touch)

    def _devices(self, entry: SimulatedEntry) -> dict[str, Device]:
        made: dict[str, Device] = {}
        for number, (name, each) in enumerate(_device_entries(entry).items()):
            if each.resistance_ohm is not None:
                made[name] = Wire(0.0, resistance_ohm=each.resistance_ohm)
                continue
            try:
                nominal = read_card(each.card)
            except CardError as error:
                raise BenchError(f"The simulated bench has no device: {error}") from error
            card = draw_device(nominal, each.spread, entry.seed, number)
            self.truth = self.truth or card
            made[name] = build_device(
                card, entry.seed, number, {"gate": each.stray_gate_f, "output": each.stray_output_f}
            )
        return made

    def _build(self, entry: InstrumentEntry, serial: str, noise: np.random.Generator) -> Instrument:
        if entry.model not in MODELS:
            raise BenchError(
                f"There is no simulated {entry.model!r} ({entry.address}): known are "
                f"{', '.join(MODELS)}."
            )
        kind, identity = MODELS[entry.model]
        for terminal, node in entry.terminals.items():
            if not 1 <= terminal <= kind.last_terminal:
                raise BenchError(f"A {entry.model} has no terminal {terminal} ({entry.address}).")
            if node not in self.circuit.nodes:
                raise BenchError(
                    f"Terminal {terminal} of the {entry.model} at {entry.address} touches "
                    f"{node!r}, but the simulated circuit has {', '.join(self.circuit.nodes)}."
                )
        terminals = {
            terminal: self.circuit.terminal(_cable(entry, terminal))
            for terminal in range(1, kind.last_terminal + 1)
        }
        return kind(identity.format(serial=serial), self.clock, terminals, noise)

    def _wire_relays(self, relays: Mapping[Route, Relay]) -> None:
        switches = [i for i in self.instruments.values() if isinstance(i, SwitchSystem)]
        if relays and len(switches) != 1:
            raise BenchError(
                f"Relays with a route need one simulated switch system, not {len(switches)}: add "
                "one, or say closed = true for good."
            )
        for switch in switches:
            switch.connect(relays)

    def _wire_trigger(self, entry: InstrumentEntry) -> None:
        """Wire a trigger output to a trigger input; to a scope, without a word, the generator's."""
        listener = self.instruments[canonical(entry.address)]
        source: Instrument | None = None
        if entry.external_trigger is not None:
            source = self.instruments.get(canonical(entry.external_trigger))
            if source is None:
                raise BenchError(f"No simulated instrument answers at {entry.external_trigger}.")
        elif isinstance(listener, Oscilloscope):
            sources = [i for i in self.instruments.values() if isinstance(i, FunctionGenerator)]
            source = sources[0] if len(sources) == 1 else None
        if source is not None:
            source.edge_listeners.append(listener.external_edge)


def build_device(
    card: ModelCard, seed: int, number: int, stray_f: Mapping[str, float], start_s: float = 0.0
) -> Device:
    """Return the device of a card, at rest; devices of other numbers have other noise.

    Raises
    ------
    BenchError
        If a bare memristor is given stray capacitance to nodes that it has not.
    """
    if card.circuit != "memristor":
        # The neurons of a row take numbers of their own.
        return Neurons(card, seed, number * _MOST_IN_A_ROW, start_s, stray_f)
    if any(stray_f.values()):
        raise BenchError("A bare memristor has no stray capacitance to a gate or an output.")
    return Memristor(card, seed, number * _MOST_IN_A_ROW, start_s)


def read_bench(path: str | Path | None = None, pace: float | None = None) -> SimulatedBench:
    """Build a fresh bench from a bench file, or the default one; its pace may be replaced.

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
    entry = parse_simulated(document["simulated"])
    return SimulatedBench(entry if pace is None else entry.model_copy(update={"pace": pace}))


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


def canonical(address: str) -> str:
    """Return a resource name with all its defaults spelt out."""
    try:
        return str(rname.ResourceName.from_string(address))
    except rname.InvalidResourceName as error:
        raise BenchError(f"{address!r} is not a VISA resource name.") from error


def _device_entries(entry: SimulatedEntry) -> dict[str, DeviceEntry]:
    """Return the devices by name; the only one may be described at the top."""
    only = DeviceEntry(
        card=entry.card,
        spread=entry.spread,
        stray_gate_f=entry.stray_gate_f,
        stray_output_f=entry.stray_output_f,
    )
    return dict(entry.devices) or {"device": only}


def _cable(entry: InstrumentEntry, terminal: int) -> Cable:
    node = entry.terminals.get(terminal, "")
    special = entry.cables.get(terminal)
    if special is None:
        special = CableEntry(
            resistance_ohm=entry.probe_resistance_ohm if node else None,
            capacitance_f=entry.probe_capacitance_f if node else 0.0,
        )
    return Cable(
        node=node,
        load_ohm=special.resistance_ohm or inf,
        load_f=special.capacitance_f,
        ground_v=entry.ground_v,
        skew_s=special.skew_s,
    )
