"""The bench description, `bench.toml`: which instrument fills which role, wiring and limits."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from labbench.errors import BenchError
from labbench.model.output import Loading


def _day(value: object) -> object:
    """Refuse what is no day."""
    if isinstance(value, str):
        return date.fromisoformat(value)
    if type(value) is not date:
        raise ValueError("a date is written as 2026-01-31")
    return value


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Channel = Annotated[int, Field(ge=1, le=4)]
Route = tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]
# Written as a date of TOML, or in quotation marks; not as a number of seconds.
Day = Annotated[date, BeforeValidator(_day)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InstrumentEntry(_Section):
    """One instrument.

    Attributes
    ----------
    driver, address : str
        The name of its driver, and its VISA address.
    channel : int
    calibrated, calibration_due : date, optional
        When it was calibrated last, and until when that holds, as its certificate says.
    """

    driver: str
    address: str
    channel: Channel = 1
    calibrated: Day | None = None
    calibration_due: Day | None = None


class Instruments(_Section):
    """The roles of a bench; a procedure says which of them it needs.

    Attributes
    ----------
    pulse_source : drives the input.
    digitizer : records input and output.
    supply : source meter that feeds the load resistor.
    meter : source meter at the input, for what is too slow or too small for pulses.
    gate_meter : source meter at the gate.
    switch : switch matrix that connects what `wiring` gives a route.
    prober : brings the devices of a wafer under the needles; only a sweep moves it.
    """

    pulse_source: InstrumentEntry | None = None
    digitizer: InstrumentEntry | None = None
    supply: InstrumentEntry | None = None
    meter: InstrumentEntry | None = None
    gate_meter: InstrumentEntry | None = None
    switch: InstrumentEntry | None = None
    prober: InstrumentEntry | None = None

    @property
    def entries(self) -> dict[str, InstrumentEntry]:
        """The roles that are filled, in the order above."""
        found = {role: getattr(self, role) for role in type(self).model_fields}
        return {role: entry for role, entry in found.items() if entry is not None}


class GateProbe(_Section):
    """An amplifier at the gate, seen by a digitizer channel.

    Attributes
    ----------
    channel : int
        Of the digitizer.
    gain : float
        Volts at the channel for a volt at the gate (follower) or for an ampere into the amplifier.
    route : (row, column), optional
        Of the switch matrix, closed to connect it; without, it is always connected.
    input_capacitance_f : float
        What a follower adds to the gate.
    """

    channel: Channel
    gain: Positive
    route: Route | None = None
    input_capacitance_f: NotNegative = 0.0


class ControlResistor(_Section):
    """A resistor that a switch puts between gate and ground, and what there is in all then."""

    route: Route
    total_resistance_ohm: Positive


class Wiring(_Section):
    """Which digitizer channel sees which node, and what hangs on the nodes.

    Attributes
    ----------
    second_output_channel : int, optional
        Of the second neuron of a chain.
    interstage_gain : float, optional
        Of the stage between the first neuron and the second.
    follower : GateProbe, optional
        A buffer that watches the gate, volts for volts.
    amplifier : GateProbe, optional
        A transimpedance amplifier that holds the gate at ground, volts for amperes.
    control_resistors : tuple of ControlResistor
    discharge_s : float
        How long the gate is left to discharge before a relay moves: many time constants of gate
        capacitance and control resistance.
    has_gate : bool
        False for a device with two terminals, whose other end is ground.
    """

    input_channel: Channel = 1
    output_channel: Channel = 2
    second_output_channel: Channel | None = None
    interstage_gain: Positive | None = None
    follower: GateProbe | None = None
    amplifier: GateProbe | None = None
    control_resistors: tuple[ControlResistor, ...] = ()
    discharge_s: NotNegative = 0.05
    supply_v: NotNegative = 0.5
    supply_compliance_a: Positive = 50e-6
    load_resistance_ohm: Positive = 47e3
    has_gate: bool = True
    probe_resistance_ohm: Positive = 1e7
    probe_capacitance_f: NotNegative = 1e-11

    @property
    def channels(self) -> dict[str, int]:
        """The digitizer's channels by what they see."""
        found = {
            "input": self.input_channel,
            "output": self.output_channel,
            "output2": self.second_output_channel,
            "gate": None if self.follower is None else self.follower.channel,
            "memristor": None if self.amplifier is None else self.amplifier.channel,
        }
        return {name: channel for name, channel in found.items() if channel is not None}

    @property
    def routes(self) -> tuple[Route, ...]:
        """What a switch matrix has to connect."""
        probes = (each.route for each in (self.follower, self.amplifier) if each is not None)
        resistors = (each.route for each in self.control_resistors)
        return tuple(each for each in (*probes, *resistors) if each is not None)

    @property
    def loading(self) -> Loading:
        """The probe on the output, as the model takes it."""
        return Loading(self.probe_resistance_ohm, self.probe_capacitance_f)


