"""What the models of the 33500B and 33600A families can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """Limits of one model.

    Attributes
    ----------
    frequency_hz : mapping of str to float
        Highest frequency, by shape.
    rate_hz, bit_rate_hz, bandwidth_hz : float
        Highest of arbitrary waveforms, pseudo-random sequences and noise.
    edge_s, width_s : float
        Shortest transition (10 % to 90 %) and pulse.
    memory_points : int
        Of each channel.
    steps : tuple of (float, float)
        Frequencies up to which an amplitude can be had, in V peak to peak into 50 Ohm.
    """

    frequency_hz: Mapping[str, float]
    rate_hz: float
    bit_rate_hz: float
    bandwidth_hz: float
    edge_s: float
    width_s: float
    memory_points: int
    steps: tuple[tuple[float, float], ...]

    def largest_vpp(self, frequency_hz: float) -> float:
        """Return the largest amplitude into 50 Ohm at a frequency."""
        return next((v for f, v in self.steps if frequency_hz <= f), self.steps[-1][1])


def _of_33500b(frequency_hz: float, rate_hz: float) -> Model:
    shapes = {"SIN": frequency_hz, "SQU": frequency_hz, "PULS": frequency_hz}
    return Model(
        frequency_hz=shapes | {"RAMP": 200e3, "TRI": 200e3},
        rate_hz=rate_hz,
        bit_rate_hz=50e6,
        bandwidth_hz=frequency_hz,
        edge_s=8.4e-9,
        width_s=16e-9,
        memory_points=1_000_000,
        steps=((float("inf"), 10.0),),
    )


def _of_33600a(frequency_hz: float, rate_hz: float, pulse_hz: float) -> Model:
    return Model(
        frequency_hz={
            "SIN": frequency_hz, "SQU": pulse_hz, "PULS": pulse_hz, "RAMP": 800e3, "TRI": 800e3,
        },
        rate_hz=rate_hz,
        bit_rate_hz=200e6,
        bandwidth_hz=frequency_hz,
        edge_s=2.9e-9,
        width_s=5e-9,
        memory_points=4_000_000,
        steps=((60e6, 10.0), (80e6, 8.0), (float("inf"), 4.0)),
    )  # fmt: skip


MODELS = {
    "33512B": _of_33500b(20e6, 160e6),
    "33522B": _of_33500b(30e6, 250e6),
    "33622A": _of_33600a(120e6, 1e9, 100e6),
}
