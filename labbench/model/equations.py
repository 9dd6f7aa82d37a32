"""The right-hand side: diffusive memristor and the circuit around it, as pure functions.

Model `bench`, after the SI of Nature Electronics 8, 1211 (2025) and the authors' SPICE card
(doi 10.5281/zenodo.20150590), with positive polarity and exact limits. States: filament f,
residue r; s = f + r, x = min(s, 1); device voltage v::

    (1) growth   a = min(mu max(v, 0) / (alpha + 1 - s) - (gamma1 + beta) f, rate_max)
    (2) residue  b = beta f - gamma2 r
    (3) df/dt = a,  dr/dt = b           while s < 1 or a + b <= 0
    (4) df/dt = -b, dr/dt = b           sliding on s = 1, while a + b > 0
    (5) R(x) = Ron x + Roff (exp((1 - x) / lambda) - 1) / (exp(1 / lambda) - 1)
    (6) jumps    f -> (1 - eta) f at hazard kappa f^m

The jumps' mean drift, -kappa eta f^(m+1), joins (1) in mean-field runs.

Circuits share one node voltage V. Neuron: source u - memristor - gate node with Cg and Rc::

    (7) (Cg + Cp) dV/dt = (u - V) / R(x) - V / Rc + Cp du/dt,   v = u - V

Memristor fixture: source - Rs - node with memristor, shunt R and C to ground::

    (8) C dV/dt = (u - V) / Rs - V / R(x) - V / Rshunt,         v = V   (C = 0: algebraic)

Current drive replaces the first term of (8) by the source current.
"""

from __future__ import annotations

from math import exp, expm1

import numpy as np

from labbench.model.card import ModelCard
from labbench.model.compiled import compiled

# Places in the state vector: three states, the accumulated hazard and three energies in J.
F, R, V, HAZARD, E_SOURCE, E_MEMRISTOR, E_RESISTOR = range(7)
N_STATES = 7

# Places in the vector of constants.
(MU, ALPHA, BETA, GAMMA1, GAMMA2, LAMBDA, R_ON, R_HRS, RATE_MAX, KAPPA, ETA, M) = range(12)
(CIRCUIT, C_NODE, C_PARALLEL, R_SERIES, G_SHUNT, NOISE) = range(12, 18)
N_CONSTANTS = 18

NEURON, FIXTURE, FIXTURE_STATIC, CURRENT, CURRENT_STATIC = 0.0, 1.0, 2.0, 3.0, 4.0
NOISE_OFF, NOISE_JUMPS, NOISE_MEAN = 0.0, 1.0, 2.0
NOISES = {"off": NOISE_OFF, "jumps": NOISE_JUMPS, "mean": NOISE_MEAN}


def pack(card: ModelCard, noise: str) -> np.ndarray:
    """Return the constants of a card as a (18,) float64 array for the integrator."""
    p = np.zeros(N_CONSTANTS)
    p[:LAMBDA] = [card[n] for n in ("mu_per_v_s", "alpha", "beta_per_s")] + [
        card[n] for n in ("gamma1_per_s", "gamma2_per_s")
    ]
    p[LAMBDA] = card["lambda"]
    p[R_ON] = card["r_on_ohm"]
    p[R_HRS] = card["r_off_ohm"] / expm1(1.0 / card["lambda"])
    p[RATE_MAX] = card["rate_max_per_s"]
    p[KAPPA], p[ETA], p[M] = card["kappa_per_s"], card["eta"], card["m"]
    p[C_PARALLEL] = card["parallel_capacitance_f"]
    p[NOISE] = NOISES[noise]
    if card.circuit == "neuron":
        p[CIRCUIT] = NEURON
        p[C_NODE] = card["gate_capacitance_f"]
        p[G_SHUNT] = 1.0 / card["control_resistance_ohm"]
    else:
        p[R_SERIES] = card["series_resistance_ohm"]
        p[G_SHUNT] = 1.0 / card["shunt_resistance_ohm"]
        p[C_NODE] = card["shunt_capacitance_f"] + card["parallel_capacitance_f"]
        if card.drive == "current":
            p[CIRCUIT] = CURRENT if card.has_node_state else CURRENT_STATIC
        else:
            p[CIRCUIT] = FIXTURE if card.has_node_state else FIXTURE_STATIC
    return p


@compiled
def resistance(x, p):
    """Return R(x) in ohm, equation (5); x is clipped to 0..1."""
    x = min(max(x, 0.0), 1.0)
    return p[R_ON] * x + p[R_HRS] * (exp((1.0 - x) / p[LAMBDA]) - 1.0)


@compiled
def device_voltage(node_v, u, r_ohm, p):
    """Return the voltage across the memristor in volt; `u` is the source level in V or A."""
    kind = p[CIRCUIT]
    if kind == NEURON:
        return u - node_v
    if kind == FIXTURE_STATIC:
        load = 1.0 / (1.0 / r_ohm + p[G_SHUNT])
        return u * load / (p[R_SERIES] + load)
    if kind == CURRENT_STATIC:
        return u / (1.0 / r_ohm + p[G_SHUNT])
    return node_v


@compiled
def rates(f, r, v, p):
    """Return growth a and residue b in 1/s, equations (1) and (2)."""
    gap = p[ALPHA] + max(1.0 - f - r, 0.0)
    a = min(p[MU] * max(v, 0.0) / gap - (p[GAMMA1] + p[BETA]) * f, p[RATE_MAX])
    if p[NOISE] == NOISE_MEAN:
        a -= p[ETA] * hazard(f, p) * f
    return a, p[BETA] * f - p[GAMMA2] * r


@compiled
def hazard(f, p):
    """Return kappa f^m in 1/s, equation (6); the usual m = 2 without a call to pow."""
    f = max(f, 0.0)
    return p[KAPPA] * (f * f if p[M] == 2.0 else f ** p[M])


@compiled
def slope(f, r, node_v, u, du, is_sliding, p):
    """Return the time derivatives of (f, r, V), and the powers (source, memristor, resistors).

    `u` is the level of the source and `du` its slope. Powers are in W, stored energy aside.
    """
    r_ohm = resistance(f + r, p)
    v = device_voltage(node_v, u, r_ohm, p)
    a, b = rates(f, r, v, p)
    df = -b if is_sliding else a
    i = v / r_ohm
    kind = p[CIRCUIT]
    if kind == NEURON:
        cp = p[C_PARALLEL]
        dv = (i - node_v * p[G_SHUNT] + cp * du) / (p[C_NODE] + cp)
        return df, b, dv, u * (i + cp * (du - dv)), v * i, node_v * node_v * p[G_SHUNT]
    i_node = i + v * p[G_SHUNT]
    resistors = v * v * p[G_SHUNT]
    if kind in (CURRENT, CURRENT_STATIC):
        dv = (u - i_node) / p[C_NODE] if kind == CURRENT else 0.0
        return df, b, dv, u * v, v * i, resistors
    i_source = (u - v) / p[R_SERIES] if kind == FIXTURE else i_node
    dv = (i_source - i_node) / p[C_NODE] if kind == FIXTURE else 0.0
    return df, b, dv, u * i_source, v * i, resistors + i_source * i_source * p[R_SERIES]
