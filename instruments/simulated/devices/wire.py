"""A node without a device: a cable from a source to a probe, or a resistor to ground."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

import numpy as np

from instruments.simulated.devices.base import (
    LEAKAGE_OHM,
    Device,
    Drive,
    FloatArray,
    Stretch,
    parallel,
)


class Wire(Device):
    """One node, and a resistance from there to ground.

    Parameters
    ----------
    start_s : float
    node : str
    resistance_ohm : float
    """

    has_memory = False

    def __init__(self, start_s: float, node: str = "top", resistance_ohm: float = inf) -> None:
        super().__init__()
        self.nodes = (node,)
        self._resistance_ohm = resistance_ohm
        self._time_s = start_s

    @property
    def time_s(self) -> float:
        """The time up to which the wire was followed."""
        return self._time_s

    def advance(self, to_s: float, drives: Mapping[str, Drive], is_watched: bool) -> None:
        """Go on to a time."""
        node = self.nodes[0]
        drive = drives[node]
        if is_watched:
            self._past.append(
                Stretch(
                    self._time_s,
                    to_s,
                    {node: lambda time_s: self._voltage(drive, time_s)},
                    {node: lambda time_s: self._voltage(drive, time_s) / self._resistance_ohm},
                )
            )
        self._time_s = to_s

    def _voltage(self, drive: Drive, time_s: FloatArray) -> FloatArray:
        level = drive.at(time_s)
        own_ohm = self._resistance_ohm
        if drive.kind == "current":
            load_ohm = parallel(own_ohm, drive.load_ohm, LEAKAGE_OHM)
            return np.clip(level * load_ohm, -drive.limit, drive.limit)
        level_v = level / (1.0 + drive.resistance_ohm / own_ohm)
        # A source in its compliance gives its limit to everything that hangs on the node.
        most_v = drive.limit * parallel(own_ohm, drive.load_ohm, LEAKAGE_OHM)
        return np.clip(level_v, -most_v, most_v)
