"""The same stimuli, the same features: what was measured beside what a card simulates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import hypot, inf, isfinite, nan

from labbench.compare.estimates import Paired, paired_features, roles
from labbench.compare.laws import compared_laws
from labbench.compare.margins import equivalent, floor_of, matters
from labbench.compare.playing import Simulated
from labbench.compare.published import published
from labbench.compare.verdict import AGREES, CANNOT_TELL, Difference, difference, holm, judge
from labbench.features import Outcome, Response

# Of the variance that four pairs of drawn cards give for ten parameters (see `drawn_cards`).
CARD_FREEDOM = 8


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error and the number of observations behind it."""

    value: float
    stderr: float
    n: int


@dataclass(frozen=True)
class Comparison:
    """One feature, measured and simulated.

    Attributes
    ----------
    property, feature, unit : str
        `property` is a published one (`labbench.compare.published`) where there is one.
    measured, simulated : Estimate
        The stderr of the simulated one is that of its trials and of the card together.
    difference_sigma : float
        Measured minus simulated, in standard errors of the difference: both, and what the
        instruments leave uncertain. NaN for a distribution.
    p_value : float
        Two-sided, of a difference as large by chance; corrected for the number of comparisons of
        the device (Holm).
    verdict : str
        "agrees", "disagrees" or "cannot tell", see `labbench.compare.verdict.judge`.
    outcome : Outcome
        Of the measured feature: a "censored" value is a bound, not a value.
    trials_stderr, card_stderr : float
        Of the simulated value: by chance in its trials, and by the doubt of the card.
    within : bool or None
        Whether the difference is inside its 95 % interval; None where there is none.
    role : str
        "fitted" if a fit saw the data, "held out" if not, empty if nobody knows.
    drawn_by : str
        The function of `labbench.features` (or "distribution") that made the feature.
    """

    property: str
    feature: str
    unit: str
    measured: Estimate
    simulated: Estimate
    difference_sigma: float
    p_value: float
    verdict: str
    outcome: Outcome = Outcome.OK
    trials_stderr: float = nan
    card_stderr: float = 0.0
    within: bool | None = None
    role: str = ""
    drawn_by: str = ""


def compare_responses(
    measured: Mapping[str, Sequence[Response]],
    simulated: Simulated | Mapping[str, Sequence[Response]],
    *,
    seed: int = 0,
    fitted: Mapping[int, bool] | None = None,
) -> tuple[Comparison, ...]:
    """Compare every feature of every property, and the distributions of latency and interval.

    Parameters
    ----------
    measured : mapping of extractor name to responses
    simulated : Simulated or mapping
        From `play_again` of the measured ones; a mapping stands for an exact card.
    seed : int
        Of the permutations.
    fitted : mapping of id(response) to bool, optional
        Which responses a fit saw; without it no row has a role.
    """
    made = simulated if isinstance(simulated, Simulated) else Simulated(simulated)
    rows, features = [], []
    for name, responses in measured.items():
        pairs = paired_features(name, responses, made)
        drawn = [pair.measured for pair in pairs]
        role = {} if fitted is None else roles(name, drawn, responses, fitted)
        for pair in pairs:
            row, apart = _row(pair, role.get(pair.measured.label, ""))
            rows.append(row)
            features.append((pair, apart))
    laws = compared_laws(measured, made, seed=seed, fitted=fitted)
    adjusted = holm([row.p_value for row in rows] + [law.p_value for law in laws])
    judged = [
        replace(row, p_value=p, verdict=_verdict(pair, apart, p))
        for row, (pair, apart), p in zip(rows, features, adjusted, strict=False)
    ]
    for law, p in zip(laws, adjusted[len(rows) :], strict=True):
        judged.append(
            Comparison(
                "stochasticity", law.label, "s", Estimate(*law.measured),
                Estimate(*law.simulated), nan, p, law.verdict(p), law.outcome, law.simulated[1],
                law.card_stderr, None, law.role, "distribution",
            )
        )  # fmt: skip
    return _distinct(judged)


def _row(pair: Paired, role: str) -> tuple[Comparison, Difference]:
    a, b = pair.measured, pair.simulated
    apart = _apart(pair)
    simulated = Estimate(nan, nan, 0)
    if b is not None:
        doubt = pair.card_stderr if isfinite(pair.card_stderr) else 0.0
        simulated = Estimate(b.value, hypot(b.stderr, doubt), b.n)
    row = Comparison(
        property=published(pair.extractor),
        feature=a.label,
        unit=a.unit,
        measured=Estimate(a.value, a.stderr, a.n),
        simulated=simulated,
        difference_sigma=apart.sigma,
        p_value=apart.p_value,
        verdict=CANNOT_TELL,
        outcome=a.outcome,
        trials_stderr=nan if b is None else b.stderr,
        card_stderr=pair.card_stderr,
        within=bool(apart.p_value >= 0.05) if isfinite(apart.p_value) else None,
        role=role,
        drawn_by=pair.extractor,
    )
    return row, apart


def _apart(pair: Paired) -> Difference:
    a, b = pair.measured, pair.simulated
    if b is None or not (a.is_usable and b.is_usable):
        return Difference(nan, nan, nan)
    errors = [
        (a.stderr, a.n - 1),
        (b.stderr, b.n - 1),
        (pair.card_stderr, CARD_FREEDOM),
        (floor_of(a.unit, a.value), inf),
    ]
    return difference(a.value, b.value, errors)


def _verdict(pair: Paired, apart: Difference, p: float) -> str:
    a, b = pair.measured, pair.simulated
    if b is not None and a.outcome is b.outcome is Outcome.CENSORED and a.value == b.value:
        return AGREES
    if b is not None and a.outcome is b.outcome is Outcome.OK and a.value == b.value == 0.0:
        # Neither ever did it: no latched time, no latched neuron.
        return AGREES
    least, equal = matters(a.name, a.unit, a.value), equivalent(a.name, a.unit, a.value)
    return judge(abs(apart.value), apart.reach, p, matters=least, equal=equal)


def _distinct(rows: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """Name the origin of features where two of one property have the same label."""
    labels = [(row.property, row.feature) for row in rows]
    return tuple(
        row
        if labels.count((row.property, row.feature)) == 1 or row.drawn_by == row.property
        else replace(row, feature=f"{row.drawn_by} {row.feature}")
        for row in rows
    )
