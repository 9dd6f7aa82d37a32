"""What a 2400 can source and measure: ranges, limits, resolution and noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# What is answered where there is no reading, and where it does not fit into the range.
NOT_A_NUMBER, TOO_LARGE = 9.91e37, 9.9e37
# Above this voltage range no more current than that.
LOW_VOLTAGE_V, HIGH_VOLTAGE_A = 21.0, 0.105
# All ranges reach 5 % beyond their names.
_OVER = 1.05
_NEARLY = 1 + 1e-9


@dataclass(frozen=True)
class Quantity:
    """Voltage or current, each of which can be sourced and measured.

    Attributes
    ----------
    name, header : str
        "VOLT" and "VOLTage".
    ranges : tuple of float
        Full scales, ascending, in V or A.
    least_limit : float
        The smallest compliance.
    resolution : float
        Of the source, as a share of the range.
    noise, floor : float
        Standard deviation of a reading at one power line cycle: a share of the range, and a rest.
    """

    name: str
    header: str
    ranges: tuple[float, ...]
    default_range: float
    default_limit: float
    least_limit: float
    resolution: float
    noise: float
    floor: float

    @property
    def most(self) -> float:
        """The largest level, in V or A."""
        return self.ranges[-1]

    def quantised(self, level: float, full_scale: float) -> float:
        """Return a level as the source's converter gives it."""
        step = full_scale / _OVER * self.resolution
        return round(level / step) * step


VOLTAGE = Quantity(
    "VOLT", "VOLTage", (0.21, 2.1, 21.0, 210.0), 21.0, 21.0, 2e-4, 2.5e-5, 1e-6, 1e-6
)
CURRENT = Quantity(
    "CURR", "CURRent", tuple(1.05 * 10.0**n for n in range(-6, 1)), 1.05e-4, 1.05e-4, 1e-9,
    5e-5, 1e-5, 1e-11,
)  # fmt: skip
QUANTITIES = {"VOLT": VOLTAGE, "CURR": CURRENT}
OTHER = {"VOLT": CURRENT, "CURR": VOLTAGE}
# Auto ohms: full scale in ohm, and the test current in A.
OHMS = {
    21.0: 0.1, 210.0: 1e-2, 2.1e3: 1e-3, 2.1e4: 1e-4,
    2.1e5: 1e-5, 2.1e6: 1e-6, 2.1e7: 1e-6, 2.1e8: 1e-7,
}  # fmt: skip
DEFAULT_OHMS = 2.1e5


def lowest_range(ranges: Sequence[float], value: float) -> float:
    """Return the most sensitive range that holds a value; the highest if none does."""
    return next((full for full in ranges if fits(value, full)), ranges[-1])


def fits(value: float, full_scale: float) -> bool:
    """Return whether a value lies within a range."""
    return abs(value) <= full_scale * _NEARLY


def exceeds_power(voltage_v: float, current_a: float) -> bool:
    """Return whether a voltage and a current together are more than the instrument can do."""
    return voltage_v > LOW_VOLTAGE_V * _NEARLY and current_a > HIGH_VOLTAGE_A * _NEARLY


def auto_delay_s(current_range_a: float) -> float:
    """Return the settling time that the instrument allows for by itself."""
    if current_range_a < 2e-6:
        return 3e-3
    return 2e-3 if current_range_a < 2e-5 else 1e-3
