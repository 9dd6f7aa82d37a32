"""Opening a bench: from its file to instruments that answer, in their roles."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from instruments.roles import (
    Clock,
    Digitizer,
    Prober,
    PulseSource,
    SourceMeter,
    SwitchMatrix,
)
from labbench.bench.bench import Bench
from labbench.bench.description import BenchDescription, read_bench
from labbench.bench.stoppable import StoppableClock
from labbench.errors import BenchError, LabbenchError, LinkError
from labbench.model import ModelCard

ROLES = {
    "pulse_source": PulseSource,
    "digitizer": Digitizer,
    "supply": SourceMeter,
    "meter": SourceMeter,
    "gate_meter": SourceMeter,
    "switch": SwitchMatrix,
    "prober": Prober,
}
# Driver names of bench files: the role that each fills, and where it lives.
DRIVERS: dict[str, tuple[type, str]] = {
    "keysight33500": (PulseSource, "instruments.keysight33500:Keysight33500"),
    "keysight81160a": (PulseSource, "instruments.keysight81160a:Keysight81160A"),
    "keithley4200a_pulse": (PulseSource, "instruments.keithley4200a_pulse:Keithley4200APulse"),
    "infiniivision": (Digitizer, "instruments.infiniivision:InfiniiVision"),
    "keithley2400": (SourceMeter, "instruments.keithley2400:Keithley2400"),
    "keithley2600": (SourceMeter, "instruments.keithley2600:Keithley2600"),
    "keithley4200a": (SourceMeter, "instruments.keithley4200a:Keithley4200A"),
    "keithley7001": (SwitchMatrix, "instruments.keithley7001:Keithley7001"),
    "velox": (Prober, "instruments.velox:Velox"),
}


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
        surrounding, truth = _surroundings(description, manager)
        clock = StoppableClock(surrounding)
        connected = _connect(description, manager, clock)
    except BaseException:
        manager.close()
        raise
    return Bench(description, clock, connected, truth, manager.close)


def _surroundings(description: BenchDescription, manager: Any) -> tuple[Clock, ModelCard | None]:
    if description.is_simulated:
        from instruments.simulated.bench import bench_of

        simulated = bench_of(manager)
        return simulated.clock, simulated.truth
    from instruments.clock import SystemClock

    return SystemClock(), None


def _connect(description: BenchDescription, manager: Any, clock: Clock) -> dict[str, Any]:
    entries = description.instruments.entries
    drivers = {role: _driver(entry.driver) for role, entry in entries.items()}
    connected, faults = {}, []
    for role, entry in entries.items():
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
