"""One adaptive plan that characterises a neuron: what is played, in which order, scaled to what.

Two quick measurements, threshold on a ramp and latency of a step, scale everything after them. A
look at the plasticity says how long the device has to rest. Then come the procedures that identify
the parameters of the model, and the six properties and the energy as data that no fit has seen. A
hundred seconds of device time, most of it rest.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from labbench.features import Feature
from procedures.base import NeuronProcedure, settings_of
from procedures.scaling import Scale

# Time constant of the residue until it is measured, and how many of them a device rests.
RESIDUE_S = 20e-3
RESTS = 3.0
# Believed if known to this part, and used if it differs by more than this factor.
_KNOWN, _DIFFERS = 0.35, 1.4
_RESIDUE_BOUNDS_S = (2e-3, 0.5)

# What identifies parameters. Pump and probe only confirm the others, so that few repeats will do.
IDENTIFYING: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "identification_steps": {"repeats": 150},
        "pump_probe": {"repeats": 10},
        "interval_by_index": {"repeats": 15},
        "dwell_gap_test": {"repeats": 50},
        "hold_voltage": {"slow_repeats": 20, "fast_repeats": 30},
        "relaxation_levels": {"repeats": 30},
        "off_current": {"repeats": 5},
    }
)
# The properties as held-out data: fewer repeats than a measurement of each alone.
HELD_OUT: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "threshold_firing": {"repeats": 6},
        "refractory_period": {"gaps": 4, "repeats": 8},
        "leaky_integration": {"gaps": 3, "repeats": 5, "probe_gaps": 4, "probe_repeats": 5},
        "stochasticity": {"repeats": 50, "trains": 5},
        "cascaded_propagation": {"repeats": 5},
        "energy_per_spike": {"repeats": 5},
    }
)
# What a step is for: to scale the others, for a fit, or to show what no fit has seen.
PURPOSES = ("scale", "fit", "validation")
PLASTICITY = "intrinsic_plasticity"
_PLASTICITY_SETTINGS = {"gaps": 4, "repeats": 8, "rested": 10}
# Settings that count how often something is repeated.
_REPEATS = ("repeats", "trains", "rested")


@dataclass(frozen=True)
class PlanStep:
    """One procedure of the plan.

    Attributes
    ----------
    procedure : str
        Its stable name.
    settings : mapping of str to float
        What is wanted; `settings_for` keeps what the procedure has.
    purpose : str
        Of `PURPOSES`.
    """

    procedure: str
    settings: Mapping[str, float]
    purpose: str


Plan = Generator[PlanStep, Sequence[Feature], str]


def characterization(effort: float = 1.0) -> Plan:
    """Yield the steps of the plan, and be sent the features of each; empty if it failed.

    Parameters
    ----------
    effort : float
        Multiplies how often everything but the two quick measurements is repeated.

    Returns
    -------
    str
        Why the plan ended before its end; empty if it did not.
    """
    rest_s = RESTS * RESIDUE_S
    drawn = yield PlanStep("ramp_threshold", {"rest_s": rest_s}, "scale")
    threshold_v = _value(drawn, "ramp_threshold")
    if threshold_v is None:
        return "the device did not fire on a ramp: look at the contacts, or raise stop_v"
    threshold_v = round(threshold_v, 2)
    drawn = yield PlanStep("step_latency", {"threshold_v": threshold_v, "rest_s": rest_s}, "scale")
    latency_s = _value(drawn, "median_step_latency")
    if latency_s is None:
        return f"the device did not fire on steps at 1.25 of its threshold of {threshold_v:g} V"
    scale = Scale(threshold_v, round(latency_s, 7))
    wanted = {**_searching(scale), **_often(_PLASTICITY_SETTINGS, effort), "rest_s": rest_s}
    drawn = yield PlanStep(PLASTICITY, wanted, "validation")
    residue_s = _residue_s(drawn)
    yield from _scaled_steps(scale, residue_s, effort)
    return ""


def _scaled_steps(
    scale: Scale, residue_s: float, effort: float
) -> Generator[PlanStep, Sequence[Feature], None]:
    """Yield the steps that need no answer."""
    rest_s = RESTS * residue_s
    given = {"threshold_v": scale.threshold_v, "latency_s": scale.latency_s, "rest_s": rest_s}
    for name, own in IDENTIFYING.items():
        wanted = {**given, "residue_s": residue_s, **_often(own, effort)}
        yield PlanStep(name, wanted, "fit")
    for name, own in HELD_OUT.items():
        wanted = {**_searching(scale), "rest_s": rest_s, **_often(own, effort)}
        yield PlanStep(name, wanted, "validation")


def _often(settings: Mapping[str, float], effort: float) -> dict[str, float]:
    """Return settings with those that count repeats multiplied, one repeat at least."""
    return {
        name: max(1, round(effort * value)) if name.endswith(_REPEATS) else value
        for name, value in settings.items()
    }


def _searching(scale: Scale) -> dict[str, float]:
    """Return where a search for the threshold of pulses begins and ends."""
    return {"start_v": scale.level_v(0.7), "stop_v": scale.level_v(2.2)}


def settings_for(procedure: type[NeuronProcedure], wanted: Mapping[str, float]) -> dict[str, float]:
    """Return those wanted settings that a procedure has, within its bounds."""
    found = {}
    for setting in settings_of(procedure):
        if setting.name in wanted:
            value = min(max(wanted[setting.name], setting.lower), setting.upper)
            found[setting.name] = round(value) if setting.is_whole else value
    return found


def _value(features: Sequence[Feature], name: str) -> float | None:
    """Return the first usable value of a name."""
    return next((f.value for f in features if f.name == name and f.is_usable), None)


def _residue_s(features: Sequence[Feature]) -> float:
    """Return the time constant of the plasticity where it is known well enough, else the usual."""
    for feature in features:
        if feature.name.startswith("recovery") and feature.unit == "s" and feature.is_usable:
            factor = feature.value / RESIDUE_S
            is_known = feature.value > 0 and feature.stderr < _KNOWN * feature.value
            if is_known and not 1 / _DIFFERS < factor < _DIFFERS:
                return min(max(feature.value, _RESIDUE_BOUNDS_S[0]), _RESIDUE_BOUNDS_S[1])
    return RESIDUE_S
