"""What a 2636B can: ranges, limits, settling times."""

from __future__ import annotations

VOLTAGE_RANGES_V = (0.2, 2.0, 20.0, 200.0)
# 100 pA measures only, 10 A is for pulses only.
MEASURE_RANGES_A = (1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 1.5, 10.0)
SOURCE_RANGES_A = MEASURE_RANGES_A[1:]
MOST_V, MOST_A, LEAST_LIMIT_V, LEAST_LIMIT_A = 200.0, 1.5, 20e-3, 1e-10
# Above this voltage the current ends at a tenth of an ampere, and the interlock must be closed.
HIGH_V, MOST_AT_HIGH_A = 20.0, 0.1
# A range reaches a little further than its name.
HEADROOM = 1.02
OVERFLOW = 9.91e37
# Waiting for a small current to settle, with delay = DELAY_AUTO.
_AUTO_DELAYS_S = {1e-10: 15e-3, 1e-9: 15e-3, 1e-8: 10e-3, 1e-7: 3e-3, 1e-6: 1e-3, 1e-5: 3e-4}
# Noise of a reading at one power line cycle, as a share of the range and a floor.
NOISE, FLOOR_A, FLOOR_V = 2e-6, 5e-15, 5e-7


def range_for(value: float, ranges: tuple[float, ...], lowest: float = 0.0) -> float:
    """Return the lowest range that holds a value."""
    at_least = max(abs(value), lowest) / HEADROOM
    return next((each for each in ranges if each >= at_least), ranges[-1])


def auto_delay_s(range_a: float) -> float:
    """Return how long a measurement waits for a current to settle."""
    return _AUTO_DELAYS_S.get(range_a, 1e-4)
