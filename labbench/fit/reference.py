"""The identification plan scaled to a device, as items without data.

What a complete characterization would measure: to say which missing measurement would identify a
parameter of this device, and to study fits on synthetic data. The numbers are those of the
identification procedures, which a test holds them to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from labbench.connection import Connection
from labbench.fit.items import FloatArray, Item
from labbench.fit.output_lag import gate_at_v
from labbench.fit.plan import Plan
from labbench.fit.reading import INTERVALS
from labbench.model import Loading, ModelCard
from labbench.model.batch import Job, play
from labbench.spikes import FIRE_FRACTION
from labbench.stimulus import Pulse, PulseTrain, Stimulus, Waveform

GROUNDED = Connection(gate="grounded")
RAMP_V_PER_S, OVERDRIVE = 100.0, 1.25
# Level over the threshold, and width over the latency at 1.25.
STEPS = ((1.0, 8.0), (1.1, 5.0), (1.25, 3.0), (1.6, 1.6), (2.2, 0.9))
PUMP, PROBE, PROBE_GAPS = 0.65, 3.0, (0.04, 0.12, 0.3)
PAIR, PAIR_GAPS = 2.0, (2.0, 4.0, 8.0)
LONG_S = 30e-3
DWELL_LEVEL, TEST = 1.4, 8.0
# Over the time constant of the residue.
DWELLS = ((0.15, 0.075), (0.6, 0.075), (0.6, 0.5), (0.6, 1.5))
FALL_DWELL, SLOW, FAST = 2.0, (1.2, 20.0), (0.8, 0.128)
READ, READ_V, LEVELS = 4.0, -0.2, (1e-2, 1e-3, 1e-4)
OFF_LEVELS, OFF = (0.15, 0.30, 0.45, 0.60), 4.0
# How often each kind is repeated in a characterization.
REPEATS = {
    "step": 150, "closing": 150, "probe": 10, "second": 10, "interval": 15, "dwell": 50,
    "slow_hold": 20, "fast_hold": 30, "relaxation": 30, "off_current": 5, "recovery": 30,
}  # fmt: skip


@dataclass(frozen=True)
class Scale:
    """Threshold on a ramp of 100 V/s and latency at 1.25 of it, to which a plan is scaled."""

    threshold_v: float
    latency_s: float

    def level_v(self, factor: float) -> float:
        """Return a multiple of the threshold, to a millivolt."""
        return round(factor * self.threshold_v, 3)

    def time_s(self, factor: float) -> float:
        """Return a multiple of the latency, to a microsecond."""
        return max(round(factor * self.latency_s, 6), 2e-6)


def scale_of(card: ModelCard, loading: Loading, trials: int = 11, seed: int = 0) -> Scale | None:
    """Return what a device's plan is scaled to; None for one that does not fire."""
    is_neuron = card.circuit != "memristor"
    event = "spike" if is_neuron else "on"
    spike_v = gate_at_v(card, loading, FIRE_FRACTION) if is_neuron else None

    def median_s(times_s: list[float], levels_v: list[float]) -> float:
        corner_s, level = np.array(times_s), np.array(levels_v)
        job = Job(card, corner_s, level, corner_s[-1:], trials, stop_at=event, threshold_v=spike_v)
        return float(np.nan_to_num(np.median(play([job], seed=seed)[0].first_s(event)), nan=0.0))

    top_s = 0.05
    threshold_v = round(RAMP_V_PER_S * median_s([0.0, top_s], [0.0, RAMP_V_PER_S * top_s]), 2)
    if not threshold_v:
        return None
    step_v = round(OVERDRIVE * threshold_v, 3)
    latency_s = median_s([0.0, 1e-6, 0.04], [0.0, step_v, step_v])
    return Scale(threshold_v, round(latency_s, 7)) if latency_s else None