class Limits(_Section):
    """Absolute limits that no procedure can exceed.

    Attributes
    ----------
    voltage_v : float
        Largest absolute input voltage.
    pulse_width_s : float
        Longest time at once away from zero.
    supply_v, supply_compliance_a : float
        Of the supply.
    compliance_a : float or mapping of str to float
        Of the source meters in sweeps; for all of them, or for "input", "gate" and "supply".
    sweep_duration_s : float
        Longest sweep; `pulse_width_s` is not for sweeps.
    min_resistance_ohm : float
        The smallest resistance that could be in the path of the pulses. By default the output of
        a usual generator alone: the device shorted, nothing in series. A series resistor, or a
        limiting generator, allows more, and makes the worst case the less pessimistic.
    current_a : float or None
        Largest worst-case current, peak voltage over `min_resistance_ohm`; None for no bound.
    charge_c, energy_j, n_pulses, duration_s : float or None
        Of one run, at worst: charge and heat, pulses, records and rests together; None for no
        bound.
    """

    voltage_v: Positive = 3.0
    pulse_width_s: Positive = 0.1
    supply_v: Positive = 1.2
    supply_compliance_a: Positive = 1e-3
    min_resistance_ohm: Positive = 50.0
    current_a: Positive | None = None
    charge_c: Positive | None = None
    energy_j: Positive | None = None
    n_pulses: Annotated[int, Field(gt=0)] | None = None
    duration_s: Positive | None = None
    compliance_a: Positive | dict[Literal["input", "gate", "supply"], Positive] = 1e-3
    sweep_duration_s: Positive = 600.0

    def compliance_of(self, terminal: str) -> float:
        """Return the largest compliance of a sweep at a terminal, in A."""
        given = self.compliance_a
        by_terminal = given if isinstance(given, dict) else {"input": given, "gate": given}
        default_a = type(self).model_fields["compliance_a"].default
        if terminal == "supply":
            default_a = self.supply_compliance_a
        return float(
            {str(key): value for key, value in by_terminal.items()}.get(terminal, default_a)
        )


class Recording(_Section):
    """Sampling interval, and the time recorded before each stimulus."""

    interval_s: Positive = 1e-6
    pre_s: NotNegative = 2e-4


class BenchDescription(_Section):
    """A validated bench file; `simulated` is the simulator's own part."""

    name: str
    visa: str = "@py"
    instruments: Instruments
    wiring: Wiring = Wiring()
    limits: Limits = Limits()
    recording: Recording = Recording()
    simulated: dict[str, Any] | None = None

    @property
    def is_simulated(self) -> bool:
        """Whether simulated instruments answer."""
        return self.visa.endswith("@labbench")


def read_bench(path: str | Path) -> BenchDescription:
    """Read and validate a bench file.

    Raises
    ------
    BenchError
        If it is not there, not TOML, or not a bench; all faults are named at once.
    """
    try:
        document = tomllib.loads(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"No bench file {str(path)!r}: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise BenchError(f"Bench file {str(path)!r} is not valid TOML: {error}.") from error
    try:
        bench = BenchDescription.model_validate(document)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']} (found {fault['input']!r})"
            for fault in error.errors()
        )
        raise BenchError(f"Bench file {str(path)!r} is not a bench: {faults}.") from error
    _check_limits(bench)
    return bench


def require_roles(bench: str, filled: Collection[str], roles: Collection[str]) -> None:
    """Check that some roles of a bench are filled.

    Raises
    ------
    BenchError
        If they are not; all that are missing are named.
    """
    missing = [role for role in roles if role not in filled]
    if missing:
        raise BenchError(
            f"Bench {bench!r} has no {', no '.join(missing)}, which is needed for what was asked: "
            "fill the role in [instruments] of its file."
        )


def _check_limits(bench: BenchDescription) -> None:
    wiring, limits = bench.wiring, bench.limits
    channels = wiring.channels
    if len(set(channels.values())) < len(channels):
        raise BenchError(
            f"Bench {bench.name!r}: wiring.input_channel, wiring.output_channel and the others are "
            f"each a channel of the digitizer for itself, not {channels}."
        )
    if not bench.instruments.entries:
        raise BenchError(f"Bench {bench.name!r} has no instruments: fill a role at least.")
    for role, entry in bench.instruments.entries.items():
        done, due = entry.calibrated, entry.calibration_due
        if done is not None and due is not None and due < done:
            raise BenchError(
                f"Bench {bench.name!r}: instruments.{role} was calibrated on {done} and due for it "
                f"before, on {due}: correct one of them."
            )
    routes = wiring.routes
    if routes and bench.instruments.switch is None:
        raise BenchError(
            f"Bench {bench.name!r}: wiring has routes, {list(map(list, routes))}, but nothing "
            "closes them: fill the role of the switch in [instruments]."
        )
    if len(set(routes)) < len(routes):
        raise BenchError(f"Bench {bench.name!r}: each route of wiring connects one thing only.")
    for what, asked, limit, unit in (
        ("supply_v", wiring.supply_v, limits.supply_v, "V"),
        ("supply_compliance_a", wiring.supply_compliance_a, limits.supply_compliance_a, "A"),
    ):
        if asked > limit:
            raise BenchError(
                f"Bench {bench.name!r}: wiring.{what} asks for {asked:g} {unit}, "
                f"limits.{what} allows {limit:g} {unit}."
            )
