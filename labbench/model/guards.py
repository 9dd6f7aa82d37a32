"""Events: what ends a stretch of smooth equations, and where in a step it happens.

Every guard is a function of the state that is negative until its event and positive after it.
"""

from __future__ import annotations

from math import copysign, inf

from labbench.model.compiled import compiled, inlined
from labbench.model.equations import filament, work
from labbench.model.layout import (
    ALPHA, AREA, CAPPED, CIRCUIT, CURRENT, DEVICE_V, ETA, GAMMA3, HAS_AREA, HAZARD, LIMIT, LIMITED,
    N_FEEDBACK, NET, OVER_CAP, OVER_LIMIT, RATE_MAX, REVERSE, SLIDING, SYMMETRIC, THETA, WIDENED,
    FloatArray, IntArray, Q, R, V,
)  # fmt: skip
from labbench.model.step import inside, slope_at, step

# Kinds of events that are reported, and their names in event files.
ON, OFF, JUMP, SPIKE, LATCHED, COMPLIANCE = range(6)
EVENT_NAMES = ("on", "off", "jump", "spike", "latched", "compliance")
# Changes of branch that are not: growth at its cap, device voltage through zero, a filament that
# widens (or has narrowed again). COMPLIANCE is both: the source reaches its limit, or leaves it.
CAP, ZERO, WIDEN = 6, 7, 8
N_KINDS = 9

_NEVER = -1.0
# How near a root is found on the interpolant, as a part of the step.
_SHARP = 1e-6


@inlined
def set_guards(
    y: FloatArray,
    flags: IntArray,
    target: float,
    p: FloatArray,
    k: FloatArray,
    g: FloatArray,
) -> bool:
    """Fill `g` (9,) with all guards, by kind, at a state with slopes `k` (12,).

    Returns
    -------
    bool
        Whether any is positive.
    """
    v = k[DEVICE_V]
    g[ON] = g[OFF] = g[SPIKE] = g[LATCHED] = g[COMPLIANCE] = g[CAP] = g[WIDEN] = _NEVER
    if not flags[SLIDING]:
        g[ON] = 0.5 * p[ALPHA] * p[ALPHA] - y[Q]
    elif not flags[WIDENED]:
        g[OFF] = -k[NET]
    g[JUMP] = y[HAZARD] - target
    if p[LIMIT] < inf:
        g[COMPLIANCE] = -k[OVER_LIMIT] if flags[LIMITED] else k[OVER_LIMIT]
    if p[RATE_MAX] < inf:
        g[CAP] = -k[OVER_CAP] if flags[CAPPED] else k[OVER_CAP]
    g[ZERO] = v if flags[REVERSE] else -v
    if p[HAS_AREA] and flags[SLIDING]:
        if flags[WIDENED]:
            g[WIDEN] = 1.0 - y[AREA]
        else:
            g[WIDEN] = p[THETA] * (abs(v) if p[SYMMETRIC] else max(v, 0.0)) - p[GAMMA3]
    happened = g[ON] > 0.0 or g[OFF] > 0.0 or g[JUMP] > 0.0 or g[ZERO] > 0.0
    return happened or g[COMPLIANCE] > 0.0 or g[CAP] > 0.0 or g[WIDEN] > 0.0


@compiled
def change(kind: int, y: FloatArray, flags: IntArray, p: FloatArray) -> None:
    """Change the branch of the equations after an event, but for the jump of a filament."""
    if kind in (ON, OFF):
        flags[SLIDING] = kind == ON
        # On the slide s is 1 by definition, not by the accuracy of the root.
        y[Q] = 0.5 * p[ALPHA] ** 2
    elif kind == COMPLIANCE:
        flags[LIMITED] = 1 - flags[LIMITED]
        if flags[LIMITED] and p[CIRCUIT] == CURRENT:
            y[V] = copysign(p[LIMIT], y[V])
    elif kind == CAP:
        flags[CAPPED] = 1 - flags[CAPPED]
    elif kind == ZERO:
        flags[REVERSE] = 1 - flags[REVERSE]
    elif kind == WIDEN:
        flags[WIDENED] = 1 - flags[WIDENED]
        y[AREA] = 1.0


