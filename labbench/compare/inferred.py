"""What no wiring measures: the input's share of the energy of a spike, inferred with a card.

The same stimuli and the same windows as of the branch that is measured, which is the supply's
(`labbench.features.energy_per_spike`): one split of the energy, from two sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Any

from labbench.compare.properties import Comparison, Estimate
from labbench.features import Feature, Outcome, Response
from labbench.features.energy_per_spike import (
    BRANCH,
    FEWEST_SPIKES,
    by_condition,
    energy_per_spike,
    is_measurable,
    is_single,
    of_records,
)
from labbench.model import Loading, ModelCard
from labbench.model.chain import stage_cards
from labbench.model.connected import connected
from labbench.model.energy import EnergyAccount, spike_energies

# What of a model's split is which feature.
INPUT_BRANCH = {
    "input_energy": "source_j",
    "memristor_energy": "memristor_j",
    "control_resistor_energy": "resistors_j",
    "stored_energy": "stored_j",
}
INPUT_ELEMENTS = {part.removesuffix("_j"): name for name, part in INPUT_BRANCH.items()}
OUTPUT_ELEMENTS = {name.removesuffix("_energy"): name for name in BRANCH}
INFERRED = "inferred"
# Trials of the model at each condition, and stops of each to go on from.
TRIALS, LEGS = 8, 100


def inferred_energy(
    card: ModelCard, responses: Sequence[Response], *, seed: int, loading: Loading | None = None
) -> list[Feature]:
    """Return the energy of a spike in the input's branch, by element, with the card's noise.

    Parameters
    ----------
    card : ModelCard
        Of a neuron, or a chain, whose first one it is then.
    responses : sequence of Response
        Recorded ones; their single pulses are played again, not their answers.
    seed : int
    loading : Loading, optional
        The probe on the output, which does not reach the input.

    Returns
    -------
    list of Feature
        All `inferred`: at each amplitude and width at which enough whole spikes were measured, and
        the card makes enough, ``input_energy`` (from the source), ``memristor_energy``,
        ``control_resistor_energy`` (with the source's own resistance) and ``stored_energy`` (left
        on the gate), in J for one spike; their stderr is that of the trials, without the card's
        own doubt. Empty for a memristor.
    """
    if card.circuit == "memristor":
        return []
    measured = [f for f in energy_per_spike(responses) if f.name == "supply_energy" and f.is_usable]
    wanted = {(f.at["amplitude_v"], f.at["width_s"]) for f in measured}
    groups = by_condition([r for r in responses if is_measurable(r) and is_single(r)])
    features: list[Feature] = []
    for (amplitude_v, width_s), group in groups.items():
        if (amplitude_v, width_s) not in wanted:
            continue
        at = {"amplitude_v": amplitude_v, "width_s": width_s}
        accounts = [
            _account(card, response, seed, trial, loading)
            for trial, response in enumerate((group * TRIALS)[:TRIALS])
        ]
        features += _of_condition(accounts, at)
    return features


def _account(
    card: ModelCard, response: Response, seed: int, trial: int, loading: Loading | None
) -> EnergyAccount:
    made = connected(card, response.connection)
    neuron = stage_cards(made)[0] if made.circuit == "chain" else made
    return spike_energies(
        neuron,
        response.stimulus,
        noise="random",
        seed=seed,
        trial=trial,
        loading=loading,
        legs=LEGS,
    )


def _of_condition(accounts: Sequence[EnergyAccount], at: dict[str, float]) -> list[Feature]:
    n = sum(len(account.spikes) for account in accounts)
    if n < FEWEST_SPIKES:
        return []
    features = []
    for name, part in INPUT_BRANCH.items():
        records = [(getattr(a.total("spike"), part), len(a.spikes)) for a in accounts]
        value, error = of_records(records)
        features.append(Feature(name, value, "J", error, n, at=at, inferred=True))
    return features


def inferred_rows(property: str, features: Sequence[Feature]) -> tuple[Comparison, ...]:
    """Return inferred features as rows of a scorecard: nothing measured to compare them with."""
    return tuple(
        Comparison(
            property=property,
            feature=feature.label,
            unit=feature.unit,
            measured=Estimate(nan, nan, 0),
            simulated=Estimate(feature.value, feature.stderr, feature.n),
            difference_sigma=nan,
            p_value=nan,
            verdict=INFERRED,
            outcome=Outcome.OUT_OF_REACH,
        )
        for feature in features
    )


def energy_of(
    card: ModelCard, measured: Sequence[Feature], inferred: Sequence[Feature]
) -> dict[str, Any]:
    """Return one split of the energy of a spike, from what was measured and what was inferred.

    Parameters
    ----------
    card : ModelCard
        That the inferred ones rest on.
    measured : sequence of Feature
        From `labbench.features.energy_per_spike`.
    inferred : sequence of Feature
        From `inferred_energy`.

    Returns
    -------
    dict
        As of `labbench.compare.energy_per_spike`, for the condition with the most spikes, but
        "measured" names the elements that were, "idle_w" is the supply's power between spikes, and
        "latched_j" has the supply only. Empty if nothing was measured.
    """
    usable = [f for f in measured if f.name == "supply_energy" and f.is_usable]
    if not usable:
        return {}
    best = max(usable, key=lambda feature: feature.n)
    here = {f.name: f for f in (*measured, *inferred) if f.at == best.at}
    energy_j = {
        element: here[name].value
        for element, name in {**INPUT_ELEMENTS, **OUTPUT_ELEMENTS}.items()
        if name in here
    }
    latched = here.get("latched_power")
    latched_s = here["latched_time"].value
    return {
        "inferred_with": card.name,
        "amplitude_v": best.at["amplitude_v"],
        "outcome": (Outcome.OK if latched is None else Outcome.LATCHED).value,
        "spikes": best.n,
        "measured": list(OUTPUT_ELEMENTS),
        "energy_j": energy_j,
        "idle_w": here["idle_power"].value if "idle_power" in here else None,
        "latched_s": latched_s,
        "latched_j": {} if latched is None else {"supply": latched.value * latched_s},
    }
