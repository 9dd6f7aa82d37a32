"""A simulated Keysight 81160A pulse function arbitrary noise generator.

All shapes are emitted on the normal outputs; the complement outputs can be switched but go nowhere.
A user waveform is linear between its points. Modulation is not there at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import sqrt

import numpy as np

from instruments.simulated.circuit import Terminal
from instruments.simulated.clock import VirtualClock
from instruments.simulated.generators import waveforms
from instruments.simulated.generators.function_generator import CHANNELS, conflict
from instruments.simulated.generators.keysight81160a_waveforms import (
    FULL_CODE,
    UserGenerator,
    waveform_name,
)
from instruments.simulated.generators.waveforms import Cycle
from instruments.simulated.scpi.errors import ERROR_TEXTS
from instruments.simulated.scpi.message import Parameter, ScpiError, choice, number, unquoted

_SHAPES = "SINusoid SQUare RAMP PULSe NOISe DC USER"
_MOST_HZ = {"SIN": 500e6, "SQU": 330e6, "PULS": 330e6, "RAMP": 5e6, "USER": 330e6}
_EDGE_S, _WIDTH_S = 1e-9, 1.5e-9
_BANDWIDTH_HZ = 100e6
_MOST_CYCLES = 2_147_483_647


class PulseGenerator(UserGenerator):
    """Two channels, of which wired ones drive the circuit."""

    errors = ERROR_TEXTS | {
        781: "Not enough memory to store new arb waveform; use DATA:DELETE",
        785: "Specified arb waveform does not exist",
        786: "Not able to delete a built-in arb waveform",
        787: "Not able to delete the currently selected active arb waveform",
    }
    number_format = "+.11E"
    output_ohm = 50.0
    largest_level_v = 10.0
    largest_limit_v = 20.0
    least_load_ohm, largest_load_ohm = 0.3, 1e6
    bus_word = "MAN"

    def __init__(
        self,
        identity: str,
        clock: VirtualClock,
        terminals: Mapping[int, Terminal],
        noise: np.random.Generator,
    ) -> None:
        super().__init__(identity, clock, terminals, noise)
        self._add_shapes()
        self._add_triggers()
        self._add_outputs()
        self.add_data()
        self.add_levels(lambda words: f"[:SOURce]:VOLTage#{words}", ":OUTPut#:LOAD", 2.0)
        for words in (":OUTPut#:IMPedance:EXTernal",):
            self.on(words, self._set_load, CHANNELS)
            self.on(words + "?", self._ask_load, CHANNELS)

    # Limits.

    def amplitude_limits(self, channel: int) -> tuple[float, float]:
        """Return the least and the largest amplitude in open-circuit volts."""
        is_fast = self.settings["frequency", channel] > _MOST_HZ["PULS"]
        return 0.1, 6.0 if is_fast else 10.0

    def frequency_limits(self, channel: int) -> tuple[float, float]:
        """Return the limits of the frequency of the shape that is set."""
        return 1e-6, _MOST_HZ.get(self.settings["shape", channel], _MOST_HZ["SIN"])

    def width_limits(self, channel: int) -> tuple[float, float]:
        """Return the limits of the pulse width: its edges must have room."""
        least_s = max(_WIDTH_S, 0.625 * sum(self._edges(channel)))
        period_s = 1.0 / self.settings["frequency", channel]
        return least_s, max(least_s, period_s - least_s)

    def edge_limits(self, channel: int) -> tuple[float, float]:
        """Return the limits of a pulse's edges."""
        width_s = self.settings["width", channel]
        room_s = min(width_s, 1.0 / self.settings["frequency", channel] - width_s)
        return _EDGE_S, max(_EDGE_S, 0.8 * room_s)

    def peak_to_rms(self, channel: int) -> float:
        """Return peak to peak over root mean square of the waveform without offset."""
        shape = self.settings["shape", channel]
        factor = {"SIN": 2 * sqrt(2), "RAMP": 2 * sqrt(3), "NOIS": 2 * waveforms.NOISE_CREST}
        return factor.get(shape, 2.0)

    # How settings act.

    def changed(self, name: str, channel: int) -> None:
        """Bring the other settings in line, then begin the waveform anew."""
        settings = self.settings
        self.levels_changed(name, channel)
        if name == "user":
            self.codes(channel)
        if name == "shape":
            most_hz = self.frequency_limits(channel)[1]
            if settings["frequency", channel] > most_hz:
                settings["frequency", channel] = most_hz
                self.push(conflict("frequency reduced for the function"))
            self.fit_levels(channel, "", "function")
        if name in ("frequency", "shape"):
            self._fit_pulse(channel)
        if name == "frequency":
            self.fit_levels(channel, "", "frequency")
        if name == "width":
            settings["duty", channel] = (
                100 * settings["width", channel] * (settings["frequency", channel])
            )
        if name in ("burst", "ncycles"):
            on = settings["burst", channel]
            settings["cycles", channel] = settings["ncycles", channel] if on else 1
        if name == "burst_period" or name == "burst":
            self._fit_burst(channel)
        if channel and settings["track", channel] and name not in ("output", "track"):
            self._copy(channel)
        super().changed(name, channel)

    def _copy(self, channel: int) -> None:
        other = CHANNELS + 1 - channel
        for name, each in list(self.settings):
            if each == channel and name not in ("output", "track"):
                self.settings[name, other] = self.settings[name, channel]
        self.restart(other)

    def _edges(self, channel: int) -> tuple[float, float]:
        leading_s = self.settings["leading", channel]
        is_same = self.settings["same_edges", channel]
        return leading_s, leading_s if is_same else self.settings["trailing", channel]

    def _fit_pulse(self, channel: int) -> None:
        settings = self.settings
        period_s = 1.0 / settings["frequency", channel]
        if settings["hold", channel] == "DCYC":
            settings["width", channel] = settings["duty", channel] / 100 * period_s
        is_pulse = settings["shape", channel] == "PULS"
        room_s = min(settings["width", channel], max(_WIDTH_S, period_s - _WIDTH_S))
        most_s = max(_EDGE_S, 0.8 * min(room_s, period_s - room_s))
        for edge in ("leading", "trailing"):
            if settings[edge, channel] > most_s * (1 + 1e-9):
                settings[edge, channel] = most_s
                if is_pulse:
                    self.push(conflict("edge time decreased due to period"))
        least_s, largest_s = self.width_limits(channel)
        fitting_s = min(max(settings["width", channel], least_s), largest_s)
        if abs(fitting_s - settings["width", channel]) > 1e-9 * fitting_s:
            settings["width", channel] = fitting_s
            if is_pulse:
                self.push(conflict("pulse width decreased due to period"))
        settings["duty", channel] = 100 * settings["width", channel] / period_s

    def _fit_burst(self, channel: int) -> None:
        settings = self.settings
        least_s = settings["cycles", channel] / settings["frequency", channel]
        if settings["burst", channel] and settings["burst_period", channel] < least_s:
            settings["burst_period", channel] = least_s
            if settings["trigger", channel] == "IMM":
                self.push(conflict("burst period increased to fit entire burst"))

    # What comes out.

    def is_waiting(self, channel: int) -> bool:
        """Return whether a channel waits for triggers."""
        if self.settings["shape", channel] == "DC":
            return False
        return bool(self.settings["burst", channel] or self.settings["trigger", channel] != "IMM")

    def _own_period_s(self, channel: int) -> float:
        if self.settings["trigger", channel] == "INT2":
            return float(self.settings["timer", channel])
        return super()._own_period_s(channel)

    def cycle(self, channel: int) -> Cycle:
        """Return one cycle of what is set."""
        shape = self.settings["shape", channel]
        period_s = 1.0 / self.settings["frequency", channel]
        if shape == "DC":
            return waveforms.constant()
        if shape == "NOIS":
            return waveforms.noise(_BANDWIDTH_HZ, self.noise)
        if shape == "USER":
            codes = self.codes(channel)
            interval_s = period_s / codes.size
            return waveforms.samples(codes / FULL_CODE, interval_s, False, 1.0 / FULL_CODE)
        if shape == "PULS":
            width_s = self.settings["width", channel]
            return waveforms.pulse(period_s, width_s, *self._edges(channel))
        if shape == "SIN":
            made = waveforms.sine(period_s)
        elif shape == "SQU":
            duty = self.settings["square_duty", channel] / 100
            made = waveforms.square(period_s, duty, _EDGE_S)
        else:
            made = waveforms.ramp(period_s, self.settings["symmetry", channel] / 100, _EDGE_S)
        name = "burst_phase" if self.is_waiting(channel) else "phase"
        return made.rotated(self.settings[name, channel] / 360)

    # Commands.

    def _derived(
        self,
        pattern: str,
        get: Callable[[int], float],
        put: Callable[[int, float], None],
        limits: Callable[[int], tuple[float, float]],
    ) -> None:
        """Add a number that stands for another setting; out of range it is refused."""

        def read(channel: int, parameter: Parameter) -> float:
            low, high = limits(channel)
            known = {"MIN": low, "MAX": high}.get(str(parameter).upper()[:3])
            value = number(parameter) if known is None else known
            if not low * (1 - 1e-9) <= value <= high * (1 + 1e-9):
                raise ScpiError(-222)
            return value

        def take(channel: int, parameters: Sequence[Parameter]) -> None:
            if len(parameters) != 1:
                raise ScpiError(-108 if parameters else -109)
            put(channel, read(channel, parameters[0]))

        self.on(pattern, take, CHANNELS)
        self.on(
            pattern + "?",
            lambda c, p: self.format_number(read(c, p[0]) if p else get(c)),
            CHANNELS,
        )

    def _add_shapes(self) -> None:
        n, s = CHANNELS, "[:SOURce]"
        self.choice(f"{s}:FUNCtion#[:SHAPe]", "shape", _SHAPES, "PULS", channels=n)
        self.ranged(f"{s}:FREQuency#[:CW]", "frequency", 1e6, self.frequency_limits)
        self.ranged(f"{s}:PHASe#[:ADJust]", "phase", 0.0, lambda c: (-360.0, 360.0))
        # Older function generators have the channel in front.
        self._derived(
            ":SOURce#:PHASe", lambda c: self.settings["phase", c],
            lambda c, v: self.put("phase", c, v), lambda c: (-360.0, 360.0),
        )  # fmt: skip
        self.ranged(f"{s}:BURSt#:PHASe", "burst_phase", 0.0, lambda c: (-360.0, 360.0))
        self.ranged(f"{s}:FUNCtion#:SQUare:DCYCle", "square_duty", 50.0,
                    lambda c: (0.0001515, 99.9998485))  # fmt: skip
        self.ranged(f"{s}:FUNCtion#:RAMP:SYMMetry", "symmetry", 100.0, lambda c: (0.0, 100.0))
        self.text(f"{s}:FUNCtion#:USER", "user", "VOLATILE", waveform_name, channels=n)
        self.remember("width", 1e-7, n)
        self.remember("duty", 10.0, n)
        self.remember("hold", "WIDT", n)
        self.remember("leading", _EDGE_S, n)
        self.remember("trailing", _EDGE_S, n)
        settings = self.settings
        self.flag(f"{s}:PULSe:TRANsition#:TRAiling:AUTO", "same_edges", True, channels=n)
        # Two ways to say it, the second that of older function generators.
        for head, tail in ((":PULSe", "#"), (":FUNCtion#:PULSe", "")):
            head = s + head
            self.choice(f"{head}:HOLD{tail}", "hold", "WIDTh DCYCle", "WIDT", channels=n)
            self._derived(
                f"{head}:PERiod{tail}", lambda c: 1 / settings["frequency", c],
                lambda c, v: self.put("frequency", c, 1 / v),
                lambda c: (1 / self.frequency_limits(c)[1], 1 / self.frequency_limits(c)[0]),
            )  # fmt: skip
            self.ranged(f"{head}:WIDTh{tail}", "width", 1e-7, self.width_limits)
            self._derived(
                f"{head}:DCYCle{tail}", lambda c: settings["duty", c],
                lambda c, v: self.put("width", c, v / 100 / settings["frequency", c]),
                lambda c: tuple(100 * v * settings["frequency", c] for v in self.width_limits(c)),
            )  # fmt: skip
            self.ranged(f"{head}:TRANsition{tail}[:LEADing]", "leading", _EDGE_S, self.edge_limits)
            self._derived(
                f"{head}:TRANsition{tail}:TRAiling", lambda c: self._edges(c)[1],
                self._set_trailing, self.edge_limits,
            )  # fmt: skip
        self.ranged(f"{s}:PULSe:DELay#", "delay", 0.0, lambda c: (0.0, 1e3))

    def _set_trailing(self, channel: int, value_s: float) -> None:
        self.settings["same_edges", channel] = False
        self.put("trailing", channel, value_s)

    def _add_triggers(self) -> None:
        n = CHANNELS
        self.remember("continuous", True, n)
        self.remember("count", 1, n)
        self.remember("cycles", 1, n)
        self.choice(":ARM:SOURce#", "trigger", "IMMediate INT2 EXTernal MANual", "IMM", channels=n)
        self.choice(":ARM:SENSe#", "sense", "EDGE LEVel", "EDGE", channels=n)
        self.choice(":ARM:SLOPe", "slope", "POSitive NEGative EITHer", "POS")
        self.ranged(":ARM:LEVel", "level", 1.0, lambda c: (-10.0, 10.0), channels=0)
        self.ranged(":ARM:PERiod", "arm_period", 1e-5, lambda c: (12e-9, 8e3), channels=0)
        self.remember("timer", 1e-5, n)
        self.choice(":TRIGger#:SOURce", "pace", "IMMediate INTernal EXTernal MANual BUS", "IMM",
                    channels=n)  # fmt: skip
        self._derived(
            ":TRIGger#:COUNt", lambda c: self.settings["cycles", c], self._set_count,
            lambda c: (1, _MOST_CYCLES),
        )  # fmt: skip
        self.flag("[:SOURce]:BURSt#:STATe", "burst", False, channels=n)
        self.choice("[:SOURce]:BURSt#:MODE", "burst_mode", "TRIGgered GATed", "TRIG", channels=n)
        # A burst of one cycle is none: that is what TRIGger:COUNt 1 is for.
        self.number("[:SOURce]:BURSt#:NCYCles", "ncycles", 2, 2, _MOST_CYCLES, channels=n,
                    integer=True)  # fmt: skip
        self.ranged("[:SOURce]:BURSt#:INTernal:PERiod", "burst_period", 1e-5,
                    lambda c: (3.03e-9, 1e6))  # fmt: skip
        for pattern in (":TRIGger#[:IMMediate]", ":ARM[:IMMediate]#"):
            self.on(pattern, lambda c, p: self._bus_trigger([c]), n)
        self.on(":ABORt", lambda c, p: self.stop())

    def _set_count(self, channel: int, value: float) -> None:
        count = round(value)
        if count > 1:
            self.settings["ncycles", channel] = count
        self.put("burst", channel, count > 1)

    def _add_outputs(self) -> None:
        n = CHANNELS
        self.flag(":OUTPut#[:NORMal][:STATe]", "output", False, channels=n)
        self.flag(":OUTPut#:COMPlement[:STATe]", "complement", False, channels=n)
        self.choice(":OUTPut#:POLarity", "polarity", "NORMal INVerted", "NORM", channels=n)
        self.number(":OUTPut#:IMPedance[:INTernal]", "impedance", 50.0, 50.0, 50.0, channels=n)
        self.flag(":OUTPut#:TRIGger[:STATe]", "trigger_out", True, channels=n)
        self.flag(":TRACk:CHANnel#", "track", False, channels=n)
        self.flag(":DISPlay[:WINDow][:STATe]", "display", True)
        self.text(":DISPlay[:WINDow]:TEXT", "shown", "", unquoted)
        self.on(":DISPlay[:WINDow]:TEXT:CLEar", lambda c, p: self.settings.update(
            {("shown", 0): ""}))  # fmt: skip
        self.choice(":FORMat:BORDer", "order", "NORMal SWAPped", "NORM")
        self.on("[:SOURce]:PHASe#:SYNChronize", lambda c, p: self._align(), n)
        for word in _SHAPES.split():
            shape = choice(word, (word,))
            self.on(f"[:SOURce]:APPLy#:{word}", self._applier(shape), n)
        self.on("[:SOURce]:APPLy#?", lambda c, p: self._applied(c), n)

    def is_sync_on(self, channel: int) -> bool:
        """Return whether the trigger output of a channel is on."""
        return bool(self.settings["trigger_out", channel])

    def _align(self) -> None:
        for channel in range(1, CHANNELS + 1):
            self.restart(channel)

    def _applier(self, shape: str) -> Callable[[int, Sequence[Parameter]], None]:
        def put(channel: int, parameters: Sequence[Parameter]) -> None:
            if len(parameters) > 3:
                raise ScpiError(-108)
            values = [None if str(p).upper()[:3] == "DEF" else p for p in parameters]
            frequency, amplitude, offset = (*values, None, None, None)[:3]
            self.settings["output", channel] = False
            self.put("shape", channel, shape)
            if frequency is not None and shape not in ("DC", "NOIS"):
                value = number(frequency)
                if not 1e-6 <= value <= self.frequency_limits(channel)[1]:
                    raise ScpiError(-222)
                self.put("frequency", channel, value)
            if amplitude is not None and shape != "DC":
                self.settings["offset", channel] = 0.0
                value = self._value(channel, "amplitude", amplitude)
                self.set_level(channel, "amplitude", value)
            value = 0.0 if offset is None else self._value(channel, "offset", offset)
            self.set_level(channel, "offset", value)
            self.put("output", channel, True)

        return put

    def _applied(self, channel: int) -> str:
        shown = (
            self.settings["frequency", channel],
            self.shown_amplitude(channel, self.settings["amplitude", channel]),
            self.settings["offset", channel] / self.scale(channel),
        )
        numbers = ",".join(self.format_number(float(v)) for v in shown)
        return f'"{self.settings["shape", channel]} {numbers}"'
