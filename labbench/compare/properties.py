"""The same stimuli, the same features: what was measured beside what a card simulates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import erfc, hypot, isfinite, nan, sqrt
from os import cpu_count

from labbench.features import PROPERTIES, Feature, Outcome, Response
from labbench.model import Loading, ModelCard
from labbench.model.replay import replay_response

# A family-wise error of one in a hundred before a property is said to disagree.
SIGNIFICANCE = 0.01
# What timing and gain leave uncertain, however often it is repeated: of a time as in the fit, of a
# voltage what the scope's own gain is good for.
FLOORS = {"s": 0.003, "V": 0.005}
# A difference that could hide a quarter of the value says nothing about agreement.
TELLING = 0.25


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
    measured, simulated : Estimate
    difference_sigma : float
        Measured minus simulated, in standard errors of the difference.
    p_value : float
        Two-sided, of a difference as large by chance; corrected for the number of comparisons
        (Holm, Scand. J. Statist. 6, 65 (1979)).
    verdict : str
        "agrees", "disagrees" or "cannot tell".
    outcome : Outcome
        Of the measured feature: a "censored" value is a bound, not a value.
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


def replay(
    responses: Sequence[Response],
    card: ModelCard,
    *,
    seed: int,
    repeats: int = 1,
    loading: Loading | None = None,
) -> list[Response]:
    """Simulate the stimuli of recorded responses, each from rest with its own random stream.

    Parameters
    ----------
    responses : sequence of Response
        Their sampling is kept, so that features read the same kind of trace.
    card : ModelCard
    seed : int
    repeats : int
        Trials for each recorded one.
    loading : Loading, optional
        The probe on the output.
    """

    def play(trial: int) -> Response:
        response = responses[trial % len(responses)]
        return replay_response(response, card, seed=seed, trial=trial, loading=loading)

    # More threads than cores only wait for each other.
    with ThreadPoolExecutor(cpu_count()) as pool:
        return list(pool.map(play, range(repeats * len(responses))))


def compare_responses(
    measured: Mapping[str, Sequence[Response]],
    simulated: Mapping[str, Sequence[Response]],
) -> tuple[Comparison, ...]:
    """Compare every feature of every property.

    Parameters
    ----------
    measured, simulated : mapping of property name to responses
        The simulated ones from `replay` of the measured ones.
    """
    pairs: list[tuple[str, Feature, Feature | None]] = []
    for name, responses in measured.items():
        extract = PROPERTIES[name][0]
        other = {feature.label: feature for feature in extract(simulated[name])}
        pairs += [(name, feature, other.get(feature.label)) for feature in extract(responses)]
    sigmas = [_difference_sigma(a, b) for _, a, b in pairs]
    p_values = holm([erfc(abs(s) / sqrt(2)) if isfinite(s) else nan for s in sigmas])
    return tuple(
        Comparison(
            property=name,
            feature=a.label,
            unit=a.unit,
            measured=Estimate(a.value, a.stderr, a.n),
            simulated=Estimate(b.value, b.stderr, b.n) if b else Estimate(nan, nan, 0),
            difference_sigma=sigma,
            p_value=p,
            verdict=_verdict(a, b, p),
            outcome=a.outcome,
        )
        for (name, a, b), sigma, p in zip(pairs, sigmas, p_values, strict=True)
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values; NaN stays NaN and does not count."""
    order = sorted((p, i) for i, p in enumerate(p_values) if isfinite(p))
    adjusted = [nan] * len(p_values)
    running = 0.0
    for rank, (p, i) in enumerate(order):
        running = max(running, min(1.0, (len(order) - rank) * p))
        adjusted[i] = running
    return adjusted


def _difference_sigma(a: Feature, b: Feature | None) -> float:
    if b is None or not (a.is_usable and b.is_usable):
        return nan
    floor = FLOORS.get(a.unit, 0.0) * abs(a.value)
    error = hypot(a.stderr, b.stderr, floor)
    return (a.value - b.value) / error if error > 0 else nan


def _verdict(a: Feature, b: Feature | None, p: float) -> str:
    if b is not None and a.outcome is b.outcome is Outcome.CENSORED and a.value == b.value:
        return "agrees"
    if b is not None and a.outcome is b.outcome is Outcome.OK and a.value == b.value == 0.0:
        # Neither ever did it: no latched time, no latched neuron.
        return "agrees"
    if b is None or not isfinite(p):
        return "cannot tell"
    if p < SIGNIFICANCE:
        return "disagrees"
    scale = 1.0 if a.unit == "1" and a.name.endswith(("probability", "fraction")) else abs(a.value)
    return "agrees" if hypot(a.stderr, b.stderr) < TELLING * scale else "cannot tell"
