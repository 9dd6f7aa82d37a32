"""Pump and probe: how much of a pulse too short to fire is left after a gap."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

from labbench.features.feature import Feature, Outcome, Response
from labbench.features.pulses import grouped, readings_of_trains, timing_error_s
from labbench.features.step_latency import restricted_mean

VERSION = "1"


def pump_probe(responses: Sequence[Response]) -> list[Feature]:
    """Return the latency of the second of two pulses whose first did not fire.

    Parameters
    ----------
    responses : sequence of Response
        To pairs of pulses; others are passed over, and so are pairs whose first pulse fired.

    Returns
    -------
    list of Feature
        ``probe_latency`` (geometric mean, one that did not fire counting with the pulse's width)
        at each gap. It shows the leak without a count of pulses, which would jump with the
        parameters of the model.
    """
    pairs = [pair for pair in readings_of_trains(responses, 2) if not pair[0].fired]
    features = [
        feature
        for gap_s, trials in grouped(pairs, "gap_s").items()
        for feature in restricted_mean(
            "probe_latency", [t[1] for t in trials], {"gap_s": gap_s}, timing_error_s(responses)
        )
    ]
    return features or [Feature("probe_latency", nan, "s", n=0, outcome=Outcome.TOO_FEW)]
