"""An opened bench: instruments in their roles, a clock, and the way back to zero."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from types import TracebackType
from typing import Any

import numpy as np

from instruments.roles import ComplianceCheck, Digitizer, Prober, PulseSource, SourceMeter
from labbench.bench.calibration import overdue
from labbench.bench.compliance import RAMP_STEP_S, ramp_down_levels
from labbench.bench.description import BenchDescription, InstrumentEntry, require_roles
from labbench.bench.guard import check_limits
from labbench.bench.routes import Routes, is_reached
from labbench.bench.safe_end import switch_off, unsafe
from labbench.bench.stoppable import StoppableClock
from labbench.bench.sweeping import (
    ROLES,
    check_sweep,
    play_sweep,
    seen_connection,
    two_terminal,
)
from labbench.connection import OPEN, Connection
from labbench.errors import BenchError, InstrumentError, ShortError
from labbench.features import Response
from labbench.model import ModelCard
from labbench.stimulus import Stimulus, Sweep
from labbench.trace import Channel, Trace

# What drives the nodes that a switch matrix connects.
DRIVING = ("pulse_source", "meter", "gate_meter")
# A transimpedance amplifier gives this much at most.
_AMPLIFIER_V = 10.0


@dataclass(eq=False)
class Bench:
    """Instruments that are connected, and answer stimuli.

    Also the player of procedures. Use it as a context: on every way out, outputs go to zero and
    off, unless nothing was ever set (somebody else may be using the instruments).
    """

    description: BenchDescription
    clock: StoppableClock
    instruments: Mapping[str, Any]
    truth: ModelCard | None
    _close: Callable[[], None]
    _is_touched: bool = False
    compliance: ComplianceCheck | None = field(default=None, init=False)
    # What became of the limits in the last sweeps, by role.
    sweep_checks: dict[str, ComplianceCheck] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._routes = Routes(self.description.wiring, self.instruments.get("switch"))
        self._has_supply = False
        self._fed_v: float | None = None

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        faults = self.leave()
        if faults:
            raise InstrumentError(unsafe(faults)) from error

    def leave(self) -> list[str]:
        """Close all links, outputs at zero and off if anything was set, and return what failed."""
        faults = self.make_safe() if self._is_touched else []
        try:
            self._close()
        except Exception as fault:
            if not faults:
                raise
            faults.append(f"the links could not be closed: {fault}")
        return faults

    @property
    def pulse_source(self) -> PulseSource:
        """What drives the input."""
        return self._filled("pulse_source")  # type: ignore[no-any-return]

    @property
    def digitizer(self) -> Digitizer:
        """What records."""
        return self._filled("digitizer")  # type: ignore[no-any-return]

    @property
    def supply(self) -> SourceMeter:
        """What feeds the load resistor."""
        return self._filled("supply")  # type: ignore[no-any-return]

    @property
    def meter(self) -> SourceMeter:
        """The source meter at the input."""
        return self._filled("meter")  # type: ignore[no-any-return]

    @property
    def gate_meter(self) -> SourceMeter:
        """The source meter at the gate."""
        return self._filled("gate_meter")  # type: ignore[no-any-return]

    @property
    def prober(self) -> Prober:
        """What brings devices under the needles."""
        return self._filled("prober")  # type: ignore[no-any-return]

    def _filled(self, role: str) -> Any:
        self.require((role,))
        return self.instruments[role]

    def roles(self) -> dict[str, tuple[InstrumentEntry, Any]]:
        """Return the instruments by role, each with its entry in the bench file."""
        entries = self.description.instruments.entries
        return {role: (entry, self.instruments[role]) for role, entry in entries.items()}

    def require(self, roles: Collection[str]) -> None:
        """Check that some roles are filled.

        Raises
        ------
        BenchError
            If they are not; all that are missing are named.
        """
        require_roles(self.description.name, self.instruments, roles)

    def start(self, needs: Collection[str] = ("pulse_source", "digitizer", "supply")) -> None:
        """Feed the load resistor, and see that nothing is shorted; `compliance` says what was seen.

        Parameters
        ----------
        needs : collection of str
            The roles that a procedure plays through; without supply or digitizer, nothing is fed.

        Raises
        ------
        BenchError
            If a role is not filled.
        ShortError
            If the supply is in compliance with the neuron at rest.
        """
        self.require(needs)
        wiring = self.description.wiring
        self._is_touched = True
        for role in dict.fromkeys(ROLES.values()):
            if role in self.instruments:
                # Off is not enough: many hold their terminal at zero then.
                self.instruments[role].safe()
        self.compliance = None
        self.sweep_checks.clear()
        # A sweep feeds the supply by itself, and has it off afterwards.
        self._has_supply = "supply" in needs and "digitizer" in needs
        if not self._has_supply:
            return
        supply = self.supply
        check = supply.source_voltage(wiring.supply_v, wiring.supply_compliance_a)
        self._fed_v = wiring.supply_v
        reading = supply.measure()
        self.compliance = replace(check, in_compliance=reading.in_compliance)
        if reading.in_compliance:
            raise ShortError(
                f"The supply is in compliance at rest: asked for {wiring.supply_v:g} V, found "
                f"{reading.voltage_v:g} V at {reading.current_a:g} A. The drain is shorted or the "
                "contact is wrong; nothing was applied to the device."
            )

    def observe(self) -> None:
        """Look at the supply once more, and note what was seen in `compliance`: None if off."""
        if self.compliance is not None:
            is_on = self.supply.is_output_on
            seen = self.supply.measure().in_compliance if is_on else None
            self.compliance = replace(self.compliance, in_compliance=seen)

    @property
    def control_resistances_ohm(self) -> tuple[float, ...]:
        """What can be switched between gate and ground."""
        return self._routes.control_resistances_ohm

    def reaches(self, connection: Connection) -> bool:
        """Whether a device can be brought into this connection."""
        return is_reached(self.description, self._routes, connection)

    def admit(self, stimulus: Stimulus) -> None:
        """Check a stimulus against the bench's limits, before anything is loaded.

        Raises
        ------
        LimitError
            If it exceeds them.
        """
        limits = self.description.limits
        if isinstance(stimulus, Sweep):
            has_gate = self.description.wiring.has_gate
            check_sweep(stimulus if has_gate else two_terminal(stimulus), limits)
        else:
            check_limits(stimulus, limits)

    def play(self, stimulus: Stimulus, connection: Connection = OPEN) -> Response:
        """Connect the device, apply a stimulus, record the response, and rest.

        Raises
        ------
        LimitError
            If the stimulus exceeds the bench's limits; nothing is applied then.
        BenchError
            If the wiring does not reach the connection.
        """
        self.admit(stimulus)
        if isinstance(stimulus, Sweep):
            return self._sweep(stimulus, connection)
        self._is_touched = True
        self._routes.bring(connection, self._quiet)
        self._feed(connection)
        recording = self.description.recording
        source, digitizer = self.pulse_source, self.digitizer
        emitted = source.load(stimulus)
        digitizer.arm(
            duration_s=stimulus.duration_s + recording.pre_s,
            pre_s=recording.pre_s,
            interval_s=recording.interval_s,
            ranges=self._ranges(stimulus, connection),
        )
        source.arm()
        source.trigger()
        self.clock.sleep(stimulus.duration_s)
        record = digitizer.read()
        rested_s = self.clock.now() + stimulus.rest_s
        self.observe()
        self.clock.sleep(max(rested_s - self.clock.now(), 0.0))
        return Response(emitted, self._named(record), self._known(connection))

    def _quiet(self) -> None:
        """Switch off what drives input and gate, and let the gate discharge.

        A relay that breaks or makes a current wears and welds, and would hand the device a charge
        that nobody asked for. The supply stays: no relay carries its current.
        """
        for role in DRIVING:
            if role in self.instruments and self.instruments[role].is_output_on:
                self.instruments[role].safe()
        self.clock.sleep(self.description.wiring.discharge_s)

    def _sweep(self, sweep: Sweep, connection: Connection) -> Response:
        """Play a sweep on the source meters; all of them are at zero and off afterwards."""
        wiring, limits = self.description.wiring, self.description.limits
        sweep = sweep if wiring.has_gate else two_terminal(sweep)
        terminals = (sweep.terminal, *sweep.bias)
        self.require([ROLES[name] for name in terminals])
        self._is_touched = True
        if wiring.has_gate:
            self._routes.bring(replace(connection, gate="open"), self._quiet)
        meters = {name: self.instruments[ROLES[name]] for name in terminals}
        played = play_sweep(sweep, meters, limits, self.clock)
        self.sweep_checks.update({ROLES[name]: each for name, each in played.checks.items()})
        self.clock.sleep(sweep.rest_s)
        return Response(played.sweep, played.trace, seen_connection(sweep, connection, wiring))

    def _feed(self, connection: Connection) -> None:
        """Set the supply that a connection asks for, or the usual one again."""
        wiring = self.description.wiring
        asked_v = wiring.supply_v if connection.supply_v is None else connection.supply_v
        if asked_v == (wiring.supply_v if self._fed_v is None else self._fed_v):
            return
        if self._fed_v is None or not self.reaches(connection):
            raise BenchError(
                f"A supply of {asked_v:g} V is not to be had here: limits.supply_v allows "
                f"{self.description.limits.supply_v:g} V, and the supply must be on."
            )
        self.supply.source_voltage(asked_v, wiring.supply_compliance_a)
        self._fed_v = asked_v

    def _ranges(self, stimulus: Stimulus, connection: Connection) -> dict[int, tuple[float, float]]:
        """Return the digitizer's channels that see something, with full scale and middle in V."""
        wiring = self.description.wiring
        supply_v = connection.supply_v or wiring.supply_v
        # A fifth more than the signal at each end, so that noise stays off the rails.
        ranges = {"input": (1.4 * _span(stimulus), _middle(stimulus))}
        if connection.gate == "grounded":
            assert wiring.amplifier is not None  # the routes have seen it
            most_v = (connection.current_range_a or np.inf) * wiring.amplifier.gain
            ranges["memristor"] = (2.8 * min(most_v, _AMPLIFIER_V / 1.4), 0.0)
        else:
            ranges["output"] = ranges["output2"] = (1.4 * supply_v, 0.5 * supply_v)
        if connection.gate == "follower":
            assert wiring.follower is not None
            most_v = wiring.follower.gain * stimulus.peak
            ranges["gate"] = (1.4 * most_v, 0.5 * most_v)
        channels = wiring.channels
        return {channels[name]: each for name, each in ranges.items() if name in channels}

    def _named(self, record: Trace) -> Trace:
        """Return a record with its channels named after what they see, in its unit."""
        wiring = self.description.wiring
        names = {str(channel): name for name, channel in wiring.channels.items()}
        channels = {names[name]: channel for name, channel in record.channels.items()}
        if "memristor" in channels and wiring.amplifier is not None:
            per_volt = 1.0 / wiring.amplifier.gain
            channels["memristor"] = _scaled(channels["memristor"], per_volt, "current", "A")
        if "gate" in channels and wiring.follower is not None:
            channels["gate"] = _scaled(channels["gate"], 1.0 / wiring.follower.gain, "voltage", "V")
        return replace(record, channels=channels)

    def _known(self, connection: Connection) -> Connection:
        """Return the connection with what the wiring says about output and follower."""
        wiring = self.description.wiring
        if connection.gate == "follower" and wiring.follower is not None:
            added_f = wiring.follower.input_capacitance_f
            connection = replace(connection, added_capacitance_f=added_f)
        if connection.gate == "grounded" or not self._has_supply:
            return connection
        return replace(
            connection,
            load_resistance_ohm=wiring.load_resistance_ohm,
            supply_v=self._fed_v,
            interstage_gain=wiring.interstage_gain,
        )

    def safe(self) -> None:
        """Bring every output to zero and off.

        Raises
        ------
        InstrumentError
            If an instrument could not be brought there; all others were.
        """
        faults = self.make_safe()
        if faults:
            raise InstrumentError(unsafe(faults))

    def make_safe(self) -> list[str]:
        """Bring every output to zero and off, and return what failed; see `switch_off`.

        The switch is the last role: its relays open when nothing drives them any more. A prober
        has no output; the next run on the device wants it where it is.
        """
        self._routes.forget()
        self._fed_v = None
        outputs = {role: each for role, each in self.roles().items() if role != "prober"}
        return switch_off({role: (e.address, each) for role, (e, each) in outputs.items()})

    def ramp_down(self) -> None:
        """Bring the supply to zero in small steps, for devices that a sudden end would hurt."""
        wiring = self.description.wiring
        for level_v in ramp_down_levels(self._fed_v or wiring.supply_v):
            self.supply.source_voltage(level_v, wiring.supply_compliance_a)
            self.clock.sleep(RAMP_STEP_S)

    def check(self) -> list[str]:
        """Return a line for each role: who answers there, the limits, and what is overdue.

        Changes nothing.
        """
        limits = self.description.limits
        lines = [
            f"{role}: {instrument.identity} at {entry.address} ({entry.driver})"
            for role, (entry, instrument) in self.roles().items()
        ]
        reach = ""
        if "pulse_source" in self.instruments:
            source_v = self.pulse_source.max_voltage_v
            reach = f" (the pulse source reaches {source_v:g} V)"
        lines.append(
            f"limits: {limits.voltage_v:g} V for {limits.pulse_width_s:g} s at most{reach}, "
            f"supply {limits.supply_v:g} V, {limits.supply_compliance_a:g} A"
        )
        return lines + [f"warning: {line}" for line in overdue(self.description, date.today())]


def _scaled(channel: Channel, factor: float, quantity: str, unit: str) -> Channel:
    """Return a channel as what stands behind its volts; the samples stay as they came."""

    def times(value: float | None) -> float | None:
        return None if value is None else value * factor

    return replace(
        channel,
        quantity=quantity,
        unit=unit,
        scale=channel.scale * factor,
        offset=channel.offset * factor,
        rail_low=times(channel.rail_low),
        rail_high=times(channel.rail_high),
        floor=times(channel.floor),
    )


def _span(stimulus: Stimulus) -> float:
    level = stimulus.breakpoints()[1]
    return float(max(level.max(), 0.0) - min(level.min(), 0.0)) or 0.1


def _middle(stimulus: Stimulus) -> float:
    level = stimulus.breakpoints()[1]
    return float(max(level.max(), 0.0) + min(level.min(), 0.0)) / 2
