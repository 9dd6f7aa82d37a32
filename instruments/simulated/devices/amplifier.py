"""The output of an amplifier that sits on a node: a transimpedance amplifier, or a follower.

A transimpedance amplifier holds its node at ground through its input resistance: the current into
it is the node's voltage over that resistance, and its output is taken as positive for a current
out of the node into the amplifier. So the current of a memristor with a positive input and the
gate grounded reads positive. Idealised: beyond its rails the output is clipped, and the node is
still held.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import pi

import numpy as np

from instruments.simulated.devices.base import Device, DeviceError, Drive, FloatArray, Stretch
from instruments.simulated.noise import gaussian
from labbench.model.output import low_pass

RAIL_V = 10.0


class Amplifier(Device):
    """One node, the output: a gain times what is at the input, low-passed, with noise.

    Parameters
    ----------
    start_s : float
    input_v : callable
        Returns the voltage at the input at ascending watched times (n,).
    gain : float
        Volts at the output for a volt at the input.
    bandwidth_hz : float
        At which the gain has fallen by 3 dB; first order.
    noise_v : float
        Rms at the output, in the whole bandwidth.
    seed : int

    Attributes
    ----------
    is_connected : bool
        Whether there is anything at the input; the output is at zero otherwise. To be changed
        once the circuit is advanced to now.
    """

    nodes = ("output",)
    has_memory = False

    def __init__(
        self,
        start_s: float,
        input_v: Callable[[FloatArray], FloatArray],
        gain: float,
        bandwidth_hz: float,
        noise_v: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.is_connected = False
        self._time_s, self._input_v, self._gain = start_s, input_v, gain
        self._bandwidth_hz, self._noise_v, self._seed = bandwidth_hz, noise_v, seed

    @property
    def time_s(self) -> float:
        """The time up to which the amplifier was followed."""
        return self._time_s

    def check(self, drives: Mapping[str, Drive]) -> None:
        """Refuse a source at the output."""
        if drives["output"].kind != "open":
            raise DeviceError("the output of an amplifier takes probes only")

    def advance(self, to_s: float, drives: Mapping[str, Drive], is_watched: bool) -> None:
        """Go on to a time."""
        if is_watched:
            seen = self._amplified if self.is_connected else np.zeros_like
            stretch = Stretch(self._time_s, to_s, {"output": seen}, {"output": np.zeros_like})
            self._past.append(stretch)
        self._time_s = to_s

    def voltage(self, node: str, time_s: FloatArray) -> FloatArray:
        """Return the voltage of the output at ascending past times (n,)."""
        level_v = super().voltage(node, time_s)
        known = np.flatnonzero(np.isfinite(level_v))
        if known.size:
            followed_v = np.empty(known.size)
            low_pass(time_s[known], level_v[known], 0.5 / (pi * self._bandwidth_hz), followed_v)
            level_v[known] = followed_v
        if self._noise_v:
            # New noise every 1 / (pi f): below f as dense as white noise through the low-pass.
            place = np.floor(time_s * (pi * self._bandwidth_hz)).astype(np.int64)
            level_v += self._noise_v * gaussian(self._seed, place)
        return np.clip(level_v, -RAIL_V, RAIL_V)

    def _amplified(self, time_s: FloatArray) -> FloatArray:
        return self._gain * self._input_v(time_s)
