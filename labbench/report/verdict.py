"""The verdict on a property, from the verdicts on its features."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from labbench.compare import AGREES, CANNOT_TELL, DISAGREES, PUBLISHED, Scorecard
from labbench.report.wording import count

NOT_MEASURED, INFERRED = "not measured", "inferred"
# Verdicts must be told apart without colour.
SIGNS = {AGREES: "✓", DISAGREES: "✗", CANNOT_TELL: "?", NOT_MEASURED: "–", INFERRED: "≈"}


@dataclass(frozen=True)
class PropertyVerdict:
    """What all features of one property say together.

    Attributes
    ----------
    property : str
    verdict : str
        "disagrees" if one feature does, else "agrees" if one does, else "cannot tell";
        "not measured" or "inferred" (from a card) without features.
    summary : str
        How many features agree; the verdict itself where there are none.
    """

    property: str
    verdict: str
    summary: str


def property_verdicts(scorecard: Scorecard) -> tuple[PropertyVerdict, ...]:
    """Return one verdict a property: for a neuron all of its seven, then whatever else is there."""
    counts: dict[str, Counter[str]] = {}
    for row in scorecard.properties:
        if row.verdict == INFERRED:
            continue
        counts.setdefault(row.property, Counter())[row.verdict] += 1
    is_neuron = any(name in PUBLISHED for name in counts)
    names = dict.fromkeys([*(PUBLISHED if is_neuron else ()), *counts])
    return tuple(_together(name, counts.get(name), scorecard) for name in names)


def _together(name: str, counts: Counter[str] | None, scorecard: Scorecard) -> PropertyVerdict:
    if not counts:
        is_inferred = name == "energy_per_spike" and bool(scorecard.energy.get("energy_j"))
        verdict = INFERRED if is_inferred else NOT_MEASURED
        return PropertyVerdict(name, verdict, verdict)
    verdict = next((v for v in (DISAGREES, AGREES) if counts[v]), CANNOT_TELL)
    summary = f"{counts[AGREES]} of {count(counts.total(), 'feature')} agree"
    return PropertyVerdict(name, verdict, summary)
