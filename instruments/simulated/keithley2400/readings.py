"""How a 2400 takes a reading, and how it is sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from instruments.simulated.keithley2400.ranges import (
    NOT_A_NUMBER,
    OTHER,
    QUANTITIES,
    TOO_LARGE,
    VOLTAGE,
    Quantity,
    fits,
    lowest_range,
)
from instruments.simulated.keithley2400.sense import SenseLayer
from instruments.simulated.scpi.message import Parameter, ScpiError, choice

# Bits of the status word of a reading.
OVERFLOW, FILTERED, FRONT, COMPLIANCE, PROTECTED = 1, 2, 4, 8, 16
MATH, NULLED, LIMITS = 32, 64, 128
AUTO_OHMS, MEASURED_V, MEASURED_A, MEASURED_OHM = 1 << 10, 1 << 11, 1 << 12, 1 << 13
SOURCED_V, SOURCED_A, RANGE_COMPLIANCE, COMPENSATED = 1 << 14, 1 << 15, 1 << 16, 1 << 17
REMOTE_SENSE = 1 << 22
ELEMENTS = ("VOLT", "CURR", "RES", "TIME", "STAT")
_LONG = ("VOLTAGE", "CURRENT", "RESISTANCE", "TIME", "STATUS")
_SAMPLES = 1000
# A limit takes in what leaks away beside the device.
NEARLY_LIMITED = 1 - 1e-3
# A conversion takes this much longer than its aperture.
_CONVERSION_S = 185e-6
# Offset that is left: with auto zero, and the more without.
_OFFSET, _DRIFTED = 2e-6, 10.0


@dataclass(frozen=True)
class Taken:
    """One reading: V, A, ohm, s, and the status word."""

    volt: float
    curr: float
    res: float
    time: float
    status: int

    def element(self, name: str) -> float:
        """Return one of `ELEMENTS`."""
        return float(
            {
                "VOLT": self.volt, "CURR": self.curr, "RES": self.res,
                "TIME": self.time, "STAT": self.status,
            }[name]
        )  # fmt: skip


class ReadingLayer(SenseLayer):
    """Conversions, and the formats they are sent in."""

    _noise: np.random.Generator

    def _add_readings(self) -> None:
        self._is_overranged = False
        self._zero_s = 0.0
        self._stack: deque[tuple[float, float]] = deque(maxlen=100)
        self._offsets = {
            name: self._noise.standard_normal(len(quantity.ranges)) * _OFFSET
            for name, quantity in QUANTITIES.items()
        }
        self.remember("elements", ELEMENTS)
        self.on(":FORMat:ELEMents[:SENSe[1]]", self._put_elements)
        self.query(":FORMat:ELEMents[:SENSe[1]]", lambda: ",".join(self.value("elements")))
        self.remember("format", "ASC")
        self.on(":FORMat[:DATA]", self._put_format)
        formats = {"ASC": "ASC", "REAL": "REAL,32", "SRE": "SRE"}
        self.query(":FORMat[:DATA]", lambda: formats[self.value("format")])
        self.choice(":FORMat:BORDer", "byte_order", "NORMal SWAPped", "NORM")
        self.number(":SYSTem:LFRequency", "line", 50, 50, 60, integer=True)
        self.flag(":SYSTem:LFRequency:AUTO", "line_auto", True)
        self.setting(":SYSTem:AZERo[:STATe]", "auto_zero", True, _auto_zero, lambda v: str(int(v)))
        self.flag(":SYSTem:AZERo:CACHing[:STATe]", "zero_caching", False)
        self.action(":SYSTem:TIME:RESet", self._reset_time)
        self.query(":SYSTem:TIME", lambda: format(self.clock.now() - self._zero_s, ".6f"))

    # Taking.

    @property
    def measured(self) -> tuple[Quantity, ...]:
        """What is converted, one after the other."""
        wanted = self.value("functions")
        return tuple(q for n, q in QUANTITIES.items() if n in wanted or "RES" in wanted)

    @property
    def aperture_s(self) -> float:
        """How long the converter looks at each quantity."""
        repeats = self.value("average") and self.value("filter") == "REP"
        return float(
            self.value("nplc") / self.value("line")
            * (self.value("average_count") if repeats else 1)
        )  # fmt: skip

    @property
    def reading_s(self) -> float:
        """How long a reading takes: with auto zero the reference and zero are converted too."""
        phases = 3 if self.value("auto_zero") else 1
        return max(1, len(self.measured)) * phases * (self.aperture_s + _CONVERSION_S)

    def take(self, start_s: float) -> Taken:
        """Return the reading that was begun at a time and is complete now."""
        each_s = self.reading_s / max(1, len(self.measured))
        within_s = (np.arange(_SAMPLES) + 0.5) * (self.aperture_s / _SAMPLES)
        order = {quantity.name: place for place, quantity in enumerate(self.measured)}
        seen = {}
        for name, look in (("VOLT", self._terminal.voltage), ("CURR", self._terminal.current)):
            seen[name] = look(start_s + order.get(name, 0) * each_s + within_s)
        limited = OTHER[self.source.name]
        is_limited = bool(
            np.any(np.abs(seen[limited.name]) >= self.effective_limit * NEARLY_LIMITED)
        )
        found = {name: self._converted(QUANTITIES[name], seen[name]) for name in order}
        if self.value("average") and self.value("filter") == "MOV":
            found = self._moved(found)
        return self._put_together(found, start_s, is_limited)

    def _converted(self, quantity: Quantity, seen: np.ndarray) -> float:
        """Return the mean over an aperture as the converter gives it, noise and overflow in."""
        true = float(seen.mean())
        name = quantity.name
        if quantity is not self.source and self.value(f"{name} sense auto"):
            least = lowest_range(quantity.ranges, self.value(f"{name} least"))
            self.put(f"{name} sense range", max(least, lowest_range(quantity.ranges, true)))
        full = self.sense_range(quantity)
        if self._is_overranged or not fits(true, full):
            return TOO_LARGE
        quiet = np.sqrt(self.aperture_s * self.value("line"))
        deviation = (quantity.noise * full + quantity.floor) / quiet
        drift = 1.0 if self.value("auto_zero") else _DRIFTED
        offset = self._offsets[name][quantity.ranges.index(full)] * full * drift
        return true + offset + float(self._noise.standard_normal()) * deviation

    def _moved(self, found: dict[str, float]) -> dict[str, float]:
        self._stack.append((found.get("VOLT", 0.0), found.get("CURR", 0.0)))
        while len(self._stack) > self.value("average_count"):
            self._stack.popleft()
        means = np.mean(self._stack, axis=0)
        return {name: float(means[0 if name == "VOLT" else 1]) for name in found}

    def _put_together(self, found: dict[str, float], start_s: float, is_limited: bool) -> Taken:
        wanted = self.value("functions")
        source = self.source
        status = SOURCED_V if source is VOLTAGE else SOURCED_A
        for name, bit in (("VOLT", MEASURED_V), ("CURR", MEASURED_A), ("RES", MEASURED_OHM)):
            status |= bit * (name in wanted)
        status |= FRONT * (self.value("terminals") == "FRON") | FILTERED * self.value("average")
        status |= AUTO_OHMS * self.is_auto_ohms | REMOTE_SENSE * self.value("four_wire")
        status |= PROTECTED * self.is_protecting
        if is_limited:
            status |= RANGE_COMPLIANCE if self.is_range_limited else COMPLIANCE
        ohms = NOT_A_NUMBER
        if "RES" in wanted:
            ohms = _ratio(found["VOLT"], found["CURR"])
        elements = {
            name: found[name] if name in wanted or name in found else NOT_A_NUMBER
            for name in QUANTITIES
        }
        if source.name not in found:
            elements[source.name] = self._level
        if TOO_LARGE in (*elements.values(), ohms):
            status |= OVERFLOW
        self._is_overranged = False
        time_s = start_s - self._zero_s
        return Taken(elements["VOLT"], elements["CURR"], ohms, time_s, status)

    def fail(self, kind: str, value: float | None) -> None:
        """Have a reading that does not fit into its range, or another fault."""
        if kind == "over_range":
            self._is_overranged = True
        else:
            super().fail(kind, value)

    # Sending.

    def in_elements(self, taken: Sequence[Taken]) -> str | bytes:
        """Return readings in the chosen elements and format."""
        names = self.value("elements")
        return self.in_numbers([each.element(name) for each in taken for name in names])

    def in_numbers(self, values: Sequence[float]) -> str | bytes:
        """Return numbers in the chosen format."""
        if self.value("format") == "ASC":
            return ",".join(format(value, "+.6E") for value in values)
        order = ">f4" if self.value("byte_order") == "NORM" else "<f4"
        return b"#0" + np.asarray(values, dtype=np.float64).astype(order).tobytes()

    def _put_elements(self, channel: int, parameters: Sequence[Parameter]) -> None:
        if not parameters:
            raise ScpiError(-109)
        words = [str(parameter).upper() for parameter in parameters]
        known = {**dict(zip(_LONG, ELEMENTS, strict=True)), **{e: e for e in ELEMENTS}}
        if any(word not in known for word in words):
            raise ScpiError(-224)
        chosen = [known[word] for word in words]
        self.put("elements", tuple(name for name in ELEMENTS if name in chosen))

    def _put_format(self, channel: int, parameters: Sequence[Parameter]) -> None:
        if not parameters:
            raise ScpiError(-109)
        kind = choice(parameters[0], ("ASCii", "REAL", "SREal"))
        if len(parameters) > 1 and (kind != "REAL" or str(parameters[1]) != "32"):
            raise ScpiError(-224)
        self.put("format", kind)

    def _reset_time(self) -> None:
        self._zero_s = self.clock.now()


def compensated(taken: Taken, at_zero: Taken) -> Taken:
    """Return a reading with its ohms freed from the voltage that is there without a current."""
    ohms = _ratio(taken.volt - at_zero.volt, taken.curr - at_zero.curr)
    return replace(taken, res=ohms, status=taken.status | COMPENSATED)


def _ratio(voltage_v: float, current_a: float) -> float:
    if TOO_LARGE in (voltage_v, current_a) or not current_a:
        return TOO_LARGE
    ohms = voltage_v / current_a
    return ohms if abs(ohms) < TOO_LARGE else TOO_LARGE


def _auto_zero(parameter: Parameter) -> bool:
    # "Once" zeroes now, and not again.
    word = choice(parameter, ("ON", "OFF", "ONCE", "1", "0"))
    return word in ("ON", "1")
