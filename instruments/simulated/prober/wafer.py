"""A wafer under the probes: dies with devices drawn from one population, some of them bad.

Every device is drawn from around the card of the bench, by its own number under the bench's seed,
when it is touched first or asked about. It keeps its state when the probes leave, relaxes on its
own, and is found like that when they come back. Noise of the instruments starts anew at each
touchdown, by device and touch: what is measured there does not depend on what was measured before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import hypot
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from instruments.simulated.circuit import Circuit
from instruments.simulated.devices import Device, Wire
from instruments.simulated.devices.base import Drive, FloatArray
from labbench.errors import BenchError, CardError
from labbench.model import PARAMETERS, ModelCard

# Devices of a wafer are numbered from here on: the bench's own come first.
FIRST_NUMBER = 1000
# And their dies, far behind the last device.
FIRST_DIE = 1 << 40
_WAFER_STREAM, _DEFECTS, _TOUCHES, _CLUSTERS = 2, 0, 1, 2

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


class WaferEntry(BaseModel):
    """The [simulated.wafer] part of a bench file; without it there is no wafer.

    Attributes
    ----------
    slot : str
        Name of the device of the bench that the wafer's devices take the place of; the first one
        by default. Its card is the middle of the population.
    columns, rows : int
        Of the grid of dies.
    die_width_m, die_height_m : float
        From die to die.
    diameter_m : float
        Dies whose middle lies outside of it do not exist; 0 keeps all.
    sites : int
        Devices on each die, one above the other.
    site_pitch_m : float
        From device to device on a die.
    pad_m : float
        How far the needles may be off and still be on the pads.
    spread : float
        Each drawn parameter of a device lies within a factor of 1 + spread of that of its die.
    die_spread : float
        And each of a die within a factor of 1 + die_spread of the card.
    radial : mapping of str to float
        Relative change of parameters from the middle to the outermost die, with the square of the
        radius: ``{ r_off_ohm = 0.2 }``.
    opens, shorts : float
        Share of devices that are interrupted, or shorted to ground at every pad.
    short_ohm : float
    clusters : int
        Places of damage, anywhere on the wafer.
    cluster_radius_m : float
    cluster_opens : float
        Share of the devices within that are interrupted too.
    misses : float
        Probability that a touchdown makes no contact, anew each time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    slot: str = ""
    columns: Annotated[int, Field(ge=1, le=1000)] = 5
    rows: Annotated[int, Field(ge=1, le=1000)] = 5
    die_width_m: Positive = 5e-3
    die_height_m: Positive = 5e-3
    diameter_m: Annotated[float, Field(ge=0)] = 0.0
    sites: Annotated[int, Field(ge=1, le=1000)] = 1
    site_pitch_m: Positive = 2e-4
    pad_m: Positive = 2e-5
    spread: Annotated[float, Field(ge=0, le=10)] = 0.0
    die_spread: Annotated[float, Field(ge=0, le=10)] = 0.0
    radial: dict[str, Annotated[float, Field(gt=-1, le=10)]] = {}
    opens: Share = 0.0
    shorts: Share = 0.0
    short_ohm: Positive = 20.0
    clusters: Annotated[int, Field(ge=0, le=1000)] = 0
    cluster_radius_m: Positive = 1e-2
    cluster_opens: Share = 0.8
    misses: Share = 0.0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.opens + self.shorts > 1.0:
            raise ValueError("opens and shorts are shares of the same devices: at most 1 together")
        if self.sites * self.site_pitch_m > self.die_height_m:
            raise ValueError(f"{self.sites} sites do not fit on a die of {self.die_height_m} m")
        if unknown := sorted(set(self.radial) - set(PARAMETERS)):
            raise ValueError(f"there is no parameter {', '.join(unknown)} to change radially")
        return self


@dataclass(frozen=True)
class Truth:
    """What a device really is; the card is that of the device if it were good."""

    state: Literal["good", "open", "short"]
    card: ModelCard


class Shorted(Device):
    """A device that is a small resistor to ground at each of its nodes."""

    def __init__(self, start_s: float, nodes: tuple[str, ...], resistance_ohm: float) -> None:
        super().__init__()
        self.nodes = nodes
        self._wires = {node: Wire(start_s, node, resistance_ohm) for node in nodes}

    @property
    def time_s(self) -> float:
        """The time up to which it was followed."""
        return next(iter(self._wires.values())).time_s

    def advance(self, to_s: float, drives: Mapping[str, Drive], is_watched: bool) -> None:
        """Go on to a time."""
        for node, wire in self._wires.items():
            wire.advance(to_s, {node: drives[node]}, is_watched)

    def voltage(self, node: str, time_s: FloatArray) -> FloatArray:
        """Return the voltage of a node at past times (n,)."""
        return self._wires[node].voltage(node, time_s)

    def current(self, node: str, time_s: FloatArray) -> FloatArray:
        """Return the current into a node at past times (n,)."""
        return self._wires[node].current(node, time_s)

    def forget(self, before_s: float) -> None:
        """Drop the past before a time."""
        for wire in self._wires.values():
            wire.forget(before_s)


