"""What a run does in sum, and how that compares with what bench and device allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from labbench.bench.description import BenchDescription
from labbench.bench.guard import longest_excursion_s
from labbench.stimulus import Stimulus, Sweep
from labbench.store import Dose, DoseRecord, worst_dose

# A sum of many doses is not exact.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Tally:
    """What some stimuli do at worst, in sum or at most.

    Attributes
    ----------
    n_stimuli, n_pulses : int
    peak_v, longest_s, current_a : float
        The largest: absolute voltage, time away from zero without a break, current through the
        smallest resistance that could be in the path.
    at_voltage_s, charge_c, energy_j : float
        Sums.
    duration_s : float
        Records and rests.
    sweep_s : float
        The longest sweep of a source meter.
    """

    n_stimuli: int = 0
    n_pulses: int = 0
    peak_v: float = 0.0
    longest_s: float = 0.0
    current_a: float = 0.0
    at_voltage_s: float = 0.0
    charge_c: float = 0.0
    energy_j: float = 0.0
    duration_s: float = 0.0
    sweep_s: float = 0.0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.n_stimuli + other.n_stimuli,
            self.n_pulses + other.n_pulses,
            max(self.peak_v, other.peak_v),
            max(self.longest_s, other.longest_s),
            max(self.current_a, other.current_a),
            self.at_voltage_s + other.at_voltage_s,
            self.charge_c + other.charge_c,
            self.energy_j + other.energy_j,
            self.duration_s + other.duration_s,
            max(self.sweep_s, other.sweep_s),
        )


@dataclass(frozen=True)
class Comparison:
    """One quantity of a run beside what is allowed.

    Attributes
    ----------
    quantity, unit : str
    found : float
    allowed : float or None
        None if nothing bounds it.
    by : str
        "bench" or "device".
    remedy : str
    """

    quantity: str
    found: float
    unit: str
    allowed: float | None
    by: str
    remedy: str

    @property
    def is_exceeded(self) -> bool:
        """Whether it is too much."""
        return self.allowed is not None and self.found > self.allowed * (1 + _ROUNDING)

    def __str__(self) -> str:
        allowed = "any" if self.allowed is None else f"{self.allowed:g} {self.unit}".strip()
        more = " more" if self.by == "device" and self.quantity != "voltage" else ""
        found = f"{self.found:g} {self.unit}".strip()
        return f"{self.quantity}: found {found}, the {self.by} allows {allowed}{more}"


def dose_at(bench: BenchDescription, stimulus: Stimulus) -> Dose:
    """Return the worst-case dose of a stimulus on a bench."""
    return worst_dose(stimulus, bench.limits.min_resistance_ohm)


def tally_of(stimulus: Stimulus, dose: Dose, bench: BenchDescription) -> Tally:
    """Return the tally of one stimulus with its dose."""
    current_a = stimulus.peak
    if stimulus.unit == "V":
        current_a /= bench.limits.min_resistance_ohm
    is_sweep = isinstance(stimulus, Sweep)
    if isinstance(stimulus, Sweep) and stimulus.compliance_a is not None:
        current_a = min(current_a, stimulus.compliance_a)
    return Tally(
        n_stimuli=1,
        n_pulses=dose.n_pulses,
        peak_v=dose.peak_v or 0.0,
        longest_s=0.0 if is_sweep else longest_excursion_s(stimulus),
        sweep_s=stimulus.duration_s if is_sweep else 0.0,
        current_a=current_a,
        at_voltage_s=dose.at_voltage_s or 0.0,
        charge_c=dose.charge_c or 0.0,
        energy_j=dose.energy_j or 0.0,
        duration_s=bench.recording.pre_s + stimulus.duration_s + stimulus.rest_s,
    )


def largest(tallies: list[Tally]) -> Tally:
    """Return the larger figure of each."""
    names = [field.name for field in fields(Tally)]
    return replace(
        tallies[0], **{name: max(getattr(tally, name) for tally in tallies) for name in names}
    )


def compare_with_bench(tally: Tally, bench: BenchDescription) -> list[Comparison]:
    """Lay a tally beside the limits of a bench."""
    limits, wiring = bench.limits, bench.wiring
    fewer = "take fewer or shorter pulses"
    rows: tuple[tuple[str, float, str, float | None, str, str], ...] = (
        ("voltage", tally.peak_v, "V", limits.voltage_v, "voltage_v", "lower the amplitude"),
        ("time away from zero", tally.longest_s, "s", limits.pulse_width_s, "pulse_width_s",
         "shorten the pulses"),
        ("length of a sweep", tally.sweep_s, "s", limits.sweep_duration_s, "sweep_duration_s",
         "take fewer levels or a shorter dwell"),
        ("current", tally.current_a, "A", limits.current_a, "current_a", "lower the amplitude"),
        ("charge", tally.charge_c, "C", limits.charge_c, "charge_c", fewer),
        ("energy", tally.energy_j, "J", limits.energy_j, "energy_j", fewer),
        ("pulses", tally.n_pulses, "", limits.n_pulses, "n_pulses", "take fewer"),
        ("duration", tally.duration_s, "s", limits.duration_s, "duration_s", "take fewer pulses"),
        ("supply", wiring.supply_v, "V", limits.supply_v, "supply_v", "lower wiring.supply_v"),
        ("supply current", wiring.supply_compliance_a, "A", limits.supply_compliance_a,
         "supply_compliance_a", "lower wiring.supply_compliance_a"),
    )  # fmt: skip
    return [
        Comparison(
            quantity, found, unit, allowed, "bench",
            f"{remedy}, or raise limits.{name} in the bench file if the device can stand it",
        )
        for quantity, found, unit, allowed, name, remedy in rows
    ]  # fmt: skip


def compare_with_device(
    tally: Tally, spent: DoseRecord | None, budget: Mapping[str, float]
) -> list[Comparison]:
    """Lay a tally beside what a device may still take; `spent` is None for a new device."""
    rows = (
        ("n_pulses", "pulses", ""),
        ("at_voltage_s", "time at voltage", "s"),
        ("charge_c", "charge", "C"),
        ("energy_j", "energy", "J"),
    )
    found = []
    if "peak_v" in budget:
        found.append(_of_device("peak_v", "voltage", tally.peak_v, "V", budget["peak_v"]))
    for name, quantity, unit in rows:
        if name in budget:
            left = max(budget[name] - (getattr(spent, name) if spent else 0.0), 0.0)
            found.append(_of_device(name, quantity, getattr(tally, name), unit, left))
    return found


def _of_device(name: str, quantity: str, found: float, unit: str, left: float) -> Comparison:
    remedy = f"take another device, or raise its {name} with `labbench dose --set`"
    return Comparison(quantity, found, unit, left, "device", remedy)
