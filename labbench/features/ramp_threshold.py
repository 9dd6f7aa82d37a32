"""Threshold on a voltage ramp: the voltage at which the output spikes."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite, nan

import numpy as np

from labbench.features.feature import Feature, Outcome, Response
from labbench.features.repeats import median
from labbench.spikes import find_spikes
from labbench.stimulus import Waveform

VERSION = "1"


def ramp_threshold(responses: Sequence[Response]) -> list[Feature]:
    """Return the median threshold of the highest ramps from zero.

    Parameters
    ----------
    responses : sequence of Response
        To ramps, with the channel "output"; others are passed over, and so are the lower ramps
        of a search.

    Returns
    -------
    list of one Feature
        ``ramp_threshold`` (V). It rises with the rate, which is part of it. A ramp that did not
        fire counts as above all that did; where half did not, the peak is a bound (CENSORED).
    """
    ramps = [r for r in responses if _peak(r) is not None and "output" in r.trace.channels]
    if not ramps:
        return [Feature("ramp_threshold", nan, "V", n=0, outcome=Outcome.TOO_FEW)]
    top_s, top_v = max((_peak(r) or (0.0, 0.0) for r in ramps), key=lambda peak: peak[1])
    found = [spiking_v(r) for r in ramps if (_peak(r) or (0.0, 0.0))[1] > 0.999 * top_v]
    at = {"rate_v_per_s": float(f"{top_v / top_s:.3g}")}
    if all(v is None for v in found):
        silent = Outcome.DID_NOT_FIRE
        return [Feature("ramp_threshold", nan, "V", n=len(found), outcome=silent, at=at)]
    middle_v = float(np.median([inf if v is None else v for v in found]))
    if not isfinite(middle_v):
        few = Outcome.CENSORED
        return [Feature("ramp_threshold", top_v, "V", n=len(found), outcome=few, at=at)]
    return [median("ramp_threshold", [1e3 if v is None else v for v in found], "V", at)]


def spiking_v(response: Response) -> float | None:
    """Return the voltage of a ramp at its first spike; None if it did not fire on its way up."""
    peak = _peak(response)
    spikes_s = find_spikes(response.trace).time_s
    if peak is None or not spikes_s.size or not 0 < spikes_s[0] <= peak[0]:
        return None
    return float(response.stimulus.sample(spikes_s[0]))


def _peak(response: Response) -> tuple[float, float] | None:
    """Return time and voltage of the top of a ramp from zero; None if it is not one."""
    if not isinstance(response.stimulus, Waveform):
        return None
    time_s, level_v = response.stimulus.breakpoints()
    top = int(np.argmax(level_v))
    rises = top > 0 and level_v[top] > 0 and np.count_nonzero(level_v) == 1
    return (float(time_s[top] - time_s[top - 1]), float(level_v[top])) if rises else None
