"""A sweep as a source meter sees it: one reading a level, limits as rails.

The input is integrated, and read as the mean over an aperture at the end of each dwell. The curves
of the transistor are in equilibrium: gate current through the control resistor, drain from
equations (9) and (10) at each level.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

import numpy as np
from numpy.typing import NDArray

from labbench.connection import Connection
from labbench.errors import StimulusError
from labbench.model.card import ModelCard
from labbench.model.connected import connected, grounded
from labbench.model.layout import FloatArray
from labbench.model.output import output_voltage
from labbench.model.simulation import simulate
from labbench.stimulus import Sweep
from labbench.trace import Channel, Trace

# The aperture of a reading is the second half of its dwell, a line cycle at most; samples in it.
_LONGEST_APERTURE_S, _SAMPLES = 0.02, 20
# A limit that acts with less current than this part of it did so for a part of the reading only.
_AT_LIMIT = 0.9


def simulate_sweep(
    card: ModelCard,
    sweep: Sweep,
    connection: Connection,
    *,
    seed: int = 0,
    trial: int = 0,
    noise: str = "random",
) -> Trace:
    """Return what source meters would read of a device at rest.

    Parameters
    ----------
    card : ModelCard
    sweep : Sweep
    connection : Connection
    seed, trial : int
        Name the random stream.
    noise : {"random", "mean", "off"}

    Returns
    -------
    Trace
        Channels "input" and "memristor" (with "node", "f", "r"), or those of the gate and the
        supply: "gate", "gate_current", "supply", "supply_current".

    Raises
    ------
    StimulusError
        If the card has no such terminal, or the sweep holds what the model cannot hold.
    """
    if sweep.terminal == "input":
        return _input(card, sweep, connection, (seed, trial), noise)
    if card.circuit != "neuron" or "input" in sweep.bias:
        raise StimulusError(
            f"Card {card.name!r} is a {card.circuit}: a sweep at its {sweep.terminal} with "
            f"{dict(sweep.bias)} needs a neuron, whose input is left open."
        )
    size = sweep.voltage_v.size
    level_v = {name: np.full(size, value) for name, value in sweep.bias.items()}
    level_v[sweep.terminal] = sweep.voltage_v
    return _transistor(connected(card, connection), sweep, level_v)


def _input(
    card: ModelCard,
    sweep: Sweep,
    connection: Connection,
    stream: tuple[int, int],
    noise: str,
) -> Trace:
    held = dict(sweep.bias)
    if held.pop("gate", 0.0) != 0.0 or held.keys() - {"supply"}:
        raise StimulusError(
            f"The model sweeps a memristor against ground: {dict(sweep.bias)} cannot be held."
        )
    is_grounded = card.circuit == "neuron" and "gate" in sweep.bias
    card = grounded(card) if is_grounded else connected(card, connection)
    limit_a = sweep.compliance_a or inf
    card = card.with_values({"compliance_a": min(limit_a, card["compliance_a"])})
    seed, trial = stream
    seen = simulate(card, sweep, seed=seed, trial=trial, noise=noise, sample_s=_seen_s(sweep)).trace
    channels = {
        name: Channel(_read(channel.values), channel.quantity, channel.unit)
        for name, channel in seen.channels.items()
    }
    if card.circuit == "memristor":
        node_v = seen.values("node")
        current_a = seen.values("memristor") + node_v / card["shunt_resistance_ohm"]
        at_limit = np.abs(current_a) >= limit_a * (1 - 1e-6)
        # A source in its limit sags to what the device leaves it.
        sagged_v = node_v + current_a * card["series_resistance_ohm"]
        input_v = np.where(at_limit, sagged_v, seen.values("input"))
        channels["input"] = Channel(_read(input_v), "voltage", "V")
        if limit_a < inf:
            in_compliance = np.asarray(at_limit.reshape(-1, _SAMPLES).any(axis=1))
            channels["memristor"] = limited_channel(_read(current_a), in_compliance, limit_a)
    return Trace(channels, uneven_time_s=_reading_s(sweep))


def _transistor(card: ModelCard, sweep: Sweep, level_v: Mapping[str, FloatArray]) -> Trace:
    channels = {}
    limits_a = {sweep.terminal: sweep.compliance_a or inf}
    if "gate" in level_v:
        gate_v = level_v["gate"]
        channels["gate"] = Channel(gate_v, "voltage", "V")
        gate_a = gate_v / card["control_resistance_ohm"]
        channels["gate_current"] = _ideal(gate_a, limits_a.get("gate", inf))
    if "supply" in level_v:
        supply_v = level_v["supply"]
        gate_v = level_v.get("gate", np.zeros_like(supply_v))
        channels["supply"] = Channel(supply_v, "voltage", "V")
        supply_a = _load_current(card, gate_v, supply_v)
        channels["supply_current"] = _ideal(supply_a, limits_a.get("supply", inf))
    return Trace(channels, uneven_time_s=_reading_s(sweep))


def _load_current(card: ModelCard, gate_v: FloatArray, supply_v: FloatArray) -> FloatArray:
    """Return the current through the load, (n,); a negative supply finds the drain at 0 V."""
    drain_v = np.zeros_like(supply_v)
    for one_v in np.unique(supply_v[supply_v > 0.0]):
        here = supply_v == one_v
        fed = card.with_values({"supply_v": float(one_v)})
        drain_v[here] = output_voltage(fed, np.arange(here.sum()) * 1.0, gate_v[here])
    return np.asarray((supply_v - drain_v) / card["load_resistance_ohm"])


def limited_channel(
    current_a: FloatArray, in_compliance: NDArray[np.bool_], limit_a: float
) -> Channel:
    """Return a current with its compliance as rails, so that limited readings are censored.

    A limited reading may stand a little below the limit, by noise and gain: the rails are at the
    least of those. An overflow is brought to the limit, for the true current is not beyond it.
    """
    current_a = np.clip(current_a, -limit_a, limit_a)
    at_limit = in_compliance & (np.abs(current_a) >= _AT_LIMIT * limit_a)
    rail_a = float(np.min(np.abs(current_a[at_limit]), initial=limit_a))
    return Channel(current_a, "current", "A", rail_low=-rail_a, rail_high=rail_a)


def _ideal(current_a: FloatArray, limit_a: float) -> Channel:
    """Return the current of a source that is in its limit wherever it would give more."""
    if limit_a == inf:
        return Channel(current_a, "current", "A")
    return limited_channel(current_a, np.asarray(np.abs(current_a) >= limit_a), limit_a)


def _read(values: FloatArray) -> FloatArray:
    """Return the mean over each aperture, (n,) of (n * samples,)."""
    return np.asarray(values.reshape(-1, _SAMPLES).mean(axis=1))


def _seen_s(sweep: Sweep) -> FloatArray:
    """Return the times at which the apertures are sampled, (n * samples,)."""
    end_s = _reading_s(sweep)
    aperture_s = min(end_s[0] / 2, _LONGEST_APERTURE_S)
    back_s = (np.arange(_SAMPLES)[::-1] + 0.5) * (aperture_s / _SAMPLES)
    return np.asarray((end_s[:, None] - back_s).ravel())


def _reading_s(sweep: Sweep) -> FloatArray:
    """Return when each reading ends, (n,)."""
    if sweep.dwell_s is None:
        raise StimulusError("A sweep without a dwell time cannot be simulated: give it one.")
    return np.asarray((np.arange(sweep.voltage_v.size) + 1.0) * sweep.dwell_s)
