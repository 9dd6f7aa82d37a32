"""A sweep plan: which procedures on which devices of a wafer, under which conditions.

A plan is a TOML file, read by `read_plan` and written by `write_plan`; or a `Plan` made in Python.
`labbench sweep-schema` prints it as a JSON schema. A die is named by the column and the row of
the prober's map, from 1 on.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from math import hypot
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomlkit
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from labbench.errors import PlanError, SettingError
from labbench.features import Outcome
from labbench.report.output import write_whole
from labbench.store import Site
from procedures import NeuronProcedure, configure, find_procedure

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=1000)]
Die = tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]
Text = Annotated[str, Field(min_length=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class WaferMap(_Section):
    """The wafer and its grid of dies.

    Attributes
    ----------
    label, material : str
    columns, rows : int
    sites : int
        Devices on each die.
    origin : (int, int)
        Column and row of the die that the database calls 0, 0.
    die_width_m, die_height_m : float
        From die to die.
    diameter_m : float
        Dies whose middle lies outside of it do not exist; 0 keeps all.
    keep_out : tuple of (int, int)
        Dies that are never touched.
    """

    label: Text
    material: str | None = None
    columns: Count
    rows: Count
    sites: Count = 1
    origin: tuple[int, int] = (1, 1)
    die_width_m: Positive = 5e-3
    die_height_m: Positive = 5e-3
    diameter_m: Annotated[float, Field(ge=0)] = 0.0
    keep_out: tuple[Die, ...] = ()

    @model_validator(mode="after")
    def _keeps_out_what_is_there(self) -> Self:
        # A die beyond the rim is on the grid; one that is not is a slip of the pen.
        if off := [[x, y] for x, y in self.keep_out if x > self.columns or y > self.rows]:
            raise ValueError(f"keep_out: {off} are not on the map")
        return self

    @property
    def dies(self) -> tuple[tuple[int, int], ...]:
        """Dies that may be touched, row by row, there and back."""
        found = []
        for row in range(1, self.rows + 1):
            columns = range(1, self.columns + 1)
            for column in columns if row % 2 else reversed(columns):
                is_there = not self.diameter_m or 2 * self.radius_m(column, row) <= self.diameter_m
                if is_there and (column, row) not in self.keep_out:
                    found.append((column, row))
        return tuple(found)

    def radius_m(self, column: int, row: int) -> float:
        """Return how far the middle of a die is from that of the wafer."""
        return hypot(*self.position_m(column, row))

    def position_m(self, column: int, row: int) -> tuple[float, float]:
        """Return where the middle of a die is, from that of the wafer."""
        return (
            (column - (self.columns + 1) / 2) * self.die_width_m,
            (row - (self.rows + 1) / 2) * self.die_height_m,
        )


class Devices(_Section):
    """Which devices are measured, and what they are called.

    Attributes
    ----------
    kind : str
    name : str
        A pattern of wafer, column, row, site; each device needs a name of its own.
    dies : tuple of (int, int) or None
        All that may be touched, if not given.
    sites : tuple of int or None
        From zero; all, if not given.
    """

    kind: Literal["neuron", "memristor", "transistor", "resistor"] = "neuron"
    name: str = "{wafer}-c{column}r{row}s{site}"
    dies: tuple[Die, ...] | None = None
    sites: tuple[Annotated[int, Field(ge=0)], ...] | None = None


class Step(_Section):
    """A procedure with settings, as `labbench procedures` lists them."""

    procedure: Text
    settings: dict[str, float] = {}

    def configured(self) -> NeuronProcedure:
        """Return the procedure, ready to run."""
        return configure(find_procedure(self.procedure), self.settings)


class Contact(Step):
    """The contact check, first on every device.

    Attributes
    ----------
    touches : int
        How often the needles come down before the device is skipped.
    """

    procedure: Text = "contact_check"
    touches: Annotated[int, Field(ge=1, le=20)] = 2


class Uncertain(_Section):
    """When a step is repeated: a feature that is too uncertain.

    Attributes
    ----------
    features : tuple of str
        Names; those that are not drawn are not looked at.
    relative_stderr : float
        Standard error over value that is too much; and so is no value at all.
    repeats : int
        At most.
    """

    features: Annotated[tuple[Text, ...], Field(min_length=1)]
    relative_stderr: Positive
    repeats: Annotated[int, Field(ge=1, le=20)] = 1


class Conditions(_Section):
    """What the outcome of a step means for the rest of its device.

    Attributes
    ----------
    skip_on : tuple of Outcome
        Outcomes of the contact check, or of any step, after which a device is left.
    stop_on_faults : bool
        Whether a step that fails by itself ends its device; the next step comes otherwise.
    uncertain : Uncertain or None
    """

    skip_on: tuple[Outcome, ...] = (Outcome.OPEN, Outcome.SHORT, Outcome.LATCHED)
    stop_on_faults: bool = False
    uncertain: Uncertain | None = None


class SweepLimits(_Section):
    """What the whole sweep may take; of each run the bench's own limits hold.

    Attributes
    ----------
    duration_s : float or None
        Of all stimuli and rests together at worst; more is refused before anything moves.
    failures_in_a_row : int
        Devices on which something failed, one after the other, that end the sweep: more likely it
        is the bench.
    """

    duration_s: Positive | None = None
    failures_in_a_row: Annotated[int, Field(ge=1)] = 20


class Budget(_Section):
    """What each device may take in all its life, see `labbench dose`; None leaves it as it is."""

    n_pulses: Positive | None = None
    at_voltage_s: Positive | None = None
    charge_c: Positive | None = None
    energy_j: Positive | None = None
    peak_v: Positive | None = None


class Plan(_Section):
    """A whole sweep.

    Attributes
    ----------
    name : str
        Under which it is resumed.
    bench : str
        The bench file, beside the plan if it is not absolute.
    wafer : WaferMap
    devices : Devices
    contact : Contact or None
        None is written ``contact = false``, as TOML has no nothing.
    steps : tuple of Step
        One after the other on each device.
    conditions : Conditions
    limits : SweepLimits
    budget : Budget
    notify : tuple of str
        A command and its arguments, to which a sentence is added, when the sweep ends or fails.
    """

    name: Text
    bench: Text
    wafer: WaferMap
    devices: Devices = Devices()
    contact: Contact | None = Contact()
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    conditions: Conditions = Conditions()
    limits: SweepLimits = SweepLimits()
    budget: Budget = Budget()
    notify: tuple[Text, ...] = ()

    @field_validator(
        "contact", mode="before", json_schema_input_type=Contact | Literal[False] | None
    )
    @classmethod
    def _false_is_none(cls, contact: object) -> object:
        return None if contact is False else contact

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for number, step in enumerate(self.all_steps):
            try:
                step.configured()
            except SettingError as error:
                raise ValueError(f"step {number}: {error}") from error
        there = set(self.wafer.dies)
        if missing := [list(die) for die in self.devices.dies or () if die not in there]:
            raise ValueError(f"devices.dies: {missing} are not on the map, or are kept out of")
        sites = self.devices.sites
        if sites is not None and not sites:
            raise ValueError("devices.sites: none is chosen; leave it out for all")
        if any(site >= self.wafer.sites for site in sites or ()):
            raise ValueError(f"devices.sites: a die has {self.wafer.sites}, counted from 0")
        if twice := _twice(sites or ()):
            raise ValueError(f"devices.sites: {twice} are there more than once")
        try:
            names = [place.name for place in self.places()]
        except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
            raise ValueError(
                "devices.name is a pattern of {wafer}, {column}, {row}, {site}"
            ) from error
        if twice := _twice(names):
            raise ValueError(f"devices.name gives some devices the same name: {twice[0]!r}")
        if not names:
            raise ValueError("no device is left: look at keep_out, diameter_m and dies")
        return self

    @property
    def all_steps(self) -> tuple[Step, ...]:
        """The contact check, if there is one, and the steps."""
        return self.steps if self.contact is None else (self.contact, *self.steps)

    def places(self) -> Iterator[Place]:
        """Yield the devices in the order of measuring: die by die, there and back."""
        chosen = None if self.devices.dies is None else set(self.devices.dies)
        sites = self.devices.sites
        if sites is None:
            sites = tuple(range(self.wafer.sites))
        for column, row in self.wafer.dies:
            if chosen is None or (column, row) in chosen:
                for site in sites:
                    name = self.devices.name.format(
                        wafer=self.wafer.label, column=column, row=row, site=site
                    )
                    yield Place(name=name, column=column, row=row, site=site)

    def site_of(self, place: Place) -> Site:
        """Return a place as the store takes it."""
        x, y = place.column - self.wafer.origin[0], place.row - self.wafer.origin[1]
        return Site(place.name, self.devices.kind, x, y, place.site)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON and TOML take it."""
        document = self.model_dump(mode="json", exclude_none=True)
        return document if self.contact is not None else {**document, "contact": False}


