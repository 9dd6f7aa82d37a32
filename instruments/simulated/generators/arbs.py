"""Arbitrary waveforms and sequences in the volatile memory of a 33500B or 33600A."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from instruments.simulated.generators.function_generator import CHANNELS
from instruments.simulated.generators.levels import LevelledGenerator
from instruments.simulated.generators.waveforms import Cycle, samples
from instruments.simulated.scpi.message import Parameter, ScpiError, number, unquoted

FULL_CODE = 32767
LEAST_POINTS = 8
_BUILT_IN = "INT:\\BUILTIN\\"
DEFAULT_ARB = _BUILT_IN + "EXP_RISE.ARB"
_LONGEST_CYCLE = 10_000_000
_CONTROLS = {
    word.lower(): word for word in ("once", "onceWaitTrig", "repeat", "repeatInf", "repeatTilTrig")
}
_STEP_FIELDS = 5
_X = np.linspace(0.0, 1.0, 100, endpoint=False)
_WIDE = 20 * (_X - 0.5)
BUILT_INS = {
    "EXP_RISE": 1 - 2 * np.exp(-5 * _X),
    "EXP_FALL": 2 * np.exp(-5 * _X) - 1,
    "HAVERSINE": -np.cos(2 * np.pi * _X),
    "NEG_RAMP": 1 - 2 * _X,
    "SINC": np.sinc(_WIDE),
    "GAUSSIAN": 2 * np.exp(-0.5 * _WIDE**2) - 1,
    "LORENTZ": 2 / (1 + _WIDE**2) - 1,
    "D_LORENTZ": -2 * _WIDE / (1 + _WIDE**2),
    "CARDIAC": 1.6 * np.exp(-0.5 * ((_X - 0.5) / 0.015) ** 2) - 0.6,
}

Put = Callable[[int, Sequence[Parameter]], None]


@dataclass(frozen=True)
class Step:
    """One step of a sequence."""

    arb: str
    repeats: int
    control: str


class ArbGenerator(LevelledGenerator):
    """A generator with arbitrary waveforms, with the settings "arb", "rate", "filter"."""

    memory_points = 1_000_000

    def add_arbs(self, source: str) -> None:
        """Add the commands of DATA and the least of MMEMory."""
        n = CHANNELS
        self._arbs: dict[tuple[int, str], NDArray[np.int16]] = {}
        self._sequences: dict[tuple[int, str], tuple[Step, ...]] = {}
        self._clear_memory()
        for number_ in ("", "1"):
            head = f"{source}:DATA:ARBitrary{number_}"
            self.on(f"{head}:DAC", self._adder("i2", 1.0), n)
            self.on(head, self._adder("f4", FULL_CODE), n)
        self.on(f"{source}:DATA:ARBitrary2:DAC", self._adder("i2", 1.0, is_pair=True), n)
        self.on(f"{source}:DATA:ARBitrary2", self._adder("f4", FULL_CODE, is_pair=True), n)
        self.choice(f"{source}:DATA:ARBitrary2:FORMat", "pair_order", "AABB ABAB", "ABAB")
        self.on(f"{source}:DATA:SEQuence", self._add_sequence, n)
        self.on(f"{source}:DATA:VOLatile:CLEar", self._clear, n)
        self.on(f"{source}:DATA:VOLatile:CATalog?", lambda c, p: self._catalog(c), n)
        self.on(f"{source}:DATA:VOLatile:FREE?", lambda c, p: str(self._free(c)), n)
        for words, what in (
            (":AVERage", "mean"), (":CFACtor", "crest"), (":POINts", "points"), (":PTPeak", "ptp"),
        ):  # fmt: skip
            self.on(f"{source}:DATA:ATTRibute{words}?", self._attribute(what), n)
        self.on(":MMEMory:LOAD:DATA#", self._load, n)
        self.on(":MMEMory:CATalog:DATA:ARBitrary?", lambda c, p: self._files())

    def reset(self) -> None:
        """Go back to the settings of ``*RST``; volatile memory holds the default waveform."""
        self._clear_memory()
        super().reset()

    def arb_name(self, parameter: Parameter) -> str:
        """Return a name as it is kept."""
        name = unquoted(parameter).strip().upper()
        return name if "\\" in name else name.removesuffix(".ARB")

    def check_arb(self, channel: int) -> None:
        """Refuse a name that nothing in the volatile memory of the channel has."""
        key = (channel, self.settings["arb", channel])
        if key not in self._arbs and key not in self._sequences:
            raise ScpiError(785)

    def points(self, channel: int) -> int:
        """Return the number of points of the selected waveform."""
        key = (channel, self.settings["arb", channel])
        if key in self._sequences:
            return sum(self._arbs[channel, s.arb].size for s in self._sequences[key])
        return self._arbs[key].size

    def arb_parts(self, channel: int) -> list[tuple[Cycle, float]]:
        """Return what is played up to each wait for a trigger, and how many times.

        Raises
        ------
        ScpiError
            If there is no such waveform, or it is too long to be emitted.
        """
        self.check_arb(channel)
        key = (channel, self.settings["arb", channel])
        steps = self._sequences.get(key, (Step(key[1], 1, "once"),))
        parts: list[tuple[list[NDArray[np.int16]], float]] = [([], 1)]
        for step in steps:
            codes = self._arbs.get((channel, step.arb))
            if codes is None:
                raise ScpiError(785)
            if step.control in ("repeatInf", "repeatTilTrig"):
                parts += [([codes], inf), ([], 1)]
                continue
            parts[-1][0].extend([codes] * (step.repeats if step.control == "repeat" else 1))
            if step.control == "onceWaitTrig":
                parts.append(([], 1))
        full = [(np.concatenate(codes), count) for codes, count in parts if codes]
        if sum(codes.size for codes, _ in full) > _LONGEST_CYCLE:
            raise ScpiError(-221, " the simulated output plays sequences of 1e7 samples at most")
        return [(self._cycle(channel, codes), count) for codes, count in full]

    def _cycle(self, channel: int, codes: NDArray[np.int16]) -> Cycle:
        is_stair = self.settings["filter", channel] == "OFF"
        interval_s = 1.0 / self.settings["rate", channel]
        return samples(codes / FULL_CODE, interval_s, is_stair, 1.0 / FULL_CODE)

    def peak_to_rms_of_arb(self, channel: int) -> float:
        """Return full scale over root mean square."""
        key = (channel, self.settings["arb", channel])
        codes = self._arbs.get(key)
        rms = 1.0 if codes is None else float(np.sqrt(np.mean((codes / FULL_CODE) ** 2)))
        return 2.0 / rms if rms else 2.0

    # Commands.

    def _adder(self, kind: str, scale: float, is_pair: bool = False) -> Put:
        def put(channel: int, parameters: Sequence[Parameter]) -> None:
            if len(parameters) < 2:
                raise ScpiError(-109)
            data = parameters[1:]
            if isinstance(data[0], bytes):
                order = ">" if self.settings["order", 0] == "NORM" else "<"
                if len(data[0]) % int(kind[1]):
                    raise ScpiError(-161)
                values = np.frombuffer(data[0], order + kind).astype(np.float64)
            else:
                values = np.array([number(p) for p in data])
            name, codes = self.arb_name(parameters[0]), np.round(values * scale)
            if not is_pair:
                self._add(channel, name, codes)
                return
            halves = (
                (codes[::2], codes[1::2])
                if self.settings["pair_order", 0] == "ABAB"
                else np.split(codes[: codes.size // 2 * 2], 2)
            )
            for each, half in enumerate(halves, start=1):
                self._add(each, name, half)

        return put

    def _add(self, channel: int, name: str, codes: NDArray[np.float64]) -> None:
        if (channel, name) in self._arbs or (channel, name) in self._sequences:
            raise ScpiError(786)
        if not np.all(np.abs(codes) <= FULL_CODE) or codes.size < LEAST_POINTS:
            raise ScpiError(-222)
        if codes.size > self._free(channel):
            raise ScpiError(781)
        self._arbs[channel, name] = codes.astype(np.int16)

    def _add_sequence(self, channel: int, parameters: Sequence[Parameter]) -> None:
        if len(parameters) != 1 or not isinstance(parameters[0], bytes):
            raise ScpiError(-109 if not parameters else -104)
        words = [w.strip() for w in parameters[0].decode("latin-1").split(",")]
        if len(words) % _STEP_FIELDS != 1 or len(words) == 1:
            raise ScpiError(-230)
        name, steps = self.arb_name(words[0]), []
        for at in range(1, len(words), _STEP_FIELDS):
            arb, repeats, control = words[at : at + 3]
            if control.lower() not in _CONTROLS or not re.fullmatch(r"\d+", repeats):
                raise ScpiError(-224)
            steps.append(Step(self.arb_name(arb), int(repeats), _CONTROLS[control.lower()]))
        if (channel, name) in self._arbs:
            raise ScpiError(786)
        if any((channel, step.arb) not in self._arbs for step in steps):
            raise ScpiError(785)
        self._sequences[channel, name] = tuple(steps)

    def _clear(self, channel: int, parameters: Sequence[Parameter]) -> None:
        if self.settings["output", channel] and self.settings["shape", channel] == "ARB":
            raise ScpiError(-221, " the waveform is being output")
        self._clear_memory(channel)
        self.settings["arb", channel] = DEFAULT_ARB

    def _clear_memory(self, only: int = 0) -> None:
        for channel in (only,) if only else range(1, CHANNELS + 1):
            self._arbs = {key: arb for key, arb in self._arbs.items() if key[0] != channel}
            self._sequences = {k: s for k, s in self._sequences.items() if k[0] != channel}
            self._arbs[channel, DEFAULT_ARB] = _built_in("EXP_RISE")

    def _free(self, channel: int) -> int:
        return self.memory_points - sum(a.size for k, a in self._arbs.items() if k[0] == channel)

    def _catalog(self, channel: int) -> str:
        names = [name for each, name in (*self._arbs, *self._sequences) if each == channel]
        return ",".join(f'"{name}"' for name in names)

    def _attribute(self, what: str) -> Callable[[int, Sequence[Parameter]], str]:
        def ask(channel: int, parameters: Sequence[Parameter]) -> str:
            name = self.arb_name(parameters[0]) if parameters else self.settings["arb", channel]
            if (channel, name) not in self._arbs:
                raise ScpiError(785)
            level = self._arbs[channel, name] / FULL_CODE
            rms = float(np.sqrt(np.mean(level**2)))
            value: float = {
                "mean": float(level.mean()),
                "crest": float(np.abs(level).max()) / rms if rms else 0.0,
                "points": int(level.size),
                "ptp": float(np.ptp(level)) / 2,
            }[what]
            return self.format_number(value)

        return ask

    def _load(self, channel: int, parameters: Sequence[Parameter]) -> None:
        if not parameters:
            raise ScpiError(-109)
        name = self.arb_name(parameters[0])
        built_in = name.removeprefix(_BUILT_IN).removesuffix(".ARB")
        if not name.startswith(_BUILT_IN) or built_in not in BUILT_INS:
            raise ScpiError(-256)
        self._arbs[channel, name] = _built_in(built_in)

    def _files(self) -> str:
        names = ",".join(f'"{name}.arb,ARB,{2 * _X.size}"' for name in BUILT_INS)
        return f"0,{2 * self.memory_points},{names}"


def _built_in(name: str) -> NDArray[np.int16]:
    return np.round(np.clip(BUILT_INS[name], -1.0, 1.0) * FULL_CODE).astype(np.int16)
