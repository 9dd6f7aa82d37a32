"""Closed forms of the model: starting values for fits, and checks of the integrator.

All are of the noiseless equations (1) to (7) without a cap of the growth. Where the rates leave no
such voltage or point the functions raise a CardError; where it is never reached they are infinite.
"""

from __future__ import annotations

from math import atan, log, sqrt

from labbench.errors import CardError
from labbench.model.card import ModelCard


def threshold_voltage_v(card: ModelCard, residue: float = 0.0) -> float:
    """Return the saddle-node threshold at a residue r, in volt.

    ``V_th(r) = (gamma1 + beta) / mu max_f f (1 + alpha - r - f)`` over f up to the closing at
    1 - r: ``((1 + alpha - r) / 2)^2`` for 1 - r >= alpha, the end of the range beyond. Residue
    lowers it, which is the intrinsic plasticity. Below it a long pulse may still fire, late,
    through the residue.

    Raises
    ------
    CardError
        If nothing grows (mu = 0).
    """
    _needs(card, "mu_per_v_s")
    rate = (card["gamma1_per_s"] + card["beta_per_s"]) / card["mu_per_v_s"]
    reach = 1 + card["alpha"] - residue
    f = min(reach / 2, 1 - residue)
    return float(rate * f * (reach - f))


def hold_voltage_v(card: ModelCard, f: float, residue: float) -> float:
    """Return the voltage below which a closed filament opens, in volt.

    ``V_hold = alpha (gamma1 f + gamma2 r) / mu``, where the slide on s = 1 ends.

    Raises
    ------
    CardError
        If nothing grows (mu = 0).
    """
    _needs(card, "mu_per_v_s")
    decay = card["gamma1_per_s"] * f + card["gamma2_per_s"] * residue
    return float(card["alpha"] * decay / card["mu_per_v_s"])


def sliding_point(card: ModelCard) -> tuple[float, float]:
    """Return the fixed point (f, r) of a filament held closed: f = gamma2 / (beta + gamma2).

    Raises
    ------
    CardError
        If neither turns into the other (beta = gamma2 = 0): each point is fixed.
    """
    _needs(card, "beta_per_s", "gamma2_per_s")
    f = card["gamma2_per_s"] / (card["beta_per_s"] + card["gamma2_per_s"])
    return f, 1.0 - f


def switching_time_s(card: ModelCard, voltage_v: float) -> float:
    """Return the time to close a filament from rest at constant voltage, without residue.

    ``int_0^1 (alpha + 1 - f) df / (mu v - (gamma1 + beta) f (alpha + 1 - f))``, infinite at or
    below the threshold. In closed form, since the integrand peaks sharply just above it. A cap of
    the growth is left out.

    Raises
    ------
    CardError
        If nothing grows (mu = 0).
    """
    if voltage_v <= threshold_voltage_v(card):
        return float("inf")
    decay = card["gamma1_per_s"] + card["beta_per_s"]
    half = 0.5 * (1.0 + card["alpha"])
    drive = card["mu_per_v_s"] * voltage_v
    if decay == 0.0:
        return float((card["alpha"] + 0.5) / drive)
    # The denominator is decay ((f - half)^2 + excess); the gap is half - (f - half).
    excess = drive / decay - half**2
    root = sqrt(abs(excess))
    if excess > 0.0:
        spent = (atan((1.0 - half) / root) + atan(half / root)) * half / root
    elif excess < 0.0:
        # alpha > 1: no saddle lies between 0 and 1, the denominator stays above its minimum.
        spent = log((half - 1.0 + root) / (half - 1.0 - root)) - log((half + root) / (half - root))
        spent *= 0.5 * half / root
    else:
        spent = half / (half - 1.0) - 1.0
    return float((spent - 0.5 * log(((1.0 - half) ** 2 + excess) / (half**2 + excess))) / decay)


def gate_decay_s(card: ModelCard) -> float:
    """Return the time constant ``Rc Cg`` with which a gate falls when the filament is open."""
    return float(card["control_resistance_ohm"] * card["gate_capacitance_f"])


def gate_rise_s(card: ModelCard, voltage_v: float, level_v: float) -> float:
    """Return how long a closed filament takes to charge the gate to a level, in seconds."""
    tau_s = card["r_on_ohm"] * card["gate_capacitance_f"]
    return -tau_s * log(1.0 - level_v / voltage_v) if level_v < voltage_v else float("inf")


def interval_s(card: ModelCard, voltage_v: float, residue: float = 0.0) -> float:
    """Return about the time between spikes at constant voltage.

    ``Rc Cg ln(u / (u - V_th(r)))``: the gate decays until the memristor sees its threshold again.
    """
    tau_s = gate_decay_s(card)
    threshold_v = threshold_voltage_v(card, residue)
    if voltage_v <= threshold_v:
        return float("inf")
    return tau_s * log(voltage_v / (voltage_v - threshold_v))


def _needs(card: ModelCard, *names: str) -> None:
    if not any(card[name] > 0 for name in names):
        raise CardError(
            f"Card {card.name!r}: this closed form needs {' or '.join(names)} above 0: both sides "
            "of its fraction vanish."
        )
