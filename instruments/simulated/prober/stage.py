"""The axes of a prober: where they are, how long they take, and in which units they speak."""

from __future__ import annotations

from dataclasses import dataclass

# At 100 % velocity, in um/s, and what every move takes besides.
_ACROSS_UM_S, _UP_UM_S, _SETTLE_S = 5e4, 2e3, 0.2
# Micrometres in each unit; index is the size of a die, which differs between the axes.
UNITS_UM = {"Y": 1.0, "I": 25.4, "J": 0.1, "E": 0.1}


@dataclass
class Stage:
    """A stage: chuck, scope or platen, in um from its zero.

    Attributes
    ----------
    reach_um, height_um : float
        Largest distance from the middle, and largest height.
    """

    reach_um: float
    height_um: float
    x_um: float = 0.0
    y_um: float = 0.0
    z_um: float = 0.0
    home_x_um: float = 0.0
    home_y_um: float = 0.0

    def across_s(self, x_um: float, y_um: float, velocity: float) -> float:
        """Return how long it takes to get to a place, at a velocity in percent."""
        way_um = max(abs(x_um - self.x_um), abs(y_um - self.y_um))
        return _SETTLE_S + way_um / (_ACROSS_UM_S * velocity / 100.0)

    def up_s(self, z_um: float, velocity: float) -> float:
        """Return how long it takes to get to a height."""
        return _SETTLE_S + abs(z_um - self.z_um) / (_UP_UM_S * velocity / 100.0)

    def reaches(self, x_um: float, y_um: float, z_um: float) -> bool:
        """Return whether a place is within the limits of its axes."""
        return max(abs(x_um), abs(y_um)) <= self.reach_um and 0.0 <= z_um <= self.height_um


@dataclass
class Heights:
    """Preset heights of the chuck: contact from zero, the others relative to it, in um."""

    contact_um: float = 10_000.0
    overtravel_um: float = 0.0
    align_um: float = 100.0
    separation_um: float = 300.0
    search_um: float = 100.0
    is_contact_set: bool = True