def reference_items(card: ModelCard, scale: Scale, residue_s: float = 20e-3) -> list[Item]:
    """Return the items of the identification plan of a device, without values."""
    is_neuron = card.circuit != "memristor"
    items = [
        _item("step" if is_neuron else "closing", _step(scale, level, scale.time_s(width)),
              amplitude_v=scale.level_v(level), gate=is_neuron)
        for level, width in STEPS
    ]  # fmt: skip
    if is_neuron:
        over_v = scale.level_v(OVERDRIVE)
        for kind, first, second, gaps in (
            ("probe", PUMP, PROBE, PROBE_GAPS), ("second", PAIR, PROBE, PAIR_GAPS)
        ):  # fmt: skip
            for gap in gaps:
                gap_s = scale.time_s(gap)
                pair = _pair(scale.time_s(first), over_v, gap_s, scale.time_s(second), over_v)
                items.append(_item(kind, pair, gap_s=gap_s))
        long = _step(scale, 1.0, LONG_S)
        for begin, end in INTERVALS:
            items.append(_item("interval", long, at={"from": begin, "to": end}))
        items.append(_item("recovery", long))
    for dwell, gap in DWELLS:
        dwell_s, gap_s = round(dwell * residue_s, 6), round(gap * residue_s, 6)
        pair = _pair(dwell_s, scale.level_v(DWELL_LEVEL), gap_s, scale.time_s(TEST),
                     scale.level_v(1.0))  # fmt: skip
        items.append(_item("dwell", pair, gate=False, dwell_s=dwell_s, gap_s=gap_s))
    for kind, (level, fall) in (("slow_hold", SLOW), ("fast_hold", FAST)):
        items.append(_item(kind, _fall(scale, level, fall), gate=False, fall_s=scale.time_s(fall)))
    read = _read(scale)
    items += [_item("relaxation", read, gate=False, level=level) for level in LEVELS]
    for level in OFF_LEVELS:
        pulse = _step(scale, level, scale.time_s(OFF))
        items.append(_item("off_current", pulse, gate=False, amplitude_v=scale.level_v(level)))
    return items


def with_trials(
    items: Sequence[Item], card: ModelCard, loading: Loading, seed: int, effort: float = 1.0
) -> list[Item]:
    """Return items with trials drawn from a card, as often as a characterization repeats them."""
    plan = Plan(tuple(items), loading)
    repeats = [max(round(effort * REPEATS[item.kind]), 1) for item in items]
    (trials,) = plan.simulate([card], repeats, seed)
    return [with_values(item, values) for item, values in zip(items, trials, strict=True)]


def with_values(item: Item, values: FloatArray) -> Item:
    """Return an item with the values of trials; those at the end of its window are bounds."""
    width_s = np.inf
    if isinstance(item.stimulus, PulseTrain) and item.kind != "off_current":
        width_s = item.stimulus.pulses[-1].width_s
    return replace(item, values=values, is_censored=values >= width_s)


def _item(
    kind: str,
    stimulus: Stimulus,
    gate: bool = True,
    at: Mapping[str, float] | None = None,
    **more: float,
) -> Item:
    return Item(kind, stimulus, Connection() if gate else GROUNDED, at={**(at or {}), **more})


def _step(scale: Scale, level: float, width_s: float) -> PulseTrain:
    pulse = Pulse(0.0, width_s, scale.level_v(level))
    return PulseTrain((pulse,), duration_s=pulse.end_s + 2e-5)


def _pair(
    first_s: float, first_v: float, gap_s: float, second_s: float, second_v: float
) -> PulseTrain:
    first = Pulse(0.0, first_s, first_v)
    second = Pulse(round(first.end_s + gap_s, 9), second_s, second_v)
    return PulseTrain((first, second), second.end_s + 2e-5)


def _fall(scale: Scale, level: float, fall: float) -> Waveform:
    dwell_s = scale.time_s(FALL_DWELL)
    fall_s = round(dwell_s + 1e-6, 9)
    end_s = round(fall_s + scale.time_s(fall), 9)
    top_v = scale.level_v(DWELL_LEVEL)
    return Waveform(
        np.array([0.0, 1e-6, dwell_s, fall_s, end_s]),
        np.array([0.0, top_v, top_v, scale.level_v(level), 0.0]),
        round(end_s + 1e-5, 9),
    )


def _read(scale: Scale) -> Waveform:
    dwell_s, read_s = scale.time_s(FALL_DWELL), scale.time_s(READ)
    end_s, level_v = round(dwell_s + read_s, 9), scale.level_v(DWELL_LEVEL)
    return Waveform(
        np.array([0.0, 1e-6, dwell_s, dwell_s + 1e-6, end_s, end_s + 1e-6]),
        np.array([0.0, level_v, level_v, READ_V, READ_V, 0.0]),
        round(end_s + 2e-5, 9),
    )
