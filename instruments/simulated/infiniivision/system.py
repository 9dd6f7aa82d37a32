"""What concerns the whole instrument: setups, storage, status registers, calibration."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from instruments.simulated.scpi.message import Parameter, ScpiError, number, unquoted

if TYPE_CHECKING:
    from instruments.simulated.infiniivision.oscilloscope import Oscilloscope

_MEMORIES = 10
_LONGEST_ADVICE = 75


def add_commands(scope: Oscilloscope) -> None:
    """Add the commands of the instrument as a whole."""
    stored: dict[int, bytes] = {}
    scope.on(":SYSTem:SETup", lambda c, p: _restore(scope, p))
    scope.on(":SYSTem:SETup?", lambda c, p: _block(_packed(scope)))
    scope.on("*LRN?", lambda c, p: b":SYST:SET " + _block(_packed(scope)))
    for save in ("*SAV", ":SAVE:SETup[:STARt]", ":SAVE[:SETup]"):
        scope.on(save, lambda c, p: stored.__setitem__(_memory(p), _packed(scope)))
    for recall in ("*RCL", ":RECall:SETup[:STARt]", ":RECall[:SETup]"):
        scope.on(recall, lambda c, p: _recall(scope, stored, p))
    scope.text(":SYSTem:DSP", "advice", "", lambda p: unquoted(p)[:_LONGEST_ADVICE])
    scope.on(":SYSTem:PRESet", lambda c, p: scope.reset())
    scope.flag(":SYSTem:LOCK", "lock", False)
    scope.flag(":SYSTem:HEADer", "header", False)
    scope.on(":SYSTem:PRECision?", lambda c, p: "0")
    scope.on("*OPT?", lambda c, p: "0" + ",0" * 30)
    scope.on(":SERial?", lambda c, p: scope.identity.split(",")[2])
    scope.on(":MODel?", lambda c, p: scope.identity.split(",")[1])
    scope.on(":CALibrate:DATE?", lambda c, p: "1,JAN,26")
    scope.on(":CALibrate:STATus?", lambda c, p: '+0,"Calibrated"')
    scope.on(":CALibrate:TEMPerature?", lambda c, p: scope.format_number(0.0))
    scope.on(":CALibrate:PROTected?", lambda c, p: "PROT")
    scope.choice(":CALibrate:OUTPut", "output", "TRIGgers MASK WAVEgen", "TRIG")
    _add_registers(scope)


def _add_registers(scope: Oscilloscope) -> None:
    def register(pattern: str, name: str) -> None:
        scope.on(pattern, lambda c, p: setattr(scope, name, _mask(p)))
        scope.on(pattern + "?", lambda c, p: f"{getattr(scope, name):+d}")

    register(":OPEE", "operation_enable")
    register(":MTEenable", "mask_enable")
    for empty in (
        ":MTERegister[:EVENt]?", ":HWERegister:CONDition?", ":HWERegister[:EVENt]?",
        ":OVLRegister?", ":HWEenable?", ":OVLenable?",
    ):  # fmt: skip
        scope.on(empty, lambda c, p: "+0")
    for enable in (":HWEenable", ":OVLenable"):
        scope.on(enable, lambda c, p: _mask(p) and None)


def _mask(parameters: Sequence[Parameter]) -> int:
    if not parameters:
        raise ScpiError(-109)
    value = round(number(parameters[0]))
    if not 0 <= value <= 0xFFFF:
        raise ScpiError(-222)
    return value


def _block(data: bytes) -> bytes:
    return f"#8{len(data):08d}".encode() + data


def _packed(scope: Oscilloscope) -> bytes:
    """Return all settings."""
    rows: list[list[Any]] = [[*key, value] for key, value in scope.settings.items()]
    return json.dumps(rows).encode()


def _restore(scope: Oscilloscope, parameters: Sequence[Parameter]) -> None:
    if not parameters:
        raise ScpiError(-109)
    if not isinstance(parameters[0], bytes):
        raise ScpiError(-104)
    _unpack(scope, parameters[0])


def _unpack(scope: Oscilloscope, data: bytes) -> None:
    try:
        rows = [((name, channel), value) for name, channel, value in json.loads(data)]
    except ValueError:
        raise ScpiError(-161) from None
    if not {key for key, _ in rows} <= scope.settings.keys():
        raise ScpiError(-161)
    for key, value in rows:
        scope.settings[key] = tuple(value) if isinstance(value, list) else value
    scope.changed("range", 0)
    scope.changed("impedance", 0)


def _memory(parameters: Sequence[Parameter]) -> int:
    if not parameters:
        raise ScpiError(-109)
    place = number(parameters[0])
    if place not in range(_MEMORIES):
        raise ScpiError(-222)
    return int(place)


def _recall(scope: Oscilloscope, stored: dict[int, bytes], parameters: Sequence[Parameter]) -> None:
    place = _memory(parameters)
    if place not in stored:
        raise ScpiError(-314)
    _unpack(scope, stored[place])
