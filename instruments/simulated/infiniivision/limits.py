"""What each model of the family can do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What differs between models.

    Attributes
    ----------
    bandwidth_hz : float
    limited_hz : float
        With ``:CHANnel:BWLimit`` on.
    rate_hz : float
        Of one channel of a pair; half of it where both record.
    memory : int
        Samples of one channel of a pair; half of it where both record.
    span_s : float
        Shortest ``:TIMebase:RANGe``.
    """

    bandwidth_hz: float
    limited_hz: float = 20e6
    rate_hz: float = 5e9
    memory: int = 4_000_000
    span_s: float = 2e-8


_MODELS = {
    "DSO-X 3024T": Limits(200e6),
    "MSO-X 3104T": Limits(1e9, span_s=5e-9),
    "DSO-X 4024A": Limits(200e6),
}


def limits_of(identity: str) -> Limits:
    """Return the limits of the model that an answer to ``*IDN?`` names."""
    return _MODELS[identity.split(",")[1]]
