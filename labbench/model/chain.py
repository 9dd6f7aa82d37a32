"""Neurons in a row: each one's output drives the next, through an inverting stage with a gain.

The drain falls at a spike, so what couples it to the next input inverts::

    (12) u_next = gain (V_idle - V_drain)

with V_idle the drain of a closed transistor. The stage loads the drain with its input resistance,
and stands in front of the next memristor with its output resistance. Nothing acts backwards, so the
neurons are integrated one after the other, each driven by straight lines that follow the dense
output of the one before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite

import numpy as np

from labbench.errors import CardError, StimulusError
from labbench.model.card import ModelCard, parameter_names
from labbench.model.decimation import decimate
from labbench.model.integration import advance, resting
from labbench.model.layout import FloatArray
from labbench.model.output import Loading, output_voltage
from labbench.model.simulation import closed
from labbench.model.solution import Solution
from labbench.stimulus import Stimulus

# Points within a step of the integrator: the drain swings within a tenth of a volt of the gate.
POINTS_A_STEP = 32
# The next input follows the drain to this part of the supply.
FOLLOWED_TO = 1e-4


def stage_cards(card: ModelCard) -> tuple[ModelCard, ...]:
    """Return the neurons of a chain, the first one first.

    Raises
    ------
    CardError
        If the card is not one of a chain.
    """
    if card.circuit != "chain":
        raise CardError(f"Card {card.name!r} is a {card.circuit}, not a chain.")
    values = {name: card[name] for name in parameter_names("neuron", card.model)}
    first = replace(card, circuit="neuron", values=values, assumed=())
    following = first.with_values({"source_resistance_ohm": card["interstage_output_ohm"]})
    stages = (first, *[following] * (int(card["stages"]) - 1))
    return tuple(replace(one, name=f"{card.name}, {i + 1}") for i, one in enumerate(stages))


def in_a_row(card: ModelCard, stage: Mapping[str, float]) -> ModelCard:
    """Return the chain of neurons like one, such as a fitted one.

    Parameters
    ----------
    card : ModelCard
        Of a neuron.
    stage : mapping of str to float
        Values of the section "chain": ``{"interstage_gain": 2.5}``.

    Raises
    ------
    CardError
        If the card is not one of a neuron, or a value is unknown.
    """
    if card.circuit != "neuron":
        raise CardError(f"Card {card.name!r} is a {card.circuit}: neurons stand in a row.")
    # What was fitted is of the neuron; a chain has no doubt of its own here.
    return replace(
        card, circuit="chain", values={**card.values, **stage}, name=f"{card.name}-chain"
    )


def simulate_chain(
    card: ModelCard,
    stimulus: Stimulus,
    *,
    seed: int = 0,
    device: int = 0,
    trial: int = 0,
    noise: str = "random",
    sample_s: FloatArray | None = None,
    start_s: float = 0.0,
    loading: Loading | None = None,
    rtol: float = 1e-6,
) -> tuple[Solution, ...]:
    """Play a stimulus to the first neuron of a chain at rest, and return what each one does.

    Parameters
    ----------
    card : ModelCard
        Of a chain.
    stimulus : Stimulus
        A voltage.
    seed, device, trial : int
        Name the random streams: neuron k of the chain is device `device` + k.
    noise : {"random", "mean", "off"}
    sample_s : (n,) float64 array, optional
        Ascending sample times; ten thousand intervals from zero to the end by default.
    start_s : float
        Until when the neurons rest, not after the first sample.
    loading : Loading, optional
        The probe on each output.
    rtol : float

    Returns
    -------
    tuple of Solution
        One a neuron, with dense output.

    Raises
    ------
    CardError, StimulusError
        If it is no chain, or not driven by a voltage.
    """
    cards = stage_cards(card)
    if stimulus.unit != "V":
        raise StimulusError(f"A chain is driven by a voltage: the stimulus is in {stimulus.unit}.")
    if sample_s is None:
        sample_s = np.linspace(0.0, stimulus.duration_s, 10_001)
    corner_s, level = closed(*stimulus.breakpoints())
    probe = loading or Loading()
    inner = replace(probe, resistance_ohm=_parallel(probe, card["interstage_input_ohm"]))
    solutions: list[Solution] = []
    for place, one in enumerate(cards):
        is_last = place == len(cards) - 1
        solution = advance(
            one,
            resting(one, seed, device + place, trial, start_s=start_s),
            corner_s,
            level,
            sample_s,
            noise=noise,
            loading=probe if is_last else inner,
            rtol=rtol,
            is_dense=True,
        )
        solutions.append(solution)
        if not solution.has_converged:
            break
        if not is_last:
            corner_s, level = drive_of_next(card, solution)
    return tuple(solutions)


def _parallel(probe: Loading, stage_ohm: float) -> float:
    """Return what probe and stage are together; exactly the one where there is no other."""
    if not isfinite(max(probe.resistance_ohm, stage_ohm)):
        return min(probe.resistance_ohm, stage_ohm)
    return 1.0 / (1.0 / probe.resistance_ohm + 1.0 / stage_ohm)


def drive_of_next(card: ModelCard, solution: Solution) -> tuple[FloatArray, FloatArray]:
    """Return the breakpoints (k,) of what a neuron applies to the next one, equation (12)."""
    dense = solution.dense
    if dense is None:
        raise StimulusError("The next neuron follows the dense output: integrate with is_dense.")
    share = np.arange(POINTS_A_STEP) / POINTS_A_STEP
    within_s = dense.step_s[:-1, None] + np.diff(dense.step_s)[:, None] * share
    time_s = np.unique(np.r_[within_s.ravel(), dense.step_s])
    gate_v = dense(time_s)[:, 2]
    drain_v = output_voltage(solution.card, time_s, gate_v, solution.loading)
    idle_v = output_voltage(solution.card, np.zeros(1), np.zeros(1), solution.loading)
    level = card["interstage_gain"] * (idle_v - drain_v)
    kept = decimate(time_s, level, FOLLOWED_TO * card["interstage_gain"] * card["supply_v"])
    return time_s[kept], level[kept]
