"""An opened bench: instruments in their roles, a clock, and the way back to zero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

from instruments.roles import (
    Clock,
    ComplianceCheck,
    Digitizer,
    Prober,
    PulseSource,
    SourceMeter,
)
from labbench.bench.compliance import RAMP_STEP_S, ramp_down_levels
from labbench.bench.description import BenchDescription, InstrumentEntry, read_bench
from labbench.bench.guard import check_limits
from labbench.bench.safe_end import switch_off, unsafe
from labbench.errors import BenchError, InstrumentError, LabbenchError, LinkError
from labbench.features import Response
from labbench.model import ModelCard
from labbench.stimulus import Stimulus
from labbench.trace import Trace

ROLES = {"pulse_source": PulseSource, "digitizer": Digitizer, "supply": SourceMeter}
# Driver names of bench files: the role that each fills, and where it lives.
DRIVERS: dict[str, tuple[type, str]] = {
    "keysight33500": (PulseSource, "instruments.keysight33500:Keysight33500"),
    "keysight81160a": (PulseSource, "instruments.keysight81160a:Keysight81160A"),
    "keithley4200a_pulse": (PulseSource, "instruments.keithley4200a_pulse:Keithley4200APulse"),
    "infiniivision": (Digitizer, "instruments.infiniivision:InfiniiVision"),
    "keithley2400": (SourceMeter, "instruments.keithley2400:Keithley2400"),
    "keithley2600": (SourceMeter, "instruments.keithley2600:Keithley2600"),
    "keithley4200a": (SourceMeter, "instruments.keithley4200a:Keithley4200A"),
    "velox": (Prober, "instruments.velox:Velox"),
}


@dataclass(eq=False)
class Bench:
    """Instruments that are connected, and answer stimuli.

    Also the player of procedures. Use it as a context: on every way out, outputs go to zero and
    off, unless nothing was ever set (somebody else may be using the instruments).
    """

    description: BenchDescription
    clock: Clock
    pulse_source: PulseSource
    digitizer: Digitizer
    supply: SourceMeter
    truth: ModelCard | None
    _close: Callable[[], None]
    _is_touched: bool = False
    compliance: ComplianceCheck | None = field(default=None, init=False)

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        faults = self.make_safe() if self._is_touched else []
        try:
            self._close()
        finally:
            if faults:
                raise InstrumentError(unsafe(faults)) from error

    def roles(self) -> dict[str, tuple[InstrumentEntry, Any]]:
        """Return the instruments by role, each with its entry in the bench file."""
        entries = self.description.instruments
        return {
            "pulse_source": (entries.pulse_source, self.pulse_source),
            "digitizer": (entries.digitizer, self.digitizer),
            "supply": (entries.supply, self.supply),
        }

    def start(self) -> None:
        """Feed the load resistor, and see that nothing is shorted; `compliance` says what was seen.

        Raises
        ------
        InstrumentError
            If the supply is in compliance with the neuron at rest.
        """
        wiring = self.description.wiring
        self._is_touched = True
        self.compliance = None
        check = self.supply.source_voltage(wiring.supply_v, wiring.supply_compliance_a)
        reading = self.supply.measure()
        self.compliance = replace(check, in_compliance=reading.in_compliance)
        if reading.in_compliance:
            raise InstrumentError(
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

    def play(self, stimulus: Stimulus) -> Response:
        """Apply a stimulus, record the response, and rest.

        Raises
        ------
        LimitError
            If the stimulus exceeds the bench's limits; nothing is applied then.
        """
        check_limits(stimulus, self.description.limits)
        recording, wiring = self.description.recording, self.description.wiring
        self._is_touched = True
        emitted = self.pulse_source.load(stimulus)
        self.digitizer.arm(
            duration_s=stimulus.duration_s + recording.pre_s,
            pre_s=recording.pre_s,
            interval_s=recording.interval_s,
            ranges={
                # A fifth more than the signal at each end, so that noise stays off the rails.
                wiring.input_channel: (1.4 * _span(stimulus), _middle(stimulus)),
                wiring.output_channel: (1.4 * wiring.supply_v, 0.5 * wiring.supply_v),
            },
        )
        self.pulse_source.arm()
        self.pulse_source.trigger()
        self.clock.sleep(stimulus.duration_s)
        record = self.digitizer.read()
        rested_s = self.clock.now() + stimulus.rest_s
        self.observe()
        self.clock.sleep(max(rested_s - self.clock.now(), 0.0))
        names = {str(wiring.input_channel): "input", str(wiring.output_channel): "output"}
        return Response(emitted, _renamed(record, names))

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
        """Bring every output to zero and off, and return what failed; see `switch_off`."""
        return switch_off({role: (e.address, each) for role, (e, each) in self.roles().items()})

    def ramp_down(self) -> None:
        """Bring the supply to zero in small steps, for devices that a sudden end would hurt."""
        wiring = self.description.wiring
        for level_v in ramp_down_levels(wiring.supply_v):
            self.supply.source_voltage(level_v, wiring.supply_compliance_a)
            self.clock.sleep(RAMP_STEP_S)

    def check(self) -> list[str]:
        """Return a line for each role: who answers there, and the limits; changes nothing."""
        limits = self.description.limits
        lines = [
            f"{role}: {instrument.identity} at {entry.address} ({entry.driver})"
            for role, (entry, instrument) in self.roles().items()
        ]
        source_v = self.pulse_source.max_voltage_v
        lines.append(
            f"limits: {limits.voltage_v:g} V for {limits.pulse_width_s:g} s at most "
            f"(the pulse source reaches {source_v:g} V), supply {limits.supply_v:g} V, "
            f"{limits.supply_compliance_a:g} A"
        )
        return lines


def open_bench(path: str | Path) -> Bench:
    """Open the bench of a bench file and connect to its instruments; nothing is energised.

    Raises
    ------
    BenchError
        If the file is not a bench or names an unknown driver.
    LinkError
        If instruments do not answer; all of them are named.
    """
    import pyvisa

    description = read_bench(path)
    library = f"{path}@labbench" if description.visa == "@labbench" else description.visa
    try:
        manager = pyvisa.ResourceManager(library)
    except (ValueError, OSError) as error:
        raise BenchError(
            f"Bench {description.name!r} asks for the VISA library {description.visa!r}: {error}."
        ) from error
    try:
        clock, truth = _surroundings(description, manager)
        connected = _connect(description, manager, clock)
    except BaseException:
        manager.close()
        raise
    return Bench(description, clock, **connected, truth=truth, _close=manager.close)


def _surroundings(description: BenchDescription, manager: Any) -> tuple[Clock, ModelCard | None]:
    if description.is_simulated:
        from instruments.simulated.bench import bench_of

        simulated = bench_of(manager)
        return simulated.clock, simulated.truth
    from instruments.clock import SystemClock

    return SystemClock(), None


def _connect(description: BenchDescription, manager: Any, clock: Clock) -> dict[str, Any]:
    entries = description.instruments
    chosen = [(role, getattr(entries, role)) for role in type(entries).model_fields]
    drivers = {role: _driver(entry.driver) for role, entry in chosen}
    connected, faults = {}, []
    for role, entry in chosen:
        try:
            connected[role] = drivers[role](
                entry.address, visa_library=manager.visalib, clock=clock, channel=entry.channel
            )
        except LabbenchError as error:
            faults.append(f"{role}: {error}")
            continue
        if not isinstance(connected[role], ROLES[role]):
            raise BenchError(
                f"Bench {description.name!r}: the driver {entry.driver!r} cannot be the {role}."
            )
    if faults:
        raise LinkError(f"Bench {description.name!r} is not complete: {'; '.join(faults)}")
    return connected


def _driver(name: str) -> Callable[..., Any]:
    if name not in DRIVERS:
        raise BenchError(f"There is no driver {name!r}: known are {', '.join(DRIVERS)}.")
    module, _, attribute = DRIVERS[name][1].partition(":")
    driver: Callable[..., Any] = getattr(import_module(module), attribute)
    return driver


def _renamed(trace: Trace, names: dict[str, str]) -> Trace:
    channels = {names[name]: channel for name, channel in trace.channels.items()}
    return Trace(
        channels,
        start_s=trace.start_s,
        interval_s=trace.interval_s,
        uneven_time_s=trace.uneven_time_s,
        notes=trace.notes,
    )


def _span(stimulus: Stimulus) -> float:
    level = stimulus.breakpoints()[1]
    return float(max(level.max(), 0.0) - min(level.min(), 0.0)) or 0.1


def _middle(stimulus: Stimulus) -> float:
    level = stimulus.breakpoints()[1]
    return float(max(level.max(), 0.0) + min(level.min(), 0.0)) / 2
