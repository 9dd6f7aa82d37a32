"""Which measurement would identify a parameter of this device, from its own sensitivities.

The identification plan is scaled to the fitted card; what each of its kinds would add to the
information that the data have is worked out with the mean field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from labbench.errors import CardError
from labbench.fit.engine import Fitted
from labbench.fit.items import KINDS, FloatArray
from labbench.fit.objective import WIDE_STEP, MeanField
from labbench.fit.plan import Plan
from labbench.fit.reference import REPEATS, reference_items, scale_of, with_values
from labbench.fit.statistics import Statistic

# Scatter of one trial, about: of ln of the value, and of an atom of a fifth of the trials.
SCATTER: Mapping[str, float] = MappingProxyType(
    {
        "step": 0.1, "closing": 0.1, "probe": 0.15, "second": 0.1, "interval": 0.07, "dwell": 0.1,
        "slow_hold": 0.2, "fast_hold": 0.05, "relaxation": 0.1, "off_current": 0.0,
        "recovery": 0.01,
    }
)  # fmt: skip
# A slow fall opens by jumps, which the mean field does not predict.
_UNPREDICTED = ("slow_hold",)
# A measurement is worth naming if it leaves less than this part of the spread.
_WORTH = 0.7


def remedies_of(fitted: Fitted, names: Sequence[str]) -> dict[str, str]:
    """Return for each named parameter what would identify it best, empty where nothing would.

    Parameters
    ----------
    fitted : Fitted
    names : sequence of str
        Parameters that the data do not identify.
    """
    if not names:
        return {}
    added = added_information(fitted)
    information = np.linalg.pinv(fitted.covariance, hermitian=True)
    before = np.sqrt(np.diag(fitted.covariance))
    found = {}
    for name in names:
        i = fitted.space.names.index(name)
        after = {
            kind: float(np.sqrt(np.linalg.pinv(information + extra, hermitian=True)[i, i]))
            for kind, extra in added.items()
        }
        kind = min(after, key=lambda each: after[each], default="")
        if kind and after[kind] < _WORTH * before[i]:
            found[name] = (
                f"{KINDS[kind].procedure} (from {100 * before[i]:.0f} % to "
                f"{100 * after[kind]:.0f} %)"
            )
    return found


def added_information(fitted: Fitted) -> dict[str, FloatArray]:
    """Return the information that each kind of a full plan would add, by kind, (p, p)."""
    plan = fitted.mean_field.plan
    scale = scale_of(fitted.card, plan.loading)
    if scale is None:
        return {}
    items = [
        with_values(item, np.full(REPEATS[item.kind], 1e-3))
        for item in reference_items(fitted.card, scale)
        if item.kind not in _UNPREDICTED
    ]
    statistics = tuple(
        Statistic(place, name)
        for place, item in enumerate(items)
        for name in KINDS[item.kind].statistics
        if name in ("mean", "band", "atom")
    )
    field = MeanField(Plan(tuple(items), plan.loading), statistics)
    jacobian = _slopes(fitted, field)
    added = {}
    for kind in dict.fromkeys(item.kind for item in items):
        total = np.zeros((jacobian.shape[1],) * 2)
        for k, statistic in enumerate(statistics):
            if items[statistic.place].kind == kind and np.isfinite(jacobian[k]).all():
                variance = KINDS[kind].floor ** 2
                if statistic.name != "atom":
                    variance += SCATTER[kind] ** 2 / REPEATS[kind]
                total += np.outer(jacobian[k], jacobian[k]) / variance
        added[kind] = total
    return added


def _slopes(fitted: Fitted, field: MeanField) -> FloatArray:
    """Return d statistic / d ln(parameter) at the fitted card, (k, p), central differences."""
    theta, space = fitted.theta, fitted.space
    shifts = WIDE_STEP * np.eye(theta.size)
    try:
        cards = [space.at(theta + s) for s in (*shifts, *-shifts)]
    except CardError:
        # At the edge of what a card may be there is no room for a difference.
        return np.full((len(field.statistics), theta.size), np.nan)
    rows = field(cards)
    return np.asarray((rows[: theta.size] - rows[theta.size :]).T / (2 * WIDE_STEP))
