"""The scorecard: parameters, properties and energy of one device on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite, nan
from typing import Any

from labbench.compare.properties import Comparison, Estimate
from labbench.features import Outcome, Response, read_pulses
from labbench.model import Loading, ModelCard
from labbench.model.energy import EnergySplit, spike_energies

# A pulse makes a spike or a few: no need of more stops to go on from.
LEGS = 100


@dataclass(frozen=True)
class ParameterRow:
    """A fitted parameter; `truth` only where a simulated bench knows it."""

    name: str
    unit: str
    value: float
    stderr: float
    identifiable: bool
    remedy: str = ""
    truth: float | None = None


@dataclass(frozen=True)
class Scorecard:
    """What the report prints and `scorecard.json` holds."""

    device: str
    card: str
    seed: int | None
    parameters: tuple[ParameterRow, ...]
    properties: tuple[Comparison, ...]
    energy: Mapping[str, Any] = field(default_factory=dict)
    redchi: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready description, without NaN."""
        document: dict[str, Any] = _finite(asdict(self))
        for parameter in document["parameters"]:
            if parameter["truth"] is None:
                del parameter["truth"]
        return document


# Of a row; what is not a number is null in JSON.
_NUMBERS = ("difference_sigma", "p_value", "trials_stderr", "card_stderr")


def scorecard_from_dict(document: Mapping[str, Any]) -> Scorecard:
    """Return the scorecard of a `Scorecard.to_dict`, as the store keeps it."""
    rows = [
        Comparison(
            **{
                **row,
                "measured": Estimate(**_numbers(row["measured"])),
                "simulated": Estimate(**_numbers(row["simulated"])),
                **{name: _number(row[name]) for name in _NUMBERS if name in row},
                "outcome": Outcome(row.get("outcome", Outcome.OK)),
            }
        )
        for row in document["properties"]
    ]
    parameters = [
        ParameterRow(**{**row, "value": _number(row["value"]), "stderr": _number(row["stderr"])})
        for row in document["parameters"]
    ]
    return Scorecard(**{**document, "parameters": tuple(parameters), "properties": tuple(rows)})


def energy_per_spike(
    card: ModelCard, responses: Sequence[Response], *, loading: Loading | None = None
) -> dict[str, Any]:
    """Return the energy of one spike by element, inferred with a card.

    Plays, without noise, the recorded single pulse of median amplitude among those that fired;
    empty if none did, or the card is not one of a neuron. Energies are the mean over the whole
    spikes, see `labbench.model.energy.spike_energies`, and missing if there is none. Source minus
    memristor, resistors and stored energy is zero; the supply's branch is nanojoules and never
    hidden behind the input's picojoules.

    Returns
    -------
    dict
        inferred_with, amplitude_v, outcome, spikes (whole ones), energy_j (of one, by element),
        idle_s and idle_j (between spikes, by element), latched_s and latched_j (the gate up for
        good).
    """
    fired = [
        (reading[0].pulse.amplitude_v, response)
        for response in responses
        if (reading := read_pulses(response)) and len(reading) == 1 and reading[0].fired
    ]
    if card.circuit != "neuron" or not fired:
        return {}
    amplitude_v, response = sorted(fired, key=lambda pair: pair[0])[len(fired) // 2]
    account = spike_energies(card, response.stimulus, loading=loading, legs=LEGS)
    mean = account.per_spike
    return {
        "inferred_with": card.name,
        "amplitude_v": amplitude_v,
        "outcome": account.outcome.value,
        "spikes": len(account.spikes),
        "energy_j": {} if mean is None else _by_element(mean),
        "idle_s": account.duration_s("idle"),
        "idle_j": _by_element(account.total("idle")),
        "latched_s": account.duration_s("latched"),
        "latched_j": _by_element(account.total("latched")),
    }


def _by_element(split: EnergySplit) -> dict[str, float]:
    """Return the energies of a split by the names of the elements."""
    return {name.removesuffix("_j"): value for name, value in asdict(split).items()}


def _numbers(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _number(value) for name, value in row.items()}


def _number(value: float | None) -> float:
    return nan if value is None else value


def _finite(value: Any) -> Any:
    """Replace what JSON cannot hold: NaN and infinity become null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
