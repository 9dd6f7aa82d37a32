"""Play a whole stimulus to a device at rest, and record what a bench would see, and more."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any

import numpy as np

from labbench.errors import StimulusError
from labbench.features import Outcome
from labbench.model.card import ModelCard
from labbench.model.constants import node_capacitance_f
from labbench.model.integration import advance, resting
from labbench.model.layout import (
    E_MEMRISTOR,
    E_RESISTOR,
    E_SOURCE,
    FloatArray,
    V,
)
from labbench.model.output import Loading
from labbench.model.solution import Solution
from labbench.stimulus import Stimulus
from labbench.trace import Channel, Trace


@dataclass(frozen=True, eq=False)
class Simulation:
    """A simulated response: the trace a bench would record, and what no bench can see."""

    trace: Trace
    solution: Solution

    @cached_property
    def energy_j(self) -> Mapping[str, float]:
        """Energy of the record by element."""
        return _energy(self.solution.card, self.solution)

    @property
    def outcome(self) -> Outcome:
        """What came of it: ok, did not fire, latched, not converged."""
        return self.solution.outcome


def simulate(
    card: ModelCard,
    stimulus: Stimulus,
    *,
    seed: int = 0,
    device: int = 0,
    trial: int = 0,
    noise: str = "random",
    interval_s: float | None = None,
    start_s: float = 0.0,
    sample_s: FloatArray | None = None,
    loading: Loading | None = None,
    rtol: float = 1e-6,
    channels: Collection[str] | None = None,
) -> Simulation:
    """Play one stimulus to a device at rest and record what a bench would see, and more.

    Parameters
    ----------
    card : ModelCard
    stimulus : Stimulus
    seed, device, trial : int
        Name the random stream.
    noise : {"random", "mean", "off"}
    interval_s : float, optional
        Sampling interval; a ten-thousandth of the record by default.
    start_s : float
        Start of the record, zero or negative (pre-trigger).
    sample_s : (n,) float64 array, optional
        Ascending sample times, instead of an even record.
    loading : Loading, optional
        The probe on the output.
    rtol : float
    channels : collection of str, optional
        Which channels the trace is to have, for what needs them quickly; all by default.

    Returns
    -------
    Simulation
        Its trace has the channels "input", "output" (neuron), "node", "memristor", "f", "r".
    """
    expected = "V" if card.drive == "voltage" else "A"
    if stimulus.unit != expected:
        raise StimulusError(
            f"Card {card.name!r} is driven by a {card.drive} (in {expected}); "
            f"the stimulus is in {stimulus.unit}."
        )
    time_s, base = time_base(stimulus, interval_s, start_s, sample_s)
    if sample_s is not None:
        start_s = float(np.min(time_s, initial=0.0))
    corner_s, level = closed(*stimulus.breakpoints())
    state = resting(card, seed, device, trial, start_s=start_s)
    solution = advance(
        card, state, corner_s, level, time_s, noise=noise, loading=loading, rtol=rtol
    )
    return Simulation(trace_of(card, solution, base, channels), solution)


def time_base(
    stimulus: Stimulus, interval_s: float | None, start_s: float, sample_s: FloatArray | None
) -> tuple[FloatArray, dict[str, Any]]:
    """Return sample times (n,) of a record, and how a `Trace` is told of them.

    Raises
    ------
    StimulusError
        If the interval is not positive, or the start not finite.
    """
    if sample_s is not None:
        time_s = np.asarray(sample_s, dtype=np.float64)
        return time_s, {"uneven_time_s": time_s}
    if interval_s is None:
        interval_s = stimulus.duration_s / 10_000
    if not (isfinite(interval_s) and interval_s > 0 and isfinite(start_s)):
        raise StimulusError(
            f"A record starts at a finite time and has a positive sampling interval: got "
            f"{start_s} s and {interval_s} s."
        )
    count = round((stimulus.duration_s - start_s) / interval_s)
    time_s = np.asarray(start_s + np.arange(count) * interval_s)
    return time_s, {"start_s": start_s, "interval_s": interval_s}


def closed(corner_s: FloatArray, level: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Bring the level back to zero outside of the breakpoints, as a stimulus promises."""
    if level[0] != 0.0:
        corner_s, level = np.r_[corner_s[0], corner_s], np.r_[0.0, level]
    if level[-1] != 0.0:
        corner_s, level = np.r_[corner_s, corner_s[-1]], np.r_[level, 0.0]
    return corner_s, level


def trace_of(
    card: ModelCard,
    solution: Solution,
    base: Mapping[str, Any],
    channels: Collection[str] | None = None,
) -> Trace:
    """Return what a bench would record of a solution, and more; `base` from `time_base`."""
    driven = ("current", "A") if card.drive == "current" else ("voltage", "V")
    made: dict[str, Callable[[], Channel]] = {
        "input": lambda: Channel(solution.input, *driven),
        "node": lambda: Channel(solution.node_v, "voltage", "V"),
        "memristor": lambda: Channel(solution.memristor_a, "current", "A"),
        "f": lambda: Channel(np.ascontiguousarray(solution.f), "filament", "1"),
        "r": lambda: Channel(np.ascontiguousarray(solution.r), "residue", "1"),
    }
    if card.circuit != "memristor":
        made["output"] = lambda: Channel(solution.output_v, "voltage", "V")
    wanted = made if channels is None else [name for name in made if name in channels]
    return Trace({name: made[name]() for name in wanted}, **base)


def _energy(card: ModelCard, solution: Solution) -> dict[str, float]:
    """Split the energy of the record by element, in joule.

    Input side from the integrator's own quadrature; the output branch by trapezoid on the samples.
    """
    y = solution.state.y
    own_f = node_capacitance_f(card)
    parallel_f = card["parallel_capacitance_f"]
    if card.circuit != "memristor":
        own_f -= parallel_f
    energy: dict[str, Any] = {
        "source": y[E_SOURCE],
        "memristor": y[E_MEMRISTOR],
        "resistors": y[E_RESISTOR],
        # An algebraic node (no capacitance, or a stiff source) has V = 0 here and stores nothing.
        "stored": 0.5 * own_f * y[V] ** 2,
    }
    if card.circuit != "memristor":
        energy["stored"] += 0.5 * parallel_f * (solution.state.source - y[V]) ** 2
        time_s, load_a = solution.time_s, solution.output_a
        energy["supply"] = card["supply_v"] * np.trapezoid(load_a, time_s)
        energy["load"] = card["load_resistance_ohm"] * np.trapezoid(load_a**2, time_s)
        energy["transistor"] = np.trapezoid(load_a * solution.output_v, time_s)
    return {name: float(value) for name, value in energy.items()}
