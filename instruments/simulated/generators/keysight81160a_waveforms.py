"""User waveforms of an 81160A: one volatile for each channel, and some that are kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from instruments.simulated.generators.arbs import BUILT_INS
from instruments.simulated.generators.function_generator import CHANNELS
from instruments.simulated.generators.levels import LevelledGenerator
from instruments.simulated.scpi.message import Parameter, ScpiError, number, unquoted

FULL_CODE = 8191
MOST_POINTS = 524_288
_SLOTS = 4
_BUILT_IN = ("EXP_RISE", "EXP_FALL", "SINC", "NEG_RAMP", "CARDIAC")
_BUILT_IN_CODES = {
    name: np.round(np.clip(BUILT_INS[name], -1.0, 1.0) * FULL_CODE).astype(np.int16)
    for name in _BUILT_IN
}


class UserGenerator(LevelledGenerator):
    """A generator with the settings "shape" (USER among them), "user" and "order"."""

    def add_data(self) -> None:
        """Add the commands."""
        self._volatile: dict[int, NDArray[np.int16]] = {}
        self._kept: dict[str, NDArray[np.int16]] = {}
        n, s = CHANNELS, "[:SOURce]:DATA#"
        self.on(f"{s}:DAC", lambda c, p: self._take(c, p, "i2", 1.0), n)
        self.on(s, lambda c, p: self._take(c, p, "f4", FULL_CODE), n)
        self.on(f"{s}:COPY", self._keep, n)
        self.on(f"{s}:DELete[:NAME]", self._delete, n)
        self.on(f"{s}:DELete:ALL", lambda c, p: self._kept.clear(), n)
        self.on(
            f"{s}:CATalog?",
            lambda c, p: _names(
                (*_BUILT_IN, *(["VOLATILE"] if c in self._volatile else []), *self._kept)
            ),
            n,
        )
        self.on(f"{s}:NVOLatile:CATalog?", lambda c, p: _names(tuple(self._kept)), n)
        self.on(f"{s}:NVOLatile:FREE?", lambda c, p: str(_SLOTS - len(self._kept)), n)
        self.on(f"{s}:ATTRibute:POINts?", lambda c, p: str(self.codes(c, p).size), n)  # fmt: skip

    def codes(self, channel: int, parameters: Sequence[Parameter] = ()) -> NDArray[np.int16]:
        """Return the DAC codes (n,) of the waveform that is selected, or of another one."""
        name = waveform_name(parameters[0]) if parameters else self.settings["user", channel]
        found = self._volatile.get(channel) if name == "VOLATILE" else self._kept.get(name)
        if found is None:
            found = _BUILT_IN_CODES.get(name)
        if found is None and name == "VOLATILE":
            found = np.linspace(-FULL_CODE, FULL_CODE, 100).round().astype(np.int16)
        if found is None:
            raise ScpiError(785)
        return found

    def _take(self, channel: int, parameters: Sequence[Parameter], kind: str, scale: float) -> None:
        if len(parameters) < 2:
            raise ScpiError(-109)
        if waveform_name(parameters[0]) != "VOLATILE":
            raise ScpiError(-224)
        data = parameters[1:]
        if isinstance(data[0], bytes):
            order = ">" if self.settings["order", 0] == "NORM" else "<"
            if len(data[0]) % int(kind[1]):
                raise ScpiError(-161)
            values = np.frombuffer(data[0], order + kind).astype(np.float64)
        else:
            values = np.array([number(p) for p in data])
        codes = np.round(values * scale)
        if not 2 <= codes.size <= MOST_POINTS or not np.all(np.abs(codes) <= FULL_CODE):
            raise ScpiError(-222)
        self._volatile[channel] = codes.astype(np.int16)
        if self.settings["shape", channel] == "USER":
            self.restart(channel)

    def _keep(self, channel: int, parameters: Sequence[Parameter]) -> None:
        if not parameters:
            raise ScpiError(-109)
        if len(parameters) > 1 and waveform_name(parameters[1]) != "VOLATILE":
            raise ScpiError(-224)
        name = waveform_name(parameters[0])
        if not name[:1].isalpha() or len(name) > 12 or name in _BUILT_IN:
            raise ScpiError(-224)
        if channel not in self._volatile:
            raise ScpiError(785)
        if name not in self._kept and len(self._kept) >= _SLOTS:
            raise ScpiError(781)
        self._kept[name] = self._volatile[channel]

    def _delete(self, channel: int, parameters: Sequence[Parameter]) -> None:
        name = waveform_name(parameters[0]) if parameters else ""
        if name in _BUILT_IN:
            raise ScpiError(786)
        if name == self.settings["user", channel] and self.settings["output", channel]:
            raise ScpiError(787)
        if name not in self._kept:
            raise ScpiError(785)
        del self._kept[name]


def waveform_name(parameter: Parameter) -> str:
    """Return a name as it is kept."""
    return unquoted(parameter).strip().upper()


def _names(names: tuple[str, ...]) -> str:
    return ",".join(f'"{name}"' for name in names)
