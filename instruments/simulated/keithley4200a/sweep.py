"""What the pages DE, SS and SM define, and the staircases that ME1 makes of it.

A sweep is laid into the sources' timelines at once; when it is over, all readings are drawn from
the watched past.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from instruments.simulated.keithley4200a.kxci import KxciError, real, reals, whole, word
from instruments.simulated.keithley4200a.smu import LINE_HZ, MOST_A, Smu, check

FloatArray = NDArray[np.float64]

VOLTAGE, CURRENT, COMMON = 1, 2, 3
VAR1, VAR2, CONSTANT, VAR1_RATIO = 1, 2, 3, 4
MOST_POINTS = 4096
# Points a decade of the logarithmic sweeps, by their type.
_PER_DECADE = {2: 10, 3: 25, 4: 50}
# From one level to the next, and from a reading to the next step.
_EDGE_S, _OVERHEAD_S = 1e-5, 1e-3


@dataclass
class Source:
    """What one SMU does in a test."""

    voltage_name: str
    current_name: str
    mode: int
    function: int
    constant: float = 0.0
    limit: float = 0.0
    listed: list[float] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """What it forces."""
        return "current" if self.mode == CURRENT else "voltage"


@dataclass(frozen=True)
class Plan:
    """A staircase: levels (n,) of each SMU, and when each reading begins, in s from the start."""

    levels: dict[int, FloatArray]
    step_s: FloatArray
    reading_s: FloatArray
    end_s: float


class Setup:
    """All that is defined on the pages, and the plan that it makes."""

    def __init__(self) -> None:
        self.sources: dict[int, Source] = {}
        self.swept: tuple[list[float], float] = ([], 0.0)
        self.stepped: tuple[list[float], float] = ([], 0.0)
        self.ratio, self.offset = 1.0, 0.0
        self.hold_s = self.delay_s = 0.0
        self.wait_s, self.interval_s, self.readings = 0.0, 0.01, 0
        self.listing: list[str] = []

    def define(self, parameters: list[str], most: int) -> None:
        """CH: names, mode and function of an SMU; its number alone takes it out of the test."""
        number = whole(parameters, 0, 1, most)
        if len(parameters) == 1:
            self.sources.pop(number, None)
            return
        names = [word(parameters, place) for place in (1, 2)]
        if any(not 1 <= len(name) <= 6 for name in names):
            raise KxciError(-104, f"Names {names} are not of one to six characters")
        source = Source(names[0], names[1], whole(parameters, 3, 1, 3), whole(parameters, 4, 1, 4))
        if source.mode == COMMON:
            source.function, source.limit = CONSTANT, MOST_A
        self.sources[number] = source

    def sweep(self, kind: str, parameters: list[str]) -> None:
        """VR, IR: type, start, stop, step of a linear one, compliance."""
        form = whole(parameters, 0, 1, 4)
        start, stop = real(parameters, 1), real(parameters, 2)
        if form == 1:
            step, place = real(parameters, 3), 4
            if step == 0.0 or start == stop:
                raise KxciError(-222, "A sweep needs a step and two ends")
            count = counted(start, stop, step)
            values = start + np.copysign(abs(step), stop - start) * np.arange(count)
        else:
            if start * stop <= 0.0:
                raise KxciError(-222, "A logarithmic sweep has ends of one sign")
            place = 3
            count = round(abs(np.log10(stop / start)) * _PER_DECADE[form]) + 1
            values = np.geomspace(start, stop, count)
        if values.size > MOST_POINTS:
            raise KxciError(-222, f"{values.size} points are more than {MOST_POINTS}")
        self._check_kind(kind, VAR1)
        self.swept = (values.tolist(), real(parameters, place))

    def step(self, kind: str, parameters: list[str]) -> None:
        """VP, IP: start, step, number of steps, compliance."""
        count = whole(parameters, 2, 1, 128)
        values = real(parameters, 0) + real(parameters, 1) * np.arange(count)
        self._check_kind(kind, VAR2)
        self.stepped = (values.tolist(), real(parameters, 3))

    def set_list(self, kind: str, parameters: list[str]) -> None:
        """VL, IL: SMU, master or not, compliance, values."""
        source = self._source(parameters, kind)
        whole(parameters, 1, 0, 1)
        values = reals(parameters, 3)
        if not 1 <= len(values) <= MOST_POINTS:
            raise KxciError(-222, f"A list has 1 to {MOST_POINTS} values, not {len(values)}")
        source.limit, source.listed, source.function = real(parameters, 2), values, VAR1

    def hold(self, kind: str, parameters: list[str]) -> None:
        """VC, IC: SMU, level, compliance."""
        source = self._source(parameters, kind)
        source.constant, source.limit = real(parameters, 1), real(parameters, 2)

    def _source(self, parameters: list[str], kind: str) -> Source:
        number = whole(parameters, 0, 1, 9)
        source = self.sources.get(number)
        if source is None or source.mode == COMMON or source.kind != kind:
            raise KxciError(-221, f"SMU{number} is not defined as a {kind} source")
        return source

    def _check_kind(self, kind: str, function: int) -> None:
        if not any(s.kind == kind and s.function == function for s in self.sources.values()):
            raise KxciError(-221, f"No SMU is defined as VAR{function} of {kind}")

    def plan(self, plc: float, is_interlocked: bool) -> Plan:
        """Return the staircase of what is defined.

        Raises
        ------
        KxciError
            If it is not complete, or beyond what an SMU can do.
        """
        if not self.sources:
            raise KxciError(-221, "No SMU is defined")
        inner, outer = self._count_inner(), max(1, len(self._of(VAR2)) and len(self.stepped[0]))
        levels = {}
        for number, source in self.sources.items():
            once, limit = self._levels(source, inner, outer)
            for level in (once.min(), once.max()):
                check(source.kind, float(level), limit, is_interlocked)
            source.limit, levels[number] = limit, once
        is_sampling = not self._of(VAR1)
        aperture_s = plc / LINE_HZ
        each_s = self.delay_s + aperture_s + _OVERHEAD_S
        if is_sampling:
            each_s = max(each_s, self.interval_s)
        place = np.arange(inner * outer)
        step_s = place * each_s + (place // inner + 1) * self.hold_s + self.wait_s * is_sampling
        reading_s = step_s + _EDGE_S + self.delay_s
        return Plan(levels, step_s, reading_s, float(reading_s[-1] + aperture_s + _OVERHEAD_S))

    def _of(self, function: int) -> list[Source]:
        return [s for s in self.sources.values() if s.function == function]

    def _count_inner(self) -> int:
        swept = self._of(VAR1)
        if not swept:
            return max(1, self.readings)
        counts = {len(source.listed or self.swept[0]) for source in swept}
        if len(counts) != 1 or 0 in counts:
            raise KxciError(-221, f"The swept sources have {sorted(counts)} points")
        return counts.pop()

    def _levels(self, source: Source, inner: int, outer: int) -> tuple[FloatArray, float]:
        if source.function == VAR1:
            values, limit = (source.listed, source.limit) if source.listed else self.swept
            return np.tile(values, outer), limit
        if source.function == VAR1_RATIO:
            values, limit = self.swept
            return np.tile(np.array(values) * self.ratio + self.offset, outer), limit
        if source.function == VAR2:
            values, limit = self.stepped
            if not values:
                raise KxciError(-221, "The stepped source has no steps")
            return np.repeat(values, inner), limit
        return np.full(inner * outer, source.constant), source.limit


def counted(start: float, stop: float, step: float) -> int:
    """Return how many points a linear sweep has.

    Raises
    ------
    KxciError
        If they are more than the instrument holds.
    """
    # A step can be so small that the quotient is infinite.
    points = abs(stop - start) / abs(step) * (1 + 1e-9) + 1
    if points >= MOST_POINTS + 1:
        raise KxciError(-222, f"{points:.0f} points are more than {MOST_POINTS}")
    return int(points)


def lay(plan: Plan, sources: dict[int, Source], smus: dict[int, Smu], start_s: float) -> None:
    """Switch the sources on at their first levels and lay the staircase into their timelines."""
    for number, levels in plan.levels.items():
        smu, source = smus[number], sources[number]
        smu.force(source.kind, float(levels[0]), source.limit)
        at_s = start_s + plan.step_s[1:]
        corner_s = np.c_[at_s, at_s + _EDGE_S].ravel()
        if corner_s.size:
            smu.terminal.drive(corner_s, np.c_[levels[:-1], levels[1:]].ravel())
            smu.level = float(levels[-1])
        smu.terminal.watch(start_s)


def collect(
    plan: Plan, sources: dict[int, Source], smus: dict[int, Smu], start_s: float, plc: float
) -> dict[str, list[tuple[str, float]]]:
    """Return what was read, by name: status letters and values of each point that is over."""
    over = start_s + plan.reading_s + plc / LINE_HZ <= smus[1].now_s + 1e-12
    reading_s = plan.reading_s[over]
    seen = {n: smus[n].read(start_s + reading_s, plc) for n in sources} if reading_s.size else {}
    data = {}
    for number, measured in seen.items():
        others = [m.is_limited for n, m in seen.items() if n != number]
        is_other = np.any(others, axis=0) if others else np.zeros(reading_s.size, bool)
        letters = np.where(measured.is_limited, "C", np.where(is_other, "T", "N"))
        source = sources[number]
        for name, values in (
            (source.voltage_name, measured.voltage_v),
            (source.current_name, measured.current_a),
        ):
            found = np.where(np.abs(values) > 1e22, "V", letters)
            data[name] = [(str(a), float(b)) for a, b in zip(found, values, strict=True)]
        data[f"CH{number}T"] = [("N", float(t)) for t in reading_s]
    return data
