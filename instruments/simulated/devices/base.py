"""What every device has: nodes, a state that goes on, and a past that can be looked at."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# A node that nothing is connected to leaks away through this.
LEAKAGE_OHM = 1e12


class DeviceError(Exception):
    """A connection that this device's circuit cannot be solved with."""


@dataclass(frozen=True, eq=False)
class Drive:
    """All that is connected to a node from outside.

    Attributes
    ----------
    corner_s, level : (k,) float64 arrays
        Of the source, linear between: open-circuit volts of the Thevenin equivalent, or the
        amperes of a current source.
    kind : {"open", "voltage", "current"}
        "open": probes only, the level is zero.
    resistance_ohm : float
        Of the Thevenin equivalent, probes included.
    load_ohm, load_f : float
        Probes and cables alone: resistance and capacitance to ground.
    limit : float
        Compliance of the source, in A for a voltage and in V for a current.
    """

    corner_s: FloatArray
    level: FloatArray
    kind: str = "open"
    resistance_ohm: float = LEAKAGE_OHM
    load_ohm: float = inf
    load_f: float = 0.0
    limit: float = inf

    def at(self, time_s: FloatArray) -> FloatArray:
        """Return the level at some times (n,)."""
        return np.asarray(np.interp(time_s, self.corner_s, self.level))


@dataclass(frozen=True, eq=False)
class Stretch:
    """A part of the past: what was at the nodes, as functions of time (n,) -> (n,)."""

    start_s: float
    end_s: float
    voltage: Mapping[str, Callable[[FloatArray], FloatArray]]
    current: Mapping[str, Callable[[FloatArray], FloatArray]]


def parallel(*resistance_ohm: float) -> float:
    """Return the resistance of resistors side by side; infinite where all are."""
    conductance_s = sum(1.0 / each for each in resistance_ohm)
    return 1.0 / conductance_s if conductance_s else inf


class Device(ABC):
    """A device: advanced to a time, then asked about the times before.

    Attributes
    ----------
    nodes : tuple of str
    has_memory : bool
        Whether what happens while nobody looks makes a difference later.
    """

    nodes: tuple[str, ...]
    has_memory: ClassVar[bool] = True

    def __init__(self) -> None:
        self._past: list[Stretch] = []

    @property
    @abstractmethod
    def time_s(self) -> float:
        """The time up to which the device was integrated."""

    @abstractmethod
    def advance(self, to_s: float, drives: Mapping[str, Drive], is_watched: bool) -> None:
        """Go on to a time, with what is connected to each node.

        Raises
        ------
        DeviceError
            If the circuit cannot be solved with these connections.
        """

    def check(self, drives: Mapping[str, Drive]) -> None:
        """Refuse connections before time passes with them.

        Raises
        ------
        DeviceError
            As `advance`.
        """

    def voltage(self, node: str, time_s: FloatArray) -> FloatArray:
        """Return the voltage of a node at ascending past times (n,)."""
        return self._ask("voltage", node, time_s)

    def current(self, node: str, time_s: FloatArray) -> FloatArray:
        """Return the current into the device at a node, at ascending past times (n,)."""
        return self._ask("current", node, time_s)

    def forget(self, before_s: float) -> None:
        """Drop the past before a time."""
        self._past = [stretch for stretch in self._past if stretch.end_s >= before_s]

    def _ask(self, what: str, node: str, time_s: FloatArray) -> FloatArray:
        found = np.full(time_s.shape, np.nan)
        for stretch in self._past:
            low = int(np.searchsorted(time_s, stretch.start_s, side="left"))
            high = int(np.searchsorted(time_s, stretch.end_s, side="right"))
            if low < high:
                found[low:high] = getattr(stretch, what)[node](time_s[low:high])
        return found
