"""What a model is: a name, a version, its parameters with defaults, and its noise law."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from labbench.model.layout import NOISE_JUMPS

POLARITIES = ("positive", "symmetric")


@dataclass(frozen=True)
class Model:
    """A compact model of the memristor.

    Attributes
    ----------
    name : str
    version : int
        Grows with every change of what the model computes; a card of a later version is refused.
    summary, source : str
    defaults : mapping of str to float
        All parameters that the model takes, and what they are where a card does not say.
    polarities : tuple of str
        Which of `POLARITIES` it takes, the default first.
    has_area : bool
        Whether it has the filament-area state S.
    interval_law : int
        Noise law of `layout` where a card gives a noise interval.
    """

    name: str
    version: int
    summary: str
    source: str
    defaults: Mapping[str, float]
    polarities: tuple[str, ...] = POLARITIES
    has_area: bool = False
    interval_law: int = NOISE_JUMPS
