"""The guard: no stimulus beyond the bench's absolute limits is ever loaded."""

from __future__ import annotations

import numpy as np

from labbench.bench.description import Limits
from labbench.errors import LimitError
from labbench.stimulus import Stimulus


def check_limits(stimulus: Stimulus, limits: Limits) -> None:
    """Check a stimulus before it is loaded.

    Raises
    ------
    LimitError
        If it exceeds the voltage, stays away from zero for too long, or is not a voltage.
    """
    if stimulus.unit != "V":
        raise LimitError(f"This bench plays voltages; the stimulus is in {stimulus.unit}.")
    if stimulus.peak > limits.voltage_v:
        raise LimitError(
            f"The stimulus reaches {stimulus.peak:g} V, the bench allows {limits.voltage_v:g} V: "
            "lower the amplitude, or raise limits.voltage_v in the bench file if the device "
            "can stand it."
        )
    longest_s = longest_excursion_s(stimulus)
    if longest_s > limits.pulse_width_s * (1 + 1e-9):
        raise LimitError(
            f"The stimulus stays away from zero for {longest_s:g} s, the bench allows "
            f"{limits.pulse_width_s:g} s: shorten the pulses, or raise limits.pulse_width_s in "
            "the bench file if the device can stand it."
        )


def longest_excursion_s(stimulus: Stimulus) -> float:
    """Return the longest time a stimulus is away from zero without a break.

    Counted at half the edges of a pulse, as its width is: between the middles of the stretches
    on which the level leaves and regains zero.
    """
    time_s, level = stimulus.breakpoints()
    away = level != 0.0
    edges = np.flatnonzero(np.diff(np.r_[False, away, False].astype(int)))
    middles = (time_s[:-1] + time_s[1:]) / 2
    # A stimulus that starts or ends away from zero does so with a step at its first or last time.
    crossings = np.r_[time_s[0], middles, time_s[-1]][edges]
    return float(np.max(crossings[1::2] - crossings[::2], initial=0.0))
