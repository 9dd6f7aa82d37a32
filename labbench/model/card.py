"""Model cards: a model with the values of its parameters, their doubt and their origin."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from math import inf, isinf, isnan
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labbench.errors import CardError

MODELS = ("bench",)
CIRCUITS = ("memristor", "neuron")
DRIVES = ("voltage", "current")


@dataclass(frozen=True)
class Parameter:
    """A parameter of the model: where it stands in a card, its unit, default and allowed range."""

    section: str
    unit: str
    default: float
    lower: float
    upper: float
    meaning: str


# The one table of names, units, defaults (card B1, research sources in cards/b1.toml) and ranges.
PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    {
        "mu_per_v_s": Parameter("parameters", "1/(V s)", 2700.0, 0.0, inf, "growth rate"),
        "alpha": Parameter("parameters", "1", 0.05, 1e-6, 10.0, "smallest gap"),
        "beta_per_s": Parameter("parameters", "1/s", 20.0, 0.0, inf, "filament to residue"),
        "gamma1_per_s": Parameter("parameters", "1/s", 6000.0, 0.0, inf, "filament decay"),
        "gamma2_per_s": Parameter("parameters", "1/s", 50.0, 0.0, inf, "residue decay"),
        "lambda": Parameter("parameters", "1", 0.15, 1e-3, inf, "tunnelling length"),
        "r_on_ohm": Parameter("parameters", "Ohm", 1e6, 1e-3, inf, "closed filament"),
        "r_off_ohm": Parameter("parameters", "Ohm", 1e12, 1e-3, inf, "no filament"),
        "rate_max_per_s": Parameter("parameters", "1/s", inf, 0.0, inf, "cap of the growth"),
        "kappa_per_s": Parameter("parameters", "1/s", 2e4, 0.0, inf, "jump hazard at f = 1"),
        "eta": Parameter("parameters", "1", 0.10, 0.0, 1.0, "fraction of f lost in a jump"),
        "m": Parameter("parameters", "1", 2.0, 0.0, 16.0, "exponent of the jump hazard"),
        "parallel_capacitance_f": Parameter("parameters", "F", 0.0, 0.0, inf, "across the device"),
        "series_resistance_ohm": Parameter("fixture", "Ohm", 50.0, 0.0, inf, "source to node"),
        "shunt_resistance_ohm": Parameter("fixture", "Ohm", inf, 1e-3, inf, "node to ground"),
        "shunt_capacitance_f": Parameter("fixture", "F", 0.0, 0.0, inf, "node to ground"),
        "gate_capacitance_f": Parameter("neuron", "F", 10e-12, 1e-21, inf, "gate to ground"),
        "control_resistance_ohm": Parameter("neuron", "Ohm", 100e6, 1.0, inf, "gate to ground"),
        "threshold_voltage_v": Parameter("neuron", "V", 0.22, -10.0, 10.0, "of the transistor"),
        "transconductance_a_per_v2": Parameter("neuron", "A/V^2", 7.5e-4, 0.0, inf, "k_p"),
        "slope_factor": Parameter("neuron", "1", 1.4, 1.0, 10.0, "n of the transistor"),
        "load_resistance_ohm": Parameter("neuron", "Ohm", 47e3, 1.0, inf, "supply to drain"),
        "supply_v": Parameter("neuron", "V", 0.5, 0.0, 100.0, "drain supply"),
    }
)

_SECTIONS = {"memristor": ("parameters", "fixture"), "neuron": ("parameters", "neuron")}


@dataclass(frozen=True)
class ModelCard:
    """A model with values; immutable, a new fit is a new card.

    Attributes
    ----------
    name : str
    model, circuit, drive : str
        One of `MODELS`, `CIRCUITS`, `DRIVES`.
    values : mapping of str to float
        Every parameter of the circuit, in SI units; what is not given takes its default.
    stderr : mapping of str to float
        Standard errors of the fitted values.
    covariance : (k, k) float64 array or None
        Of the fitted values, in the order of `stderr`.
    source : str
        Where the values come from.
    """

    name: str = "unnamed"
    model: str = "bench"
    circuit: str = "neuron"
    drive: str = "voltage"
    values: Mapping[str, float] = field(default_factory=dict)
    stderr: Mapping[str, float] = field(default_factory=dict)
    covariance: NDArray[np.float64] | None = field(default=None, compare=False)
    source: str = ""

    def __post_init__(self) -> None:
        for what, given, known in (
            ("model", self.model, MODELS),
            ("circuit", self.circuit, CIRCUITS),
            ("drive", self.drive, DRIVES),
        ):
            if given not in known:
                raise CardError(f"Card {self.name!r} asks for {what} {given!r}: known {known}.")
        if self.drive == "current" and self.circuit != "memristor":
            raise CardError(f"Card {self.name!r}: only the memristor circuit is current driven.")
        names = parameter_names(self.circuit)
        unknown = [name for name in self.values if name not in names]
        if unknown:
            raise CardError(
                f"Card {self.name!r} has unknown parameters {', '.join(unknown)} for the circuit "
                f"{self.circuit!r}; it takes {', '.join(names)}."
            )
        complete = {name: float(self.values.get(name, PARAMETERS[name].default)) for name in names}
        for name, value in complete.items():
            _check_value(self.name, name, value)
        if complete["r_off_ohm"] < complete["r_on_ohm"]:
            raise CardError(
                f"Card {self.name!r}: r_off_ohm ({complete['r_off_ohm']:g} Ohm) is below r_on_ohm "
                f"({complete['r_on_ohm']:g} Ohm)."
            )
        object.__setattr__(self, "values", MappingProxyType(complete))
        object.__setattr__(self, "stderr", MappingProxyType(dict(self.stderr)))

    def __getitem__(self, name: str) -> float:
        return self.values[name]

    @property
    def has_node_state(self) -> bool:
        """Whether a memristor's node has a capacitance that a source cannot charge at once."""
        capacitance = self["shunt_capacitance_f"] + self["parallel_capacitance_f"]
        return capacitance > 0 and (self.drive == "current" or self["series_resistance_ohm"] > 0)

    def with_values(self, values: Mapping[str, float], **fields: Any) -> ModelCard:
        """Return a card with some values (and other fields) replaced."""
        return replace(self, values={**self.values, **values}, **fields)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready description, the inverse of `card_from_dict`."""
        sections: dict[str, Any] = {section: {} for section in _SECTIONS[self.circuit]}
        for name, value in self.values.items():
            sections[PARAMETERS[name].section][name] = value
        document: dict[str, Any] = {
            "name": self.name,
            "model": self.model,
            "circuit": self.circuit,
            "drive": self.drive,
            "source": self.source,
            **sections,
        }
        if self.stderr:
            document["stderr"] = dict(self.stderr)
        if self.covariance is not None:
            document["covariance"] = self.covariance.tolist()
        return document


def parameter_names(circuit: str) -> tuple[str, ...]:
    """Return the names of all parameters of a circuit, in the order of the table."""
    sections = _SECTIONS[circuit]
    return tuple(name for name, spec in PARAMETERS.items() if spec.section in sections)


def card_from_dict(document: Mapping[str, Any], name: str = "unnamed") -> ModelCard:
    """Build a card from its sections.

    Raises
    ------
    CardError
        If a section, parameter or value is unknown or impossible.
    """
    rest = dict(document)
    values: dict[str, float] = {}
    for section in ("parameters", "fixture", "neuron"):
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
    plain = ("model", "circuit", "drive", "source", "stderr")
    fields = {key: rest.pop(key) for key in plain if key in rest}
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
    """Read a card from a TOML file, or a card that ships with labbench by its name.

    Raises
    ------
    CardError
        If there is no such file or card, or it is not readable as one.
    """
    shipped = files("labbench.model").joinpath("cards", f"{str(path).lower()}.toml")
    try:
        text = shipped.read_text() if shipped.is_file() else Path(path).read_text("utf-8")
        return card_from_dict(tomllib.loads(text), name=Path(path).stem)
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(shipped_cards())
        raise CardError(
            f"No card {str(path)!r}: name a TOML file or one of {known} ({error})."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise CardError(f"Card {str(path)!r} is not valid TOML: {error}.") from error


def shipped_cards() -> tuple[str, ...]:
    """Return the names of the cards that ship with labbench."""
    folder = files("labbench.model").joinpath("cards")
    return tuple(sorted(Path(f.name).stem for f in folder.iterdir() if f.name.endswith(".toml")))


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
