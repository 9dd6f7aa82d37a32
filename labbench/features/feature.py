"""The shape of a feature: a named number with its unit, doubt and outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite, nan

from labbench.connection import OPEN, Connection
from labbench.stimulus import Stimulus
from labbench.trace import Trace


class Outcome(StrEnum):
    """What came of it, where a bare number would hide something."""

    OK = "ok"
    DID_NOT_FIRE = "did not fire"
    LATCHED = "latched"
    COMPLIANCE = "compliance reached"
    CENSORED = "censored"
    TOO_FEW = "too few data"
    NOT_CONVERGED = "not converged"
    NOT_IDENTIFIABLE = "not identifiable"
    OUT_OF_REACH = "out of reach of the wiring"
    OPEN = "open circuit"
    SHORT = "short circuit"
    FORMED_ALREADY = "formed already"


@dataclass(frozen=True)
class Response:
    """A stimulus and what came back, on one time base, and how the device was connected."""

    stimulus: Stimulus
    trace: Trace
    connection: Connection = OPEN


@dataclass(frozen=True)
class Feature:
    """A named number drawn from traces.

    Attributes
    ----------
    name : str
        Snake case, without unit.
    value, stderr : float
        In `unit`; NaN where the outcome leaves none.
    n : int
        How many independent observations it rests on.
    at : mapping of str to float
        The condition it belongs to, such as ``{"amplitude_v": 0.8}``; empty if there is one only.
    inferred : bool
        Whether a model card was needed, so that it is not a measurement.
    """

    name: str
    value: float
    unit: str
    stderr: float = nan
    n: int = 1
    outcome: Outcome = Outcome.OK
    at: Mapping[str, float] = field(default_factory=dict)
    inferred: bool = False

    @property
    def label(self) -> str:
        """Name and condition, unique among the features of one property."""
        if not self.at:
            return self.name
        where = ", ".join(f"{key}={value:g}" for key, value in self.at.items())
        return f"{self.name} at {where}"

    @property
    def is_usable(self) -> bool:
        """Whether there is a number with a doubt."""
        return self.outcome is Outcome.OK and isfinite(self.value) and isfinite(self.stderr)
