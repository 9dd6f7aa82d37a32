"""The control resistor from sweeps of the gate, with what shows whether it is one.

    I = I0 + G V + c V |V|,   R = 1 / G,   voltage coefficient = -c / G

The offset current I0 is the meter's. R^2 is that of the straight line alone, c = 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, nan, sqrt

import numpy as np

from labbench.features.feature import Feature, Outcome, Response
from labbench.features.statistics import linear_fit, straight_line
from labbench.stimulus import Sweep

VERSION = "1"


def resistor(responses: Sequence[Response]) -> list[Feature]:
    """Draw the control resistance from sweeps of the gate with everything else open.

    Parameters
    ----------
    responses : sequence of Response
        Channels "gate" and "gate_current". Others, and sweeps that hold a terminal, are left out.

    Returns
    -------
    list of Feature
        `control_resistance` (Ohm), `voltage_coefficient` (1/V), `r_squared` (1) and
        `offset_current` (A). Readings in compliance are left out; COMPLIANCE if few others are.
        OPEN where no conductance was seen. Empty if there is no sweep.
    """
    sweeps = [
        response.trace
        for response in responses
        if isinstance(response.stimulus, Sweep)
        and response.stimulus.terminal == "gate"
        and not response.stimulus.bias
    ]
    if not sweeps:
        return []
    limited = np.concatenate([trace.channel("gate_current").is_censored for trace in sweeps])
    voltage_v = np.concatenate([trace.values("gate") for trace in sweeps])[~limited]
    current_a = np.concatenate([trace.values("gate_current") for trace in sweeps])[~limited]
    n = voltage_v.size
    (offset_a, conductance), (offset_se, stderr) = straight_line(voltage_v, current_a)
    outcome = Outcome.OK
    if not np.isfinite(stderr):
        outcome = Outcome.COMPLIANCE if limited.any() else Outcome.TOO_FEW
    elif conductance <= stderr:
        outcome = Outcome.OPEN
    if outcome is not Outcome.OK:
        names = (("control_resistance", "Ohm"), ("voltage_coefficient", "1/V"), ("r_squared", "1"))
        return [Feature(name, nan, unit, n=n, outcome=outcome) for name, unit in names]
    scatter = current_a - offset_a - conductance * voltage_v
    r_squared = 1.0 - float(np.sum(scatter**2) / np.sum((current_a - current_a.mean()) ** 2))
    bend, bend_se = _voltage_coefficient(voltage_v, current_a)
    return [
        Feature(
            "control_resistance", float(1 / conductance), "Ohm", float(stderr / conductance**2), n
        ),
        Feature("voltage_coefficient", bend, "1/V", bend_se, n),
        # Of the large-sample law of a correlation.
        Feature("r_squared", r_squared, "1", 2 * sqrt(r_squared / n) * (1 - r_squared), n),
        Feature("offset_current", float(offset_a), "A", float(offset_se), n),
    ]


def _voltage_coefficient(
    voltage_v: np.typing.NDArray[np.float64], current_a: np.typing.NDArray[np.float64]
) -> tuple[float, float]:
    design = np.column_stack([np.ones_like(voltage_v), voltage_v, voltage_v * np.abs(voltage_v)])
    (_, slope, bend), (_, slope_se, bend_se) = linear_fit(design, current_a)
    return float(-bend / slope), float(hypot(bend_se, bend / slope * slope_se) / abs(slope))
