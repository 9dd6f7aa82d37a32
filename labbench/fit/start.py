"""Starting values without any simulation, from closed forms."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, expm1, log

import numpy as np
from scipy.optimize import least_squares

from labbench.errors import FitError
from labbench.features.refractory_period import RECOVERY_FRACTIONS
from labbench.fit.items import FloatArray, Item
from labbench.fit.output_lag import gate_at_v, recovery_s
from labbench.fit.statistics import find_atom
from labbench.model import Loading, ModelCard
from labbench.model.closed_forms import gate_rise_s, switching_time_s
from labbench.spikes import FIRE_FRACTION
from labbench.stimulus import PulseTrain

# Of the trials of an item, the quickest are nearest to the model without noise.
_QUICK = 0.1


def closed_form_start(items: Sequence[Item], card: ModelCard, loading: Loading) -> ModelCard:
    """Return a card with the parameters that closed forms tell; the others keep their values.

    The gate's capacitance from the recovery, ``mu`` and ``gamma1`` from latencies at two voltages
    or more, ``alpha = V_hold mu / gamma1`` from the fast fall, ``lambda`` and ``r_off_ohm`` from
    relaxation and currents.

    Raises
    ------
    FitError
        If fewer than two amplitudes fired often enough to have a latency.
    """
    card = _gate(items, card, loading)
    for _ in range(2):
        card = _growth(items, card, loading)
        hold = [float(np.quantile(i.values, 0.15)) for i in items if i.kind == "fast_hold"]
        if hold:
            alpha = hold[0] * card["mu_per_v_s"] / card["gamma1_per_s"]
            card = card.with_values({"alpha": float(np.clip(alpha, 1e-4, 5.0))})
    return _resistance(items, card)


def _gate(items: Sequence[Item], card: ModelCard, loading: Loading) -> ModelCard:
    seen = [float(np.median(i.values)) for i in items if i.kind == "recovery"]
    if not seen:
        return card
    expected_s = recovery_s(card, loading, *RECOVERY_FRACTIONS)
    return card.with_values(
        {"gate_capacitance_f": card["gate_capacitance_f"] * seen[0] / expected_s}
    )


def _growth(items: Sequence[Item], card: ModelCard, loading: Loading) -> ModelCard:
    latencies: dict[float, float] = {}
    for item in items:
        if item.kind in ("step", "closing") and isinstance(item.stimulus, PulseTrain):
            quick_s = find_atom(item.values, 0.01) or float(np.quantile(item.values, _QUICK))
            level_v = item.stimulus.pulses[0].amplitude_v
            latencies[level_v] = min(quick_s, latencies.get(level_v, np.inf))
    if len(latencies) < 2:
        raise FitError(
            "A fit needs the latency at two amplitudes or more at which every pulse fired: "
            f"found {len(latencies)}. Run threshold_firing or identification_steps with more "
            "repeats."
        )
    volts, measured = np.array(list(latencies)), np.log(list(latencies.values()))
    is_neuron = card.circuit != "memristor"
    spike_v = gate_at_v(card, loading, FIRE_FRACTION) if is_neuron else 0.0

    def misfit(theta: FloatArray) -> FloatArray:
        made = card.with_values({"mu_per_v_s": exp(theta[0]), "gamma1_per_s": exp(theta[1])})
        total = []
        for v in volts:
            rise_s = gate_rise_s(made, v, spike_v) if is_neuron else 0.0
            total.append(min(switching_time_s(made, v) + rise_s, 1e3))
        return np.log(total) - measured

    # The growth rate that fits the strongest latency alone, with no decay, is a safe corner.
    strongest = float(volts.max())
    mu = (card["alpha"] + 0.5) / (strongest * latencies[strongest])
    gamma1 = mu * float(volts.min())
    found = least_squares(misfit, [log(1.5 * mu), log(gamma1)], x_scale=0.1, loss="soft_l1")
    return card.with_values({"mu_per_v_s": exp(found.x[0]), "gamma1_per_s": exp(found.x[1])})


def _resistance(items: Sequence[Item], card: ModelCard) -> ModelCard:
    """Return the card with lambda and r_off, where there are two currents or times or more.

    A filament that opens decays as ``exp(-gamma1 t)``; an open one settles at
    ``f = mu v / ((1 + alpha - f) (gamma1 + beta))``.
    """
    points: list[tuple[float, float]] = []
    for item in items:
        if item.kind in ("relaxation", "mean_relaxation"):
            x = exp(-card["gamma1_per_s"] * item.centre)
            points.append((x, card["r_on_ohm"] / item.at["level"]))
        elif item.kind == "off_current":
            points.append(
                (_settled(card, item.at["amplitude_v"]), item.at["amplitude_v"] / item.centre)
            )
    points = [(x, ohm) for x, ohm in points if 0 < x < 0.999 and ohm > card["r_on_ohm"]]
    if len(points) < 2:
        return card

    def misfit(theta: FloatArray) -> list[float]:
        shape, r_off = exp(theta[0]), exp(theta[1])
        return [
            log(card["r_on_ohm"] * x + r_off * expm1((1 - x) / shape) / expm1(1 / shape)) - log(ohm)
            for x, ohm in points
        ]

    start = [log(card["lambda"]), log(card["r_off_ohm"])]
    low, high = [log(0.01), log(card["r_on_ohm"]) + 1], [log(5.0), start[1] + 20]
    found = least_squares(misfit, start, x_scale=0.1, bounds=(low, high), loss="soft_l1")
    return card.with_values({"lambda": exp(found.x[0]), "r_off_ohm": exp(found.x[1])})


def _settled(card: ModelCard, voltage_v: float) -> float:
    f = 0.0
    for _ in range(100):
        decay = card["gamma1_per_s"] + card["beta_per_s"]
        f = min(card["mu_per_v_s"] * voltage_v / ((1 + card["alpha"] - f) * decay), 1.0)
    return f