class Wafer:
    """Dies, and the device that the probes are on.

    Parameters
    ----------
    entry : WaferEntry
    seed : int
    circuit : Circuit
    draw : callable
        Returns the card of the device of a number on the die of a number.
    build : callable
        Returns the device of a card, its number and its start in s.
    on_touch : callable, optional
        Called with the index of a device and how often it was touched, before it is.

    Attributes
    ----------
    dies : tuple of (int, int)
        Columns and rows from 1 on, in the order of stepping: row by row, there and back.
    touched : (int, int, int) or None
        Column, row and site that the probes are on.
    """

    def __init__(
        self,
        entry: WaferEntry,
        seed: int,
        circuit: Circuit,
        draw: Callable[[int, int], ModelCard],
        build: Callable[[ModelCard, int, float], Device],
        on_touch: Callable[[int, int], None] = lambda index, count: None,
    ) -> None:
        self.entry, self._seed, self._circuit = entry, seed, circuit
        self._draw, self._build, self._on_touch = draw, build, on_touch
        self.dies = tuple(
            die
            for row in range(1, entry.rows + 1)
            for die in _there_and_back(row, entry.columns)
            if not entry.diameter_m or self._radius_m(die) <= entry.diameter_m / 2
        )
        if not self.dies:
            raise BenchError(f"No die lies on a wafer of {entry.diameter_m:g} m.")
        self._rim_m = max(map(self._radius_m, self.dies))
        self._damage_m = self._draw_clusters()
        self._devices: dict[tuple[int, int, int], Device] = {}
        self._touches: dict[tuple[int, int, int], int] = {}
        self.touched: tuple[int, int, int] | None = None
        self.lift()

    def truth(self, die: tuple[int, int], site: int = 0) -> Truth:
        """Return what a device is.

        Raises
        ------
        BenchError
            If the wafer has no such device, or its card cannot be that far from the nominal one.
        """
        index = self._index(die, site)
        chance = np.random.default_rng([self._seed, _WAFER_STREAM, _DEFECTS, index]).random()
        state: Literal["good", "open", "short"] = "good"
        opens = self.entry.opens
        if self._is_damaged(die):
            opens += (1.0 - opens - self.entry.shorts) * self.entry.cluster_opens
        if chance < opens + self.entry.shorts:
            state = "open" if chance < opens else "short"
        card = self._draw(FIRST_NUMBER + index, FIRST_DIE + index // self.entry.sites)
        share = (self._radius_m(die) / self._rim_m) ** 2 if self._rim_m else 0.0
        name = f"{card.name}-die{die[0]}.{die[1]}-site{site}"
        try:
            values = {n: card[n] * (1.0 + c * share) for n, c in self.entry.radial.items()}
            return Truth(state, card.with_values(values, name=name, source="drawn"))
        except (CardError, KeyError) as error:
            raise BenchError(f"The wafer has no device at {die}, site {site}: {error}") from error

    def touch(self, die: tuple[int, int], site: int) -> bool:
        """Bring the probes down on a device; return whether they make contact, which is luck."""
        index, place = self._index(die, site), (*die, site)
        count = self._touches[place] = self._touches.get(place, 0) + 1
        stream = [self._seed, _WAFER_STREAM, _TOUCHES, index, count]
        is_contact = np.random.default_rng(stream).random() >= self.entry.misses
        self.touched = place
        self._on_touch(index, count)
        device = self._device(die, site) if is_contact else None
        self._circuit.mount(self.entry.slot, device)
        return is_contact

    def lift(self) -> None:
        """Take the probes off whatever they are on."""
        self.touched = None
        self._circuit.mount(self.entry.slot, None)

    def _device(self, die: tuple[int, int], site: int) -> Device | None:
        truth, place = self.truth(die, site), (*die, site)
        now_s = self._circuit.clock.now()
        if truth.state == "open":
            return None
        device = self._devices.get(place)
        if device is None:
            number = FIRST_NUMBER + self._index(die, site)
            device = self._build(truth.card, number, now_s)
            if truth.state == "short":
                device = Shorted(now_s, device.nodes, self.entry.short_ohm)
            self._devices[place] = device
        elif device.time_s < now_s:
            # Nothing was connected while the probes were elsewhere.
            alone = {node: Drive(np.zeros(1), np.zeros(1)) for node in device.nodes}
            device.advance(now_s, alone, is_watched=False)
        return device

    def _index(self, die: tuple[int, int], site: int) -> int:
        if die not in self.dies or not 0 <= site < self.entry.sites:
            raise BenchError(
                f"The wafer has no device at column {die[0]}, row {die[1]}, site {site}: it has "
                f"{len(self.dies)} dies with {self.entry.sites} sites each."
            )
        # By the place on the grid, so that a smaller wafer has the same devices.
        return ((die[1] - 1) * self.entry.columns + die[0] - 1) * self.entry.sites + site

    def _draw_clusters(self) -> list[tuple[float, float]]:
        """Return the middles of the damage, evenly spread over the area of the wafer."""
        random = np.random.default_rng([self._seed, _WAFER_STREAM, _CLUSTERS])
        radius_m = self._rim_m * np.sqrt(random.random(self.entry.clusters))
        angle = 2 * np.pi * random.random(self.entry.clusters)
        return list(zip(radius_m * np.cos(angle), radius_m * np.sin(angle), strict=True))

    def _is_damaged(self, die: tuple[int, int]) -> bool:
        x_m, y_m = self._middle_m(die)
        reach_m = self.entry.cluster_radius_m
        return any(hypot(x_m - left, y_m - up) <= reach_m for left, up in self._damage_m)

    def _radius_m(self, die: tuple[int, int]) -> float:
        return hypot(*self._middle_m(die))

    def _middle_m(self, die: tuple[int, int]) -> tuple[float, float]:
        entry = self.entry
        across_m = (die[0] - (entry.columns + 1) / 2) * entry.die_width_m
        return across_m, (die[1] - (entry.rows + 1) / 2) * entry.die_height_m


def _there_and_back(row: int, columns: int) -> list[tuple[int, int]]:
    dies = [(column, row) for column in range(1, columns + 1)]
    return dies if row % 2 else dies[::-1]
