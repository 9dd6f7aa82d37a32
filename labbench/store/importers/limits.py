"""Where a recording shows the instrument and not the device: rails, floors, signs.

Nothing is altered: the limits go onto the channel, and a note says what was found and by which
rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log10

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# A rail: at least this part of all samples lies within `_NEAR` of the extreme (or on it, if nearly
# all of these do), ...
_LEAST_SHARE = 0.05
_NEAR = 1e-3
_EXACT_SHARE = 0.9
# ... while the voltage varies by more than this times as much as the current. A current that
# follows its voltage (a resistor under a flat pulse) is the device, however flat.
_STIFFNESS = 10.0


@dataclass(frozen=True)
class Limits:
    """Limits of the current channel, in A, and the notes that explain them."""

    rail_low: float | None
    rail_high: float | None
    floor: float | None
    notes: tuple[str, ...]


def find_limits(
    voltage_v: FloatArray,
    current_a: FloatArray,
    is_magnitude: bool = False,
    compliance_a: float | None = None,
) -> Limits:
    """Find rails, floor and orientation of the current from the numbers themselves.

    Parameters
    ----------
    voltage_v, current_a : (n,) arrays
        Of the whole file, finite: one instrument setting is taken to hold for all of it.
    is_magnitude : bool
        Whether these are magnitudes, without their sign.
    compliance_a : float, optional
        A compliance known from elsewhere; samples within 0.1 % of it or beyond are censored too.

    Returns
    -------
    Limits
        None and no note where nothing was found.
    """
    notes: list[str] = []
    rail_high = _find_rail(voltage_v, current_a)
    if rail_high is not None:
        notes.append(_rail_note(rail_high, current_a >= rail_high))
    rail_low = None
    if not is_magnitude:
        below = _find_rail(voltage_v, -current_a)
        if below is not None:
            rail_low = -below
            notes.append(_rail_note(rail_low, current_a <= rail_low))
    if compliance_a is not None:
        known_a = (1 - _NEAR) * compliance_a
        rail_high = known_a if rail_high is None else min(known_a, rail_high)
        if not is_magnitude:
            rail_low = -known_a if rail_low is None else max(-known_a, rail_low)
        n_reached = int((np.abs(current_a) >= known_a).sum())
        notes.append(f"{n_reached} currents reach the given compliance of {compliance_a:g} A")
    floor = _find_floor(current_a) if is_magnitude else None
    if floor is not None:
        n_floor = int((current_a <= floor).sum())
        notes.append(f"{n_floor} currents at or below {floor:g} A are clamped zeros")
    if not is_magnitude and float(np.dot(voltage_v, current_a)) < 0:
        notes.append("the current has the opposite sign to the voltage; kept as recorded")
    return Limits(rail_low, rail_high, floor, tuple(notes))


def find_converter_rails(values: FloatArray) -> tuple[float | None, float | None]:
    """Return the ends of an eight-bit converter that a signal reached, None for each it did not.

    All values are then whole multiples of one step, and the lowest is -128 of them or the highest
    +127.

    Parameters
    ----------
    values : (n,) array
        Finite.
    """
    levels = np.unique(values)
    if not 2 < levels.size <= 256:
        return None, None
    codes = levels / np.diff(levels).min()
    if np.abs(codes - np.round(codes)).max() > 1e-3:
        return None, None
    low, high = round(codes[0]), round(codes[-1])
    if low < -128 or high > 127:
        return None, None
    return float(levels[0]) if low == -128 else None, float(levels[-1]) if high == 127 else None


def _find_rail(voltage_v: FloatArray, current_a: FloatArray) -> float | None:
    """Return the lowest current of the plateau at the top, None if there is none."""
    top_a = float(current_a.max())
    if top_a <= 0:
        return None
    plateau = current_a >= (1 - _NEAR) * top_a
    exact = current_a == top_a
    # The end of a range repeats exactly; a source meter in compliance still regulates a little.
    if exact.sum() >= _EXACT_SHARE * plateau.sum():
        plateau = exact
    if plateau.mean() < _LEAST_SHARE:
        return None
    level_v = np.abs(voltage_v[plateau])
    spread_v = float(np.ptp(level_v)) / max(float(level_v.max()), 1e-300)
    spread_a = float(np.ptp(current_a[plateau])) / top_a
    return float(current_a[plateau].min()) if spread_v > _STIFFNESS * spread_a else None


def _rail_note(rail_a: float, at_rail: NDArray[np.bool_]) -> str:
    return (
        f"{int(at_rail.sum())} of {at_rail.size} currents stand still at {rail_a:.6g} A while the "
        f"voltage moves: taken as the end of the measuring range or the compliance, and censored"
    )


def _find_floor(magnitude_a: FloatArray) -> float | None:
    """Return the smallest magnitude if it is zero or a bare power of ten: a last digit."""
    least_a = float(magnitude_a.min())
    if least_a == 0.0:
        return 0.0
    decade = log10(least_a)
    return least_a if abs(decade - round(decade)) < 1e-9 else None
