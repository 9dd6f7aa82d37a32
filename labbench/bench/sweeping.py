"""Sweeps on source meters: limits first, then the held terminals, then the staircase, then zero.

A sweep of the input goes through the meter's own list of levels, so that its dwell is the
instrument's. Where other terminals are held and their current is what is wanted (the curves of a
transistor), every level is set and all meters are read, point by point.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from instruments.roles import Clock, ComplianceCheck, Reading, SourceMeter, SweepReading
from labbench.bench.description import Limits, Wiring
from labbench.connection import Connection
from labbench.errors import BenchError, LimitError, ShortError
from labbench.model.sweeping import limited_channel
from labbench.stimulus import Sweep
from labbench.trace import Channel, Trace

# The role that sits at each terminal of a device.
ROLES = {"input": "meter", "gate": "gate_meter", "supply": "supply"}
# The channels of each terminal: its voltage, and the current into it.
CHANNELS = {
    "input": ("input", "memristor"),
    "gate": ("gate", "gate_current"),
    "supply": ("supply", "supply_current"),
}
# A held terminal that is further from its level than this is not held.
_HELD_V, _HELD_SHARE = 5e-3, 0.02


@dataclass(frozen=True, eq=False)
class SweepPlayed:
    """What was really swept, what came back, and what became of each terminal's limit."""

    sweep: Sweep
    trace: Trace
    checks: Mapping[str, ComplianceCheck]


def two_terminal(sweep: Sweep) -> Sweep:
    """Return a sweep for a device whose other end is ground: a gate at 0 V is there already.

    Raises
    ------
    BenchError
        If the sweep needs a gate or a supply.
    """
    needed = {sweep.terminal, *sweep.bias} - {"input"}
    if needed - {"gate"} or sweep.terminal == "gate" or sweep.bias.get("gate", 0.0) != 0.0:
        raise BenchError(
            f"A sweep at the {sweep.terminal} with {dict(sweep.bias)} needs a device with a gate; "
            "this bench file says wiring.has_gate = false."
        )
    return replace(sweep, bias={})


def check_sweep(sweep: Sweep, limits: Limits) -> None:
    """Check a sweep before anything is applied.

    Raises
    ------
    LimitError
        If a level, a held voltage, the compliance or the duration exceeds what the bench allows.
    """
    asked_v = {sweep.terminal: sweep.peak} | {name: abs(v) for name, v in sweep.bias.items()}
    for terminal, level_v in asked_v.items():
        name = "supply_v" if terminal == "supply" else "voltage_v"
        most_v = getattr(limits, name)
        if level_v > most_v:
            raise LimitError(
                f"The sweep brings the {terminal} to {level_v:g} V, the bench allows {most_v:g} V: "
                f"lower it, or raise limits.{name} in the bench file if the device can stand it."
            )
    most_a = limits.compliance_of(sweep.terminal)
    if sweep.compliance_a is not None and sweep.compliance_a > most_a:
        raise LimitError(
            f"The sweep asks for a compliance of {sweep.compliance_a:g} A at the {sweep.terminal}, "
            f"the bench allows {most_a:g} A: lower it, or raise limits.compliance_a."
        )
    if sweep.duration_s > limits.sweep_duration_s:
        raise LimitError(
            f"The sweep takes {sweep.duration_s:g} s, the bench allows "
            f"{limits.sweep_duration_s:g} s: take fewer levels or a shorter dwell, or raise "
            "limits.sweep_duration_s."
        )


def play_sweep(
    sweep: Sweep, meters: Mapping[str, SourceMeter], limits: Limits, clock: Clock
) -> SweepPlayed:
    """Hold, sweep, and bring every terminal to zero and off, on every way out.

    Parameters
    ----------
    sweep : Sweep
        Within the limits.
    meters : mapping of str to SourceMeter
        By terminal; those of the sweep and of what it holds.
    limits : Limits
        Their compliances stand where the sweep has none, and for what is held.
    clock : Clock

    Raises
    ------
    ShortError
        If a terminal cannot be held, or an output not be brought to zero.
    """
    compliance_a = sweep.compliance_a or limits.compliance_of(sweep.terminal)
    held = {name: meters[name] for name in sweep.bias}
    swept = meters[sweep.terminal]
    checks: dict[str, ComplianceCheck] = {}
    try:
        for name, meter in held.items():
            check = meter.source_voltage(sweep.bias[name], limits.compliance_of(name))
            checks[name] = replace(check, in_compliance=_verified(name, meter, sweep.bias[name]))
        dwell_s = sweep.dwell_s
        if dwell_s is None:
            raise BenchError("A sweep without a dwell time cannot be played: give it one.")
        if held and sweep.terminal != "input":
            readings = _point_by_point(sweep, compliance_a, meters, clock)
        else:
            readings = {sweep.terminal: swept.sweep(sweep.voltage_v, compliance_a, dwell_s)}
        for name, meter in held.items():
            seen = bool(checks[name].in_compliance) or meter.measure().in_compliance
            if name in readings:
                seen = seen or bool(readings[name].in_compliance.any())
            checks[name] = replace(checks[name], in_compliance=seen)
    finally:
        _switch_off([swept, *held.values()])
    found = readings[sweep.terminal].check
    if found is not None:
        checks[sweep.terminal] = found
    limits_a = {name: limits.compliance_of(name) for name in held}
    return _played(sweep, readings, limits_a | {sweep.terminal: compliance_a}, checks)


