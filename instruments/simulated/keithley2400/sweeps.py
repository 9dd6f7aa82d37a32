"""The sweeps and lists of a 2400: the levels that a run goes through."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from instruments.simulated.keithley2400.base import within
from instruments.simulated.keithley2400.ranges import OHMS, QUANTITIES, Quantity
from instruments.simulated.keithley2400.source import SourceLayer
from instruments.simulated.scpi.message import Parameter, ScpiError, number

MOST_POINTS = 2500
_MOST_IN_A_MESSAGE = 100


class SweepLayer(SourceLayer):
    """Levels one after the other."""

    def _add_sweeps(self) -> None:
        for quantity in QUANTITIES.values():
            self._add_sweep(quantity)
        sweep = "[:SOURce[1]]:SWEep"
        self.choice(f"{sweep}:SPACing", "spacing", "LINear LOGarithmic", "LIN")
        self.choice(f"{sweep}:DIRection", "direction", "UP DOWN", "UP")
        self.choice(f"{sweep}:RANGing", "ranging", "BEST AUTO FIXed", "BEST")
        self.choice(f"{sweep}:CABort", "abort", "NEVer EARLy LATE", "NEV")
        self.setting(
            f"{sweep}:POINts", "points", MOST_POINTS,
            lambda p: round(within(p, 2, MOST_POINTS, MOST_POINTS)),
        )  # fmt: skip
        self.query(f"{sweep}:POINts", lambda: str(self._points(self.source)))
        self.remember("by_step", False)

    def _add_sweep(self, quantity: Quantity) -> None:
        name, most = quantity.name, quantity.most
        root = f"[:SOURce[1]]:{quantity.header}"
        for word in ("STARt", "STOP"):
            self.number(f"{root}:{word}", f"{name} {word.lower()}", 0.0, -most, most)
        self.number(f"{root}:STEP", f"{name} step", 0.0, -2 * most, 2 * most)
        self.query(f"{root}:STEP", lambda: self.format_number(self._step(quantity)))
        self.number(f"{root}:CENTer", f"{name} center", 0.0, -most, most)
        self.number(f"{root}:SPAN", f"{name} span", 0.0, -2 * most, 2 * most)
        self.remember(f"{name} list", (0.0,))
        listed = f"[:SOURce[1]]:LIST:{quantity.header}"
        self.on(listed, lambda c, p: self._put_list(quantity, p, ()))
        self.on(f"{listed}:APPend", lambda c, p: self._put_list(quantity, p, self._list(name)))
        self.query(f"{listed}:POINts", lambda: str(len(self._list(name))))
        self.query(listed, lambda: ",".join(map(self.format_number, self._list(name))))
        self.number(f"{listed}:STARt", f"{name} list start", 1, 1, MOST_POINTS, integer=True)

    def changed(self, name: str, channel: int) -> None:
        """Let a new setting act."""
        kind, _, what = name.partition(" ")
        if kind in QUANTITIES and what in ("start", "stop", "center", "span"):
            self._couple(kind, what)
        elif kind in QUANTITIES and what == "step":
            self.put("by_step", bool(self.value(name)))
        elif name == "points":
            self.put("by_step", False)
        else:
            super().changed(name, channel)

    def _couple(self, name: str, what: str) -> None:
        """Keep start and stop, center and span the same sweep."""
        if what in ("start", "stop"):
            start, stop = self.value(f"{name} start"), self.value(f"{name} stop")
            self.put(f"{name} center", (start + stop) / 2)
            self.put(f"{name} span", stop - start)
        else:
            center, span = self.value(f"{name} center"), self.value(f"{name} span")
            self.put(f"{name} start", center - span / 2)
            self.put(f"{name} stop", center + span / 2)

    def _points(self, quantity: Quantity) -> int:
        span, step = self.value(f"{quantity.name} span"), self.value(f"{quantity.name} step")
        if not self.value("by_step") or not step:
            return int(self.value("points"))
        return int(abs(span / step) * (1 + 1e-9) + 1e-9) + 1

    def _step(self, quantity: Quantity) -> float:
        if self.value("by_step"):
            return float(self.value(f"{quantity.name} step"))
        return float(self.value(f"{quantity.name} span") / (self._points(quantity) - 1))

    def levels(self) -> np.ndarray:
        """Return the levels that are gone through, again and again: (k,) in V or A.

        Raises
        ------
        ScpiError
            If a sweep is set that cannot be made.
        """
        name = self.source.name
        if self.is_auto_ohms:
            return np.array([OHMS[self.value("ohms_range")]])
        mode = self.value(f"{name} mode")
        if mode == "FIX":
            return np.array([self.value(f"{name} next")])
        if mode == "LIST":
            return np.array(self._list(name)[self.value(f"{name} list start") - 1 :])
        start, stop = self.value(f"{name} start"), self.value(f"{name} stop")
        count = self._points(self.source)
        if count > MOST_POINTS:
            raise ScpiError(-221)
        if self.value("spacing") == "LOG":
            if start * stop <= 0.0:
                raise ScpiError(-221)
            found = np.geomspace(start, stop, count)
        elif self.value("by_step") and self.value(f"{name} step"):
            step = np.copysign(self.value(f"{name} step"), stop - start)
            found = start + step * np.arange(count)
        else:
            found = np.linspace(start, stop, count)
        return found[::-1] if self.value("direction") == "DOWN" else found

    def _list(self, name: str) -> tuple[float, ...]:
        return tuple(self.value(f"{name} list"))

    def _put_list(
        self, quantity: Quantity, parameters: Sequence[Parameter], before: tuple[float, ...]
    ) -> None:
        if not parameters:
            raise ScpiError(-109)
        if len(parameters) > _MOST_IN_A_MESSAGE or len(before) + len(parameters) > MOST_POINTS:
            raise ScpiError(-223)
        added = tuple(number(each) for each in parameters)
        if any(abs(each) > quantity.most for each in added):
            raise ScpiError(-222)
        self.put(f"{quantity.name} list", before + added)
