"""A simulated Keysight 33500B/33600A: arbitrary waveforms in triggered bursts, and DC.

Every other shape can be set and read, but switching its output on is a settings conflict (-221):
it is not emitted, and pretending so would be worse. Sample memory, DAC codes and amplitude work
as in the instrument; setting resolution, trigger delay and the anti-aliasing filter's overshoot do
not (with a filter on, the level is linear between samples; without, it is a staircase).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from instruments.simulated.circuit import Terminal
from instruments.simulated.clock import VirtualClock
from instruments.simulated.message import INFINITY, Parameter, ScpiError, number, unquoted
from instruments.simulated.scpi import ERROR_TEXTS, ScpiInstrument

CHANNELS = 2
FULL_CODE = 32767
_SHAPES = "SINusoid SQUare TRIangle RAMP PULSe PRBS NOISe ARB DC"
_OUTPUT_OHM = 50.0
# Amplitude and level limits into an open circuit; half of it into 50 Ohm.
_MAX_LEVEL_V = 10.0
_MIN_AMPLITUDE_V = 2e-3
_SOURCE = "[:SOURce#]"
_MAX_BURST = 10_000_000


class Generator(ScpiInstrument):
    """Two channels, of which wired ones drive the circuit.

    Levels are kept as open-circuit volts; what is set and read is scaled by the declared load, as
    the instrument does.
    """

    last_terminal = CHANNELS
    errors = ERROR_TEXTS | {
        785: "Specified arb waveform does not exist",
        786: "Specified arb waveform already exists",
    }

    def __init__(
        self,
        identity: str,
        clock: VirtualClock,
        terminals: Mapping[int, Terminal],
        noise: np.random.Generator,
    ) -> None:
        # The generator's own noise is far below what the scope can see: `noise` is left alone.
        super().__init__(identity, clock)
        self._terminals = terminals
        self._arbs: dict[tuple[int, str], NDArray[np.int16]] = {}
        self._busy_until_s = 0.0
        self._add_commands()

    def reset(self) -> None:
        """Go back to the settings of ``*RST``; outputs off, volatile memory empty."""
        super().reset()
        self._arbs.clear()
        self._busy_until_s = 0.0
        for channel in range(1, CHANNELS + 1):
            self._rest(channel)

    def changed(self, name: str, channel: int) -> None:
        """Let a new setting act on the output."""
        if name == "arb" and (channel, self.settings["arb", channel]) not in self._arbs:
            raise ScpiError(785)
        if channel and self.settings["output", channel]:
            self._check_playable(channel)
        if channel:
            self._rest(channel)

    @property
    def done_s(self) -> float:
        """When the burst ends."""
        return self._busy_until_s

    def _add_commands(self) -> None:
        n = CHANNELS
        s = _SOURCE
        self.choice(f"{s}:FUNCtion", "shape", _SHAPES, "SIN", channels=n)
        self.number(f"{s}:FREQuency[:CW]", "frequency", 1e3, 1e-6, 120e6, channels=n)
        self.number(f"{s}:PHASe", "phase", 0.0, -360.0, 360.0, channels=n)
        self.choice(f"{s}:VOLTage:UNIT", "unit", "VPP VRMS DBM", "VPP", channels=n)
        self.number(f"{s}:FUNCtion:SQUare:DCYCle", "duty", 50.0, 0.01, 99.98, channels=n)
        self.number(f"{s}:FUNCtion:RAMP:SYMMetry", "symmetry", 100.0, 0.0, 100.0, channels=n)
        self.number(f"{s}:FUNCtion:PULSe:PERiod", "period", 1e-3, 33e-9, 1e6, channels=n)
        self.number(f"{s}:FUNCtion:PULSe:WIDTh", "width", 1e-4, 16e-9, 1e6, channels=n)
        self.number(f"{s}:FUNCtion:PULSe:TRANsition[:BOTH]", "edge", 1e-8, 8.4e-9, 1e-6, channels=n)
        self.choice(f"{s}:FUNCtion:ARBitrary:FILTer", "filter", "NORMal STEP OFF", "NORM",
                    channels=n)  # fmt: skip
        self.choice(f"{s}:FUNCtion:ARBitrary:ADVance", "advance", "TRIGger SRATe", "SRAT",
                    channels=n)  # fmt: skip
        self.number(f"{s}:FUNCtion:ARBitrary:SRATe", "rate", 40e3, 1e-6, 250e6, channels=n)
        self.text(f"{s}:FUNCtion:ARBitrary", "arb", "", _arb_name, channels=n)
        self.flag(f"{s}:BURSt:STATe", "burst", False, channels=n)
        self.choice(f"{s}:BURSt:MODE", "burst_mode", "TRIGgered GATed", "TRIG", channels=n)
        self.number(f"{s}:BURSt:NCYCles", "cycles", 1, 1, 100_000_000, channels=n, integer=True)
        self.number(f"{s}:BURSt:INTernal:PERiod", "burst_period", 1e-2, 1e-6, 8e3, channels=n)
        self.choice(":TRIGger#:SOURce", "trigger", "IMMediate EXTernal TIMer BUS", "IMM",
                    channels=n)  # fmt: skip
        self.flag(":OUTPut:SYNC[:STATe]", "sync", True)
        self.flag(":OUTPut#[:STATe]", "output", False, channels=n)
        self.choice(":FORMat:BORDer", "order", "NORMal SWAPped", "NORM")
        # Levels are the open-circuit volts; the load declared only scales what is shown.
        self.remember("amplitude", 0.2, n)
        self.remember("offset", 0.0, n)
        self.remember("load", _OUTPUT_OHM, n)
        self.on(f"{s}:VOLTage[:AMPLitude]", self._set_amplitude, n)
        self.on(f"{s}:VOLTage[:AMPLitude]?", lambda c, p: self._shown(c, "amplitude"), n)
        self.on(f"{s}:VOLTage:OFFSet", self._set_offset, n)
        self.on(f"{s}:VOLTage:OFFSet?", lambda c, p: self._shown(c, "offset"), n)
        self.on(":OUTPut#:LOAD", self._set_load, n)
        self.on(":OUTPut#:LOAD?", lambda c, p: self.format_number(self.settings["load", c]), n)
        self.on(f"{s}:DATA:ARBitrary:DAC", self._add_arb_codes, n)
        self.on(f"{s}:DATA:ARBitrary", self._add_arb_floats, n)
        self.on(f"{s}:DATA:VOLatile:CLEar", self._clear_arbs, n)
        self.on(":ABORt", lambda c, p: self._abort())
        self.on("*TRG", lambda c, p: self._trigger())
        self.on(":SYSTem:BEEPer[:IMMediate]", lambda c, p: None)

    # Levels.

    def _scale(self, channel: int) -> float:
        """Return the open-circuit volts behind one volt into the declared load."""
        load_ohm = self.settings["load", channel]
        return 1.0 if load_ohm >= INFINITY else (load_ohm + _OUTPUT_OHM) / load_ohm

    def _shown(self, channel: int, name: str) -> str:
        return self.format_number(self.settings[name, channel] / self._scale(channel))

    def _set_load(self, channel: int, parameters: Sequence[Parameter]) -> None:
        load_ohm = number(parameters[0]) if parameters else 0.0
        if not (1.0 <= load_ohm <= 1e4 or load_ohm >= INFINITY):
            raise ScpiError(-222)
        self.settings["load", channel] = load_ohm

    def _set_amplitude(self, channel: int, parameters: Sequence[Parameter]) -> None:
        words = {"MIN": _MIN_AMPLITUDE_V, "MAX": 2 * _MAX_LEVEL_V}
        self._set_level(channel, "amplitude", parameters, words)

    def _set_offset(self, channel: int, parameters: Sequence[Parameter]) -> None:
        self._set_level(channel, "offset", parameters, {})

    def _set_level(
        self, channel: int, name: str, parameters: Sequence[Parameter], words: dict[str, float]
    ) -> None:
        if not parameters:
            raise ScpiError(-109)
        value = words.get(str(parameters[0]).upper()[:3])
        if value is None:
            value = number(parameters[0]) * self._scale(channel)
        levels = {key: self.settings[key, channel] for key in ("amplitude", "offset")}
        levels[name] = value
        slack = 1 + 1e-9
        if levels["amplitude"] < _MIN_AMPLITUDE_V / slack:
            raise ScpiError(-222)
        if abs(levels["offset"]) + levels["amplitude"] / 2 > _MAX_LEVEL_V * slack:
            raise ScpiError(-222)
        self.settings[name, channel] = value
        self.changed(name, channel)

    # Arbitrary waveforms.

    def _add_arb_codes(self, channel: int, parameters: Sequence[Parameter]) -> None:
        data = parameters[1:]
        if data and isinstance(data[0], bytes):
            order = ">" if self.settings["order", 0] == "NORM" else "<"
            if len(data[0]) % 2:
                raise ScpiError(-161)
            codes = np.frombuffer(data[0], f"{order}i2").astype(np.float64)
        else:
            codes = np.array([number(p) for p in data])
        self._add_arb(channel, parameters, codes)

    def _add_arb_floats(self, channel: int, parameters: Sequence[Parameter]) -> None:
        data = parameters[1:]
        if data and isinstance(data[0], bytes):
            order = ">" if self.settings["order", 0] == "NORM" else "<"
            if len(data[0]) % 4:
                raise ScpiError(-161)
            values = np.frombuffer(data[0], f"{order}f4").astype(np.float64)
        else:
            values = np.array([number(p) for p in data])
        self._add_arb(channel, parameters, np.round(values * FULL_CODE))

    def _add_arb(
        self, channel: int, parameters: Sequence[Parameter], codes: NDArray[np.float64]
    ) -> None:
        if not parameters:
            raise ScpiError(-109)
        key = (channel, _arb_name(parameters[0]))
        if key in self._arbs:
            raise ScpiError(786)
        if not 8 <= codes.size <= 1_000_000 or np.abs(codes).max() > FULL_CODE:
            raise ScpiError(-222)
        self._arbs[key] = codes.astype(np.int16)

    def _clear_arbs(self, channel: int, parameters: Sequence[Parameter]) -> None:
        if self.settings["output", channel] and self.settings["shape", channel] == "ARB":
            raise ScpiError(-221, "the waveform is being output")
        self._arbs = {key: arb for key, arb in self._arbs.items() if key[0] != channel}

    # What comes out.

    def _check_playable(self, channel: int) -> None:
        def setting(name: str) -> object:
            return self.settings[name, channel]

        if setting("shape") == "DC":
            return
        if setting("shape") != "ARB":
            raise ScpiError(-221, "the simulated output plays ARB bursts and DC only")
        if not setting("burst") or setting("burst_mode") != "TRIG" or setting("trigger") == "IMM":
            raise ScpiError(-221, "the simulated output plays ARB in triggered bursts only")
        arb = self._arbs.get((channel, self.settings["arb", channel]))
        if arb is None:
            raise ScpiError(785)
        if arb.size * self.settings["cycles", channel] > _MAX_BURST:
            raise ScpiError(-221, "the simulated burst is limited to 1e7 samples")

    def _levels(self, channel: int) -> NDArray[np.float64]:
        """Return the open-circuit volts of the samples of one cycle."""
        offset_v = self.settings["offset", channel]
        if self.settings["shape", channel] == "DC":
            return np.array([offset_v])
        codes = self._arbs[channel, self.settings["arb", channel]]
        return np.asarray(offset_v + self.settings["amplitude", channel] / 2 * codes / FULL_CODE)

    def _rest(self, channel: int) -> None:
        """Force the level between bursts: the first sample, or nothing if the output is off."""
        terminal = self._terminals[channel]
        self._busy_until_s = 0.0
        if self.settings["output", channel]:
            terminal.drive([self.clock.now()], [self._levels(channel)[0]])
            terminal.connect("voltage", _OUTPUT_OHM)
        else:
            terminal.disconnect()

    def _abort(self) -> None:
        for channel in self._terminals:
            self._rest(channel)

    def _trigger(self) -> None:
        if self.is_busy:
            raise ScpiError(-211)
        armed = [
            channel
            for channel in range(1, CHANNELS + 1)
            if self.settings["trigger", channel] == "BUS" and self.settings["burst", channel]
        ]
        if not armed:
            raise ScpiError(-211)
        now_s = self.clock.now()
        for channel in armed:
            if self.settings["output", channel] and self.settings["shape", channel] == "ARB":
                self._emit(channel, now_s)
        if self.settings["sync", 0]:
            for listener in self.edge_listeners:
                listener(now_s)

    def _emit(self, channel: int, now_s: float) -> None:
        interval_s = 1.0 / self.settings["rate", channel]
        one_v = self._levels(channel)
        level_v = np.append(np.tile(one_v, self.settings["cycles", channel]), one_v[0])
        if self.settings["filter", channel] == "OFF":
            corner = np.repeat(np.arange(level_v.size), 2)[1:]
            level_v = np.repeat(level_v, 2)[:-1]
        else:
            corner = _corners(level_v, self.settings["amplitude", channel] / (2 * FULL_CODE))
            level_v = level_v[corner]
        corner_s = now_s + corner * interval_s
        self._busy_until_s = float(corner_s[-1])
        self._terminals[channel].drive(corner_s, level_v)


def _corners(level_v: NDArray[np.float64], step_v: float) -> NDArray[np.intp]:
    """Return the samples that matter: the integrator stops at each corner of its source.

    The codes of a straight line turn by one step of the DAC at most; if leaving those turns out
    moves the line by more than a step anywhere, all samples stay.
    """
    turns = np.abs(np.diff(level_v, 2)) > 1.5 * step_v
    corner = np.flatnonzero(np.r_[True, turns, True])
    index = np.arange(level_v.size)
    if np.abs(np.interp(index, corner, level_v[corner]) - level_v).max() > 1.5 * step_v:
        return index
    return corner


def _arb_name(parameter: Parameter) -> str:
    return unquoted(parameter).upper()
