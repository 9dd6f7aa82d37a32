"""The right-hand side: diffusive memristor and the circuit around it, as pure functions.

The equations all models share, after the SI of Nature Electronics 8, 1211 (2025) and the authors'
SPICE card (doi 10.5281/zenodo.20150590); what a model adds stands in its file in `models/`.
States: filament f, residue r; s = f + r, x = min(s, 1); gap g = alpha + 1 - s; device voltage v::

    (1) growth   a = min(mu E(v) / g - (gamma1 + beta) f, rate_max)    E = max(v, 0) or |v|
    (2) residue  b = beta f - gamma2 r
    (3) df/dt = a,  dr/dt = b           while s < 1 or a + b <= 0
    (4) df/dt = -b, dr/dt = b           sliding on s = 1, while a + b > 0
    (5) R(x) = Ron x / S^2 + Roff (exp((1 - x) / lambda) - 1) / (exp(1 / lambda) - 1)
    (6) jumps    f -> (1 - eta) f at hazard kappa f^m

The jumps' mean drift, -kappa eta f^(m+1), joins (1) in mean-field runs; with at most one in an
interval dt, -eta f (1 - exp(-kappa f^m dt)) / dt. S is 1 but for the model with a filament area.

The growth (1) has a pole at g = 0, so what is integrated in place of f is q = g^2 / 2::

    (3') dq/dt = -g (a + b) = -mu E(v) + g ((gamma1 + beta) f - b)     f = alpha + 1 - g - r

which is smooth through the closing at q = alpha^2 / 2, and constant on the slide.

Circuits share one node voltage V. Neuron: source u - series Rs - memristor - gate node with Cg
and Rc::

    (7) (Cg + Cp) dV/dt = i - V / Rc + Cp du/dt,   i = (u - V) / (R(x) + Rs),   v = i R(x)

Memristor fixture: source - Rs - node with memristor, shunt R and C to ground::

    (8) C dV/dt = (u - V) / Rs - V / R(x) - V / Rshunt,         v = V   (C = 0: algebraic)

Current drive replaces the first term of (8) by the source current. A compliance is an element of
the source: a voltage source becomes a current source at its limit, and the other way round; the
element takes the voltage (the current) that is left.
"""

from __future__ import annotations

from math import copysign, exp, expm1, inf, sqrt

import numpy as np

from labbench.model.compiled import compiled, inlined
from labbench.model.layout import (
    ADD_F, ADD_R, ALPHA, AREA, BETA, CAPPED, CIRCUIT, CLIP, CURRENT, CURRENT_STATIC, C_PARALLEL,
    DEVICE_V, ETA, E_MEMRISTOR, E_RESISTOR, E_SOURCE, FIXTURE, FloatArray, GAMMA1, GAMMA2, GAMMA3,
    G_SHUNT, HAS_AREA, HAZARD, INTERVAL, IntArray, KAPPA, LIMIT, LIMITED, M, MU, NET, NEURON,
    NOISE, NOISE_ADD, NOISE_MEAN, N_FLAGS, OVER_CAP, OVER_LIMIT, PER_C, PER_LAMBDA, Q, R, RATE_MAX,
    REVERSE, R_HRS, R_ON, R_SERIES, SHRINK, SLIDING, SYMMETRIC, THETA, V, WIDENED,
)  # fmt: skip


@inlined
def resistance(x: float, area: float, p: FloatArray) -> float:
    """Return R(x) in ohm, equation (5); x is clipped to 0..1."""
    x = min(max(x, 0.0), 1.0)
    r_on = p[R_ON] / (area * area) if p[HAS_AREA] else p[R_ON]
    return r_on * x + p[R_HRS] * (exp((1.0 - x) * p[PER_LAMBDA]) - 1.0)


@inlined
def hazard(f: float, p: FloatArray) -> float:
    """Return kappa f^m in 1/s, equation (6); the usual m = 2 without a call to pow."""
    f = max(f, 0.0)
    return p[KAPPA] * (f * f if p[M] == 2.0 else f ** p[M])


@inlined
def work(f: float, r: float, p: FloatArray) -> float:
    """Return q of equation (3') for a filament and a residue."""
    gap = p[ALPHA] + 1.0 - f - r
    return 0.5 * gap * gap


@inlined
def filament(q: float, r: float, p: FloatArray) -> float:
    """Return f for q and r; what rounding leaves below zero is zero."""
    return max(p[ALPHA] + 1.0 - sqrt(2.0 * max(q, 0.0)) - r, 0.0)


