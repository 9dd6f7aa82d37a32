"""A simulated Keysight 33500B/33600A waveform generator.

Every shape is emitted, continuous or in bursts, from edges of the instrument's own speed on.
Modulation, sweeps and frequency lists can be set and read, but switching one on is a settings
conflict (-221), as is a pseudo-random sequence beyond PN20: they are not emitted, and pretending
so would be worse. So is an arbitrary waveform that advances by triggers. The anti-aliasing
filter's overshoot is left out (with a filter on, the level is linear between samples; without, it
is a staircase), and so is the resolution of the settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, sqrt

import numpy as np

from instruments.simulated.circuit import Terminal
from instruments.simulated.clock import VirtualClock
from instruments.simulated.generators import waveforms
from instruments.simulated.generators.arbs import FULL_CODE, ArbGenerator
from instruments.simulated.generators.function_generator import CHANNELS, conflict
from instruments.simulated.generators.keysight33500_models import MODELS, Model
from instruments.simulated.generators.keysight33500_settings import REFUSED, SOURCE, add_settings
from instruments.simulated.generators.waveforms import Burst, Cycle
from instruments.simulated.scpi.errors import ERROR_TEXTS
from instruments.simulated.scpi.message import Parameter, ScpiError, choice, number

__all__ = ["FULL_CODE", "Generator"]

_WORDS = {
    "SIN": "sinusoid", "SQU": "square", "TRI": "triangle", "RAMP": "ramp", "PULS": "pulse",
    "PRBS": "prbs", "NOIS": "noise", "ARB": "user", "DC": "dc",
}  # fmt: skip
_APPLIED = "SINusoid SQUare TRIangle RAMP PULSe PRBS NOISe ARBitrary DC"


class Generator(ArbGenerator):
    """Two channels, of which wired ones drive the circuit."""

    errors = ERROR_TEXTS | {
        -256: "File name not found",
        781: "Not enough memory to store new arb waveform; use DATA:VOLATILE:CLEAR",
        785: "Specified arb waveform does not exist",
        786: "Specified arb waveform already exists",
    }
    number_format = "+.13E"
    output_ohm = 50.0
    largest_level_v = 10.0

    def __init__(
        self,
        identity: str,
        clock: VirtualClock,
        terminals: Mapping[int, Terminal],
        noise: np.random.Generator,
    ) -> None:
        super().__init__(identity, clock, terminals, noise)
        self.model: Model = MODELS[identity.split(",")[1]]
        self.memory_points = self.model.memory_points
        self._part = dict.fromkeys(range(1, CHANNELS + 1), 0)
        add_settings(self)
        self.add_levels(lambda words: f"{SOURCE}:VOLTage{words}", ":OUTPut#:LOAD", 0.2)
        self.add_arbs(SOURCE)
        for word in _APPLIED.split():
            self.on(f"{SOURCE}:APPLy:{word}", self._applier(choice(word, (word,))), CHANNELS)
        self.on(f"{SOURCE}:APPLy?", lambda c, p: self._applied(c), CHANNELS)
        self.on(":ABORt", lambda c, p: self.stop())
        self.on(":TRIGger#[:IMMediate]", lambda c, p: self._bus_trigger([c]), CHANNELS)
        self.on(":INITiate#[:IMMediate]", lambda c, p: self.initiate(c), CHANNELS)
        self.on(":INITiate[:IMMediate]:ALL", lambda c, p: self._initiate_all())
        self.on(f"{SOURCE}:PHASe:SYNChronize", lambda c, p: self._align(), CHANNELS)
        self.on(f"{SOURCE}:PHASe:REFerence", lambda c, p: self.put("phase", c, 0.0), CHANNELS)

    # Limits.

    def amplitude_limits(self, channel: int) -> tuple[float, float]:
        """Return the least and the largest amplitude in open-circuit volts."""
        return 2e-3, 2 * self.model.largest_vpp(self.settings["frequency", channel])

    def frequency_limits(self, channel: int) -> tuple[float, float]:
        """Return the limits of the frequency of the shape that is set."""
        shape = self.settings["shape", channel]
        if shape == "ARB":
            return 1e-6, self.model.rate_hz / self.points(channel)
        return 1e-6, self.model.frequency_hz.get(shape, self.model.frequency_hz["SIN"])

    def width_limits(self, channel: int) -> tuple[float, float]:
        """Return the limits of the pulse width: its edges must have room."""
        edges_s = 0.625 * (self.settings["leading", channel] + self.settings["trailing", channel])
        period_s = 1.0 / self.settings["frequency", channel]
        least_s = max(self.model.width_s, edges_s)
        return least_s, max(least_s, period_s - least_s)

    def edge_limits(self, channel: int) -> tuple[float, float]:
        """Return the limits of a pulse's edges."""
        room_s = 0.8 * min(
            self.settings["width", channel],
            1.0 / self.settings["frequency", channel] - self.settings["width", channel],
        )
        return self.model.edge_s, max(self.model.edge_s, min(1e-6, room_s))

    def peak_to_rms(self, channel: int) -> float:
        """Return peak to peak over root mean square of the waveform without offset."""
        shape = self.settings["shape", channel]
        if shape == "ARB":
            return self.peak_to_rms_of_arb(channel)
        sharp = {"SIN": 2 * sqrt(2), "RAMP": 2 * sqrt(3), "TRI": 2 * sqrt(3)}
        return sharp.get(shape, 2 * waveforms.NOISE_CREST if shape == "NOIS" else 2.0)

    # How settings act.

    def changed(self, name: str, channel: int) -> None:
        """Bring the other settings in line, then begin the waveform anew."""
        self.levels_changed(name, channel)
        if name in REFUSED and self.settings[name, channel]:
            raise conflict("the simulated output does not modulate or sweep")
        if name == "arb":
            self.check_arb(channel)
        if name == "shape":
            self._fit_frequency(channel)
            if self.settings["shape", channel] != "DC":
                self.fit_levels(channel, "", f"{_WORDS[self.settings['shape', channel]]} function")
        if name == "frequency":
            self._fit_pulse(channel)
            self.fit_levels(channel, "", "frequency")
        if name == "width":
            period_s = 1.0 / self.settings["frequency", channel]
            self.settings["duty", channel] = 100 * self.settings["width", channel] / period_s
        if name in ("burst", "burst_mode", "trigger", "cycles", "burst_period"):
            self._fit_burst(channel, name)
        self._couple(name, channel)
        super().changed(name, channel)

    def _fit_frequency(self, channel: int) -> None:
        if self.settings["shape", channel] in ("DC", "NOIS", "ARB", "PRBS"):
            return
        most_hz = self.frequency_limits(channel)[1]
        if self.settings["frequency", channel] > most_hz:
            self.settings["frequency", channel] = most_hz
            word = _WORDS[self.settings["shape", channel]]
            self.push(conflict(f"frequency reduced for {word} function"))
        self._fit_pulse(channel)

    def _fit_pulse(self, channel: int) -> None:
        """Keep width or duty cycle over a new period, and the edges within both."""
        settings = self.settings
        period_s = 1.0 / settings["frequency", channel]
        is_pulse = settings["shape", channel] == "PULS"
        if settings["hold", channel] == "DCYC":
            settings["width", channel] = settings["duty", channel] / 100 * period_s
        room_s = min(settings["width", channel], period_s - self.model.width_s)
        for edge in ("leading", "trailing"):
            most_s = max(self.model.edge_s, 0.8 * min(room_s, period_s - room_s))
            if settings[edge, channel] > most_s * (1 + 1e-9):
                settings[edge, channel] = most_s
                if is_pulse:
                    self.push(conflict("edge time decreased due to period"))
        least_s, most_s = self.width_limits(channel)
        width_s = settings["width", channel]
        fitting_s = min(max(width_s, least_s), most_s)
        if abs(fitting_s - width_s) > 1e-9 * width_s:
            settings["width", channel] = fitting_s
            if is_pulse:
                self.push(conflict("pulse width changed due to period"))
        settings["duty", channel] = 100 * settings["width", channel] / period_s

    def set_duty(self, channel: int, percent: float) -> None:
        """Set the pulse's duty cycle: its width, at this period."""
        period_s = 1.0 / self.settings["frequency", channel]
        least_s, most_s = self.width_limits(channel)
        width_s = percent / 100 * period_s
        fitting_s = min(max(width_s, least_s), most_s)
        if abs(fitting_s - width_s) > 1e-9 * period_s:
            self.push(conflict("pulse duty cycle limited by edge time"))
        self.put("width", channel, fitting_s)

    def _fit_burst(self, channel: int, name: str) -> None:
        settings = self.settings
        if not settings["burst", channel] or settings["burst_mode", channel] == "GAT":
            return
        if settings["cycles", channel] == inf and settings["trigger", channel] in ("IMM", "TIM"):
            if name == "trigger":
                settings["cycles", channel] = 1
                self.push(conflict("turned off infinite burst to allow immediate trigger source"))
            else:
                settings["trigger", channel] = "BUS"
                self.push(conflict("infinite burst changed trigger source to BUS"))
        if settings["trigger", channel] != "IMM" or settings["shape", channel] in ("DC", "NOIS"):
            return
        least_s = settings["cycles", channel] / self.frequency(channel)
        if settings["burst_period", channel] < least_s:
            if name == "burst_period":
                fitting = int(settings["burst_period", channel] * self.frequency(channel))
                settings["cycles", channel] = max(1, fitting)
                self.push(conflict("burst count reduced to fit entire burst"))
            if settings["burst_period", channel] < settings["cycles", channel] / self.frequency(
                channel
            ):
                settings["burst_period", channel] = least_s
                self.push(conflict("burst period increased to fit entire burst"))

    def _couple(self, name: str, channel: int) -> None:
        other = CHANNELS + 1 - channel
        names: tuple[str, ...] = ()
        if name == "frequency" and self.settings["frequency_coupled", 0]:
            names = ("frequency",)
        if name == "levels" and self.settings["levels_coupled", 0]:
            names = ("amplitude", "offset", "load")
        if channel and self.settings["track", channel] != "OFF":
            kept = ("output", "polarity", "track")
            names = tuple(n for n, c in self.settings if c == channel and n not in kept)
            inverted = self.settings["track", channel] == "INV"
            self.settings["polarity", other] = "INV" if inverted else "NORM"
        if names:
            for each in names:
                self.settings[each, other] = self.settings[each, channel]
            self.restart(other)

    # What comes out.

    def frequency(self, channel: int) -> float:
        """Return cycles per second of the shape that is set."""
        shape = self.settings["shape", channel]
        if shape == "ARB":
            return float(self.settings["rate", channel]) / self.points(channel)
        if shape == "PRBS":
            return float(self.settings["bit_rate", channel]) / (2 ** self._order(channel) - 1)
        return float(self.settings["frequency", channel])

    def _order(self, channel: int) -> int:
        return int(self.settings["sequence", channel].removeprefix("PN"))

    def refusal(self, channel: int) -> str:
        """Return why a channel cannot be switched on as it is set, or nothing."""
        shape = self.settings["shape", channel]
        if self.settings["frequency_mode", channel] not in ("CW", "FIX"):
            return "the simulated output does not sweep"
        if shape == "PRBS" and self._order(channel) > waveforms.LARGEST_SEQUENCE:
            return "the simulated output plays sequences up to PN20"
        if shape == "ARB" and self.settings["advance", channel] == "TRIG":
            return "the simulated output does not advance an arb by triggers"
        if (
            self.is_waiting(channel)
            and shape == "NOIS"
            and (self.settings["burst_mode", channel] == "TRIG")
        ):
            return "triggered burst not available for noise"
        return ""

    def is_waiting(self, channel: int) -> bool:
        """Return whether a channel waits for triggers: not DC, whatever the burst state."""
        return self.settings["shape", channel] != "DC" and super().is_waiting(channel)

    def cycle(self, channel: int) -> Cycle:
        """Return one cycle of what is set; of a sequence, the part that comes next."""
        setting = {name: value for (name, c), value in self.settings.items() if c == channel}
        period_s, edge_s = 1.0 / setting["frequency"], self.model.edge_s
        shape = setting["shape"]
        if shape == "DC":
            return waveforms.constant()
        if shape == "ARB":
            parts = self.arb_parts(channel)
            return parts[self._part[channel] % len(parts)][0]
        if shape == "SIN":
            made = waveforms.sine(period_s)
        elif shape == "SQU":
            made = waveforms.square(period_s, setting["square_duty"] / 100, edge_s)
        elif shape in ("RAMP", "TRI"):
            symmetry = 0.5 if shape == "TRI" else setting["symmetry"] / 100
            made = waveforms.ramp(period_s, symmetry, edge_s)
        elif shape == "PULS":
            made = waveforms.pulse(
                period_s, setting["width"], setting["leading"], setting["trailing"]
            )
        elif shape == "NOIS":
            return waveforms.noise(setting["bandwidth"], self.noise)
        else:
            bits = waveforms.pseudo_random_bits(self._order(channel))
            bit_s = 1.0 / setting["bit_rate"]
            return waveforms.bit_sequence(bits, bit_s, setting["bit_edge"])
        phase = setting["burst_phase"] if setting["burst"] else setting["phase"]
        return made.rotated(phase / 360)

    def is_sync_on(self, channel: int) -> bool:
        """Return whether sync or trigger output follow this channel."""
        by_sync = self.settings["sync", 0] and self.settings["sync_source", 0] == f"CH{channel}"
        return bool(by_sync or self.settings["trigger_out", channel])

    def restart(self, channel: int) -> None:
        """Play what is set from now on; a sequence from its first part."""
        self._part[channel] = 0
        super().restart(channel)
        if self._is_stepped(channel) and channel in self._programs:
            self._play_part(channel, self.clock.now())

    def trigger(self, channel: int, at_s: float) -> bool:
        """Take a trigger; a sequence that waits for it goes on."""
        if not self._is_stepped(channel) or channel not in self._programs:
            return super().trigger(channel, at_s)
        program = self._programs[channel]
        if program.end_s == inf:
            program.bursts[-1].stop_after(at_s)
        elif at_s < program.end_s:
            return False
        self._part[channel] += 1
        self._play_part(channel, max(at_s, program.end_s))
        self._sync(channel, at_s)
        return True

    def _is_stepped(self, channel: int) -> bool:
        if self.settings["shape", channel] != "ARB" or self.settings["burst", channel]:
            return False
        return len(self.arb_parts(channel)) > 1

    def _play_part(self, channel: int, at_s: float) -> None:
        parts = self.arb_parts(channel)
        cycle, count = parts[self._part[channel] % len(parts)]
        program = self._programs[channel]
        kept = [burst for burst in program.bursts[-1:] if burst.start_s < at_s]
        program.bursts = [*kept, Burst(at_s, cycle, count)]
        self._terminals[channel].play(program.corners)

    def _align(self) -> None:
        for channel in range(1, CHANNELS + 1):
            self.restart(channel)

    def _initiate_all(self) -> None:
        for channel in range(1, CHANNELS + 1):
            self.initiate(channel)

    # APPLy.

    def _applier(self, shape: str) -> object:
        def put(channel: int, parameters: Sequence[Parameter]) -> None:
            if len(parameters) > 3:
                raise ScpiError(-108)
            values = [None if str(p).upper()[:3] == "DEF" else p for p in parameters]
            frequency, amplitude, offset = (*values, None, None, None)[:3]
            self.settings["output", channel] = False
            self.settings["burst", channel] = False
            self.put("shape", channel, shape)
            if frequency is not None and shape not in ("DC", "NOIS"):
                self._apply_frequency(channel, shape, number(frequency))
            if amplitude is not None and shape != "DC":
                value = self._value(channel, "amplitude", amplitude)
                self.settings["offset", channel] = 0.0
                self.set_level(channel, "amplitude", value)
            value = 0.0 if offset is None else self._value(channel, "offset", offset)
            self.set_level(channel, "offset", value)
            self.put("output", channel, True)

        return put

    def _apply_frequency(self, channel: int, shape: str, value: float) -> None:
        name = {"ARB": "rate", "PRBS": "bit_rate"}.get(shape, "frequency")
        low, high = {
            "rate": (1e-6, self.model.rate_hz), "bit_rate": (1e-3, self.model.bit_rate_hz),
        }.get(name, self.frequency_limits(channel))  # fmt: skip
        if not low <= value <= high:
            self.push(ScpiError(-222, " frequency; value clipped to "
                                + ("upper limit" if value > high else "lower limit")))  # fmt: skip
        self.put(name, channel, min(max(value, low), high))

    def _applied(self, channel: int) -> str:
        shape = self.settings["shape", channel]
        name = {"ARB": "rate", "PRBS": "bit_rate"}.get(shape, "frequency")
        amplitude_v = self.shown_amplitude(channel, self.settings["amplitude", channel])
        offset_v = self.settings["offset", channel] / self.scale(channel)
        numbers = (self.settings[name, channel], amplitude_v, offset_v)
        return f'"{shape} ' + ",".join(self.format_number(float(v)) for v in numbers) + '"'
