"""Model cards: a model with the values of its parameters, their doubt and their origin."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from math import inf, isfinite, isinf, isnan, nan
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labbench.errors import CardError
from labbench.model.models import MODELS

CIRCUITS = ("memristor", "neuron", "chain")
DRIVES = ("voltage", "current")
# A node whose time constant is this part of the filament's follows at once.
AT_ONCE = 1e-5


@dataclass(frozen=True)
class Parameter:
    """A parameter: where it stands in a card, its unit, default and allowed range.

    Models have defaults of their own, and of the section "parameters" each takes what its file in
    `models/` lists; the default here is what stands for a parameter that a model does not have.
    """

    section: str
    unit: str
    default: float
    lower: float
    upper: float
    meaning: str


# The one table of names, units, defaults and ranges.
PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    {
        "mu_per_v_s": Parameter("parameters", "1/(V s)", nan, 0.0, inf, "growth rate"),
        "alpha": Parameter("parameters", "1", nan, 1e-6, 10.0, "smallest gap"),
        "beta_per_s": Parameter("parameters", "1/s", nan, 0.0, inf, "filament to residue"),
        "gamma1_per_s": Parameter("parameters", "1/s", nan, 0.0, inf, "filament decay"),
        "gamma2_per_s": Parameter("parameters", "1/s", nan, 0.0, inf, "residue decay"),
        "lambda": Parameter("parameters", "1", nan, 1e-3, inf, "tunnelling length"),
        "r_on_ohm": Parameter("parameters", "Ohm", nan, 1e-3, inf, "closed filament"),
        "r_off_ohm": Parameter("parameters", "Ohm", nan, 1e-3, inf, "no filament"),
        "rate_max_per_s": Parameter("parameters", "1/s", inf, 0.0, inf, "cap of the growth"),
        "kappa_per_s": Parameter("parameters", "1/s", 0.0, 0.0, inf, "jump hazard at f = 1"),
        "eta": Parameter("parameters", "1", 0.0, 0.0, 1.0, "fraction of f lost in a jump"),
        "m": Parameter("parameters", "1", 2.0, 0.0, 16.0, "exponent of the jump hazard"),
        "theta_per_v_s": Parameter("parameters", "1/(V s)", 0.0, 0.0, inf, "area growth"),
        "gamma3_per_s": Parameter("parameters", "1/s", 0.0, 0.0, inf, "area decay"),
        "sigma1": Parameter("parameters", "1", 0.0, 0.0, inf, "noise of the filament"),
        "sigma2": Parameter("parameters", "1", 0.0, 0.0, inf, "noise of the residue"),
        "sigma3": Parameter("parameters", "1", 0.0, 0.0, inf, "noise of the area"),
        "noise_interval_s": Parameter("parameters", "s", 0.0, 0.0, inf, "noise is held; 0: events"),
        "current_clip_a": Parameter("parameters", "A", inf, 0.0, inf, "cut to 0 .. this"),
        "parallel_capacitance_f": Parameter("parameters", "F", 0.0, 0.0, inf, "across the device"),
        "compliance_a": Parameter("limits", "A", inf, 1e-21, inf, "limit of a voltage source"),
        "compliance_v": Parameter("limits", "V", inf, 1e-6, inf, "limit of a current source"),
        "series_resistance_ohm": Parameter("fixture", "Ohm", 50.0, 0.0, inf, "source to node"),
        "shunt_resistance_ohm": Parameter("fixture", "Ohm", inf, 1e-3, inf, "node to ground"),
        "shunt_capacitance_f": Parameter("fixture", "F", 0.0, 0.0, inf, "node to ground"),
        "source_resistance_ohm": Parameter("neuron", "Ohm", 0.0, 0.0, inf, "source to memristor"),
        "gate_capacitance_f": Parameter("neuron", "F", 10e-12, 1e-21, inf, "gate to ground"),
        "control_resistance_ohm": Parameter("neuron", "Ohm", 100e6, 1.0, inf, "gate to ground"),
        "threshold_voltage_v": Parameter("neuron", "V", 0.22, -10.0, 10.0, "of the transistor"),
        "transconductance_a_per_v2": Parameter("neuron", "A/V^2", 7.5e-4, 0.0, inf, "k_p"),
        "slope_factor": Parameter("neuron", "1", 1.4, 1.0, 10.0, "n of the transistor"),
        "load_resistance_ohm": Parameter("neuron", "Ohm", 47e3, 1.0, inf, "supply to drain"),
        "supply_v": Parameter("neuron", "V", 0.5, 0.0, 100.0, "drain supply"),
        "stages": Parameter("chain", "1", 2.0, 1.0, 1000.0, "neurons in a row"),
        "interstage_gain": Parameter("chain", "1", 1.5, 0.0, 1e3, "inverting, drain to next input"),
        "interstage_input_ohm": Parameter("chain", "Ohm", inf, 1.0, inf, "drain to ground"),
        "interstage_output_ohm": Parameter("chain", "Ohm", 0.0, 0.0, inf, "to the next memristor"),
    }
)

_SECTIONS = {
    "memristor": ("parameters", "limits", "fixture"),
    "neuron": ("parameters", "limits", "neuron"),
    "chain": ("parameters", "limits", "neuron", "chain"),
}


@dataclass(frozen=True)
class ModelCard:
    """A model with values; immutable, a new fit is a new card.

    Attributes
    ----------
    name : str
    model, circuit, drive : str
        One of `MODELS`, `CIRCUITS`, `DRIVES`.
    polarity : str
        "positive": only positive device voltage grows the filament; "symmetric": both do. Empty
        for the model's default.
    values : mapping of str to float
        Every parameter of model and circuit, in SI units; what is not given takes its default.
    stderr : mapping of str to float
        Standard errors of the fitted values.
    covariance : (k, k) float64 array or None
        Of the fitted values, in the order of `stderr`.
    source : str
        Where the values come from.
    assumed : tuple of str
        Parameters whose values are ours, not the source's.
    """

    name: str = "unnamed"
    model: str = "bench"
    circuit: str = "neuron"
    drive: str = "voltage"
    polarity: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    stderr: Mapping[str, float] = field(default_factory=dict)
    covariance: NDArray[np.float64] | None = field(default=None, compare=False)
    source: str = ""
    assumed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for what, given, known in (
            ("model", self.model, tuple(MODELS)),
            ("circuit", self.circuit, CIRCUITS),
            ("drive", self.drive, DRIVES),
        ):
            if given not in known:
                raise CardError(f"Card {self.name!r} asks for {what} {given!r}: known {known}.")
        polarities = MODELS[self.model].polarities
        object.__setattr__(self, "polarity", self.polarity or polarities[0])
        if self.polarity not in polarities:
            raise CardError(
                f"Card {self.name!r} asks for polarity {self.polarity!r}: model {self.model!r} "
                f"takes {polarities}."
            )
        names = parameter_names(self.circuit, self.model)
        for what, keys in (("", self.values), (" in `assumed`", self.assumed)):
            unknown = [name for name in keys if name not in names]
            if unknown:
                raise CardError(
                    f"Card {self.name!r} has unknown parameters{what}: {', '.join(unknown)}. Model "
                    f"{self.model!r} in the circuit {self.circuit!r} takes {', '.join(names)}."
                )
        defaults = MODELS[self.model].defaults
        complete = {
            name: float(self.values.get(name, defaults.get(name, PARAMETERS[name].default)))
            for name in names
        }
        for name, value in complete.items():
            _check_value(self.name, name, value)
        object.__setattr__(self, "values", MappingProxyType(complete))
        object.__setattr__(self, "stderr", MappingProxyType(dict(self.stderr)))
        object.__setattr__(self, "assumed", tuple(self.assumed))
        self._check_together()

    def _check_together(self) -> None:
        """Refuse values that are possible, but not with each other."""

        def refuse(reason: str) -> None:
            raise CardError(f"Card {self.name!r}: {reason}")

        if self["r_off_ohm"] < self["r_on_ohm"]:
            refuse(
                f"r_off_ohm ({self['r_off_ohm']:g} Ohm) is below r_on_ohm "
                f"({self['r_on_ohm']:g} Ohm)."
            )
        is_memristor = self.circuit == "memristor"
        if self.drive == "current" and not is_memristor:
            refuse("only the memristor circuit is current driven.")
        limited, other = "compliance_a", "compliance_v"
        if self.drive == "current":
            limited, other = other, limited
        if isfinite(self[other]):
            refuse(f"a {self.drive} source is limited by {limited}, not by {other}.")
        if not is_memristor and self["parallel_capacitance_f"] > 0:
            in_series = ("source_resistance_ohm", "interstage_output_ohm")
            if any(self[name] > 0 for name in in_series) or isfinite(self["compliance_a"]):
                refuse(
                    "a parallel capacitance passes the edges of a stiff source only: set "
                    "parallel_capacitance_f to 0, or leave out compliance_a and "
                    f"{' and '.join(in_series)}."
                )
        stiff = self["series_resistance_ohm"] == 0 and self["shunt_capacitance_f"] > 0
        if is_memristor and stiff and isfinite(self["compliance_a"]):
            refuse(
                "a compliance charges shunt_capacitance_f through a resistance: give "
                "series_resistance_ohm."
            )
        noisy = [name for name in ("sigma1", "sigma2", "sigma3") if self[name] > 0]
        if noisy and self["noise_interval_s"] == 0:
            refuse(f"{noisy[0]} is noise that is held over intervals: give noise_interval_s.")
        if self.circuit == "chain" and self["stages"] != int(self["stages"]):
            refuse(f"stages = {self['stages']:g} is not a whole number.")

    def __getitem__(self, name: str) -> float:
        return self.values[name] if name in self.values else PARAMETERS[name].default

    @property
    def has_node_state(self) -> bool:
        """Whether a memristor's node has a voltage of its own, that its source cannot set at once.

        A node that follows its source far faster than the filament relaxes is taken to follow at
        once, exact to that time constant: to integrate it would take a step for each.
        """
        capacitance_f = self["shunt_capacitance_f"] + self["parallel_capacitance_f"]
        if self.drive == "current":
            return capacitance_f > 0
        decay_per_s = self["gamma1_per_s"] + self["beta_per_s"]
        return self["series_resistance_ohm"] * capacitance_f * decay_per_s > AT_ONCE

    def with_values(self, values: Mapping[str, float], **fields: Any) -> ModelCard:
        """Return a card with some values (and other fields) replaced; they are not assumed then."""
        fields.setdefault("assumed", tuple(name for name in self.assumed if name not in values))
        return replace(self, values={**self.values, **values}, **fields)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready description, the inverse of `card_from_dict`."""
        sections: dict[str, Any] = {section: {} for section in _SECTIONS[self.circuit]}
        for name, value in self.values.items():
            sections[PARAMETERS[name].section][name] = value
        document: dict[str, Any] = {
            "name": self.name,
            "model": self.model,
            "model_version": MODELS[self.model].version,
            "circuit": self.circuit,
            "drive": self.drive,
            "polarity": self.polarity,
            "source": self.source,
            "assumed": list(self.assumed),
            **sections,
        }
        if self.stderr:
            document["stderr"] = dict(self.stderr)
        if self.covariance is not None:
            document["covariance"] = self.covariance.tolist()
        return document


