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
    """Return what the energies are of, and that nobody measured them; empty without any."""
    if not energy:
        return ""
    amplitude = format_quantity(energy.get("amplitude_v"), None, "V")
    spikes = energy.get("spikes", 0)
    words = (
        f"Inferred with the card {energy.get('inferred_with', 'unknown')}, not measured: a pulse "
        f"of {amplitude} that makes {count(spikes, 'spike')}"
    )
    if spikes:
        words += "; energies of one spike, input and output branch each for itself."
    else:
        words += f" ({energy.get('outcome', 'none')})."
    if latched_s := energy.get("latched_s", 0.0):
        words += (
            f" For {format_quantity(latched_s, None, 's')} the gate stays up, latched, which no "
            "spike is charged for: "
            + ", ".join(
                f"{format_quantity(energy['latched_j'][source], None, 'J')} {_WORDS[source]}"
                for source, _ in _BRANCHES.values()
            )
            + "."
        )
    return words


def _row(energy_j: Mapping[str, float], element: str, drawn_j: float) -> EnergyRow:
    value = energy_j.get(element)
    percent = 100 * value / drawn_j if value is not None and drawn_j > 0 else None
    written = MISSING if value is None else format_quantity(value, None, "J")
    return EnergyRow(_WORDS.get(element, element), written, percent)
