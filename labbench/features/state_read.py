"""The two states of a memristor: resistance at a small voltage before, when set, and after.

A sweep of three blocks: read voltage, set voltage, read voltage again. A volatile device is on
under the set voltage only, so that its on/off ratio takes the on state from there; the ratio at
the read voltage, after against before, is what is left of it when it is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, nan, sqrt

import numpy as np
from numpy.typing import NDArray

from labbench.features.feature import Feature, Outcome, Response
from labbench.features.volatile_switching import THRESHOLD_A
from labbench.stimulus import Sweep

VERSION = "1"

# A current within this many of its standard errors is none that was seen.
_SEEN = 3.0

FloatArray = NDArray[np.float64]


def state_read(responses: Sequence[Response]) -> list[Feature]:
    """Draw off and on resistance and their ratio from sweeps of read, set and read.

    Parameters
    ----------
    responses : sequence of Response
        Sweeps of the input whose first and last levels are the same and below the largest one;
        others are left out.

    Returns
    -------
    list of Feature
        `off_resistance` (Ohm) at the read voltage: a bound, CENSORED, where the current does not
        rise above the noise. `on_resistance` (Ohm) at the set voltage: COMPLIANCE where the limit
        acted, for then the limit made it; DID_NOT_FIRE where nothing switched. `on_off_ratio` (1)
        and `after_set_ratio` (1): the read current after the set over that before.
    """
    sweeps = [
        response
        for response in responses
        if isinstance(response.stimulus, Sweep)
        and response.stimulus.terminal == "input"
        and response.stimulus.voltage_v.size >= 3
        and response.stimulus.voltage_v[0] == response.stimulus.voltage_v[-1]
        and 0.0 < abs(response.stimulus.voltage_v[0]) < response.stimulus.peak
    ]
    groups: dict[tuple[float, float], list[Response]] = {}
    for response in sweeps:
        assert isinstance(response.stimulus, Sweep)
        key = (abs(float(response.stimulus.voltage_v[0])), response.stimulus.peak)
        groups.setdefault(key, []).append(response)
    return [
        feature
        for (read_v, set_v), same in sorted(groups.items())
        for feature in _describe(same, read_v, set_v)
    ]


def _describe(responses: Sequence[Response], read_v: float, set_v: float) -> list[Feature]:
    before, during, after, limited = _blocks(responses)
    at_read, at_set = {"read_v": read_v}, {"set_v": set_v}
    off_s, off_se = _mean(before)
    on_s, on_se = _mean(during)
    after_s, after_se = _mean(after)
    n, both = before.size, at_read | at_set
    is_off_seen = off_s > _SEEN * off_se
    has_switched = on_s * set_v > THRESHOLD_A
    on_outcome = Outcome.OK
    if not has_switched:
        on_outcome = Outcome.DID_NOT_FIRE
    elif limited:
        on_outcome = Outcome.COMPLIANCE
    if is_off_seen:
        off = Feature("off_resistance", 1 / off_s, "Ohm", off_se / off_s**2, n, at=at_read)
    else:
        bound_ohm = 1 / (max(off_s, 0.0) + _SEEN * off_se) if off_se > 0 else nan
        off = Feature("off_resistance", bound_ohm, "Ohm", nan, n, Outcome.CENSORED, at_read)
    on = Feature(
        "on_resistance", 1 / on_s if has_switched else nan, "Ohm",
        on_se / on_s**2 if has_switched else nan, during.size, on_outcome, at_set,
    )  # fmt: skip
    ratios = []
    for name, value, error, outcome in (
        ("on_off_ratio", on_s, on_se, on_outcome),
        ("after_set_ratio", after_s, after_se, Outcome.OK),
    ):
        if not is_off_seen:
            outcome = Outcome.CENSORED
        elif outcome is Outcome.DID_NOT_FIRE:
            value = nan
        ratio = value / off_s if is_off_seen else nan
        doubt = hypot(error / off_s, ratio * off_se / off_s) if is_off_seen else nan
        ratios.append(Feature(name, ratio, "1", doubt, n, outcome, both))
    return [off, on, *ratios]


def _blocks(responses: Sequence[Response]) -> tuple[FloatArray, FloatArray, FloatArray, bool]:
    """Return the conductances before, during and after the set, one a block and response."""
    before, during, after, limited = [], [], [], False
    for response in responses:
        assert isinstance(response.stimulus, Sweep)
        level_v = np.abs(response.stimulus.voltage_v)
        is_set = level_v == level_v.max()
        first, last = np.flatnonzero(is_set)[[0, -1]]
        memristor = response.trace.channel("memristor")
        current_a, voltage_v = memristor.values, response.trace.values("input")
        limited = limited or bool(memristor.is_censored[is_set].any())
        before.append(_conductances(current_a[:first], voltage_v[:first]))
        # The device may close in the first reading only.
        during.append(_conductances(current_a[first : last + 1], voltage_v[first : last + 1])[-1:])
        after.append(_conductances(current_a[last + 1 :], voltage_v[last + 1 :]))
    return np.concatenate(before), np.concatenate(during), np.concatenate(after), limited


def _conductances(current_a: FloatArray, voltage_v: FloatArray) -> FloatArray:
    return np.asarray(current_a / voltage_v)


def _mean(values: FloatArray) -> tuple[float, float]:
    error = float(values.std(ddof=1)) / sqrt(values.size) if values.size > 1 else nan
    return float(values.mean()), error
