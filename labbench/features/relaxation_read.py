"""Relaxation read by a source meter: set, then a small read voltage, one reading after the other.

The on current is that of the set state at the read voltage, by Ohm's law from the last reading of
the set block. The time runs from the end of that block to where the current crosses a fraction of
it, interpolated in its logarithm. What is gone in the first reading was faster than that, and a
source meter cannot say by how much: such times are bounds, CENSORED where there is no other. A
level within the noise of the readings is crossed unseen: NOT_IDENTIFIABLE, or a lower bound where
the current was still seen in a reading or more.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from labbench.features.feature import Feature, Outcome, Response
from labbench.features.repeats import geometric_mean, median
from labbench.features.volatile_switching import THRESHOLD_A
from labbench.stimulus import Sweep

VERSION = "1"

FRACTIONS = (0.1, 1e-4)
# Levels below this many standard deviations of the last readings are within their noise.
_NOISE_SDS = 3.0
# Median of the absolute difference of two draws from a normal law of sd 1.
_MEDIAN_STEP = 0.9539

FloatArray = NDArray[np.float64]


def relaxation_read(responses: Sequence[Response]) -> list[Feature]:
    """Draw the time to a tenth and to a ten-thousandth of the on current.

    Parameters
    ----------
    responses : sequence of Response
        Timed sweeps of the input: a block at the largest level, then one at the last level,
        smaller and not zero. Others are left out.

    Returns
    -------
    list of Feature
        `relaxation_time` (s, geometric mean) at each fraction with `_log_sd`; with no time seen,
        CENSORED with the tightest bound as the value. `set_current` (A) and `read_interval` (s).
        DID_NOT_FIRE where nothing was set. Empty if there is no such sweep.
    """
    sweeps = [
        r for r in responses if isinstance(r.stimulus, Sweep) and _is_set_and_read(r.stimulus)
    ]
    if not sweeps:
        return []
    first_s: dict[float, list[tuple[str, float]]] = {fraction: [] for fraction in FRACTIONS}
    set_a, interval_s = [], []
    for response in sweeps:
        time_s, current_a, on_a, was_a = _decay(response)
        set_a.append(was_a)
        interval_s.append(float(np.median(np.diff(time_s))) if time_s.size > 1 else time_s[0])
        if was_a <= THRESHOLD_A:
            continue
        for fraction, found in first_s.items():
            found.append(_crossing(time_s, current_a, fraction * on_a))
    features = [feature for f in FRACTIONS for feature in _describe(first_s[f], f)]
    return [
        *features,
        median("set_current", set_a, "A", {}),
        median("read_interval", interval_s, "s", {}),
    ]


def _is_set_and_read(stimulus: Sweep) -> bool:
    level_v = np.abs(stimulus.voltage_v)
    last = int(np.flatnonzero(level_v == level_v.max())[-1])
    after_v = level_v[last + 1 :]
    return bool(
        stimulus.terminal == "input"
        and stimulus.dwell_s is not None
        and after_v.size
        and after_v[0] > 0.0
        and (after_v == after_v[0]).all()
    )


def _decay(response: Response) -> tuple[FloatArray, FloatArray, float, float]:
    """Return time since the set, read current, on current at the read voltage, set current."""
    stimulus, trace = response.stimulus, response.trace
    assert isinstance(stimulus, Sweep)
    level_v = np.abs(stimulus.voltage_v)
    last = int(np.flatnonzero(level_v == level_v.max())[-1])
    current_a, voltage_v = np.abs(trace.values("memristor")), np.abs(trace.values("input"))
    on_a = float(current_a[last] / voltage_v[last] * level_v[-1])
    # A reading stands at the end of its dwell, which is when the next level starts.
    time_s = trace.time_s[last + 1 :] - trace.time_s[last]
    return time_s, current_a[last + 1 :], on_a, float(current_a[last])


def _crossing(time_s: FloatArray, current_a: FloatArray, level_a: float) -> tuple[str, float]:
    """Return how a level was crossed ("seen", "shorter", "longer", "lost"), and the time in s."""
    # From differences of neighbours, by the median: what still decays there is not noise.
    steps_a = np.abs(np.diff(current_a[3 * current_a.size // 4 :]))
    noise_a = _NOISE_SDS * float(np.median(steps_a)) / _MEDIAN_STEP if steps_a.size else 0.0
    if level_a <= noise_a:
        gone = int(np.argmax(current_a <= noise_a))
        return ("longer", float(time_s[gone - 1])) if gone else ("lost", float(time_s[0]))
    below = np.flatnonzero(current_a < level_a)
    if not below.size:
        return "longer", float(time_s[-1])
    index = int(below[0])
    if index == 0:
        return "shorter", float(time_s[0])
    pair = slice(index - 1, index + 1)
    # Zero or less is noise about nothing: then the end of the step is all there is to say.
    if current_a[index] <= 0.0:
        return "seen", float(time_s[index])
    high, low = (log(value) for value in current_a[pair])
    share = (high - log(level_a)) / (high - low)
    early, late = (log(value) for value in time_s[pair])
    return "seen", exp(early + share * (late - early))


def _describe(found: Sequence[tuple[str, float]], fraction: float) -> list[Feature]:
    at, name = {"fraction": fraction}, "relaxation_time"
    if not found:
        return [Feature(name, float("nan"), "s", n=0, outcome=Outcome.DID_NOT_FIRE, at=at)]
    kinds = ("seen", "shorter", "longer", "lost")
    by_kind = {kind: [time_s for k, time_s in found if k == kind] for kind in kinds}
    if by_kind["lost"]:
        lost = Outcome.NOT_IDENTIFIABLE
        return [Feature(name, float("nan"), "s", n=len(found), outcome=lost, at=at)]
    if not by_kind["seen"]:
        bounds = by_kind["shorter"] or by_kind["longer"]
        bound_s = min(bounds) if by_kind["shorter"] else max(bounds)
        return [Feature(name, bound_s, "s", n=len(found), outcome=Outcome.CENSORED, at=at)]
    return geometric_mean(
        name, by_kind["seen"], at,
        shorter_than_s=by_kind["shorter"], longer_than_s=by_kind["longer"],
    )  # fmt: skip
