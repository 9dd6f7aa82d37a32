"""A simulated Keysight InfiniiVision 3000/4000: one edge-triggered record in high resolution.

Only what a bench uses is simulated: an external edge trigger in NORMal sweep (anything else is a
settings conflict, -221, when the acquisition starts) and ``:ACQuire:TYPE HRESolution``, 12 bits
left-aligned in a WORD. Full scale is ``:CHANnel:RANGe`` around ``:CHANnel:OFFSet``; beyond it the
words are the clip markers 0x0001 and 0xFFFF. Samples are points, not averages over an interval,
and the bandwidth limit is left out: 20 MHz is far beyond a microsecond.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from instruments.simulated.circuit import Terminal
from instruments.simulated.clock import VirtualClock
from instruments.simulated.message import Parameter, ScpiError, block, number
from instruments.simulated.scpi import ScpiInstrument

CHANNELS = 4
BITS = 12
CLIPPED_LOW, CLIPPED_HIGH = 0x0001, 0xFFFF
# Input noise, rms, of full scale.
NOISE = 2e-3
# Record lengths that :WAVeform:POINts takes.
POINTS = tuple(m * 10**e for e in range(1, 5) for m in (10, 25, 50))
_RUNNING = 8
_COUNTS = 1 << 16
_ADC_CODES = 1 << BITS


@dataclass(frozen=True)
class _Acquisition:
    """What was set when the acquisition started."""

    armed_s: float
    pre_s: float
    span_s: float
    points: int
    channels: tuple[int, ...]


class Oscilloscope(ScpiInstrument):
    """Four channels on nodes of the circuit; channels without a wire see 0 V and their noise."""

    last_terminal = CHANNELS
    number_format = "+.8E"

    def __init__(
        self,
        identity: str,
        clock: VirtualClock,
        terminals: Mapping[int, Terminal],
        noise: np.random.Generator,
    ) -> None:
        super().__init__(identity, clock)
        self._terminals = terminals
        self._noise = noise
        self._acquisition: _Acquisition | None = None
        self._recording: NDArray[np.float64] | None = None
        self._words: dict[int, NDArray[np.uint16]] = {}
        self._vertical: dict[int, tuple[float, float]] = {}
        self._armed_seen = True
        self._add_commands()

    def reset(self) -> None:
        """Go back to the settings of ``*RST``; no record."""
        super().reset()
        self._stop()
        self._words = {}

    def external_edge(self, at_s: float) -> None:
        """Take an edge at the EXT TRIG input.

        An edge before the pre-trigger memory is full is not a trigger.
        """
        acquisition = self._acquisition
        if acquisition is None or self._recording is not None or at_s < acquisition.armed_s:
            return
        interval_s = acquisition.span_s / acquisition.points
        index = np.arange(acquisition.points, dtype=np.float64)
        self._recording = at_s - acquisition.pre_s + index * interval_s
        self.poll()

    @property
    def done_s(self) -> float:
        """When the acquisition will be done; without a trigger nobody knows."""
        if self._acquisition is None:
            return -inf
        return inf if self._recording is None else float(self._recording[-1])

    def _add_commands(self) -> None:
        n = CHANNELS
        self.choice(":TIMebase:MODE", "timebase_mode", "MAIN", "MAIN")
        self.choice(":TIMebase:REFerence", "reference", "LEFT CENTer RIGHt", "CENT")
        self.number(":TIMebase:RANGe", "span", 1e-3, 1e-8, 500.0)
        self.number(":TIMebase:POSition", "position", 0.0, -500.0, 500.0)
        self.number(":CHANnel#:RANGe", "range", 40.0, 8e-3, 400.0, channels=n)
        self.number(":CHANnel#:OFFSet", "offset", 0.0, -400.0, 400.0, channels=n)
        self.number(":CHANnel#:PROBe", "probe", 1.0, 1e-3, 1e4, channels=n)
        self.choice(":CHANnel#:COUPling", "coupling", "AC DC", "DC", channels=n)
        self.choice(":CHANnel#:IMPedance", "impedance", "ONEMeg FIFTy", "ONEM", channels=n)
        self.flag(":CHANnel#:BWLimit", "limit", False, channels=n)
        self.flag(":CHANnel#:DISPlay", "display", False, channels=n)
        self._defaults["display", 1] = self.settings["display", 1] = True
        self.choice(":TRIGger:MODE", "trigger_mode", "EDGE", "EDGE")
        self.choice(":TRIGger:SWEep", "sweep", "AUTO NORMal", "AUTO")
        sources = "CHANnel1 CHANnel2 CHANnel3 CHANnel4 EXTernal LINE"
        self.choice(":TRIGger[:EDGE]:SOURce", "trigger_source", sources, "CHAN1")
        self.choice(":TRIGger[:EDGE]:SLOPe", "slope", "POSitive NEGative", "POS")
        self.number(":TRIGger[:EDGE]:LEVel", "level", 0.0, -8.0, 8.0)
        self.choice(":ACQuire:TYPE", "acquire", "NORMal HRESolution", "NORM")
        self.choice(":WAVeform:FORMat", "format", "BYTE WORD ASCii", "BYTE")
        self.choice(":WAVeform:BYTeorder", "order", "MSBFirst LSBFirst", "MSBF")
        self.flag(":WAVeform:UNSigned", "unsigned", True)
        self.choice(":WAVeform:POINts:MODE", "points_mode", "NORMal MAXimum RAW", "NORM")
        self.choice(":WAVeform:SOURce", "source", " ".join(sources.split()[:4]), "CHAN1")
        self.on(":WAVeform:POINts", self._set_points)
        self.on(":WAVeform:POINts?", lambda c, p: str(self.settings["points", 0]))
        self.remember("points", 1000)
        self.on(":WAVeform:PREamble?", lambda c, p: self._preamble())
        self.on(":WAVeform:DATA?", lambda c, p: self._data())
        self.on(":SINGle", lambda c, p: self._start(self._displayed()))
        self.on(":DIGitize", lambda c, p: self._start(_channels(p) or self._displayed()))
        self.on(":STOP", lambda c, p: self._stop())
        self.on(":AER?", lambda c, p: self._read_armed())
        self.on(":OPERegister:CONDition?", lambda c, p: str(_RUNNING * self.is_busy))
        self.on(":TER?", lambda c, p: str(int(self._recording is not None)))

    def _set_points(self, channel: int, parameters: Sequence[Parameter]) -> None:
        if not parameters:
            raise ScpiError(-109)
        points = number(parameters[0])
        if points not in POINTS:
            raise ScpiError(-222)
        self.settings["points", 0] = int(points)

    # The acquisition.

    def _displayed(self) -> tuple[int, ...]:
        return tuple(c for c in range(1, CHANNELS + 1) if self.settings["display", c])

    def _start(self, channels: tuple[int, ...]) -> None:
        external = self.settings["trigger_source", 0] == "EXT"
        if not external or self.settings["sweep", 0] != "NORM":
            raise ScpiError(-221, "the simulated trigger is EXTernal in NORMal sweep")
        if self.settings["acquire", 0] != "HRES":
            raise ScpiError(-221, "the simulated acquisition is HRESolution")
        span_s = self.settings["span", 0]
        # The reference mark of the screen stands one of ten divisions from its edge, or in between.
        mark = {"LEFT": 0.1, "CENT": 0.5, "RIGH": 0.9}[self.settings["reference", 0]]
        pre_s = span_s * mark - self.settings["position", 0]
        self._stop()
        self._words = {}
        self._armed_seen = False
        self._vertical = {
            c: (self.settings["range", c], self.settings["offset", c]) for c in channels
        }
        for channel in channels:
            self._terminals[channel].watch(self.clock.now())
        self._acquisition = _Acquisition(
            armed_s=self.clock.now() + max(0.0, pre_s),
            pre_s=pre_s,
            span_s=span_s,
            points=self.settings["points", 0],
            channels=channels,
        )

    def _stop(self) -> None:
        self._acquisition = self._recording = None
        self._armed_seen = True
        for terminal in self._terminals.values():
            terminal.unwatch()

    def _read_armed(self) -> str:
        armed = self._acquisition is not None and self.clock.now() >= self._acquisition.armed_s
        answer = int(armed and not self._armed_seen)
        self._armed_seen |= armed
        return str(answer)

    def _digitised(self, channel: int) -> NDArray[np.uint16]:
        """Return the words of one channel; drawn once, so that a second read is the same."""
        recording = self._recording
        if self.is_busy or recording is None or channel not in self._vertical:
            raise ScpiError(-230)
        if not self._words:
            for each in self._vertical:
                self._words[each] = self._convert(each, recording)
        return self._words[channel]

    def _convert(self, channel: int, time_s: NDArray[np.float64]) -> NDArray[np.uint16]:
        full_scale_v, offset_v = self._vertical[channel]
        level_v = self._terminals[channel].voltage(time_s)
        # In units of full scale, 0 to 1.
        share = (level_v - offset_v) / full_scale_v + 0.5
        share += NOISE * self._noise.standard_normal(share.size)
        code = np.floor(share * _ADC_CODES)
        words = np.clip(code, 1, _ADC_CODES - 1) * (_COUNTS // _ADC_CODES)
        words[code < 1] = CLIPPED_LOW
        words[code > _ADC_CODES - 1] = CLIPPED_HIGH
        return words.astype(np.uint16)

    # What is read.

    def _source(self) -> int:
        return int(self.settings["source", 0][-1])

    def _preamble(self) -> str:
        channel = self._source()
        points = self._digitised(channel).size
        acquisition = self._acquisition
        assert acquisition is not None  # _digitised has seen it
        full_scale_v, offset_v = self._vertical[channel]
        interval_s = acquisition.span_s / acquisition.points
        # A code stands for the middle of its step.
        origin_v = offset_v + full_scale_v / _ADC_CODES / 2
        form = {"BYTE": 0, "WORD": 1, "ASC": 4}[self.settings["format", 0]]
        numbers = (
            form, 3, points, 1, interval_s, -acquisition.pre_s, 0,
            full_scale_v / _COUNTS, origin_v, _COUNTS // 2,
        )  # fmt: skip
        return ",".join(self.format_number(value) for value in numbers)

    def _data(self) -> bytes:
        words = self._digitised(self._source())
        if self.settings["format", 0] != "WORD" or not self.settings["unsigned", 0]:
            raise ScpiError(-221, "the simulated scope sends unsigned WORDs only")
        order = ">" if self.settings["order", 0] == "MSBF" else "<"
        return block(words.astype(f"{order}u2").tobytes())


def _channels(parameters: Sequence[Parameter]) -> tuple[int, ...]:
    names = [str(p).upper() for p in parameters]
    if any(not name.startswith("CHAN") or not name[-1:].isdigit() for name in names):
        raise ScpiError(-224)
    return tuple(int(name[-1]) for name in names)
