"""Amplitude, offset, high and low level of a function generator, and how they limit each other.

Levels are kept as open-circuit volts, peak to peak; what is set and read is scaled by the declared
load and the unit. What is beyond a limit goes to the limit and leaves an error; what was set last
counts, and the other of amplitude and offset gives way.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from math import log10, sqrt

from instruments.simulated.generators.function_generator import (
    CHANNELS,
    FunctionGenerator,
    clipped,
    conflict,
)
from instruments.simulated.scpi.message import INFINITY, Parameter, ScpiError, number

_SLACK = 1e-9
_DBM_WATT = 1e-3
_ALL_LEVELS = ("amplitude", "offset")


class LevelledGenerator(FunctionGenerator):
    """A function generator with the settings "amplitude", "offset", "load", "unit", limits."""

    largest_limit_v = 10.0
    largest_load_ohm = 1e4
    least_load_ohm = 1.0

    @abstractmethod
    def amplitude_limits(self, channel: int) -> tuple[float, float]:
        """Return the least and the largest amplitude in open-circuit volts."""

    @property
    @abstractmethod
    def largest_level_v(self) -> float:
        """Largest absolute level into an open circuit."""

    @abstractmethod
    def peak_to_rms(self, channel: int) -> float:
        """Return peak to peak over root mean square of the waveform without offset."""

    def add_levels(self, voltage: Callable[[str], str], load: str, default_v: float) -> None:
        """Add the commands.

        Parameters
        ----------
        voltage : callable
            From what stands behind VOLTage to the whole header.
        load : str
            Header of the load.
        default_v : float
            Amplitude after ``*RST``, open-circuit.
        """
        n = CHANNELS
        self.remember("amplitude", default_v, n)
        self.remember("offset", 0.0, n)
        self.remember("load", 50.0, n)
        self.remember("limit_high", self.largest_limit_v, n)
        self.remember("limit_low", -self.largest_limit_v, n)
        for words, name in (
            ("[:LEVel][:IMMediate][:AMPLitude]", "amplitude"), ("[:LEVel][:IMMediate]:OFFSet",
            "offset"), ("[:LEVel][:IMMediate]:HIGH", "high"), ("[:LEVel][:IMMediate]:LOW", "low"),
            (":LIMit:HIGH", "limit_high"), (":LIMit:LOW", "limit_low"),
        ):  # fmt: skip
            self.on(voltage(words), self._setter(name), n)
            self.on(voltage(words) + "?", self._asker(name), n)
        self.flag(voltage(":LIMit:STATe"), "limited", False, channels=n)
        self.choice(voltage(":UNIT"), "unit", "VPP VRMS DBM", "VPP", channels=n)
        self.on(load, self._set_load, n)
        self.on(load + "?", self._ask_load, n)

    def volts(self, channel: int) -> tuple[float, float]:
        """Return the offset and half of the amplitude, signed, in open-circuit volts."""
        sign = -1.0 if self.settings["polarity", channel] == "INV" else 1.0
        half_v = 0.0 if self.settings["shape", channel] == "DC" else self._half(channel)
        return self.settings["offset", channel], sign * half_v

    def levels_changed(self, name: str, channel: int) -> None:
        """Act on a new unit or a new state of the limits."""
        if not channel:
            return
        load_ohm = self.settings["load", channel]
        if name == "unit" and self.settings["unit", channel] == "DBM" and load_ohm >= INFINITY:
            raise conflict("dBm is not available with high-Z load")
        if name == "limited" and self.settings["limited", channel]:
            low, high = self._used(channel)
            if low < self.settings["limit_low", channel] - _SLACK or (
                high > self.settings["limit_high", channel] + _SLACK
            ):
                raise conflict("the output is beyond the voltage limits")

    def set_high_low(self, channel: int, low_v: float, high_v: float) -> None:
        """Take levels that are known to be allowed, in open-circuit volts."""
        self.settings["amplitude", channel] = high_v - low_v
        self.settings["offset", channel] = (high_v + low_v) / 2

    def fit_levels(self, channel: int, kept: str, reason: str) -> None:
        """Bring amplitude and offset into their limits; `kept` stays if it can."""
        low_v, high_v = self._bounds(channel)
        least_v, most_v = self.amplitude_limits(channel)
        most_v = min(most_v, high_v - low_v)
        amplitude_v = self.settings["amplitude", channel]
        fitting_v = min(max(amplitude_v, least_v), most_v)
        if abs(fitting_v - amplitude_v) > _SLACK * most_v:
            if kept == "amplitude":
                self.push(clipped(amplitude_v > most_v))
            else:
                self.push(conflict(f"amplitude changed due to {reason}"))
        self.settings["amplitude", channel] = fitting_v
        half_v = self._half(channel) if self.settings["shape", channel] != "DC" else 0.0
        offset_v = self.settings["offset", channel]
        allowed_v = min(max(offset_v, low_v + half_v), high_v - half_v)
        if abs(allowed_v - offset_v) > _SLACK * most_v:
            if kept == "offset":
                self.push(clipped(offset_v > allowed_v))
            else:
                self.push(conflict(f"offset changed due to {reason}"))
            self.settings["offset", channel] = allowed_v

    # Between what is shown and the open-circuit volts.

    def scale(self, channel: int) -> float:
        """Return the open-circuit volts behind one volt into the declared load."""
        load_ohm = self.settings["load", channel]
        return 1.0 if load_ohm >= INFINITY else (load_ohm + self.output_ohm) / load_ohm

    def _half(self, channel: int) -> float:
        return float(self.settings["amplitude", channel]) / 2

    def _used(self, channel: int) -> tuple[float, float]:
        half_v = 0.0 if self.settings["shape", channel] == "DC" else self._half(channel)
        offset_v = self.settings["offset", channel]
        return offset_v - half_v, offset_v + half_v

    def _bounds(self, channel: int) -> tuple[float, float]:
        most_v = self.largest_level_v
        if not self.settings["limited", channel]:
            return -most_v, most_v
        return (
            max(-most_v, self.settings["limit_low", channel]),
            min(most_v, self.settings["limit_high", channel]),
        )

    def shown_amplitude(self, channel: int, open_v: float) -> float:
        """Return an amplitude in the unit that is set."""
        vpp = open_v / self.scale(channel)
        unit = self.settings["unit", channel]
        if unit == "VPP":
            return vpp
        rms_v = vpp / self.peak_to_rms(channel)
        if unit == "VRMS":
            return rms_v
        return 10 * log10(rms_v**2 / self.settings["load", channel] / _DBM_WATT)

    def _open_amplitude(self, channel: int, parameter: Parameter) -> float:
        unit, text = self.settings["unit", channel], str(parameter).upper()
        for suffix, known in (("VRMS", "VRMS"), ("DBM", "DBM"), ("VPP", "VPP")):
            if text.endswith(suffix):
                unit = known
                text = text.removesuffix("RMS") if known == "VRMS" else text
                text = text.removesuffix("DBM")
        value = number(text.strip() if text else parameter)
        if unit == "DBM":
            load_ohm = self.settings["load", channel]
            if load_ohm >= INFINITY:
                raise conflict("dBm is not available with high-Z load")
            value, unit = sqrt(10 ** (value / 10) * _DBM_WATT * load_ohm), "VRMS"
        if unit == "VRMS":
            value *= self.peak_to_rms(channel)
        return value * self.scale(channel)

    # Commands.

    def _limits(self, channel: int, name: str) -> tuple[float, float, float]:
        """Return least, largest and default open-circuit volts of a level."""
        low_v, high_v = self._bounds(channel)
        least_v, most_v = self.amplitude_limits(channel)
        if name == "amplitude":
            return least_v, min(most_v, high_v - low_v), self._defaults["amplitude", channel]
        if name == "offset":
            half_v = 0.0 if self.settings["shape", channel] == "DC" else self._half(channel)
            return low_v + half_v, high_v - half_v, 0.0
        default_v = self._defaults["amplitude", channel] / 2
        if name in ("limit_high", "limit_low"):
            most = self.largest_limit_v
            return -most, most, most if name == "limit_high" else -most
        if name == "high":
            return low_v + least_v, high_v, default_v
        return low_v, high_v - least_v, -default_v

    def _value(self, channel: int, name: str, parameter: Parameter) -> float:
        least_v, most_v, default_v = self._limits(channel, name)
        words = {"MIN": least_v, "MAX": most_v, "DEF": default_v}
        known = words.get(str(parameter).upper()[:3])
        if known is not None:
            return known
        if name == "amplitude":
            return self._open_amplitude(channel, parameter)
        return number(parameter) * self.scale(channel)

    def _setter(self, name: str) -> Callable[[int, Sequence[Parameter]], None]:
        def put(channel: int, parameters: Sequence[Parameter]) -> None:
            if len(parameters) != 1:
                raise ScpiError(-108 if parameters else -109)
            self.set_level(channel, name, self._value(channel, name, parameters[0]))

        return put

    def set_level(self, channel: int, name: str, value: float) -> None:
        """Set a level in open-circuit volts, bring the others in line, and let it act."""
        least_v, most_v, _ = self._limits(channel, name)
        if name in ("limit_high", "limit_low"):
            self._set_limit(channel, name, value)
        elif name in ("high", "low"):
            if not least_v - _SLACK <= value <= most_v + _SLACK:
                self.push(clipped(value > most_v))
            value = min(max(value, least_v), most_v)
            low_v, high_v = self._used(channel)
            gap_v = self.amplitude_limits(channel)[0]
            if name == "high":
                high_v = value
                if low_v > high_v - gap_v * (1 - _SLACK):
                    low_v = high_v - gap_v
                    self.push(conflict("low level changed due to high level"))
            else:
                low_v = value
                if high_v < low_v + gap_v * (1 - _SLACK):
                    high_v = low_v + gap_v
                    self.push(conflict("high level changed due to low level"))
            self.set_high_low(channel, low_v, high_v)
            self.fit_levels(channel, "", f"{name} level")
        else:
            self.settings[name, channel] = value
            self.fit_levels(channel, name, name)
        self.changed("levels", channel)

    def _set_limit(self, channel: int, name: str, value: float) -> None:
        most_v = self.largest_limit_v
        if abs(value) > most_v + _SLACK:
            self.push(clipped(value > 0))
        value = min(max(value, -most_v), most_v)
        low_v, high_v = self._used(channel)
        if self.settings["limited", channel] and (
            value < high_v - _SLACK if name == "limit_high" else value > low_v + _SLACK
        ):
            raise conflict("the output is beyond the voltage limits")
        self.settings[name, channel] = value

    def _asker(self, name: str) -> Callable[[int, Sequence[Parameter]], str]:
        def ask(channel: int, parameters: Sequence[Parameter]) -> str:
            if parameters:
                value = self._value(channel, name, parameters[0])
            elif name in ("high", "low"):
                value = self._used(channel)[name == "high"]
            else:
                value = self.settings[name, channel]
            if name == "amplitude":
                return self.format_number(float(self.shown_amplitude(channel, value)))
            return self.format_number(float(value / self.scale(channel)))

        return ask

    def _set_load(self, channel: int, parameters: Sequence[Parameter]) -> None:
        if not parameters:
            raise ScpiError(-109)
        words = {"MIN": self.least_load_ohm, "MAX": self.largest_load_ohm, "DEF": 50.0}
        load_ohm = words.get(str(parameters[0]).upper()[:3])
        load_ohm = number(parameters[0]) if load_ohm is None else load_ohm
        if not (self.least_load_ohm <= load_ohm <= self.largest_load_ohm or load_ohm >= INFINITY):
            raise ScpiError(-222)
        self.settings["load", channel] = load_ohm
        if load_ohm >= INFINITY and self.settings["unit", channel] == "DBM":
            self.settings["unit", channel] = "VPP"
            self.push(conflict("amplitude units changed to Vpp due to high-Z load"))

    def _ask_load(self, channel: int, parameters: Sequence[Parameter]) -> str:
        words = {"MIN": self.least_load_ohm, "MAX": self.largest_load_ohm, "DEF": 50.0}
        if parameters:
            value = words.get(str(parameters[0]).upper()[:3])
            if value is None:
                raise ScpiError(-224)
            return self.format_number(value)
        return self.format_number(self.settings["load", channel])
