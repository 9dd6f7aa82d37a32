"""Comparisons: measured against simulated behaviour, from the same stimuli."""

from labbench.compare.inferred import energy_of, inferred_energy, inferred_rows
from labbench.compare.properties import Comparison, Estimate, compare_responses, replay
from labbench.compare.scorecard import (
    ParameterRow,
    Scorecard,
    energy_per_spike,
    scorecard_from_dict,
)

__all__ = [
    "Comparison",
    "Estimate",
    "ParameterRow",
    "Scorecard",
    "compare_responses",
    "energy_of",
    "energy_per_spike",
    "inferred_energy",
    "inferred_rows",
    "replay",
    "scorecard_from_dict",
]
