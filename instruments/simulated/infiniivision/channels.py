"""The CHANnel and EXTernal commands: how the inputs look at their nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from instruments.simulated.infiniivision.settings import add_limited
from instruments.simulated.infiniivision.signal import Vertical
from instruments.simulated.scpi.message import Parameter, ScpiError, number, unquoted

if TYPE_CHECKING:
    from instruments.simulated.infiniivision.oscilloscope import Oscilloscope

_CHANNELS = 4
_DIVISIONS = 8
# At the input, of a 1:1 probe.
_LEAST_RANGE_V, _MOST_RANGE_V, _FIFTY_RANGE_V = 8e-3, 40.0, 8.0
# Offsets reach further where a division is more than 200 mV.
_FINE_RANGE_V, _FINE_OFFSET_V, _OFFSET_V = 1.6, 2.0, 50.0
_LONGEST_LABEL = 32
_LEAST_PROBE, _MOST_PROBE = 1e-3, 1e4


def add_commands(scope: Oscilloscope) -> None:
    """Add the commands of the inputs."""
    n, get = _CHANNELS, scope.settings

    def range_limits(channel: int) -> tuple[float, float]:
        probe = get["probe", channel]
        most_v = _FIFTY_RANGE_V if get["impedance", channel] == "FIFT" else _MOST_RANGE_V
        return _LEAST_RANGE_V * probe, most_v * probe

    def offset_limits(channel: int) -> tuple[float, float]:
        probe = get["probe", channel]
        is_fine = get["range", channel] <= _FINE_RANGE_V * probe * (1 + 1e-9)
        most_v = (_FINE_OFFSET_V if is_fine else _OFFSET_V) * probe
        return -most_v, most_v

    scope.remember("range", 40.0, n)
    scope.remember("offset", 0.0, n)
    scope.remember("probe", 1.0, n)
    add_limited(scope, ":CHANnel#:RANGe", "range", range_limits, channels=n)
    scale = {"channels": n, "unit": float(_DIVISIONS)}
    add_limited(scope, ":CHANnel#:SCALe", "range", range_limits, **scale)
    add_limited(scope, ":CHANnel#:OFFSet", "offset", offset_limits, channels=n, is_clamped=True)
    scope.on(":CHANnel#:PROBe", lambda c, p: _set_probe(scope, c, p), n)
    scope.on(":CHANnel#:PROBe?", lambda c, p: scope.format_number(float(get["probe", c])), n)
    scope.number(":CHANnel#:PROBe:SKEW", "skew", 0.0, -1e-7, 1e-7, channels=n)
    scope.choice(":CHANnel#:PROBe:STYPe", "signal_type", "SINGle DIFFerential", "SING", channels=n)
    scope.choice(":CHANnel#:COUPling", "coupling", "AC DC", "DC", channels=n)
    scope.choice(":CHANnel#:IMPedance", "impedance", "ONEMeg FIFTy", "ONEM", channels=n)
    scope.flag(":CHANnel#:BWLimit", "limit", False, channels=n)
    scope.on(":CHANnel#:BANDwidth", lambda c, p: _set_bandwidth(scope, c, p), n)
    scope.on(":CHANnel#:BANDwidth?", lambda c, p: scope.format_number(_bandwidth_hz(scope, c)), n)
    scope.flag(":CHANnel#:DISPlay", "display", False, channels=n)
    scope._defaults["display", 1] = get["display", 1] = True
    scope.flag(":CHANnel#:INVert", "invert", False, channels=n)
    scope.flag(":CHANnel#:VERNier", "vernier", False, channels=n)
    scope.choice(":CHANnel#:UNITs", "units", "VOLT AMPere", "VOLT", channels=n)
    scope.text(":CHANnel#:LABel", "label", "", lambda p: unquoted(p)[:_LONGEST_LABEL], channels=n)
    for channel in range(1, n + 1):
        scope._defaults["label", channel] = get["label", channel] = str(channel)
    scope.on(":CHANnel#:PROTection", lambda c, p: _clear_protection(p), n)
    scope.on(":CHANnel#:PROTection?", lambda c, p: "NORM", n)
    scope.on(":CHANnel#?", lambda c, p: _overview(scope, c), n)
    scope.number(":EXTernal:PROBe", "external_probe", 1.0, _LEAST_PROBE, _MOST_PROBE)
    scope.number(":EXTernal:RANGe", "external_range", 8.0, 1.6, 8.0)
    scope.flag(":EXTernal:BWLimit", "external_limit", False)
    scope.choice(":EXTernal:UNITs", "external_units", "VOLT AMPere", "VOLT")


def vertical(scope: Oscilloscope, channel: int) -> Vertical:
    """Return how a channel is set."""
    get = scope.settings
    return Vertical(
        range_v=get["range", channel],
        offset_v=get["offset", channel],
        probe=get["probe", channel],
        bandwidth_hz=_bandwidth_hz(scope, channel),
        coupling=get["coupling", channel],
        is_inverted=get["invert", channel],
        skew_s=get["skew", channel],
    )


def numbered(parameters: Sequence[Parameter]) -> tuple[int, ...]:
    """Return the numbers of channels that are given by name.

    Raises
    ------
    ScpiError
        -224 for what is no channel of this scope.
    """
    found = []
    for each in parameters:
        name = str(each).upper()
        digits = name.removeprefix("CHANNEL" if name.startswith("CHANNEL") else "CHAN")
        if not name.startswith("CHAN") or digits not in ("1", "2", "3", "4"):
            raise ScpiError(-224)
        found.append(int(digits))
    return tuple(sorted(set(found)))


def _bandwidth_hz(scope: Oscilloscope, channel: int) -> float:
    limits = scope.limits
    return limits.limited_hz if scope.settings["limit", channel] else limits.bandwidth_hz


def _set_bandwidth(scope: Oscilloscope, channel: int, parameters: Sequence[Parameter]) -> None:
    if not parameters:
        raise ScpiError(-109)
    if not isinstance(parameters[0], str) or number(parameters[0]) not in (20e6, 25e6):
        raise ScpiError(-222)
    scope.settings["limit", channel] = True
    scope.changed("limit", channel)


def _set_probe(scope: Oscilloscope, channel: int, parameters: Sequence[Parameter]) -> None:
    """Set the attenuation; range, offset and trigger level stay what they are at the input."""
    if not parameters:
        raise ScpiError(-109)
    probe = number(parameters[0])
    if len(parameters) > 1 and str(parameters[1]).upper() == "DB":
        probe = 10.0 ** (probe / 20.0)
    if not _LEAST_PROBE <= probe <= _MOST_PROBE:
        raise ScpiError(-222)
    ratio = probe / scope.settings["probe", channel]
    scope.settings["probe", channel] = probe
    for name in ("range", "offset", "level"):
        scope.settings[name, channel] *= ratio
    scope.changed("probe", channel)


def _clear_protection(parameters: Sequence[Parameter]) -> None:
    if [str(p).upper() for p in parameters] not in (["CLE"], ["CLEAR"]):
        raise ScpiError(-224 if parameters else -109)


def _overview(scope: Oscilloscope, channel: int) -> str:
    get, write = scope.settings, scope.format_number
    parts = {
        f":CHAN{channel}:RANG": write(float(get["range", channel])),
        "OFFS": write(float(get["offset", channel])),
        "COUP": get["coupling", channel],
        "IMP": get["impedance", channel],
        "DISP": int(get["display", channel]),
        "BWL": int(get["limit", channel]),
        "INV": int(get["invert", channel]),
        "LAB": f'"{get["label", channel]}"',
        "UNIT": get["units", channel],
        "PROB": write(float(get["probe", channel])),
        "PROB:SKEW": write(float(get["skew", channel])),
        "STYP": get["signal_type", channel],
    }
    return ";".join(f"{name} {value}" for name, value in parts.items())
