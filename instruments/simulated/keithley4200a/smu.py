"""One SMU of a 4200A with its preamplifier: forces a voltage or a current, measures both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from instruments.simulated.circuit import Terminal
from instruments.simulated.clock import VirtualClock
from instruments.simulated.devices.base import DeviceError
from instruments.simulated.keithley4200a.kxci import KxciError

FloatArray = NDArray[np.float64]

LINE_HZ = 50.0
MOST_V, MOST_A = 210.0, 0.105
# Above this voltage the current is limited to a tenth, and above the next the interlock counts.
_LOW_VOLTAGE_V, INTERLOCK_V = 21.0, 40.0
LEAST_LIMIT_A, LEAST_LIMIT_V = 1e-13, 2e-3
# Source ranges by their code; zero chooses by itself.
VOLTAGE_RANGES_V = {0: MOST_V, 1: 21.0, 2: MOST_V, 3: MOST_V, 4: 0.21, 5: 2.1}
CURRENT_RANGES_A = {
    0: MOST_A, 1: 1e-9, 2: 1e-8, 3: 1e-7, 4: 1e-6, 5: 1e-5, 6: 1e-4, 7: 1e-3, 8: 1e-2, 9: 1e-1,
    11: 1e-12, 12: 1e-11, 13: 1e-10,
}  # fmt: skip
_MEASURING_A = tuple(10.0**e for e in range(-12, 0))
_MEASURING_V = (0.2, 2.0, 20.0, 200.0)
OVERFLOW = 7e22
_OVER_RANGE = 1.05
# Noise of a reading at one power line cycle: a share of the range, and floors.
_NOISE, _FLOOR_A, _FLOOR_V = 1e-5, 2e-15, 1e-6
SAMPLES = 200
# The leakage of a node takes some of the current that a limited source gives.
_ALMOST = 1 - 1e-6


@dataclass(frozen=True)
class Measured:
    """Readings of one SMU, and whether its limit was acting, (n,) each."""

    voltage_v: FloatArray
    current_a: FloatArray
    is_limited: NDArray[np.bool_]


class Smu:
    """The forcing and the measuring of one SMU.

    Parameters
    ----------
    clock : VirtualClock
    terminal : Terminal
    noise : numpy Generator
    """

    def __init__(self, clock: VirtualClock, terminal: Terminal, noise: np.random.Generator) -> None:
        self._clock, self.terminal, self._noise = clock, terminal, noise
        self.kind = "off"
        self.reset()

    @property
    def now_s(self) -> float:
        """The present, in s."""
        return self._clock.now()

    def reset(self) -> None:
        """Open the relay, and measure on ranges that follow."""
        self.off()
        self.limit = inf
        # Ranges of the measurement: the lowest of autoranging, and those that are fixed.
        self.lowest_a = _MEASURING_A[0]
        self.fixed_a: float | None = None
        self.fixed_v: float | None = None

    def force(self, kind: str, level: float, limit: float) -> None:
        """Force a voltage or a current from now on.

        Raises
        ------
        KxciError
            If the circuit cannot be solved with it; the output is off then.
        """
        self.kind, self.level, self.limit = kind, level, limit
        self.terminal.drive([self._clock.now()], [level])
        self.connect(kind, limit)

    def connect(self, kind: str, limit: float) -> None:
        """Close the relay to a source whose level is driven already."""
        self.kind, self.limit = kind, limit
        try:
            self.terminal.connect(kind, 0.0, limit)
        except DeviceError as error:
            self.off()
            raise KxciError(-221, f"The simulated circuit refuses this source: {error}") from error

    def off(self) -> None:
        """Open the relay."""
        self.kind, self.level = "off", 0.0
        self.terminal.disconnect()

    def measure(self, plc: float) -> Measured:
        """Integrate once, from now on."""
        aperture_s = plc / LINE_HZ
        start_s = self._clock.now()
        self.terminal.watch(start_s)
        self._clock.sleep(aperture_s)
        measured = self.read(np.array([start_s]), plc)
        self.terminal.unwatch()
        return measured

    def read(self, start_s: FloatArray, plc: float) -> Measured:
        """Return what was seen in watched apertures that start at some times (n,)."""
        step_s = plc / LINE_HZ / SAMPLES
        time_s = (start_s[:, None] + (np.arange(SAMPLES) + 0.5) * step_s).ravel()
        shape = (start_s.size, SAMPLES)
        voltage_v = self.terminal.voltage(time_s).reshape(shape)
        if self.kind == "off":
            current_a = np.zeros(shape)
        else:
            current_a = self.terminal.current(time_s).reshape(shape)
        limiting = {"voltage": current_a, "current": voltage_v}.get(self.kind, np.zeros(shape))
        is_limited = np.any(np.abs(limiting) >= self.limit * _ALMOST, axis=1)
        return Measured(
            self._with_noise(voltage_v.mean(axis=1), self._voltage_range, plc, _FLOOR_V),
            self._with_noise(current_a.mean(axis=1), self._current_range, plc, _FLOOR_A),
            is_limited,
        )

    def _with_noise(
        self, value: FloatArray, choose: Callable[[float], float], plc: float, floor: float
    ) -> FloatArray:
        full = np.array([choose(abs(each)) for each in value])
        draw = self._noise.standard_normal(value.size) / np.sqrt(plc)
        return np.where(
            np.abs(value) > _OVER_RANGE * full, OVERFLOW, value + draw * (_NOISE * full + floor)
        )

    def _current_range(self, magnitude_a: float) -> float:
        if self.fixed_a is not None:
            return self.fixed_a
        return _first_above(_MEASURING_A, max(magnitude_a, self.lowest_a / _OVER_RANGE))

    def _voltage_range(self, magnitude_v: float) -> float:
        return self.fixed_v or _first_above(_MEASURING_V, magnitude_v)


def check(kind: str, level: float, limit: float, is_interlocked: bool) -> None:
    """Refuse a level or a compliance that no SMU has.

    Raises
    ------
    KxciError
    """
    most = MOST_V if kind == "voltage" else MOST_A
    if abs(level) > most:
        raise KxciError(-222, f"Source level {level:g} is beyond {most:g}")
    least, most = (LEAST_LIMIT_A, MOST_A) if kind == "voltage" else (LEAST_LIMIT_V, MOST_V)
    if not least <= abs(limit) <= most:
        raise KxciError(-222, f"Compliance {limit:g} is not {least:g} to {most:g}")
    volts, amperes = (abs(level), abs(limit)) if kind == "voltage" else (abs(limit), abs(level))
    if kind == "voltage" and volts > _LOW_VOLTAGE_V and amperes > MOST_A / 10:
        raise KxciError(-222, f"Above 21 V the compliance is at most {MOST_A / 10:g} A")
    if volts > INTERLOCK_V and is_interlocked:
        raise KxciError(-221, f"The safety interlock is open: {volts:g} V are not allowed")


def current_range(value_a: float) -> float:
    """Return the measuring range that holds a current."""
    return _first_above(_MEASURING_A, value_a)


def voltage_range(value_v: float) -> float:
    """Return the measuring range that holds a voltage."""
    return _first_above(_MEASURING_V, value_v)


def _first_above(ranges: tuple[float, ...], value: float) -> float:
    return next((r for r in ranges if value <= _OVER_RANGE * r), ranges[-1])