def _verified(name: str, meter: SourceMeter, level_v: float) -> bool:
    """Look whether a terminal is held, and return whether its limit acts."""
    found = meter.measure()
    if abs(found.voltage_v - level_v) > _HELD_V + _HELD_SHARE * abs(level_v):
        raise ShortError(
            f"The {name} is not held: asked for {level_v:g} V, found {found.voltage_v:g} V at "
            f"{found.current_a:g} A. It is shorted or the contact is wrong; nothing was swept."
        )
    return found.in_compliance


def _point_by_point(
    sweep: Sweep, compliance_a: float, meters: Mapping[str, SourceMeter], clock: Clock
) -> dict[str, SweepReading]:
    assert sweep.dwell_s is not None
    found: dict[str, list[Reading]] = {name: [] for name in (sweep.terminal, *sweep.bias)}
    time_s = []
    for level_v in sweep.voltage_v.tolist():
        until_s = clock.now() + sweep.dwell_s
        check = meters[sweep.terminal].source_voltage(level_v, compliance_a)
        clock.sleep(max(until_s - clock.now(), 0.0))
        for name, readings in found.items():
            readings.append(meters[name].measure())
        time_s.append(clock.now())
    made = {
        name: SweepReading(
            level_v=sweep.voltage_v,
            voltage_v=np.array([each.voltage_v for each in readings]),
            current_a=np.array([each.current_a for each in readings]),
            time_s=np.array(time_s) - time_s[0],
            in_compliance=np.array([each.in_compliance for each in readings]),
        )
        for name, readings in found.items()
    }
    limited = bool(made[sweep.terminal].in_compliance.any())
    check = replace(check, in_compliance=limited)
    return made | {sweep.terminal: replace(made[sweep.terminal], check=check)}


def _switch_off(meters: list[SourceMeter]) -> None:
    """Bring outputs to zero and off, the later ones even if an earlier one fails."""
    failures: list[Exception] = []
    for meter in meters:
        try:
            meter.safe()
        except Exception as error:  # noqa: BLE001 - whatever it is, the others come next
            failures.append(error)
    if failures:
        raise failures[0]


def _played(
    sweep: Sweep,
    readings: Mapping[str, SweepReading],
    limits_a: Mapping[str, float],
    checks: Mapping[str, ComplianceCheck],
) -> SweepPlayed:
    main = readings[sweep.terminal]
    assert sweep.dwell_s is not None
    n = main.time_s.size
    dwell_s = float(main.time_s[-1]) / (n - 1) if n > 1 else sweep.dwell_s
    channels, notes = {}, []
    for terminal, reading in readings.items():
        voltage, current = CHANNELS[terminal]
        channels[voltage] = Channel(reading.voltage_v, "voltage", "V")
        channels[current] = limited_channel(
            reading.current_a, reading.in_compliance, limits_a[terminal]
        )
        odd = int(np.sum(reading.in_compliance & ~channels[current].is_censored))
        if odd:
            notes.append(
                f"{terminal}: {odd} of {n} readings met their limit for a part of the time"
            )
    notes += [f"{name}: its limit acted" for name in sweep.bias if checks[name].in_compliance]
    trace = Trace(channels, uneven_time_s=main.time_s + dwell_s, notes=tuple(notes))
    emitted = replace(sweep, dwell_s=dwell_s, compliance_a=limits_a[sweep.terminal])
    return SweepPlayed(emitted, trace, checks)


def seen_connection(sweep: Sweep, connection: Connection, wiring: Wiring) -> Connection:
    """Return how the device was connected: its gate, and its load where the supply has a part."""
    if sweep.terminal == "input" and sweep.bias.get("gate", None) == 0.0:
        return replace(connection, gate="grounded")
    if "supply" in (sweep.terminal, *sweep.bias):
        return replace(connection, load_resistance_ohm=wiring.load_resistance_ohm)
    return connection
