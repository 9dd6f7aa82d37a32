"""Features of what was measured and simulated, with what the card's own doubt adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan, sqrt

import numpy as np

from labbench.compare.playing import NEAR, Simulated
from labbench.features import PROPERTIES, Feature, Response

# With fewer pairs that tell, the card's share of an error is not known.
LEAST_TELLING = 0.5
# Which law describes one sample best is no number to compare: the samples themselves are.
RANK_OF_LAW = "_aic_"


@dataclass(frozen=True)
class Paired:
    """One feature, measured and simulated.

    Attributes
    ----------
    extractor : str
        Which function of `labbench.features` drew it.
    measured : Feature
    simulated : Feature or None
    card_stderr : float
        What the doubt of the card adds to the simulated value; NaN if that could not be told.
    """

    extractor: str
    measured: Feature
    simulated: Feature | None
    card_stderr: float


def paired_features(
    extractor: str, measured: Sequence[Response], simulated: Simulated
) -> list[Paired]:
    """Draw the features of one extractor from measured and simulated responses."""
    extract = PROPERTIES[extractor][0]
    other = {f.label: f for f in extract(simulated.responses[extractor])}
    sides = [
        (extract(plus[extractor]), extract(minus[extractor])) for plus, minus in simulated.pairs
    ]
    return [
        Paired(extractor, feature, other.get(feature.label), _card_stderr(feature, sides))
        for feature in extract(measured)
        if RANK_OF_LAW not in feature.name
    ]


def _card_stderr(feature: Feature, sides: Sequence[tuple[list[Feature], list[Feature]]]) -> float:
    values = [(_value(plus, feature), _value(minus, feature)) for plus, minus in sides]
    return spread_of_pairs(values)


def spread_of_pairs(values: Sequence[tuple[float, float]]) -> float:
    """Return the standard error that pairs of drawn cards make of a value; 0 without any."""
    if not values:
        return 0.0
    halves = [(plus - minus) / (2 * NEAR) for plus, minus in values]
    known = np.array([half for half in halves if isfinite(half)])
    if known.size < LEAST_TELLING * len(halves):
        return nan
    return sqrt(float(np.mean(known**2)))


def _value(features: Sequence[Feature], wanted: Feature) -> float:
    """Return the value of a feature; a share of the trials may leave it more conditions."""
    for feature in features:
        is_there = feature.name == wanted.name and wanted.at.items() <= feature.at.items()
        if is_there and feature.is_usable:
            return feature.value
    return nan


def roles(
    extractor: str,
    drawn: Sequence[Feature],
    responses: Sequence[Response],
    fitted: Mapping[int, bool],
) -> dict[str, str]:
    """Return "fitted" or "held out" for the label of each feature.

    Parameters
    ----------
    extractor : str
    drawn : sequence of Feature
        From all of the responses.
    responses : sequence of Response
    fitted : mapping of id(response) to bool
        Whether a fit saw it.

    Returns
    -------
    dict
        A feature is held out if it rests on nothing that was fitted.
    """
    unseen = [r for r in responses if not fitted.get(id(r), False)]
    if len(unseen) == len(responses) or not unseen:
        return {f.label: "held out" if unseen else "fitted" for f in drawn}
    alone = {f.label: f for f in PROPERTIES[extractor][0](unseen)}
    return {f.label: "held out" if _is_same(f, alone.get(f.label)) else "fitted" for f in drawn}


def _is_same(one: Feature, other: Feature | None) -> bool:
    if other is None or one.n != other.n:
        return False
    return one.value == other.value or not (isfinite(one.value) or isfinite(other.value))
