"""One step of the Dormand-Prince 5(4) method on the model's states, its error and interpolant.

Hairer, Norsett, Wanner, Solving ODEs I, sections II.4 to II.6.
"""

from __future__ import annotations

from math import sqrt

from labbench.model.compiled import compiled
from labbench.model.equations import slope
from labbench.model.layout import AREA, N_FEEDBACK, N_STATES, Q, R, V


@compiled
def restart(y, u, du, flags, p, k):
    """Fill the first row of slopes at a state that is new to the method."""
    slope(y[Q], y[R], y[V], y[AREA], u, du, flags, p, k, 0)


@compiled
def step(y, u, du, h, flags, p, k, y_new):
    """Advance y (8,) by h into `y_new`; rows 0 and 6 of `k` (7, 12) are the slopes at both ends.

    `u` is the source at the start and `du` its slope.
    """
    z = y_new
    a1 = h / 5
    for j in range(N_FEEDBACK):
        z[j] = y[j] + a1 * k[0, j]
    slope(z[Q], z[R], z[V], z[AREA], u + du * a1, du, flags, p, k, 1)
    a1, a2 = h * 3 / 40, h * 9 / 40
    for j in range(N_FEEDBACK):
        z[j] = y[j] + a1 * k[0, j] + a2 * k[1, j]
    slope(z[Q], z[R], z[V], z[AREA], u + du * h * 3 / 10, du, flags, p, k, 2)
    a1, a2, a3 = h * 44 / 45, -h * 56 / 15, h * 32 / 9
    for j in range(N_FEEDBACK):
        z[j] = y[j] + a1 * k[0, j] + a2 * k[1, j] + a3 * k[2, j]
    slope(z[Q], z[R], z[V], z[AREA], u + du * h * 4 / 5, du, flags, p, k, 3)
    a1, a2, a3, a4 = h * 19372 / 6561, -h * 25360 / 2187, h * 64448 / 6561, -h * 212 / 729
    for j in range(N_FEEDBACK):
        z[j] = y[j] + a1 * k[0, j] + a2 * k[1, j] + a3 * k[2, j] + a4 * k[3, j]
    slope(z[Q], z[R], z[V], z[AREA], u + du * h * 8 / 9, du, flags, p, k, 4)
    a1, a2, a3 = h * 9017 / 3168, -h * 355 / 33, h * 46732 / 5247
    a4, a5 = h * 49 / 176, -h * 5103 / 18656
    for j in range(N_FEEDBACK):
        z[j] = y[j] + a1 * k[0, j] + a2 * k[1, j] + a3 * k[2, j] + a4 * k[3, j] + a5 * k[4, j]
    slope(z[Q], z[R], z[V], z[AREA], u + du * h, du, flags, p, k, 5)
    a1, a3, a4 = h * 35 / 384, h * 500 / 1113, h * 125 / 192
    a5, a6 = -h * 2187 / 6784, h * 11 / 84
    for j in range(N_STATES):
        z[j] = y[j] + a1 * k[0, j] + a3 * k[2, j] + a4 * k[3, j] + a5 * k[4, j] + a6 * k[5, j]
    slope(z[Q], z[R], z[V], z[AREA], u + du * h, du, flags, p, k, 6)


@compiled
def weight(y, j, q_low):
    """Return the size against which the relative tolerance of a state is meant.

    That of q is such that g and so s keep the tolerance: dq = g dg. Below ten millivolt and a
    hundredth the tolerance is absolute.
    """
    if j == Q:
        return sqrt(2.0 * max(y[Q], q_low))
    return max(abs(y[j]), 1e-2)


@compiled
def error(y, y_new, k, h, rtol, q_low):
    """Return the error of the four states over their tolerance; at most 1 is good."""
    total = 0.0
    for j in range(N_FEEDBACK):
        estimate = (
            71 / 57600 * k[0, j]
            - 71 / 16695 * k[2, j]
            + 71 / 1920 * k[3, j]
            - 17253 / 339200 * k[4, j]
            + 22 / 525 * k[5, j]
            - 1 / 40 * k[6, j]
        )
        scale = rtol * max(weight(y, j, q_low), weight(y_new, j, q_low))
        total += (h * estimate / scale) ** 2
    return sqrt(total / 3.0)


@compiled
def interpolant(y, y_new, k, h, dense):
    """Fill `dense` (4, 5) with the last step's interpolant: the four states, and the hazard."""
    for j in range(N_FEEDBACK + 1):
        difference = y_new[j] - y[j]
        dense[0, j] = difference
        dense[1, j] = h * k[0, j] - difference
        dense[2, j] = difference - h * k[6, j] - dense[1, j]
        dense[3, j] = h * (
            -12715105075 / 11282082432 * k[0, j]
            + 87487479700 / 32700410799 * k[2, j]
            - 10690763975 / 1880347072 * k[3, j]
            + 701980252875 / 199316789632 * k[4, j]
            - 1453857185 / 822651844 * k[5, j]
            + 69997945 / 29380423 * k[6, j]
        )


@compiled
def inside(y, dense, theta, j):
    """Return state j at fraction theta of the last step."""
    rest = 1.0 - theta
    inner = dense[2, j] + rest * dense[3, j]
    return y[j] + theta * (dense[0, j] + rest * (dense[1, j] + theta * inner))
