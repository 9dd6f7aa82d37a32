"""What the source does: the stretches between its corners, and its steps."""

from __future__ import annotations

from labbench.model.compiled import compiled
from labbench.model.layout import (
    CIRCUIT, C_PARALLEL, E_SOURCE, FloatArray, NEURON, PER_C, V,
)  # fmt: skip


@compiled
def stretch(
    t: float, end: float, corner_s: FloatArray, level: FloatArray
) -> tuple[float, float, float]:
    """Return the end of the stretch of a linear source that begins at t, its level and slope."""
    corner = after(corner_s, t)
    t_next = min(corner_s[corner], end) if corner < corner_s.size else end
    if corner == 0:
        return t_next, level[0], 0.0
    if corner == corner_s.size:
        return t_next, level[-1], 0.0
    du = (level[corner] - level[corner - 1]) / (corner_s[corner] - corner_s[corner - 1])
    u = level[corner - 1] + du * (t - corner_s[corner - 1])
    # A source that passes zero in a step would leave its compliance, or let the filament open, and
    # be back unseen: guards are looked at where steps end.
    zero_s = -u / du if du != 0.0 else 0.0
    # Not so near to either end that rounding would put it there, and time would stand still.
    room_s = max(1e-9 * (t_next - t), 1e-13 * abs(t))
    if room_s < zero_s < t_next - t - room_s:
        t_next = t + zero_s
    return t_next, u, du


@compiled
def after(corner_s: FloatArray, t: float) -> int:
    """Return the first place behind all corners up to t; numpy's own takes seconds to compile."""
    low, high = 0, corner_s.size
    while low < high:
        middle = (low + high) // 2
        if corner_s[middle] <= t:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def level_before(t: float, corner_s: FloatArray, level: FloatArray, u: float) -> float:
    """Return the level just before t, where `u` is that of the stretch that ends there."""
    first = after(corner_s, t)
    while first > 0 and corner_s[first - 1] == t:
        first -= 1
        u = level[first]
    return u


@compiled
def couple(y: FloatArray, u_before: float, u: float, p: FloatArray) -> None:
    """Let a step of the source through the capacitance across the memristor, to the gate."""
    if p[CIRCUIT] == NEURON and u != u_before:
        dv = (u - u_before) * p[C_PARALLEL] * p[PER_C]
        y[V] += dv
        # The charge on the gate came from the source, at a level that rose on the way.
        y[E_SOURCE] += 0.5 * (u + u_before) * (1.0 / p[PER_C] - p[C_PARALLEL]) * dv
