"""The language of Velox: codes and words of its errors, and how parameters are read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from instruments.simulated.prober.stage import UNITS_UM

# Codes and words of the errors.
ERRORS = {
    1: "Unknown command",
    2: "Invalid parameter",
    3: "Missing parameter",
    20: "Motion outside of the limits of the stage",
    21: "Contact height is not set",
    22: "Interlock: chuck is in contact",
    23: "Interlock: chamber door is open",
    24: "Height is above contact",
    25: "Probes cannot be connected",
    701: "No wafer map",
    702: "Die does not exist",
    703: "End of wafer",
    704: "End of subdie table",
}
MOTION, NO_CONTACT, IN_CONTACT, DOOR, TOO_HIGH, REFUSED = 20, 21, 22, 23, 24, 25
NO_MAP, NO_DIE, END_OF_WAFER, END_OF_SUBDIES = 701, 702, 703, 704
Answer = str | None
Run = Callable[[list[str]], Answer]


class VeloxError(Exception):
    """A code, and more words where they help."""

    def __init__(self, code: int, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        words = ERRORS[self.code]
        return f"{self.code}: {words}{': ' + self.detail if self.detail else '.'}"


def real(parameters: list[str], place: int, default: float | None = None) -> float:
    """Read one parameter as a number."""
    if place >= len(parameters):
        if default is None:
            raise VeloxError(3)
        return default
    try:
        value = float(parameters[place])
    except ValueError:
        raise VeloxError(2, parameters[place]) from None
    if not np.isfinite(value):
        raise VeloxError(2, parameters[place])
    return value


def whole(parameters: list[str], place: int, default: float | None = None) -> int:
    """Read one parameter as an integer."""
    value = real(parameters, place, default)
    if value != int(value):
        raise VeloxError(2, f"{value:g} is not an integer")
    return int(value)


def letter(parameters: list[str], place: int, allowed: str, default: str) -> str:
    """Read one parameter as the first letter of a word."""
    text = parameters[place][0].upper() if place < len(parameters) else default
    if text not in allowed:
        raise VeloxError(2, parameters[place])
    return text


def unit_um(parameters: list[str], place: int, index_um: tuple[float, float]) -> tuple[float, ...]:
    """Read one parameter as a unit and return its size across, along and up, in um."""
    name = letter(parameters, place, "YIJEX", "Y")
    return (*index_um, 1.0) if name == "X" else (UNITS_UM[name],) * 3


def velocity(parameters: list[str], place: int) -> float:
    """Read one parameter as a velocity in percent."""
    value = real(parameters, place, 100.0)
    if not 0.0 < value <= 100.0:
        raise VeloxError(2, f"velocity {value:g} is not above 0 to 100 percent")
    return value
