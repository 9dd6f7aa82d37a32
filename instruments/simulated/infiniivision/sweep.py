"""The TIMebase, TRIGger and ACQuire commands: when and how long is recorded, and in which way."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING

from instruments.simulated.infiniivision.settings import add_limited
from instruments.simulated.infiniivision.trigger import Condition
from instruments.simulated.scpi.message import Parameter, ScpiError, choice, number

if TYPE_CHECKING:
    from instruments.simulated.infiniivision.oscilloscope import Oscilloscope

_CHANNELS = 4
_DIVISIONS = 10.0
_LONGEST_SPAN_S = 500.0
_SOURCES = "CHANnel1 CHANnel2 CHANnel3 CHANnel4 EXTernal LINE"
# From the middle of the screen, of full scale.
_LEVEL_REACH = 0.75
_MODES = "EDGE GLITch PATTern TV DELay EBURst OR RUNT SHOLd TRANsition SBUS1 SBUS2"


def add_commands(scope: Oscilloscope) -> None:
    """Add the commands of the time base, the trigger and the acquisition."""
    _add_timebase(scope)
    _add_trigger(scope)
    _add_acquire(scope)


def condition(scope: Oscilloscope) -> Condition:
    """Return what is triggered on."""
    get = scope.settings
    source = get["trigger_source", 0]
    channel = int(source[-1]) if source.startswith("CHAN") else 0
    coupling = {"AC": "AC", "LFR": "LFR"}.get(get["trigger_coupling", 0])
    filters = {coupling} if coupling else set()
    if get["reject", 0] != "OFF":
        filters.add(get["reject", 0])
    if get["high_reject", 0]:
        filters.add("HFR")
    found = Condition(
        source=source,
        slope=get["slope", 0],
        level_v=get["level", channel],
        full_scale_v=get["range", channel] if channel else get["external_range", 0],
        filters=tuple(sorted(filters)),
        is_noise_rejected=get["noise_reject", 0],
    )
    if get["trigger_mode", 0] == "EDGE":
        return found
    least_s, most_s = get["pulse_greater", 0], get["pulse_less", 0]
    shortest_s, longest_s = {
        "GRE": (least_s, inf),
        "LESS": (0.0, most_s),
        "RANG": (get["pulse_from", 0], get["pulse_to", 0]),
    }[get["pulse_qualifier", 0]]
    return Condition(
        source=source,
        slope=get["polarity", 0],
        level_v=found.level_v,
        full_scale_v=found.full_scale_v,
        filters=found.filters,
        is_noise_rejected=found.is_noise_rejected,
        shortest_s=shortest_s,
        longest_s=longest_s,
    )


def _add_timebase(scope: Oscilloscope) -> None:
    get = scope.settings

    def span_limits(channel: int) -> tuple[float, float]:
        return scope.limits.span_s, _LONGEST_SPAN_S

    scope.choice(":TIMebase:MODE", "timebase_mode", "MAIN WINDow XY ROLL", "MAIN")
    scope.choice(":TIMebase:REFerence", "reference", "LEFT CENTer RIGHt", "CENT")
    scope.remember("span", 1e-3)
    add_limited(scope, ":TIMebase:RANGe", "span", span_limits)
    add_limited(scope, ":TIMebase:SCALe", "span", span_limits, unit=_DIVISIONS)
    scope.remember("position", 0.0)
    for word in ("POSition", "DELay"):
        add_limited(scope, f":TIMebase:{word}", "position", lambda c: (-500.0, 500.0))
    scope.flag(":TIMebase:VERNier", "time_vernier", False)
    scope.remember("window_span", 5e-4)

    def window_limits(channel: int) -> tuple[float, float]:
        return scope.limits.span_s / 2, get["span", 0] / 2

    add_limited(scope, ":TIMebase:WINDow:RANGe", "window_span", window_limits)
    add_limited(scope, ":TIMebase:WINDow:SCALe", "window_span", window_limits, unit=_DIVISIONS)
    scope.number(":TIMebase:WINDow:POSition", "window_position", 0.0, -500.0, 500.0)

    def overview(channel: int, parameters: Sequence[Parameter]) -> str:
        span, position = (scope.format_number(float(get[k, 0])) for k in ("span", "position"))
        head = f":TIM:MODE {get['timebase_mode', 0]};REF {get['reference', 0]}"
        return f"{head};MAIN:RANG {span};POS {position}"

    scope.on(":TIMebase?", overview)


def _add_trigger(scope: Oscilloscope) -> None:
    scope.choice(":TRIGger:MODE", "trigger_mode", _MODES, "EDGE")
    scope.choice(":TRIGger:SWEep", "sweep", "AUTO NORMal", "AUTO")
    scope.number(":TRIGger:HOLDoff", "holdoff", 60e-9, 40e-9, 10.0)
    scope.flag(":TRIGger:NREJect", "noise_reject", False)
    scope.flag(":TRIGger:HFReject", "high_reject", False)
    # The pulse trigger shares source and level with the edge trigger.
    for head in (":TRIGger[:EDGE]", ":TRIGger:GLITch"):
        scope.choice(f"{head}:SOURce", "trigger_source", _SOURCES, "CHAN1")
        scope.on(f"{head}:LEVel", lambda c, p: _set_level(scope, p))
        scope.on(f"{head}:LEVel?", lambda c, p: _ask_level(scope, p))
    scope.remember("level", 0.0)
    scope.remember("level", 0.0, _CHANNELS)
    slopes = "POSitive NEGative EITHer ALTernate"
    scope.choice(":TRIGger[:EDGE]:SLOPe", "slope", slopes, "POS")
    scope.choice(":TRIGger[:EDGE]:COUPling", "trigger_coupling", "AC DC LFReject", "DC")
    scope.choice(":TRIGger[:EDGE]:REJect", "reject", "OFF LFReject HFReject", "OFF")
    scope.choice(":TRIGger:GLITch:POLarity", "polarity", "POSitive NEGative", "POS")
    qualifiers = "GREaterthan LESSthan RANGe"
    scope.choice(":TRIGger:GLITch:QUALifier", "pulse_qualifier", qualifiers, "LESS")
    scope.number(":TRIGger:GLITch:GREaterthan", "pulse_greater", 10e-9, 2e-9, 10.0)
    scope.number(":TRIGger:GLITch:LESSthan", "pulse_less", 30e-9, 2e-9, 10.0)
    scope.remember("pulse_from", 10e-9)
    scope.remember("pulse_to", 30e-9)
    scope.on(":TRIGger:GLITch:RANGe", lambda c, p: _set_pulse_range(scope, p))
    get, write = scope.settings, scope.format_number
    scope.on(
        ":TRIGger:GLITch:RANGe?",
        lambda c, p: f"{write(get['pulse_to', 0])},{write(get['pulse_from', 0])}",
    )
    scope.on(":TRIGger:LEVel:ASETup", lambda c, p: _center_levels(scope))
    scope.on(":TRIGger?", lambda c, p: _trigger_overview(scope))


def _add_acquire(scope: Oscilloscope) -> None:
    get = scope.settings
    scope.choice(":ACQuire:TYPE", "acquire", "NORMal AVERage HRESolution PEAK", "NORM")
    scope.number(":ACQuire:COUNt", "count", 8, 2, 65536, integer=True)
    scope.number(":ACQuire:COMPlete", "complete", 100, 100, 100, integer=True)
    scope.choice(":ACQuire:MODE", "mode", "RTIMe ETIMe SEGMented", "RTIM")
    scope.number(":ACQuire:SEGMented:COUNt", "segments", 2, 2, 1000, integer=True)
    scope.remember("segment", 1)
    scope.on(":ACQuire:SEGMented:INDex", lambda c, p: _set_segment(scope, p))
    scope.on(":ACQuire:SEGMented:INDex?", lambda c, p: f"{get['segment', 0]:+d}")
    scope.on(":ACQuire:SEGMented:ANALyze", lambda c, p: None)
    scope.flag(":ACQuire:DAALias", "anti_alias", True)

    def present() -> tuple[int, float]:
        setup = scope.record.setup if scope.record else scope.setup(scope.displayed() or (1,))
        return setup.depth, setup.depth / setup.span_s

    def rate(channel: int, parameters: Sequence[Parameter]) -> str:
        if parameters:
            choice(parameters[0], ("MAXimum",))
            return scope.format_number(scope.limits.rate_hz)
        return scope.format_number(present()[1])

    scope.on(":ACQuire:POINts[:ANALog]?", lambda c, p: f"{present()[0]:+d}")
    scope.on(":ACQuire:SRATe[:ANALog]?", rate)
    scope.on(
        ":ACQuire?",
        lambda c, p: (
            f":ACQ:MODE {get['mode', 0]};TYPE {get['acquire', 0]};COMP +100;"
            f"COUN {get['count', 0]:+d};SEGM:COUN {get['segments', 0]:+d}"
        ),
    )


def _level_of(scope: Oscilloscope, parameters: Sequence[Parameter]) -> int:
    """Return whose level is meant: the channel's number, 0 for EXT."""
    source = scope.settings["trigger_source", 0]
    if parameters:
        source = choice(parameters[0], tuple(_SOURCES.split()))
    return int(source[-1]) if source.startswith("CHAN") else 0


