"""The scorecard: parameters, properties and energy of one device on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any

from labbench.compare.properties import Comparison
from labbench.features import Response, read_pulses
from labbench.model import Loading, ModelCard, simulate


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


def energy_per_spike(
    card: ModelCard, responses: Sequence[Response], *, loading: Loading | None = None
) -> dict[str, Any]:
    """Return the energy of one spike by element, inferred with a card.

    Simulates, without noise, the recorded single pulse of median amplitude among those that
    fired; empty if none did. Source minus memristor, control resistor and stored energy
    is zero; the supply's branch is nanojoules and never hidden behind the input's picojoules.
    """
    fired = [
        (reading[0].pulse.amplitude_v, response)
        for response in responses
        if (reading := read_pulses(response)) and len(reading) == 1 and reading[0].fired
    ]
    if not fired:
        return {}
    amplitude_v, response = sorted(fired, key=lambda pair: pair[0])[len(fired) // 2]
    simulation = simulate(
        card,
        response.stimulus,
        noise="off",
        interval_s=response.trace.interval_s,
        loading=loading,
        rtol=1e-8,
    )
    spikes = simulation.solution.event_times_s("spike").size
    return {
        "inferred_with": card.name,
        "amplitude_v": amplitude_v,
        "spikes": int(spikes),
        "energy_j": {name: value / max(spikes, 1) for name, value in simulation.energy_j.items()},
    }


def _finite(value: Any) -> Any:
    """Replace what JSON cannot hold: NaN and infinity become null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
