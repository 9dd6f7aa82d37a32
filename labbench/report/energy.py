"""The energy of a spike by element, as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labbench.report.quantity import MISSING, format_quantity
from labbench.report.wording import count

# What each branch draws, and where that goes. The supply's branch is nanojoules where the input's
# is picojoules, so shares are of their own branch and both are shown.
_BRANCHES = {
    "Input": ("source", ("memristor", "resistors", "stored")),
    "Output": ("supply", ("load", "transistor")),
}
_WORDS = {
    "source": "drawn from the input",
    "resistors": "control resistor",
    "stored": "left on the gate",
    "supply": "drawn from the supply",
    "load": "load resistor",
}


@dataclass(frozen=True)
class EnergyRow:
    """One element; `percent` of what its branch draws, None where that says nothing."""

    element: str
    energy: str
    percent: float | None


@dataclass(frozen=True)
class Branch:
    """One source of energy and the elements that spend it."""

    name: str
    drawn: EnergyRow
    spent: tuple[EnergyRow, ...]


def energy_branches(energy: Mapping[str, Any]) -> tuple[Branch, ...]:
    """Return the branches of an energy split as `labbench.compare.energy_per_spike` gives it."""
    energy_j: Mapping[str, float] = energy.get("energy_j", {})
    return tuple(
        Branch(
            name,
            _row(energy_j, source, energy_j[source]),
            tuple(_row(energy_j, element, energy_j[source]) for element in elements),
        )
        for name, (source, elements) in _BRANCHES.items()
        if source in energy_j
    )


def energy_words(energy: Mapping[str, Any]) -> str:
    """Return what the energies are of, and which of them nobody measured; empty without any."""
    if not energy:
        return ""
    amplitude = format_quantity(energy.get("amplitude_v"), None, "V")
    spikes = energy.get("spikes", 0)
    if energy.get("measured"):
        return _measured_words(energy, amplitude)
    words = (
        f"Inferred with the card {energy.get('inferred_with', 'unknown')}, not measured: a pulse "
        f"of {amplitude} that makes {count(spikes, 'spike')}"
    )
    if spikes:
        words += "; energies of one spike, input and output branch each for itself."
    else:
        words += f" ({energy.get('outcome', 'none')})."
    return words + _latched_words(energy)


def _measured_words(energy: Mapping[str, Any], amplitude: str) -> str:
    words = (
        f"Pulses of {amplitude}, {count(energy['spikes'], 'spike')}; energies of one. The output "
        f"branch is measured at the drain, probe included; the input branch inferred with the card "
        f"{energy['inferred_with']} for the same pulses."
    )
    if energy["idle_w"] is not None:
        words += f" Between spikes the supply gives {format_quantity(energy['idle_w'], None, 'W')}."
    return words + _latched_words(energy)


def _latched_words(energy: Mapping[str, Any]) -> str:
    latched_s = energy.get("latched_s", 0.0)
    if not latched_s:
        return ""
    return (
        f" For {format_quantity(latched_s, None, 's')} the gate stays up, latched, which no "
        "spike is charged for: "
        + ", ".join(
            f"{format_quantity(energy['latched_j'][source], None, 'J')} {_WORDS[source]}"
            for source, _ in _BRANCHES.values()
            if source in energy["latched_j"]
        )
        + "."
    )


def _row(energy_j: Mapping[str, float], element: str, drawn_j: float) -> EnergyRow:
    value = energy_j.get(element)
    percent = 100 * value / drawn_j if value is not None and drawn_j > 0 else None
    written = MISSING if value is None else format_quantity(value, None, "J")
    return EnergyRow(_WORDS.get(element, element), written, percent)
