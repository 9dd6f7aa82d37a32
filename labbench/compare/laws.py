"""Whole distributions of latency and interval, measured against simulated, as rows to judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, hypot, isfinite, nan, sqrt

import numpy as np
from numpy.typing import NDArray

from labbench.compare.distributions import Distance, distance
from labbench.compare.estimates import spread_of_pairs
from labbench.compare.margins import EQUIVALENT, FLOORS, MATTERS_DISTRIBUTION
from labbench.compare.playing import Simulated
from labbench.compare.samples import Condition, Sample, samples
from labbench.compare.verdict import CANNOT_TELL, judge
from labbench.features import Outcome, Response

FloatArray = NDArray[np.float64]

# Fewer say nothing of a law that their mean does not; trains bring many intervals each.
FEWEST = {"latency": 20, "interval": 5}
# With more censored ones there is a share to compare, and no law.
MOST_CENSORED = 0.5
# Extractors that are drawn from single pulses to a spiking neuron.
OF_SINGLES = ("stochasticity", "threshold_firing", "step_latency", "interval_by_index")


@dataclass(frozen=True)
class Law:
    """One distribution, measured and simulated.

    Attributes
    ----------
    label : str
    measured, simulated : (float, float, int)
        Median in s, its standard error, and the number of independent trials.
    card_stderr : float
        Of the simulated median, by the doubt of the card, in s.
    distance : Distance or None
        None if the card's share could not be told.
    outcome : Outcome
    role : str
    """

    label: str
    measured: tuple[float, float, int]
    simulated: tuple[float, float, int]
    card_stderr: float
    distance: Distance | None
    outcome: Outcome
    role: str

    @property
    def p_value(self) -> float:
        """Of the energy distance, not corrected; NaN without one."""
        return nan if self.distance is None else self.distance.p_value

    def verdict(self, adjusted_p: float) -> str:
        """Return the verdict: the quantiles' mean distance, less what chance makes, matters."""
        if self.distance is None:
            return CANNOT_TELL
        area, typical = self.distance.area, self.distance.typical_area
        return judge(
            area - typical, area + typical, adjusted_p, matters=MATTERS_DISTRIBUTION,
            equal=EQUIVALENT,
        )  # fmt: skip


def compared_laws(
    measured: Mapping[str, Sequence[Response]],
    simulated: Simulated,
    *,
    seed: int,
    fitted: Mapping[int, bool] | None = None,
) -> list[Law]:
    """Compare latency and interval of every condition of single pulses with enough trials."""
    names = [name for name in OF_SINGLES if name in measured]
    recorded = _once([measured[name] for name in names])
    seen = {} if fitted is None else samples([r for r in recorded if fitted.get(id(r), False)])
    ours, theirs = samples(recorded), samples(_once([simulated.responses[n] for n in names]))
    drawn = [
        tuple(samples(_once([side[n] for n in names])) for side in pair) for pair in simulated.pairs
    ]
    found = []
    for number, (condition, sample) in enumerate(ours.items()):
        other = theirs.get(condition)
        if other is None or not _is_enough(condition, sample, other):
            continue
        sides = [tuple(_centre(side, condition) for side in pair) for pair in drawn]
        error = spread_of_pairs([(plus, minus) for plus, minus in sides])
        role = "" if fitted is None else "fitted" if condition in seen else "held out"
        found.append(_law(condition, sample, other, error, role, seed + number))
    return found


def _law(
    condition: Condition, sample: Sample, other: Sample, error: float, role: str, seed: int
) -> Law:
    name, amplitude_v, width_s = condition
    width = _width(sample, other)
    one, two = sample.table(width), other.table(width)
    apart = None
    if isfinite(error):
        common = hypot(error, FLOORS["s"])
        apart = distance(one, two, common_error=common, end=sample.end, seed=seed)
    median_s, median_error_s, n = _median(two)
    card_s = error * median_s
    censored = bool(np.any(one >= sample.end))
    return Law(
        label=f"{name}_distribution at amplitude_v={amplitude_v:g}, width_s={width_s:g}",
        measured=_median(one),
        simulated=(median_s, median_error_s if not isfinite(card_s) else
                   hypot(median_error_s, card_s), n),
        card_stderr=card_s,
        distance=apart,
        outcome=Outcome.CENSORED if censored else Outcome.OK,
        role=role,
    )  # fmt: skip


def _median(table: FloatArray) -> tuple[float, float, int]:
    """Return the median in s, its standard error from the order statistics beside it, and n."""
    values, n = np.sort(table.ravel()), len(table)
    middle = float(np.median(values))
    # One standard error of a binomial share of a half, either side.
    low, high = np.quantile(values, np.clip([0.5 - 0.5 / sqrt(n), 0.5 + 0.5 / sqrt(n)], 0, 1))
    return exp(middle), exp(middle) * float(high - low) / 2, n


def _is_enough(condition: Condition, sample: Sample, other: Sample) -> bool:
    width = _width(sample, other)
    one, two = sample.table(width), other.table(width)
    if min(len(one), len(two)) < FEWEST[condition[0]]:
        return False
    return bool(np.mean(one >= sample.end) <= MOST_CENSORED)


def _width(sample: Sample, other: Sample) -> int:
    """Return how many of a row nine tenths of the rows have: all rows count alike then."""
    sizes = [row.size for each in (sample, other) for row in each.rows]
    return max(1, int(np.quantile(sizes, 0.1, method="lower")))


def _centre(side: Mapping[Condition, Sample], condition: Condition) -> float:
    return side[condition].centre if condition in side else nan


def _once(lists: Sequence[Sequence[Response]]) -> list[Response]:
    return list({id(r): r for several in lists for r in several}.values())
