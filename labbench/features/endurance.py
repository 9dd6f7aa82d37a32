"""Endurance: how threshold and hold voltage drift over cycles, and how long a device lasts.

A device has failed where it fails in `FAILED_CYCLES` cycles in a row: it *no longer switches* (no
current above that of `volatile_switching`), or it *stays on* (above that current within the first
two steps of the way up, or above the hold criterion at the very end). Cycles are counted from one,
in the order they were applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, nan

import numpy as np

from labbench.features.feature import Feature, Outcome, Response
from labbench.features.repeats import mean_and_spread
from labbench.features.statistics import straight_line
from labbench.features.volatile_switching import HOLD_A, THRESHOLD_A, SweepLoop, read_loop
from labbench.stimulus import Sweep

VERSION = "1"

FAILED_CYCLES = 3
_FIRST_STEPS = 2


def endurance(responses: Sequence[Response]) -> list[Feature]:
    """Draw the drift of threshold and hold voltage, and the cycles until the device failed.

    Parameters
    ----------
    responses : sequence of Response
        Sweeps of the input, one loop each, in their order; others are left out.

    Returns
    -------
    list of Feature
        `endurance_threshold` and `endurance_hold` (V), their `_drift` (V for each cycle),
        `cycles_applied`, and `cycles_to_no_switching` and `cycles_to_stuck_on`, each CENSORED with
        the cycles applied as its lower bound where that did not happen. Empty without a sweep.
    """
    loops = [
        read_loop(response.stimulus, response.trace)
        for response in responses
        if isinstance(response.stimulus, Sweep) and response.stimulus.terminal == "input"
    ]
    if not loops:
        return []
    cycle = np.arange(1, len(loops) + 1, dtype=np.float64)
    features: list[Feature] = []
    step_v = max(loop.step_v for loop in loops)
    for name, values, current_a in (
        ("endurance_threshold", [loop.threshold_v for loop in loops], THRESHOLD_A),
        ("endurance_hold", [loop.hold_v[0] for loop in loops], HOLD_A[0]),
    ):
        at = {"current_a": current_a}
        seen = np.isfinite(values)
        sample = np.array(values)[seen]
        features += mean_and_spread(
            name, sample, "V", at, resolution=step_v, nothing=Outcome.DID_NOT_FIRE
        )[:1]
        (_, drift_v), (_, stderr) = straight_line(cycle[seen], sample)
        outcome = Outcome.OK if np.isfinite(stderr) else Outcome.TOO_FEW
        # Where all fall on one level of the grid, its step bounds what was seen of a drift.
        least = step_v / 12**0.5 / max(float(np.ptp(cycle)), 1.0)
        error = float(max(stderr, least))
        features.append(
            Feature(f"{name}_drift", float(drift_v), "V", error, int(seen.sum()), outcome, at)
        )
    features.append(Feature("cycles_applied", float(len(loops)), "1", 0.0, len(loops)))
    for name, failed in (
        ("cycles_to_no_switching", [not loop.has_switched for loop in loops]),
        ("cycles_to_stuck_on", [is_stuck_on(loop) for loop in loops]),
    ):
        last = failing_run(failed)
        value = float(len(loops)) if last is None else last - FAILED_CYCLES + 1.0
        outcome = Outcome.CENSORED if last is None else Outcome.OK
        features.append(
            Feature(name, value, "1", nan if last is None else 0.0, len(loops), outcome)
        )
    return features


def is_stuck_on(loop: SweepLoop) -> bool:
    """Whether a device was on from the start of its loop, or still on at the end of it."""
    from_start = loop.threshold_v <= _FIRST_STEPS * loop.step_v * (1 + 1e-6)
    return loop.has_switched and (from_start or isnan(loop.hold_v[0]))


def has_failed(loops: Sequence[SweepLoop]) -> bool:
    """Whether the last cycles all failed alike, so that going on tells nothing."""
    last = loops[-FAILED_CYCLES:]
    if len(last) < FAILED_CYCLES:
        return False
    return not any(loop.has_switched for loop in last) or all(is_stuck_on(loop) for loop in last)


def failing_run(failed: Sequence[bool]) -> int | None:
    """Return the number of the last of the first `FAILED_CYCLES` failed cycles in a row."""
    run = 0
    for number, each in enumerate(failed, start=1):
        run = run + 1 if each else 0
        if run == FAILED_CYCLES:
            return number
    return None