def _set_level(scope: Oscilloscope, parameters: Sequence[Parameter]) -> None:
    if not parameters:
        raise ScpiError(-109)
    channel = _level_of(scope, parameters[1:])
    get = scope.settings
    if channel:
        reach_v, middle_v = _LEVEL_REACH * get["range", channel], get["offset", channel]
    else:
        reach_v, middle_v = get["external_range", 0] * get["external_probe", 0], 0.0
    words = {"MIN": middle_v - reach_v, "MAX": middle_v + reach_v, "DEF": 0.0}
    level_v = words.get(str(parameters[0]).upper()[:3])
    level_v = number(parameters[0]) if level_v is None else level_v
    if abs(level_v - middle_v) > reach_v * (1 + 1e-9):
        raise ScpiError(-222)
    get["level", channel] = level_v
    scope.changed("level", channel)


def _ask_level(scope: Oscilloscope, parameters: Sequence[Parameter]) -> str:
    return scope.format_number(float(scope.settings["level", _level_of(scope, parameters)]))


def _set_pulse_range(scope: Oscilloscope, parameters: Sequence[Parameter]) -> None:
    """Take the longest and the shortest pulse, in this order."""
    if len(parameters) != 2:
        raise ScpiError(-109 if len(parameters) < 2 else -108)
    longest_s, shortest_s = number(parameters[0]), number(parameters[1])
    if not 2e-9 <= shortest_s < longest_s <= 10.0:
        raise ScpiError(-222)
    scope.settings["pulse_to", 0], scope.settings["pulse_from", 0] = longest_s, shortest_s
    scope.changed("level", 0)