@compiled
def first_event(
    y: FloatArray,
    y_new: FloatArray,
    u: float,
    du: float,
    h: float,
    flags: IntArray,
    target: float,
    p: FloatArray,
    k: FloatArray,
    dense: FloatArray,
    room: FloatArray,
) -> tuple[int, float]:
    """Return (kind, fraction of the step) of the first event inside the last step.

    Kind -1 if there is none; fraction 1 if a guard was positive from the beginning. The root is
    sought on the interpolant, by false position with the Illinois weighting and bisections.

    Parameters
    ----------
    room : (4, 9) float64 array
        For the guards at both ends, and a state in between and its guards.
    """
    found, first = -1, 2.0
    set_guards(y, flags, target, p, k[0], room[0])
    set_guards(y_new, flags, target, p, k[6], room[1])
    for kind in range(N_KINDS):
        g_low, g_high = room[0, kind], room[1, kind]
        if not g_high > 0.0:
            continue
        theta = 1.0
        if g_low < 0.0:
            low, high, side, creeps = 0.0, 1.0, 0, False
            for _ in range(80):
                before = theta
                theta = low + (high - low) * g_low / (g_low - g_high)
                if creeps:
                    theta = 0.5 * (low + high)
                elif abs(theta - before) <= _SHARP:
                    # Next to the last try: the other side of the root, unless it is far away and
                    # the guard hardly moves here.
                    theta = before + _SHARP if side < 0 else before - _SHARP
                    theta = min(max(theta, low), high)
                    creeps = True
                g = _guard_inside(kind, y, u, du, h, flags, target, p, k, dense, theta, room)
                if g > 0.0:
                    high, g_high = theta, g
                    if side > 0:
                        g_low *= 0.5
                    side = 1
                else:
                    low, g_low = theta, g
                    if side < 0:
                        g_high *= 0.5
                    side = -1
                if high - low <= 2.0 * _SHARP:
                    break
            theta = high
        if theta < first:
            found, first = kind, theta
    return found, first


@compiled
def _guard_inside(
    kind: int,
    y: FloatArray,
    u: float,
    du: float,
    h: float,
    flags: IntArray,
    target: float,
    p: FloatArray,
    k: FloatArray,
    dense: FloatArray,
    theta: float,
    room: FloatArray,
) -> float:
    """Return one guard on the interpolant at a fraction of the step.

    Where it needs slopes, they take row 1 of `k`, which neither error nor interpolant need.
    """
    if kind == ON:
        return 0.5 * p[ALPHA] * p[ALPHA] - inside(y, dense, theta, Q)
    if kind == JUMP:
        return inside(y, dense, theta, HAZARD) - target
    state = room[2]
    for j in range(N_FEEDBACK + 1):
        state[j] = inside(y, dense, theta, j)
    slope_at(state, u + du * h * theta, du, flags, p, k[1])
    set_guards(state, flags, target, p, k[1], room[3])
    return room[3, kind]


@compiled
def step_to(
    kind: int,
    theta: float,
    y: FloatArray,
    u: float,
    du: float,
    h: float,
    flags: IntArray,
    target: float,
    p: FloatArray,
    k: FloatArray,
    dense: FloatArray,
    y_new: FloatArray,
    rtol: float,
    room: FloatArray,
) -> float:
    """Repeat the step up to an event, until it ends on it; return its length.

    The interpolant is less exact than the step, so Newton's method goes on with steps, until the
    event is as sharp as the step is exact. A kink is no jump of the slopes: one try is enough.
    """
    length = theta * h
    climb = 0.0
    if kind == OFF:
        low, high = max(theta - 1e-3, 0.0), theta + 1e-3
        before = _guard_inside(kind, y, u, du, h, flags, target, p, k, dense, low, room)
        after = _guard_inside(kind, y, u, du, h, flags, target, p, k, dense, high, room)
        climb = (after - before) / ((high - low) * h)
    for _ in range(8):
        step(y, u, du, length, flags, p, k, y_new)
        if kind > JUMP:
            break
        if kind == ON:
            climb = -k[6, Q]
        elif kind == JUMP:
            climb = k[6, HAZARD]
        set_guards(y_new, flags, target, p, k[6], room[1])
        change_s = -room[1, kind] / climb if climb > 0.0 else 0.0
        if abs(change_s) <= rtol * length or not 0.0 < length + change_s <= 1.5 * h:
            break
        length += change_s
    return length


@compiled
def closing_s(q: float, dq: float, p: FloatArray) -> float:
    """Return how long the filament takes to close if q goes on as it does; infinite if it opens."""
    return (q - 0.5 * p[ALPHA] ** 2) / -dq if dq < 0.0 else inf


@compiled
def jump(y: FloatArray, flags: IntArray, p: FloatArray) -> None:
    """Shrink the filament by a fraction eta of itself, which ends the slide."""
    f = (1.0 - p[ETA]) * filament(y[Q], y[R], p)
    y[Q] = work(f, y[R], p)
    y[HAZARD] = 0.0
    flags[SLIDING] = 0