@inlined
def slope(
    q: float,
    r: float,
    node_v: float,
    area: float,
    u: float,
    du: float,
    flags: IntArray,
    p: FloatArray,
    k: FloatArray,
) -> None:
    """Fill `k` (12,) with all time derivatives, and with what the guards look at.

    `u` is the level of the source and `du` its slope. Powers are in W, stored energy aside.
    """
    gap = sqrt(2.0 * max(q, 0.0))
    s = p[ALPHA] + 1.0 - gap
    f = s - r
    r_ohm = resistance(s, area, p)
    if p[CIRCUIT] == NEURON:
        across_v = u - node_v
        i = across_v / (r_ohm + p[R_SERIES])
        over_limit = abs(i) - p[LIMIT]
        if flags[LIMITED]:
            i = copysign(p[LIMIT], across_v)
        v = i * r_ohm
        i = _clipped(i, p)
        cp = p[C_PARALLEL]
        dv = (i - node_v * p[G_SHUNT] + cp * du) * p[PER_C]
        p_source = u * (i + cp * (du - dv))
        p_resistor = node_v * node_v * p[G_SHUNT] + (across_v - v) * i
    else:
        v, i, dv, p_source, p_resistor, over_limit = _fixture(node_v, r_ohm, u, flags, p)
    e = v
    if flags[REVERSE]:
        e = -v if p[SYMMETRIC] else 0.0
    rate = hazard(f, p)
    extra = p[SHRINK] * f
    if p[NOISE] == NOISE_MEAN:
        dt = p[INTERVAL]
        extra += p[ETA] * f * (-expm1(-rate * dt) / dt if dt > 0.0 else rate)
    elif p[NOISE] == NOISE_ADD and (f > 0.0 or p[ADD_F] > 0.0):
        extra -= p[ADD_F]
    b = p[BETA] * f - p[GAMMA2] * r
    if (r > 0.0 or p[ADD_R] > 0.0) and (f > 0.0 or p[ADD_R] < 0.0 or not flags[SLIDING]):
        b += p[ADD_R]
    decay = (p[GAMMA1] + p[BETA]) * f
    if p[RATE_MAX] < inf:
        k[OVER_CAP] = p[MU] * e / gap - decay - p[RATE_MAX]
    if flags[CAPPED]:
        dq = gap * (extra - p[RATE_MAX] - b)
    else:
        dq = -p[MU] * e + gap * (decay + extra - b)
    d_area = 0.0
    if flags[SLIDING]:
        k[NET] = -dq / gap
        dq = 0.0
        if p[HAS_AREA]:
            d_area = p[THETA] * e * exp(1.0 - area) - p[GAMMA3] * exp(area - 1.0)
            if flags[WIDENED]:
                b = 0.0
            else:
                d_area = 0.0
    k[Q], k[R], k[V], k[AREA] = dq, b, dv, d_area
    k[HAZARD] = rate
    k[E_SOURCE], k[E_MEMRISTOR], k[E_RESISTOR] = p_source, v * i, p_resistor
    k[DEVICE_V], k[OVER_LIMIT] = v, over_limit


@inlined
def _fixture(
    node_v: float, r_ohm: float, u: float, flags: IntArray, p: FloatArray
) -> tuple[float, float, float, float, float, float]:
    """Return device voltage and current, slope of the node, powers of source and resistors.

    The last value is how far the source is over its compliance, in its unit.
    """
    kind = p[CIRCUIT]
    limit = p[LIMIT]
    if kind in (FIXTURE, CURRENT):
        v = node_v
        i = _clipped(v / r_ohm, p)
        taken_a = i + v * p[G_SHUNT]
        if kind == CURRENT:
            # At its limit it gives less than it could, until it could not.
            over = copysign(1.0, v) * (u - taken_a) if flags[LIMITED] else abs(v) - limit
            source_a = taken_a if flags[LIMITED] else u
            return v, i, (source_a - taken_a) * p[PER_C], source_a * v, v * v * p[G_SHUNT], over
        source_a = (u - v) / p[R_SERIES]
        over = abs(source_a) - limit
        if flags[LIMITED]:
            source_a = copysign(limit, source_a)
        lost = v * v * p[G_SHUNT] + (u - v) * source_a
        return v, i, (source_a - taken_a) * p[PER_C], u * source_a, lost, over
    # A node without capacitance follows at once; a device beyond its clip takes a fixed current.
    conducts = p[CLIP] == inf or u > 0.0
    load = 1.0 / (p[G_SHUNT] + (1.0 / r_ohm if conducts else 1e-30))
    most_v = p[CLIP] * r_ohm
    if kind == CURRENT_STATIC:
        v = u * load
        if v > most_v:
            v = (u - p[CLIP]) / p[G_SHUNT]
        over = abs(v) - limit
        if flags[LIMITED]:
            v = copysign(limit, u)
        i = _clipped(v / r_ohm, p)
        source_a = i + v * p[G_SHUNT]
        return v, i, 0.0, source_a * v, v * v * p[G_SHUNT], over
    source_a = u / (p[R_SERIES] + load)
    v = source_a * load
    if v > most_v:
        v = (u - p[CLIP] * p[R_SERIES]) / (1.0 + p[G_SHUNT] * p[R_SERIES])
        source_a = p[CLIP] + v * p[G_SHUNT]
    over = abs(source_a) - limit
    if flags[LIMITED]:
        source_a = copysign(limit, u)
        v = source_a * load
        if v > most_v:
            v = (source_a - p[CLIP]) / p[G_SHUNT]
    lost = v * v * p[G_SHUNT] + (u - v) * source_a
    return v, _clipped(v / r_ohm, p), 0.0, u * source_a, lost, over


@compiled
def static_node(r_ohm: FloatArray, source: FloatArray, p: FloatArray, out: FloatArray) -> None:
    """Fill `out` with the voltage of a node without capacitance, for resistances and sources."""
    flags = np.zeros(N_FLAGS, np.int64)
    for j in range(out.size):
        flags[LIMITED] = 0
        found = _fixture(0.0, r_ohm[j], source[j], flags, p)
        if found[5] > 0.0:
            flags[LIMITED] = 1
            found = _fixture(0.0, r_ohm[j], source[j], flags, p)
        out[j] = found[0]


@inlined
def _clipped(i: float, p: FloatArray) -> float:
    """Return a current as the reference model cuts it, 0 to its clip; unchanged without one."""
    return min(max(i, 0.0), p[CLIP]) if p[CLIP] < inf else i
