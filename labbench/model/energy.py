"""Energy per output spike of a neuron, split by element; each window closes its own books.

The record is cut without gaps into windows: one for each spike, and in between stretches that are
idle or latched. Two books close for every one of them::

    (13) source = memristor + resistors + stored
    (14) supply = transistor + load

(13) comes from the integrator's own quadrature, from border to border;
(14) by trapezoid on samples
that crowd after every event, where the gate moves fastest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass
from functools import partial

import numpy as np
from scipy.integrate import cumulative_trapezoid

from labbench.errors import CardError, StimulusError
from labbench.features import Outcome
from labbench.features.spike_windows import cut_record
from labbench.model.card import ModelCard
from labbench.model.constants import LATCHED_AFTER
from labbench.model.integration import advance, resting
from labbench.model.kernel import REARM
from labbench.model.layout import (
    E_MEMRISTOR,
    E_RESISTOR,
    E_SOURCE,
    FloatArray,
    V,
)
from labbench.model.output import Loading, output_voltage
from labbench.model.simulation import closed
from labbench.model.solution import SPIKE_GATE_V, DeviceState, Solution
from labbench.stimulus import Stimulus


@dataclass(frozen=True)
class EnergySplit:
    """Energy by element over one stretch of time, in J.

    Attributes
    ----------
    source_j : float
        Given by the source: the integral of its voltage times its current.
    memristor_j, resistors_j : float
        Burnt in the memristor; in the control resistor (gate to ground) and the source's own
        resistance and limiter.
    stored_j : float
        Change of the energy on the gate and across the memristor; negative where it is used up.
    supply_j : float
        Given by the drain supply.
    transistor_j : float
        Flown into the drain: burnt in the transistor and, where there is one, in the probe.
    load_j : float
        Burnt in the load resistor.
    """

    source_j: float = 0.0
    memristor_j: float = 0.0
    resistors_j: float = 0.0
    stored_j: float = 0.0
    supply_j: float = 0.0
    transistor_j: float = 0.0
    load_j: float = 0.0

    @property
    def input_gap_j(self) -> float:
        """What is missing from the book of the input, equation (13)."""
        return self.source_j - self.memristor_j - self.resistors_j - self.stored_j

    @property
    def output_gap_j(self) -> float:
        """What is missing from the book of the output, equation (14)."""
        return self.supply_j - self.transistor_j - self.load_j


@dataclass(frozen=True)
class EnergyWindow:
    """A stretch of the record and what was spent in it.

    Attributes
    ----------
    kind : {"spike", "cut", "idle", "latched"}
        "cut" is a spike whose window the end of the record cuts short.
    start_s, end_s : float
    energy : EnergySplit
    spike_s : float or None
        When the gate rose through the spike level; only of a spike, cut or not.
    """

    kind: str
    start_s: float
    end_s: float
    energy: EnergySplit
    spike_s: float | None = None


@dataclass(frozen=True)
class EnergyAccount:
    """All windows of one record, in order and without gaps.

    Attributes
    ----------
    card : ModelCard
    outcome : Outcome
        Ok, did not fire, latched (at some time, for good or not), not converged (no windows).
    windows : tuple of EnergyWindow
    """

    card: ModelCard
    outcome: Outcome
    windows: tuple[EnergyWindow, ...]

    @property
    def spikes(self) -> tuple[EnergyWindow, ...]:
        """The windows of the whole spikes."""
        return tuple(window for window in self.windows if window.kind == "spike")

    @property
    def per_spike(self) -> EnergySplit | None:
        """Mean over the whole spikes; None where there is none."""
        spikes = self.spikes
        if not spikes:
            return None
        return EnergySplit(*(value / len(spikes) for value in astuple(self.total("spike"))))

    def total(self, kind: str | None = None) -> EnergySplit:
        """Return the sum over all windows, or over those of one kind."""
        chosen = (w.energy for w in self.windows if kind in (None, w.kind))
        return _sum(chosen)

    def duration_s(self, kind: str) -> float:
        """Return the time spent in windows of one kind."""
        return sum(w.end_s - w.start_s for w in self.windows if w.kind == kind)


def spike_energies(
    card: ModelCard,
    stimulus: Stimulus,
    *,
    noise: str = "off",
    seed: int = 0,
    device: int = 0,
    trial: int = 0,
    loading: Loading | None = None,
    rtol: float = 1e-8,
    samples: int = 200,
    legs: int = 1000,
) -> EnergyAccount:
    """Play a stimulus to a neuron at rest and account for the energy of each output spike.

    The record is cut as `labbench.features.spike_windows.cut_record` says, which also cuts measured
    records; windows that its end cuts are kept apart. A gate that stays up for more than ten Rc Cg
    is latched: from its crossing until it comes back, if ever, the time is latched and that
    crossing is no spike. What is left is idle.

    Parameters
    ----------
    card : ModelCard
        Of a neuron.
    stimulus : Stimulus
        A voltage; the record ends with its `duration_s`.
    noise : {"off", "mean", "random"}
    seed, device, trial : int
        Name the random stream.
    loading : Loading, optional
        The probe on the output.
    rtol : float
        Of the integration; the book of the input closes the better, the smaller it is.
    samples : int
        For the book of the output, between two events or corners; its error falls with the square.
    legs : int
        How often the integration stops, to go on from there to the borders once they are known.
        One course is cut up, instead of a second one integrated through the borders: where a
        filament hardly opens, other steps lead to other spikes.

    Returns
    -------
    EnergyAccount

    Raises
    ------
    CardError
        If the card is not one of a neuron.
    StimulusError
        If the stimulus is not a voltage.
    """
    if card.circuit != "neuron":
        raise CardError(f"Card {card.name!r} is a {card.circuit}: only a neuron spikes.")
    if stimulus.unit != "V":
        raise StimulusError(f"A neuron is driven by a voltage: the stimulus is in {stimulus.unit}.")
    corner_s, level = closed(*stimulus.breakpoints())
    go = partial(advance, card, corner_s=corner_s, level=level, noise=noise, rtol=rtol)
    course = _run(go, resting(card, seed, device, trial), stimulus.duration_s, legs)
    if course is None:
        return EnergyAccount(card, Outcome.NOT_CONVERGED, ())
    time_s, gate_v = course.sample(corner_s, samples)
    return_s = _returns_s(time_s, gate_v, course.spike_s)
    cuts = cut_record(course.spike_s, return_s, _held_s(card), stimulus.duration_s)
    borders = [course.state_at(at_s) for at_s in (0.0, *(cut.end_s for cut in cuts))]
    inputs = np.array([_input_book(card, state) for state in borders])
    outputs = _output_book(card, time_s, gate_v, borders, loading)
    energies = np.diff(np.hstack([inputs, outputs]), axis=0)
    windows = tuple(
        EnergyWindow(cut.kind, cut.start_s, cut.end_s, EnergySplit(*energy), cut.spike_s)
        for cut, energy in zip(cuts, energies.tolist(), strict=True)
    )
    return EnergyAccount(card, _outcome(windows), windows)


def _outcome(windows: Sequence[EnergyWindow]) -> Outcome:
    kinds = {window.kind for window in windows}
    if "latched" in kinds:
        return Outcome.LATCHED
    return Outcome.OK if kinds & {"spike", "cut"} else Outcome.DID_NOT_FIRE


@dataclass(frozen=True, eq=False)
class _Course:
    """An integration in legs, with the state at every stop.

    Samples do not change the steps of a leg: it can be asked again, for more of them.
    """

    go: Callable[..., Solution]
    stops_s: FloatArray
    states: Sequence[DeviceState]
    event_s: FloatArray
    spike_s: FloatArray

    def state_at(self, time_s: float) -> DeviceState:
        """Return the state at any time, from the stop before it."""
        leg = int(np.searchsorted(self.stops_s, time_s, side="right")) - 1
        return self.go(state=self.states[leg], sample_s=np.array([time_s])).state

    def sample(self, corner_s: FloatArray, samples: int) -> tuple[FloatArray, FloatArray]:
        """Return times (n,) that crowd after every event and corner, and gate voltages (n,)."""
        kinks_s = np.r_[corner_s, self.event_s, self.stops_s[[0, -1]]]
        kinks_s = np.unique(kinks_s[(kinks_s >= 0.0) & (kinks_s <= self.stops_s[-1])])
        time_s = np.union1d(_crowded_s(kinks_s, samples), self.stops_s)
        # A leg takes the samples up to the stop at its end.
        parts = np.split(time_s, np.searchsorted(time_s, self.stops_s[:-1], side="right"))[1:]
        gate_v = [
            self.go(state=state, sample_s=part).node_v
            for state, part in zip(self.states[:-1], parts, strict=True)
        ]
        return time_s, np.r_[self.states[0].y[V], *gate_v]


def _run(
    go: Callable[..., Solution], state: DeviceState, end_s: float, legs: int
) -> _Course | None:
    """Integrate in equal legs; None where one does not converge."""
    stops_s = np.linspace(0.0, end_s, legs + 1)
    states, event_s, spike_s = [state], [], []
    for stop_s in stops_s[1:]:
        made = go(state=states[-1], sample_s=np.array([stop_s]))
        if not made.has_converged:
            return None
        states.append(made.state)
        event_s.append(made.event_s)
        spike_s.append(made.event_times_s("spike"))
    return _Course(go, stops_s, states, np.concatenate(event_s), np.concatenate(spike_s))


def _crowded_s(kinks_s: FloatArray, samples: int) -> FloatArray:
    """Return times that crowd after every kink; (n,) from the first to the last.

    The cube of an even spacing: a thousandth of the stretch holds a tenth of the samples, since
    after a kink the gate moves by Ron Cg, a hundred times faster than Rc Cg until the next.
    """
    share = (np.arange(1, samples + 1) / samples) ** 3
    times_s = kinks_s[:-1, None] + np.diff(kinks_s)[:, None] * share
    times_s[:, -1] = kinks_s[1:]
    return np.asarray(np.r_[kinks_s[0], times_s.ravel()])


def _held_s(card: ModelCard) -> float:
    """Return how long the gate may stay up before it counts as latched."""
    return LATCHED_AFTER * card["gate_capacitance_f"] * card["control_resistance_ohm"]


def _returns_s(time_s: FloatArray, gate_v: FloatArray, spike_s: FloatArray) -> FloatArray:
    """Return when the gate came back after each spike, (k,); the end where it did not.

    As late as the samples lie apart, which only moves the end of a latched stretch; but before the
    next spike, since only a gate that came back spikes again.
    """
    down_s = np.r_[time_s[gate_v < REARM * SPIKE_GATE_V], time_s[-1]]
    after = np.searchsorted(down_s[:-1], spike_s, side="right")
    return np.asarray(np.minimum(down_s[after], np.r_[spike_s[1:], time_s[-1]]))


def _input_book(card: ModelCard, state: DeviceState) -> list[float]:
    """Return source, memristor, resistors and stored, in J since the beginning."""
    y = state.y
    return [y[E_SOURCE], y[E_MEMRISTOR], y[E_RESISTOR], _stored_j(card, state)]


def _stored_j(card: ModelCard, state: DeviceState) -> float:
    """Return ``Cg V^2 / 2 + Cp (u - V)^2 / 2``."""
    gate_j = 0.5 * card["gate_capacitance_f"] * state.y[V] ** 2
    across_v = state.source - state.y[V]
    return float(gate_j + 0.5 * card["parallel_capacitance_f"] * across_v**2)


def _output_book(
    card: ModelCard,
    time_s: FloatArray,
    gate_v: FloatArray,
    borders: Sequence[DeviceState],
    loading: Loading | None,
) -> FloatArray:
    """Return supply, transistor and load at every border, (k, 3) in J since the beginning.

    The drain is solved for the whole record at once, because a probe's capacitance remembers.
    """
    border_s = np.array([state.time_s for state in borders])
    order = np.argsort(np.r_[time_s, border_s], kind="stable")
    time_s = np.r_[time_s, border_s][order]
    gate_v = np.r_[gate_v, [state.y[V] for state in borders]][order]
    drain_v = output_voltage(card, time_s, gate_v, loading)
    load_a = (card["supply_v"] - drain_v) / card["load_resistance_ohm"]
    powers = np.column_stack(
        [card["supply_v"] * load_a, drain_v * load_a, card["load_resistance_ohm"] * load_a**2]
    )
    spent_j = cumulative_trapezoid(powers, time_s, axis=0, initial=0.0)
    return np.asarray(spent_j[np.searchsorted(time_s, border_s)])


def _sum(splits: Iterable[EnergySplit]) -> EnergySplit:
    values = np.array([astuple(EnergySplit()), *(astuple(split) for split in splits)])
    return EnergySplit(*values.sum(axis=0).tolist())
