"""A card as the vector of constants that the compiled functions read."""

from __future__ import annotations

from math import expm1, inf

import numpy as np

from labbench.errors import StimulusError
from labbench.model.card import ModelCard
from labbench.model.layout import (
    ALPHA, BETA, C_PARALLEL, CIRCUIT, CLIP, CURRENT, CURRENT_STATIC, ETA, FIXTURE, FIXTURE_STATIC,
    G_SHUNT, GAMMA1, GAMMA2, GAMMA3, HAS_AREA, INTERVAL, KAPPA, LATCH_S, LIMIT, MU, N_CONSTANTS,
    NEURON, NOISE, NOISE_JUMPS, NOISE_MEAN, NOISE_OFF, NOISE_SHRINK, PER_C, PER_LAMBDA, R_HRS,
    R_ON, R_SERIES, RATE_MAX, SIGMA1, SIGMA2, SIGMA3, SYMMETRIC, THETA, M,
)  # fmt: skip
from labbench.model.models import MODELS

NOISES = ("random", "mean", "off")

# A gate that stays up this many of its time constants after a spike never comes back by itself.
LATCHED_AFTER = 10.0

_PLACES = {
    "mu_per_v_s": MU,
    "alpha": ALPHA,
    "beta_per_s": BETA,
    "gamma1_per_s": GAMMA1,
    "gamma2_per_s": GAMMA2,
    "gamma3_per_s": GAMMA3,
    "theta_per_v_s": THETA,
    "r_on_ohm": R_ON,
    "rate_max_per_s": RATE_MAX,
    "current_clip_a": CLIP,
    "kappa_per_s": KAPPA,
    "eta": ETA,
    "m": M,
    "sigma1": SIGMA1,
    "sigma2": SIGMA2,
    "sigma3": SIGMA3,
    "noise_interval_s": INTERVAL,
    "parallel_capacitance_f": C_PARALLEL,
}


def pack(card: ModelCard, noise: str) -> np.ndarray:
    """Return the constants of a card as a (32,) float64 array for the integrator.

    Raises
    ------
    StimulusError
        If the noise is none of `NOISES`.
    """
    if noise not in NOISES:
        raise StimulusError(f"Noise is one of {', '.join(NOISES)}, not {noise!r}.")
    p = np.zeros(N_CONSTANTS)
    for name, place in _PLACES.items():
        p[place] = card[name]
    p[PER_LAMBDA] = 1.0 / card["lambda"]
    p[R_HRS] = card["r_off_ohm"] / expm1(1.0 / card["lambda"])
    p[SYMMETRIC] = card.polarity == "symmetric"
    p[HAS_AREA] = MODELS[card.model].has_area
    p[NOISE] = _noise_law(card, noise)
    p[LATCH_S], p[LIMIT] = inf, card["compliance_a"]
    if card.circuit == "memristor":
        p[R_SERIES] = card["series_resistance_ohm"]
        p[G_SHUNT] = 1.0 / card["shunt_resistance_ohm"]
        if card.has_node_state:
            p[PER_C] = 1.0 / node_capacitance_f(card)
        p[CIRCUIT] = FIXTURE if card.has_node_state else FIXTURE_STATIC
        if card.drive == "current":
            p[CIRCUIT] = CURRENT if card.has_node_state else CURRENT_STATIC
            p[LIMIT] = card["compliance_v"]
    else:
        p[CIRCUIT] = NEURON
        p[R_SERIES] = card["source_resistance_ohm"]
        p[PER_C] = 1.0 / node_capacitance_f(card)
        p[G_SHUNT] = 1.0 / card["control_resistance_ohm"]
        p[LATCH_S] = LATCHED_AFTER * node_capacitance_f(card) / p[G_SHUNT]
    return p


def node_capacitance_f(card: ModelCard) -> float:
    """Return all capacitance of the node: gate or shunt, and what lies across the memristor."""
    is_memristor = card.circuit == "memristor"
    own_f = card["shunt_capacitance_f" if is_memristor else "gate_capacitance_f"]
    return own_f + card["parallel_capacitance_f"]


def _noise_law(card: ModelCard, noise: str) -> int:
    """Return the place of a noise law: in intervals where the card gives one, else jumps."""
    law = MODELS[card.model].interval_law if card["noise_interval_s"] > 0 else NOISE_JUMPS
    # Intervals without noise would cost steps for nothing.
    sizes = ("eta",) if law == NOISE_SHRINK else ("sigma1", "sigma2", "sigma3")
    is_silent = law != NOISE_JUMPS and not any(card[name] > 0 for name in sizes)
    if noise == "off" or is_silent:
        return NOISE_OFF
    if noise == "random":
        return law
    # Gaussian noise has no mean drift.
    return NOISE_MEAN if law in (NOISE_JUMPS, NOISE_SHRINK) else NOISE_OFF
