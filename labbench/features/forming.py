"""Forming: a device's first closing, found by cycles of rising peak.

The criterion: a cycle closed the device if its current reached half of the compliance. A device
*formed* if the cycle after that, at the same peak, closes at less than nine tenths of the voltage;
if it does not, it had been formed already, and the voltage is its threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt

import numpy as np

from labbench.errors import FeatureError
from labbench.features.feature import Feature, Outcome, Response
from labbench.stimulus import Sweep

VERSION = "1"

COMPLIANCE_SHARE = 0.5
FALLEN_TO = 0.9


@dataclass(frozen=True)
class _Cycle:
    peak_v: float
    step_v: float
    closed_v: float


def closing_voltage(response: Response) -> float:
    """Return the voltage that a sweep needed to close the device; NaN if it did not.

    A device may close late, on the way down: it needed the peak then.

    Raises
    ------
    FeatureError
        If it is no sweep with a compliance.
    """
    stimulus = response.stimulus
    if not isinstance(stimulus, Sweep) or stimulus.compliance_a is None:
        raise FeatureError("Forming is read from sweeps with a compliance.")
    level_v = np.abs(stimulus.voltage_v)
    current_a = np.abs(response.trace.values("memristor"))
    closed = np.flatnonzero(current_a >= COMPLIANCE_SHARE * stimulus.compliance_a)
    return float(level_v[: closed[0] + 1].max()) if closed.size else nan


def forming(responses: Sequence[Response]) -> list[Feature]:
    """Draw the forming voltage from cycles of rising peak, in the order they were applied.

    Parameters
    ----------
    responses : sequence of Response
        Sweeps of the input with a compliance; others are left out.

    Returns
    -------
    list of Feature
        `forming_voltage` (V), `forming_cycles` (how many cycles, the forming one included),
        `highest_voltage` (V, of all that was applied) and `threshold_after_forming` (V). Where
        nothing closed, DID_NOT_FIRE with the highest voltage as the bound; FORMED_ALREADY where
        the threshold did not fall. Empty if there is no such sweep.
    """
    cycles = [
        _Cycle(r.stimulus.peak, _step_v(r.stimulus), closing_voltage(r))
        for r in responses
        if isinstance(r.stimulus, Sweep)
        and r.stimulus.terminal == "input"
        and r.stimulus.compliance_a is not None
    ]
    if not cycles:
        return []
    highest_v = max(cycle.peak_v for cycle in cycles)
    highest = Feature("highest_voltage", highest_v, "V", 0.0, len(cycles))
    closed = [index for index, cycle in enumerate(cycles) if not np.isnan(cycle.closed_v)]
    if not closed:
        none = Outcome.DID_NOT_FIRE
        return [
            Feature("forming_voltage", highest_v, "V", n=len(cycles), outcome=none),
            Feature("forming_cycles", nan, "1", n=len(cycles), outcome=none),
            highest,
        ]
    first = cycles[closed[0]]
    after_v = [cycle.closed_v for cycle in cycles[closed[0] + 1 :] if not np.isnan(cycle.closed_v)]
    error_v = first.step_v / sqrt(12)
    outcome = Outcome.OK
    if after_v and after_v[0] >= FALLEN_TO * first.closed_v:
        outcome = Outcome.FORMED_ALREADY
    elif not after_v:
        # Nothing after it closed: whether it was the forming is not known.
        outcome = Outcome.TOO_FEW
    features = [
        Feature("forming_voltage", first.closed_v, "V", error_v, 1, outcome),
        Feature("forming_cycles", closed[0] + 1.0, "1", 0.0, 1, outcome),
        highest,
    ]
    if after_v:
        features.append(Feature("threshold_after_forming", after_v[0], "V", error_v, 1))
    return features


def _step_v(stimulus: Sweep) -> float:
    steps_v = np.abs(np.diff(stimulus.voltage_v))
    return float(np.median(steps_v)) if steps_v.size else 0.0
