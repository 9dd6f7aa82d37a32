"""Turn a stimulus into the samples of an arbitrary-waveform generator, and say what it will play.

The generator plays evenly spaced samples with straight lines between them. The grid is the slowest
that holds all breakpoints exactly. Levels are stretched over all codes of the DAC, with zero volt
on a code, so that the source rests at exactly zero.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd

import numpy as np
from numpy.typing import NDArray

from labbench.errors import StimulusError
from labbench.stimulus import PulseTrain, Stimulus, Waveform

FULL_CODE = 32767
MAX_POINTS = 1_000_000
_MIN_POINTS = 8
# Times count in picoseconds, so that decimal times have a common divisor.
_TICK_S = 1e-12
# A step is played as an edge of one sample, no longer than this.
_LONGEST_STEP_TICKS = 1_000_000


@dataclass(frozen=True, eq=False)
class Samples:
    """What a generator needs to play a stimulus.

    Attributes
    ----------
    codes : (n,) int16 array
        Signed DAC codes; the last one stands for zero volt.
    interval_s : float
    amplitude_v, offset_v : float
        Peak to peak between the codes -32767 and 32767, and the level of code 0.
    emitted : Stimulus
        Exact at its breakpoints, within half a DAC step between them.
    """

    codes: NDArray[np.int16]
    interval_s: float
    amplitude_v: float
    offset_v: float
    emitted: Stimulus


def digitise(
    stimulus: Stimulus, max_rate_hz: float, max_voltage_v: float, min_amplitude_v: float
) -> Samples:
    """Sample a stimulus on the slowest grid that holds its breakpoints.

    A step becomes an edge of one sample, at most 1 us long and at most half of the grid of the
    other breakpoints.

    Raises
    ------
    StimulusError
        If it is not a voltage, or beyond the generator's level, rate or memory.
    """
    if stimulus.unit != "V":
        raise StimulusError(f"A voltage source cannot play a stimulus in {stimulus.unit}.")
    if stimulus.peak > max_voltage_v:
        raise StimulusError(
            f"A peak of {stimulus.peak:g} V is beyond the generator's {max_voltage_v:g} V."
        )
    tick, level_v = _closed_corners(stimulus)
    tick, grid = _grid(tick, level_v)
    if grid * _TICK_S * max_rate_hz < 1 - 1e-9:
        raise StimulusError(
            f"Only a grid of {grid * _TICK_S:g} s holds all breakpoints, the generator's finest is "
            f"{1 / max_rate_hz:g} s: round the times of the stimulus."
        )
    points = max(int(tick[-1]) // grid + 2, _MIN_POINTS)
    if points > MAX_POINTS:
        raise StimulusError(
            f"A grid of {grid * _TICK_S:g} s that holds all breakpoints up to "
            f"{tick[-1] * _TICK_S:g} s takes {points} points, the generator has {MAX_POINTS}: "
            "round the times of the stimulus or shorten it."
        )
    low_v, high_v = min(0.0, float(level_v.min())), max(0.0, float(level_v.max()))
    amplitude_v = max(high_v - low_v, min_amplitude_v)
    step_v = amplitude_v / (2 * FULL_CODE)
    zero_code = int(np.clip(np.round(-FULL_CODE - low_v / step_v), -FULL_CODE, FULL_CODE))

    def code(values_v: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.clip(np.round(values_v / step_v) + zero_code, -FULL_CODE, FULL_CODE)

    sampled_v = np.interp(np.arange(points) * float(grid), tick, level_v)
    return Samples(
        codes=code(sampled_v).astype(np.int16),
        interval_s=grid * _TICK_S,
        amplitude_v=amplitude_v,
        offset_v=-zero_code * step_v,
        emitted=_emitted(stimulus, tick, (code(level_v) - zero_code) * step_v),
    )


def _closed_corners(
    stimulus: Stimulus,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return corners in ticks from time zero on, level zero at both ends, at most two a tick."""
    corner_s, level_v = stimulus.breakpoints()
    tick = np.round(corner_s / _TICK_S).astype(np.int64)
    tick, level_v = np.r_[tick[0], tick, tick[-1]], np.r_[0.0, level_v, 0.0]
    if tick[0] > 0:
        tick, level_v = np.r_[0, tick], np.r_[0.0, level_v]
    # Of several levels at one time only the first and the last have a say.
    same = tick[1:] == tick[:-1]
    inner = np.r_[False, same[:-1] & same[1:], False]
    tick, level_v = tick[~inner], level_v[~inner]
    # Two corners at one time and level are one.
    twice = np.r_[False, (tick[1:] == tick[:-1]) & (level_v[1:] == level_v[:-1])]
    return tick[~twice], level_v[~twice]


def _grid(tick: NDArray[np.int64], level_v: NDArray[np.float64]) -> tuple[NDArray[np.int64], int]:
    """Return the corners with steps opened to edges, and the common grid, in ticks."""
    grid = gcd(*(int(t) for t in tick)) or _LONGEST_STEP_TICKS
    is_step = np.r_[False, tick[1:] == tick[:-1]]
    if is_step.any():
        parts = max(2, -(-grid // _LONGEST_STEP_TICKS))
        while grid % parts and parts < grid:
            parts += 1
        grid //= parts
        tick = np.where(is_step, tick + grid, tick)
    return tick, grid


def _emitted(stimulus: Stimulus, tick: NDArray[np.int64], level_v: NDArray[np.float64]) -> Stimulus:
    """Return the stimulus as played; a pulse train stays one where its edges allow."""
    if isinstance(stimulus, PulseTrain) and np.all(np.diff(tick) > 0):
        at_s = np.array([p.start_s + p.rise_s for p in stimulus.pulses])
        if all(p.rise_s > 0 and p.fall_s > 0 for p in stimulus.pulses):
            played_v = np.interp(np.round(at_s / _TICK_S), tick, level_v)
            pulses = tuple(
                replace(pulse, amplitude_v=float(v))
                for pulse, v in zip(stimulus.pulses, played_v, strict=True)
            )
            return replace(stimulus, pulses=pulses)
    return Waveform(
        time_s=np.multiply(tick, _TICK_S, dtype=np.float64),
        level=level_v,
        duration_s=max(stimulus.duration_s, float(tick[-1] * _TICK_S)),
        rest_s=stimulus.rest_s,
    )