def _center_levels(scope: Oscilloscope) -> None:
    """Set the level of each displayed channel amid what it shows."""
    for channel in scope.displayed():
        if scope.record is not None and channel in scope.record.setup.vertical:
            level_v = scope.record.volts(channel, min(1000, scope.record.setup.depth))
            middle_v = float(level_v.max() + level_v.min()) / 2
            scope.settings["level", channel] = middle_v
    scope.changed("level", 0)


def _set_segment(scope: Oscilloscope, parameters: Sequence[Parameter]) -> None:
    if not parameters:
        raise ScpiError(-109)
    most = len(scope.record.triggers_s) if scope.record else 1
    segment = number(parameters[0])
    if segment != round(segment) or not 1 <= segment <= most:
        raise ScpiError(-222)
    scope.settings["segment", 0] = int(segment)


def _trigger_overview(scope: Oscilloscope) -> str:
    get, write = scope.settings, scope.format_number
    return (
        f":TRIG:MODE {get['trigger_mode', 0]};SWE {get['sweep', 0]};"
        f"NREJ {get['noise_reject', 0]:d};HFR {get['high_reject', 0]:d};"
        f"HOLD {write(get['holdoff', 0])};:TRIG:EDGE:SOUR {get['trigger_source', 0]};"
        f"LEV {_ask_level(scope, ())};SLOP {get['slope', 0]};REJ {get['reject', 0]};"
        f"COUP {get['trigger_coupling', 0]}"
    )