def parameter_names(circuit: str, model: str = "bench") -> tuple[str, ...]:
    """Return the names of all parameters of a model in a circuit, in the order of the table."""
    known = MODELS[model].defaults
    return tuple(
        name
        for name, spec in PARAMETERS.items()
        if (name in known if spec.section == "parameters" else spec.section in _SECTIONS[circuit])
    )


def card_from_dict(document: Mapping[str, Any], name: str = "unnamed") -> ModelCard:
    """Build a card from its sections.

    Raises
    ------
    CardError
        If a section, parameter or value is unknown or impossible.
    """
    rest = dict(document)
    values: dict[str, float] = {}
    for section in ("parameters", "limits", "fixture", "neuron", "chain"):
        part = rest.pop(section, {})
        if not isinstance(part, Mapping):
            raise CardError(f"Card {name!r}: [{section}] must be a table, not {part!r}.")
        for key, value in part.items():
            spec = PARAMETERS.get(key)
            if spec is None or spec.section != section:
                known = [n for n, p in PARAMETERS.items() if p.section == section]
                raise CardError(
                    f"Card {name!r} has an unknown entry {key!r} in [{section}]; "
                    f"it takes {', '.join(known)}."
                )
            values[key] = _number(name, key, value)
    stderr = rest.get("stderr", {})
    if not isinstance(stderr, Mapping):
        raise CardError(f"Card {name!r}: [stderr] must be a table, not {stderr!r}.")
    for key, value in stderr.items():
        if key not in PARAMETERS:
            raise CardError(f"Card {name!r} has an unknown entry {key!r} in [stderr].")
        _number(name, key, value)
    covariance = _covariance(name, rest.pop("covariance", None), len(stderr))
    plain = ("model", "circuit", "drive", "polarity", "source", "assumed", "stderr")
    fields = {key: rest.pop(key) for key in plain if key in rest}
    _check_version(name, fields.get("model", ModelCard.model), rest.pop("model_version", 1))
    name = rest.pop("name", name)
    if rest:
        raise CardError(f"Card {name!r} has unknown entries: {', '.join(rest)}.")
    return ModelCard(
        name=name,
        values=values,
        covariance=covariance,
        **fields,
    )


