"""What instruments leave uncertain, what difference matters, and what counts as equal.

The one place for all three, by the unit of a feature.
"""

from __future__ import annotations

# What gain and timing leave uncertain of a value, however often it is repeated (relative): a time
# as in the fit, a voltage as good as the scope's own gain, a current and what follows from it as
# good as the gains of voltage and resistor (or of an electrometer's range) together.
FLOORS = {"s": 0.003, "V": 0.005, "A": 0.01, "Ohm": 0.01, "F": 0.01, "J": 0.02, "W": 0.02}

# The least difference that matters (relative): less is no discrepancy, however significant. Some
# times what the floors leave, and no more than a lab would call the same device.
MATTERS = {"s": 0.02, "V": 0.01}
MATTERS_ELSE = 0.05
# Of what lies between 0 and 1, or around 0 (absolute).
MATTERS_ABSOLUTE = 0.05
# Of two distributions: how far their quantiles lie apart on average (relative).
MATTERS_DISTRIBUTION = 0.02

# A difference that may hide a quarter of the value (of the whole, for a share) is no agreement.
EQUIVALENT = 0.25

_ABSOLUTE = ("probability", "fraction", "_lag1", "_skew", "latched")


def floor_of(unit: str, value: float) -> float:
    """Return the standard error that the instruments leave of a value, in its unit."""
    return FLOORS.get(unit, 0.0) * abs(value)


def matters(name: str, unit: str, value: float) -> float:
    """Return the least difference from a measured value that matters, in its unit."""
    if _is_absolute(name, unit):
        return MATTERS_ABSOLUTE
    return MATTERS.get(unit, MATTERS_ELSE) * abs(value)


def equivalent(name: str, unit: str, value: float) -> float:
    """Return within what of a measured value the difference must surely lie to be agreement."""
    return EQUIVALENT * (1.0 if _is_absolute(name, unit) else abs(value))


def _is_absolute(name: str, unit: str) -> bool:
    return unit == "1" and name.endswith(_ABSOLUTE)
