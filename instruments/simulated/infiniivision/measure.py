"""The MEASure commands: figures of the record, 9.9E+37 where there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite, log10
from typing import TYPE_CHECKING

import numpy as np

from instruments.simulated.infiniivision import figures
from instruments.simulated.infiniivision.acquisition import MEASURED_POINTS
from instruments.simulated.infiniivision.figures import Figures
from instruments.simulated.scpi.message import INFINITY, Parameter, ScpiError, choice, number

if TYPE_CHECKING:
    from instruments.simulated.infiniivision.oscilloscope import Oscilloscope

_SOURCES = tuple(f"CHANnel{c}" for c in range(1, 5))
_MOST_SHOWN = 10
Options = Sequence[str]
_ONE: dict[str, Callable[[Figures, Options], float]] = {
    "VPP": lambda f, o: float(np.ptp(f.level_v)),
    "VMAX": lambda f, o: float(f.level_v.max()),
    "VMIN": lambda f, o: float(f.level_v.min()),
    "VAVerage": lambda f, o: float(_span(f, o).mean()),
    "VRMS": lambda f, o: figures.rms(_span(f, o), "AC" in o),
    "VAMPlitude": lambda f, o: f.amplitude,
    "VTOP": lambda f, o: f.base_top[1],
    "VBASe": lambda f, o: f.base_top[0],
    "FREQuency": lambda f, o: 1.0 / f.period,
    "COUNter": lambda f, o: f.counted_hz,
    "PERiod": lambda f, o: f.period,
    "RISetime": lambda f, o: f.transition(True),
    "FALLtime": lambda f, o: f.transition(False),
    "PWIDth": lambda f, o: f.width(True),
    "NWIDth": lambda f, o: f.width(False),
    "DUTYcycle": lambda f, o: 100.0 * f.width(True) / f.period,
    "NDUTy": lambda f, o: 100.0 * f.width(False) / f.period,
    "OVERshoot": lambda f, o: 100.0 * (f.level_v.max() - f.base_top[1]) / _nonzero(f.amplitude),
    "PREShoot": lambda f, o: 100.0 * (f.base_top[0] - f.level_v.min()) / _nonzero(f.amplitude),
    "XMAX": lambda f, o: float(f.time_s[f.level_v.argmax()]),
    "XMIN": lambda f, o: float(f.time_s[f.level_v.argmin()]),
    "PEDGes": lambda f, o: float(f.edges[0].size),
    "NEDGes": lambda f, o: float(f.edges[1].size),
    "AREa": lambda f, o: figures.area(f),
    "SDEViation": lambda f, o: figures.rms(_span(f, o), True),
    "PPULses": lambda f, o: f.pulses(True),
    "NPULses": lambda f, o: f.pulses(False),
    "BWIDth": lambda f, o: f.burst_width,
}
_TWO: dict[str, Callable[[Figures, Figures], float]] = {
    "DELay": figures.delay_s,
    "PHASe": figures.phase_deg,
    "VRATio": lambda f, g: 20.0 * log10(f.amplitude / _nonzero(g.amplitude)),
}
# In the order of the command: upper, middle, lower.
_STANDARD = ("PERC", 90.0, 50.0, 10.0)


class Measure:
    """Measures on the record of a scope.

    Parameters
    ----------
    scope : Oscilloscope
    """

    def __init__(self, scope: Oscilloscope) -> None:
        self._scope = scope
        self._shown: list[tuple[str, Callable[[], str]]] = []
        scope.remember("measured", ("CHAN1", "CHAN2"))
        scope.on(":MEASure:SOURce", lambda c, p: self._set_sources(p))
        scope.on(":MEASure:SOURce?", lambda c, p: ",".join(scope.settings["measured", 0]))
        scope.on(":MEASure:CLEar", lambda c, p: self._shown.clear())
        scope.on(":MEASure:RESults?", lambda c, p: ",".join(show() for _, show in self._shown))
        scope.choice(
            ":MEASure:STATistics", "statistics",
            "ON CURRent MAXimum MEAN MINimum STDDev COUNt", "CURR",
        )  # fmt: skip
        scope.on(":MEASure:STATistics:RESet", lambda c, p: None)
        scope.choice(":MEASure:WINDow", "measure_window", "MAIN ZOOM AUTO GATE", "AUTO")
        scope.flag(":MEASure:SHOW", "show", True)
        for name in _ONE:
            self._add(name, self._one(name))
        for name in _TWO:
            self._add(name, self._two(name))
        scope.remember("thresholds", _STANDARD, len(_SOURCES))
        scope.on(":MEASure:DEFine", lambda c, p: self._define(p))
        scope.on(":MEASure:DEFine?", lambda c, p: self._defined(p))
        scope.on(":MEASure:STATistics:INCRement", lambda c, p: None)
        scope.on(":MEASure:VTIMe?", lambda c, p: self._at_time(p))
        scope.on(":MEASure:TEDGe?", lambda c, p: self._edge_time(p))
        scope.on(":MEASure:TVALue?", lambda c, p: self._value_time(p))

    def _add(self, name: str, run: Callable[[Sequence[Parameter]], str]) -> None:
        def show(parameters: Sequence[Parameter]) -> None:
            entry = (name, lambda: run(parameters))
            self._shown = [*self._shown, entry][-_MOST_SHOWN:]

        self._scope.on(f":MEASure:{name}?", lambda c, p: run(p))
        self._scope.on(f":MEASure:{name}", lambda c, p: show(p))

    def _one(self, name: str) -> Callable[[Sequence[Parameter]], str]:
        def run(parameters: Sequence[Parameter]) -> str:
            sources, options = self._split(parameters)
            found = self._figures(sources[0])
            return self._answer(lambda: _ONE[name](found, options) if found else INFINITY)

        return run

    def _two(self, name: str) -> Callable[[Sequence[Parameter]], str]:
        def run(parameters: Sequence[Parameter]) -> str:
            sources, _ = self._split(parameters)
            first, second = self._figures(sources[0]), self._figures(sources[-1])
            return self._answer(lambda: _TWO[name](first, second) if first and second else INFINITY)

        return run

    def _at_time(self, parameters: Sequence[Parameter]) -> str:
        at_s, found = self._argument(parameters)
        if found is None or not found.time_s[0] <= at_s <= found.time_s[-1]:
            return self._answer(lambda: INFINITY)
        return self._answer(lambda: float(np.interp(at_s, found.time_s, found.level_v)))

    def _edge_time(self, parameters: Sequence[Parameter]) -> str:
        occurrence, found = self._argument(parameters)
        if not occurrence or occurrence != round(occurrence):
            raise ScpiError(-222)
        return self._answer(lambda: found.edge_s(int(occurrence)) if found else INFINITY)

    def _value_time(self, parameters: Sequence[Parameter]) -> str:
        if len(parameters) < 2:
            raise ScpiError(-109)
        level_v, occurrence = number(parameters[0]), number(parameters[1])
        sources, _ = self._split(parameters[2:])
        found = self._figures(sources[0])
        return self._answer(lambda: found.passed_s(level_v, int(occurrence)) if found else INFINITY)

    def _argument(self, parameters: Sequence[Parameter]) -> tuple[float, Figures | None]:
        if not parameters:
            raise ScpiError(-109)
        sources, _ = self._split(parameters[1:])
        return number(parameters[0]), self._figures(sources[0])

    def _split(self, parameters: Sequence[Parameter]) -> tuple[tuple[str, ...], Options]:
        """Return sources, those that are set if none is given, and all other words."""
        words = [str(p).upper() for p in parameters]
        given = tuple(choice(w, _SOURCES) for w in words if w.startswith("CHAN"))
        options = [w[:4] for w in words if not w.startswith("CHAN")]
        if any(w not in ("CYCL", "DISP", "AC", "DC", "AUTO", "MAN") for w in options):
            raise ScpiError(-224)
        chosen = self._scope.settings["measured", 0]
        return given + chosen[len(given) :], options

    def _set_sources(self, parameters: Sequence[Parameter]) -> None:
        if not parameters:
            raise ScpiError(-109)
        given = tuple(choice(p, _SOURCES) for p in parameters[:2])
        before = self._scope.settings["measured", 0]
        self._scope.settings["measured", 0] = given + before[len(given) :]

    def _define(self, parameters: Sequence[Parameter]) -> None:
        """Set the thresholds of one channel, or of all."""
        if len(parameters) < 2:
            raise ScpiError(-109)
        choice(parameters[0], ("THResholds",))
        kind = choice(parameters[1], ("STANdard", "PERCent", "ABSolute"))
        if kind == "STAN":
            made, rest = _STANDARD, parameters[2:]
        else:
            if len(parameters) < 5:
                raise ScpiError(-109)
            upper, middle, lower = (number(p) for p in parameters[2:5])
            most = 100.0 if kind == "PERC" else INFINITY
            if not (-most if kind == "ABS" else 0.0) <= lower < middle < upper <= most:
                raise ScpiError(-222)
            made, rest = (kind, upper, middle, lower), parameters[5:]
        if len(rest) > 1:
            raise ScpiError(-108)
        for source in [choice(p, _SOURCES) for p in rest] or ["CHAN1", "CHAN2", "CHAN3", "CHAN4"]:
            self._scope.settings["thresholds", int(source[-1])] = made

    def _defined(self, parameters: Sequence[Parameter]) -> str:
        if not parameters:
            raise ScpiError(-109)
        choice(parameters[0], ("THResholds",))
        sources, _ = self._split(parameters[1:])
        kind, *levels = self._scope.settings["thresholds", int(sources[0][-1])]
        return ",".join(["THR", kind, *(self._scope.format_number(float(v)) for v in levels)])

    def _figures(self, source: str) -> Figures | None:
        """Return the record of a channel; none if there is none."""
        scope, channel = self._scope, int(source[-1])
        try:
            record = scope.complete_record()
        except ScpiError:
            return None
        if channel not in record.setup.vertical:
            return None
        points = min(record.setup.depth, MEASURED_POINTS) // 2 * 2
        vertical = record.setup.vertical[channel]
        shot = min(scope.settings["segment", 0], len(record.triggers_s)) - 1
        shot = shot if record.setup.is_segmented else 0
        level_v = record.volts(channel, points, shot)
        kind, *levels = scope.settings["thresholds", channel]
        unit = 1.0 if kind == "ABS" else 0.01
        upper, middle, lower = (unit * value for value in levels)
        return Figures(
            record.time_s(points), level_v, vertical.range_v / 256, (lower, middle, upper),
            kind == "ABS",
        )  # fmt: skip

    def _answer(self, measured: Callable[[], float]) -> str:
        try:
            value = measured()
        except ZeroDivisionError:
            value = INFINITY
        return self._scope.format_number(float(value) if isfinite(value) else INFINITY)


def _span(found: Figures, options: Options) -> np.ndarray:
    return found.whole_cycles() if "CYCL" in options else found.level_v


def _nonzero(value: float) -> float:
    if not value:
        raise ZeroDivisionError
    return value