def read_card(path: str | Path) -> ModelCard:
    """Read a card from a TOML or JSON file, or a card that ships with labbench by its name.

    Raises
    ------
    CardError
        If there is no such file or card, or it is not readable as one.
    """
    shipped = files("labbench.model").joinpath("cards", f"{str(path).lower()}.toml")
    try:
        text = shipped.read_text() if shipped.is_file() else Path(path).read_text("utf-8")
        if Path(path).suffix.lower() != ".json":
            return card_from_dict(tomllib.loads(text), name=Path(path).stem)
        document = json.loads(text)
        if not isinstance(document, dict):
            raise CardError(f"Card {str(path)!r} is no JSON object, but {type(document).__name__}.")
        return card_from_dict(document, name=Path(path).stem)
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(shipped_cards())
        raise CardError(
            f"No card {str(path)!r}: name a TOML file or one of {known} ({error})."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise CardError(f"Card {str(path)!r} is not valid TOML: {error}.") from error
    except json.JSONDecodeError as error:
        raise CardError(f"Card {str(path)!r} is not valid JSON: {error}.") from error


def shipped_cards() -> tuple[str, ...]:
    """Return the names of the cards that ship with labbench."""
    folder = files("labbench.model").joinpath("cards")
    return tuple(sorted(Path(f.name).stem for f in folder.iterdir() if f.name.endswith(".toml")))


def _check_version(card: str, model: str, version: object) -> None:
    known = MODELS[model].version if model in MODELS else 1
    if not isinstance(version, int) or not 1 <= version <= known:
        raise CardError(
            f"Card {card!r} is for version {version!r} of model {model!r}; this labbench knows "
            f"versions 1 to {known}. Install the labbench that wrote the card."
        )


def _number(card: str, key: str, value: object) -> float:
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
    except OverflowError:
        pass
    raise CardError(f"Card {card!r}: {key} must be a number in {PARAMETERS[key].unit}: {value!r}.")


def _covariance(card: str, rows: object, size: int) -> NDArray[np.float64] | None:
    if rows is None:
        return None
    try:
        matrix = np.array(rows, dtype=np.float64)
    except (TypeError, ValueError):
        matrix = np.empty(0)
    if matrix.shape != (size, size):
        raise CardError(
            f"Card {card!r}: covariance must be {size} rows of {size} numbers, as many as there "
            "are standard errors."
        )
    return matrix


def _check_value(card: str, name: str, value: float) -> None:
    spec = PARAMETERS[name]
    endless = isinf(value) and not isinf(spec.default)
    if isnan(value) or endless or not spec.lower <= value <= spec.upper:
        raise CardError(
            f"Card {card!r}: {name} = {value:g} {spec.unit} is impossible; it lies between "
            f"{spec.lower:g} and {spec.upper:g} {spec.unit}."
        )
