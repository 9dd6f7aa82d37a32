"""Events: what ends a stretch of smooth equations, and where in a step it happens.

Every guard is a function of the state that is negative until its event and positive after it.
"""

from __future__ import annotations

from math import copysign, inf

from labbench.model.compiled import compiled
from labbench.model.equations import filament, slope
from labbench.model.layout import (
    ALPHA,
    AREA,
    CAPPED,
    CIRCUIT,
    CURRENT,
    DEVICE_V,
    GAMMA3,
    HAS_AREA,
    HAZARD,
    LIMIT,
    LIMITED,
    N_FEEDBACK,
    NET,
    OVER_CAP,
    OVER_LIMIT,
    RATE_MAX,
    REVERSE,
    SLIDING,
    SYMMETRIC,
    THETA,
    WIDENED,
    Q,
    R,
    V,
)  # fmt: skip
from labbench.model.step import inside, step

# Kinds of events that are reported, and their names in event files.
ON, OFF, JUMP, SPIKE, LATCHED, COMPLIANCE = range(6)
EVENT_NAMES = ("on", "off", "jump", "spike", "latched", "compliance")
# Changes of branch that are not: growth at its cap, device voltage through zero, a filament that
# widens (or has narrowed again). COMPLIANCE is both: the source reaches its limit, or leaves it.
CAP, ZERO, WIDEN = 6, 7, 8
_LOCATED = (ON, OFF, JUMP, COMPLIANCE, CAP, ZERO, WIDEN)

_NEVER = -1.0


@compiled
def guard(kind, y, flags, target, p, k, row):
    """Return one guard at a state whose slopes stand in a row of `k`."""
    if kind == ON:
        return _NEVER if flags[SLIDING] else 0.5 * p[ALPHA] ** 2 - y[Q]
    if kind == OFF:
        return -k[row, NET] if flags[SLIDING] and not flags[WIDENED] else _NEVER
    if kind == JUMP:
        return y[HAZARD] - target
    if kind == COMPLIANCE:
        if p[LIMIT] == inf:
            return _NEVER
        return -k[row, OVER_LIMIT] if flags[LIMITED] else k[row, OVER_LIMIT]
    if kind == CAP:
        if p[RATE_MAX] == inf:
            return _NEVER
        return -k[row, OVER_CAP] if flags[CAPPED] else k[row, OVER_CAP]
    v = k[row, DEVICE_V]
    if kind == ZERO:
        return v if flags[REVERSE] else -v
    if not (p[HAS_AREA] and flags[SLIDING]):
        return _NEVER
    if flags[WIDENED]:
        return 1.0 - y[AREA]
    return p[THETA] * (abs(v) if p[SYMMETRIC] else max(v, 0.0)) - p[GAMMA3]


@compiled
def change(kind, y, flags, p):
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
def first_event(y, y_new, u, du, h, flags, target, p, k, dense, at):
    """Return (kind, fraction of the step) of the first event inside the last step.

    Kind -1 if there is none; fraction 1 if a guard was positive from the beginning. The root is
    sought on the interpolant, by false position with the Illinois weighting. `at` (8,) is room
    for a state, row 1 of `k` for slopes: neither error nor interpolant need it.
    """
    found, first = -1, 2.0
    for kind in _LOCATED:
        g_high = guard(kind, y_new, flags, target, p, k, 6)
        if not g_high > 0.0:
            continue
        g_low = guard(kind, y, flags, target, p, k, 0)
        theta = 1.0
        if g_low < 0.0:
            low, high, side = 0.0, 1.0, 0
            for _ in range(60):
                before = theta
                theta = low + (high - low) * g_low / (g_low - g_high)
                g = _inside(kind, y, u, du, h, flags, target, p, k, dense, theta, at)
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
                if abs(theta - before) <= 1e-6 or high - low <= 1e-9:
                    break
        if theta < first:
            found, first = kind, theta
    return found, first


@compiled
def _inside(kind, y, u, du, h, flags, target, p, k, dense, theta, at):
    """Return one guard on the interpolant at a fraction of the step."""
    for j in range(N_FEEDBACK + 1):
        at[j] = inside(y, dense, theta, j)
    if kind not in (ON, JUMP):
        slope(at[Q], at[R], at[V], at[AREA], u + du * h * theta, du, flags, p, k, 1)
    return guard(kind, at, flags, target, p, k, 1)


@compiled
def step_to(kind, theta, y, u, du, h, flags, target, p, k, dense, y_new, at):
    """Repeat the step up to an event, until it ends on it; return its length.

    The interpolant is less exact than the step. Newton's method, with the slope of the guard on
    the interpolant; a kink is no jump of the slopes, so there one try is enough.
    """
    length = theta * h
    before = _inside(kind, y, u, du, h, flags, target, p, k, dense, max(theta - 1e-3, 0.0), at)
    after = _inside(kind, y, u, du, h, flags, target, p, k, dense, theta + 1e-3, at)
    climb = (after - before) / ((theta + 1e-3 - max(theta - 1e-3, 0.0)) * h)
    for _ in range(8):
        step(y, u, du, length, flags, p, k, y_new)
        if kind not in (ON, OFF, JUMP) or not climb > 0.0:
            break
        change_s = -guard(kind, y_new, flags, target, p, k, 6) / climb
        if abs(change_s) <= 1e-9 * h or not 0.0 < length + change_s <= 1.5 * h:
            break
        length += change_s
    return length


@compiled
def closing_s(q, dq, p):
    """Return how long the filament takes to close if q goes on as it does; infinite if it opens."""
    return (q - 0.5 * p[ALPHA] ** 2) / -dq if dq < 0.0 else inf


@compiled
def jump(y, p, eta):
    """Shrink the filament by a fraction of itself."""
    f = filament(y[Q], y[R], p)
    gap = p[ALPHA] + 1.0 - (1.0 - eta) * f - y[R]
    y[Q] = 0.5 * gap * gap
    y[HAZARD] = 0.0
