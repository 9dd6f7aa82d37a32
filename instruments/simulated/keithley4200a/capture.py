"""What the pulse card's converters make of the voltage and the current in its windows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from instruments.simulated.circuit import Terminal
from instruments.simulated.keithley4200a.waveform import Playing, Window

FloatArray = NDArray[np.float64]

MOST_RATE_HZ, MOST_SAMPLES = 200e6, 65_536
# Current ranges with the remote amplifier, by source range.
RANGES_A = {10: (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 2e-1), 40: (1e-4, 1e-2, 8e-1)}
# Noise of one sample and half of the converter's codes, as shares of the range.
_NOISE, _CODES = 3e-4, 8192
# Status bits of a sample beyond its range: below and above, of voltage and of current.
_VOLTAGE_BITS, _CURRENT_BITS = (1 << 8, 1 << 9), (1 << 10, 1 << 11)


def rate_for(playing: Playing, wanted_hz: float) -> float:
    """Return the highest sampling rate, an integer part of 200 MHz, that the memory holds."""
    length_s = sum(window.stop_s - window.start_s for window in playing.windows)
    wanted_hz = min(wanted_hz, MOST_SAMPLES / length_s if length_s else wanted_hz)
    return float(MOST_RATE_HZ / np.ceil(MOST_RATE_HZ / wanted_hz * (1 - 1e-9)))


def sample(
    terminal: Terminal,
    playing: Playing,
    trigger_s: float,
    rate_hz: float,
    ranges: tuple[float, float | None, float],
    noise: np.random.Generator,
) -> list[list[FloatArray]]:
    """Measure in all windows, which must lie in the watched past.

    Parameters
    ----------
    ranges : tuple of float
        Of the voltage in V, of the current in A (None chooses), and the lowest to choose.

    Returns
    -------
    list of list of array
        For each row of data its windows, each (4, n): voltage, current, time, status.
    """
    times = [_times(window, rate_hz) for window in playing.windows]
    if not times:
        return []
    every_s = np.concatenate(times)
    voltage_v = terminal.voltage(trigger_s + every_s)
    current_a = terminal.current(trigger_s + every_s)
    range_v, range_a, lowest_a = ranges
    if range_a is None:
        most_a = float(np.max(np.abs(current_a)))
        choices = [r for r in RANGES_A[round(range_v)] if r >= lowest_a * (1 - 1e-9)]
        range_a = next((r for r in choices if most_a <= r), choices[-1])
    volts, voltage_status = _converted(voltage_v, range_v, _VOLTAGE_BITS, noise)
    amperes, current_status = _converted(current_a, range_a, _CURRENT_BITS, noise)
    status = (voltage_status | current_status).astype(np.float64)
    cut = np.cumsum([each.size for each in times])[:-1]
    parts = np.split(np.stack([volts, amperes, every_s, status]), cut, axis=1)
    return _rows(playing.windows, parts)


def _times(window: Window, rate_hz: float) -> FloatArray:
    count = max(1, int((window.stop_s - window.start_s) * rate_hz * (1 + 1e-9)))
    return np.asarray(window.start_s + (np.arange(count) + 0.5) / rate_hz)


def _converted(
    value: FloatArray, full: float, bits: tuple[int, int], noise: np.random.Generator
) -> tuple[FloatArray, NDArray[np.int64]]:
    noisy = value + _NOISE * full * noise.standard_normal(value.size)
    code = np.clip(np.round(noisy / full * _CODES), -_CODES, _CODES)
    status = np.where(code <= -_CODES, bits[0], 0) | np.where(code >= _CODES, bits[1], 0)
    return code * full / _CODES, status.astype(np.int64)


def _rows(windows: list[Window], parts: list[FloatArray]) -> list[list[FloatArray]]:
    rows: dict[int, list[tuple[Window, FloatArray]]] = {}
    for window, part in zip(windows, parts, strict=True):
        if window.is_spot:
            worst = np.bitwise_or.reduce(part[3].astype(np.int64))
            part = np.r_[part[:3].mean(axis=1), float(worst)][:, None]
        rows.setdefault(window.row, []).append((window, part))
    made: list[list[FloatArray]] = []
    groups: dict[int, list[list[FloatArray]]] = {}
    for row in rows.values():
        group = row[0][0].mean_of
        places = [part for _, part in row]
        if group:
            groups.setdefault(group, []).append(places)
        else:
            made.append(places)
    made += [_mean(members) for members in groups.values()]
    return made


def _mean(members: list[list[FloatArray]]) -> list[FloatArray]:
    """Average the pulses of a burst sample by sample; times and status are those of the first."""
    averaged = []
    for place, first in enumerate(members[0]):
        count = min(member[place].shape[1] for member in members)
        mean = np.mean([member[place][:2, :count] for member in members], axis=0)
        averaged.append(np.vstack([mean, first[2:, :count]]))
    return averaged
