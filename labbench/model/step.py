"""One step of the Dormand-Prince 5(4) method on the model's states, its error and interpolant.

Hairer, Norsett, Wanner, Solving ODEs I, sections II.4 to II.6.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from labbench.model.compiled import compiled
from labbench.model.equations import slope
from labbench.model.layout import (
    AREA, N_FEEDBACK, N_STATES, FloatArray, IntArray, Q, R, V,
)  # fmt: skip


@compiled
def slope_at(
    y: FloatArray, u: float, du: float, flags: IntArray, p: FloatArray, k: FloatArray
) -> None:
    """Fill a row of slopes (12,) at a state; a call, where `slope` is not worth to be merged."""
    slope(y[Q], y[R], y[V], y[AREA], u, du, flags, p, k)


@compiled
def restart(
    y: FloatArray, u: float, du: float, flags: IntArray, p: FloatArray, k: FloatArray
) -> None:
    """Fill the first row of slopes at a state that is new to the method."""
    slope_at(y, u, du, flags, p, k[0])


# Butcher tableau: stage i starts from y + h sum_m A[i, m] k_m at the time t + C[i] h. The last row
# is the fifth-order solution, whose slopes are the first of the next step.
A = np.zeros((7, 6))
A[1, :1] = 1 / 5
A[2, :2] = 3 / 40, 9 / 40
A[3, :3] = 44 / 45, -56 / 15, 32 / 9
A[4, :4] = 19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729
A[5, :5] = 9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656
A[6] = 35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84
C = A.sum(axis=1)


@compiled
def step(
    y: FloatArray,
    u: float,
    du: float,
    h: float,
    flags: IntArray,
    p: FloatArray,
    k: FloatArray,
    y_new: FloatArray,
) -> None:
    """Advance y (8,) by h into `y_new`; rows 0 and 6 of `k` (7, 12) are the slopes at both ends.

    `u` is the source at the start and `du` its slope.
    """
    for i in range(1, 7):
        z0, z1, z2, z3 = y[0], y[1], y[2], y[3]
        for m in range(i):
            a = h * A[i, m]
            z0 += a * k[m, 0]
            z1 += a * k[m, 1]
            z2 += a * k[m, 2]
            z3 += a * k[m, 3]
        slope(z0, z1, z2, z3, u + du * C[i] * h, du, flags, p, k[i])
    y_new[0], y_new[1], y_new[2], y_new[3] = z0, z1, z2, z3
    for j in range(N_FEEDBACK, N_STATES):
        total = 0.0
        for m in range(6):
            total += A[6, m] * k[m, j]
        y_new[j] = y[j] + h * total


@compiled
def weight(y: FloatArray, j: int, q_low: float) -> float:
    """Return the size against which the relative tolerance of a state is meant.

    That of q is such that g and so s keep the tolerance: dq = g dg. Below a tenth of a volt and
    a hundredth of residue the tolerance is absolute.
    """
    if j == Q:
        return sqrt(2.0 * max(y[Q], q_low))
    return max(abs(y[j]), 0.1 if j == V else 1e-2)


@compiled
def error(
    y: FloatArray, y_new: FloatArray, k: FloatArray, h: float, rtol: float, q_low: float
) -> float:
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
def interpolant(
    y: FloatArray, y_new: FloatArray, k: FloatArray, h: float, dense: FloatArray
) -> None:
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
def inside(y: FloatArray, dense: FloatArray, theta: float, j: int) -> float:
    """Return state j at fraction theta of the last step."""
    rest = 1.0 - theta
    inner = dense[2, j] + rest * dense[3, j]
    return y[j] + theta * (dense[0, j] + rest * (dense[1, j] + theta * inner))