def _twice(given: Iterable[object]) -> list[object]:
    """Return what is there more than once."""
    return [each for each, times in Counter(given).items() if times > 1]


class Place(_Section):
    """A device and where the prober finds it: column, row, and site from zero."""

    name: str
    column: int
    row: int
    site: int


def plan_from(document: Mapping[str, Any], source: str = "The plan") -> Plan:
    """Return a plan from what TOML or JSON hold.

    Raises
    ------
    PlanError
        If it is none; all faults are named at once.
    """
    try:
        return Plan.model_validate(document)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'plan'}: {_words(fault['msg'])}"
            for fault in error.errors()
        )
        raise PlanError(f"{source} is not a sweep plan: {faults}.") from error


def _words(message: str) -> str:
    return message.removeprefix("Value error, ").rstrip(".")


def read_plan(path: str | Path) -> Plan:
    """Read and validate a plan.

    Raises
    ------
    PlanError
        If it is not there, not TOML, or not a plan.
    """
    try:
        document = tomllib.loads(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"No sweep plan {str(path)!r}: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"Sweep plan {str(path)!r} is not valid TOML: {error}.") from error
    return plan_from(document, f"{str(path)!r}")


def bench_file(plan: Plan, path: str | Path) -> Path:
    """Return the bench file of a plan that was read from `path`."""
    return Path(path).parent / plan.bench


def write_plan(plan: Plan, path: str | Path) -> None:
    """Write a plan as TOML."""
    write_whole(Path(path), tomlkit.dumps(plan.to_dict()))
