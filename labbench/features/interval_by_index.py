"""Intervals between spikes under a long step, by their index: smooth where a mean rate is not."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, nan

from labbench.features.feature import Feature, Outcome, Response
from labbench.features.pulses import grouped, readings_of_trains, timing_error_s
from labbench.features.statistics import log_mean

VERSION = "1"

# With fewer trials that came so far, only the quick ones would be averaged.
LEAST_REACHED = 0.8
# Name, first and last spike (from one on): the first interval, and later ones with their residue.
_INTERVALS = (("first_interval", 1, 2), ("late_interval", 4, 8))


def interval_by_index(responses: Sequence[Response]) -> list[Feature]:
    """Return the first interval and the mean of the fourth to seventh.

    Parameters
    ----------
    responses : sequence of Response
        To single pulses, of which the longest count; others are passed over.

    Returns
    -------
    list of Feature
        ``first_interval`` (t2 - t1) and ``late_interval`` ((t8 - t4) / 4), geometric means at each
        amplitude. The mean over a window would jump whenever one spike more falls into it. "Did
        not fire" where fewer than four fifths of the trials came to that spike.
    """
    singles = readings_of_trains(responses, 1)
    longest_s = max((t[0].pulse.width_s for t in singles), default=0.0)
    longest = [t for t in singles if t[0].pulse.width_s > 0.999 * longest_s]
    features = []
    for amplitude_v, trials in grouped(longest, "amplitude_v").items():
        at = {"amplitude_v": amplitude_v}
        spikes = [t[0].spike_s for t in trials]
        for name, first, last in _INTERVALS:
            seen_s = [
                (s[last - 1] - s[first - 1]) / (last - first) for s in spikes if len(s) >= last
            ]
            if len(seen_s) < max(1, LEAST_REACHED * len(trials)):
                silent = Outcome.DID_NOT_FIRE
                features.append(Feature(name, nan, "s", n=len(seen_s), outcome=silent, at=at))
                continue
            mean_s, error_s = log_mean(seen_s)
            error_s = hypot(error_s, timing_error_s(responses) / (last - first))
            features.append(Feature(name, mean_s, "s", error_s, len(seen_s), at=at))
    few = Outcome.TOO_FEW
    return features or [Feature(name, nan, "s", n=0, outcome=few) for name, _, _ in _INTERVALS]
