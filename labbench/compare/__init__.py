"""Comparisons: measured against simulated behaviour, from the same stimuli."""

from labbench.compare.inferred import energy_of, inferred_energy, inferred_rows
from labbench.compare.playing import Simulated, play_again, replay
from labbench.compare.properties import Comparison, Estimate, compare_responses
from labbench.compare.published import PUBLISHED, published
from labbench.compare.scorecard import (
    ParameterRow,
    Scorecard,
    energy_per_spike,
    scorecard_from_dict,
)
from labbench.compare.verdict import AGREES, CANNOT_TELL, DISAGREES

__all__ = [
    "AGREES",
    "CANNOT_TELL",
    "DISAGREES",
    "PUBLISHED",
    "Comparison",
    "Estimate",
    "ParameterRow",
    "Scorecard",
    "Simulated",
    "compare_responses",
    "energy_of",
    "energy_per_spike",
    "inferred_energy",
    "inferred_rows",
    "play_again",
    "published",
    "replay",
    "scorecard_from_dict",
]
