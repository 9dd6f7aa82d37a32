"""Energy per output spike, as far as a bench can measure it: the branch of the supply.

The current through the load resistor follows from the drain alone, whatever takes it there::

    I = (V_supply - V_drain) / R_load
    supply V_supply I  =  load R_load I^2  +  transistor V_drain I

The record is cut into windows as the model's own account is (`spike_windows`): one for each spike,
between half-way to the spike before and half-way to the one after; idle and latched time apart.
The input's branch flows in picoampere and microampere which this wiring does not see: its share is
inferred with a card (`labbench.compare.inferred_energy`).

What is in the numbers: "transistor" is all that flows into the drain, with the probe's current
(50 nA at 0.5 V and 10 MOhm: nearly all that flows at rest) and that of a following stage. Noise of
variance s^2 on the drain adds s^2 / R_load to the mean power of the load and takes it from the
transistor; it is measured before the stimulus and taken out again. Half a step of the converter
does not average out and is part of every stderr. Errors of gain and offset of the scope, of the
load resistor and of the supply's voltage are in none: the supply is taken to hold its voltage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, nan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import cumulative_trapezoid

from labbench.features.feature import Feature, Outcome, Response
from labbench.features.pulses import timing_error_s
from labbench.features.spike_windows import SpikeWindow, cut_record
from labbench.spikes import REARM_FRACTION, find_spikes
from labbench.stimulus import PulseTrain
from labbench.trace import Channel

VERSION = "1"

FEWEST_SPIKES = 10
# A drain that stays low this many times as long as usual is latched; where none ever came back,
# one that stays low for LATCHED_S.
LATCHED_AFTER = 10.0
LATCHED_S = 10e-3

FloatArray = NDArray[np.float64]
BRANCH = ("supply_energy", "load_energy", "transistor_energy")


@dataclass(frozen=True, eq=False)
class SupplyAccount:
    """What the supply gave in each window of one record.

    Attributes
    ----------
    windows : tuple of SpikeWindow
        In order and without gaps, from 0 s to the last sample.
    energy_j : (k, 3) float64 array
        Supply, load and transistor in each window.
    offset_w : float
        Standard error of the supply's power that the converter's steps leave.
    """

    windows: tuple[SpikeWindow, ...]
    energy_j: FloatArray
    offset_w: float

    def of(self, kind: str) -> tuple[FloatArray, float]:
        """Return energies (m, 3) of the windows of one kind, and their whole length in s."""
        is_kind = np.array([window.kind == kind for window in self.windows])
        length_s = sum(w.end_s - w.start_s for w in self.windows if w.kind == kind)
        return self.energy_j[is_kind], length_s


def energy_per_spike(responses: Sequence[Response]) -> list[Feature]:
    """Return the energy that the supply gives for a spike, by element, and what flows besides.

    Parameters
    ----------
    responses : sequence of Response
        To single pulses; others are passed over. The connection says load resistor and supply.

    Returns
    -------
    list of Feature
        At each amplitude and width with enough whole spikes: ``supply_energy``, ``load_energy``,
        ``transistor_energy`` (J for one spike); ``idle_power`` (W out of the supply between the
        windows of spikes); ``latched_time`` (s of a record) and, if there is any,
        ``latched_power`` (W). One feature "out of reach" where the output, the load resistor or
        the supply is not known.
    """
    trains = [response for response in responses if is_single(response)]
    seen = [r for r in trains if is_measurable(r)]
    if not seen:
        outcome = Outcome.OUT_OF_REACH if trains else Outcome.TOO_FEW
        return [Feature(BRANCH[0], nan, "J", n=0, outcome=outcome)]
    held_s = _held_s(seen)
    features: list[Feature] = []
    for (amplitude_v, width_s), group in by_condition(seen).items():
        accounts = [supply_account(response, held_s) for response in group]
        at = {"amplitude_v": amplitude_v, "width_s": width_s}
        features += _of_condition(accounts, at, timing_error_s(group))
    if features:
        return features
    # Not one condition has enough: the strongest says why.
    accounts = [supply_account(response, held_s) for response in seen]
    kinds = {window.kind for account in accounts for window in account.windows}
    outcome = Outcome.TOO_FEW if kinds & {"spike", "cut"} else Outcome.DID_NOT_FIRE
    return [Feature(BRANCH[0], nan, "J", n=0, outcome=outcome)]


def is_single(response: Response) -> bool:
    """Whether the stimulus is a single pulse."""
    return isinstance(response.stimulus, PulseTrain) and len(response.stimulus.pulses) == 1


def is_measurable(response: Response) -> bool:
    """Whether a response shows its output, load resistor and supply."""
    made = response.connection
    known = made.load_resistance_ohm and made.supply_v
    return bool(known) and made.gate != "grounded" and "output" in response.trace.channels


def by_condition(responses: Sequence[Response]) -> dict[tuple[float, float], list[Response]]:
    """Return responses to single pulses by amplitude in V and width in s, to six digits."""
    groups: dict[tuple[float, float], list[Response]] = {}
    for response in responses:
        assert isinstance(response.stimulus, PulseTrain)
        pulse = response.stimulus.pulses[0]
        key = float(f"{pulse.amplitude_v:.6g}"), float(f"{pulse.width_s:.6g}")
        groups.setdefault(key, []).append(response)
    return dict(sorted(groups.items()))


def supply_account(response: Response, held_s: float = LATCHED_S) -> SupplyAccount:
    """Account for what the supply gave in each window of a measurable response.

    Parameters
    ----------
    response : Response
    held_s : float
        How long the output may stay low before it counts as latched.
    """
    trace, made = response.trace, response.connection
    assert made.supply_v is not None
    assert made.load_resistance_ohm is not None
    time_s, drain_v = trace.time_s, trace.values("output")
    current_a = (made.supply_v - drain_v) / made.load_resistance_ohm
    at_rest = time_s < 0.0
    noise_v2 = float(np.var(drain_v[at_rest], ddof=1)) if at_rest.sum() > 1 else 0.0
    load_w = made.load_resistance_ohm * current_a**2 - noise_v2 / made.load_resistance_ohm
    supply_w = made.supply_v * current_a
    powers = np.column_stack([supply_w, load_w, supply_w - load_w])
    spent_j = cumulative_trapezoid(powers, time_s, axis=0, initial=0.0)
    spike_s, return_s = _spikes_and_returns(response)
    windows = cut_record(spike_s, return_s, held_s, float(time_s[-1]))
    borders_s = [0.0, *(window.end_s for window in windows)]
    at_border_j = [np.interp(borders_s, time_s, column) for column in spent_j.T]
    offset_v = _step_v(trace.channel("output")) / sqrt(12)
    return SupplyAccount(
        tuple(windows),
        np.diff(np.column_stack(at_border_j), axis=0),
        made.supply_v * offset_v / made.load_resistance_ohm,
    )


def _spikes_and_returns(response: Response) -> tuple[FloatArray, FloatArray]:
    """Return when the output fell, (k,), and when it came back, the record's end if never, (k,)."""
    trace = response.trace
    time_s, output_v = trace.time_s, trace.values("output")
    spikes = find_spikes(trace)
    spike_s = spikes.time_s[spikes.time_s >= 0.0]
    up_s = np.r_[time_s[output_v >= REARM_FRACTION * spikes.resting_v], time_s[-1]]
    return spike_s, up_s[np.searchsorted(up_s[:-1], spike_s)]


def _held_s(responses: Sequence[Response]) -> float:
    """Return how long an output may stay low: ten times as long as usual."""
    low_s: list[float] = []
    for response in responses:
        spike_s, return_s = _spikes_and_returns(response)
        came_back = return_s < response.trace.time_s[-1]
        low_s += (return_s - spike_s)[came_back].tolist()
    return LATCHED_AFTER * float(np.median(low_s)) if low_s else LATCHED_S


def _step_v(channel: Channel) -> float:
    """Return the step of the converter; 0 where samples are not counts.

    Words may be wider than the converter: then only every so many counts occur.
    """
    if channel.raw.dtype.kind != "i":
        return 0.0
    counts = np.unique(channel.raw).astype(np.int64)
    return abs(channel.scale) * float(np.gcd.reduce(np.diff(counts))) if counts.size > 1 else 0.0


def _of_condition(
    accounts: Sequence[SupplyAccount], at: dict[str, float], timing_s: float
) -> list[Feature]:
    offset_w = max(account.offset_w for account in accounts)
    spikes = [account.of("spike") for account in accounts]
    n = sum(len(energy_j) for energy_j, _ in spikes)
    latched = [account.of("latched") for account in accounts]
    latched_s = np.array([length_s for _, length_s in latched])
    if n < FEWEST_SPIKES and not latched_s.any():
        return []
    features = []
    for column, name in enumerate(BRANCH):
        if n < FEWEST_SPIKES:
            features.append(Feature(name, nan, "J", n=n, outcome=Outcome.LATCHED, at=at))
            continue
        mean_s = sum(length_s for _, length_s in spikes) / n
        value, error = of_records([(e[:, column].sum(), len(e)) for e, _ in spikes])
        # An error of the drain voltage moves load and transistor by no more than the supply.
        error = hypot(error, offset_w * mean_s)
        features.append(Feature(name, value, "J", error, n, at=at))
    features += _power("idle_power", [account.of("idle") for account in accounts], at, offset_w)
    k = len(accounts)
    error_s = float(np.std(latched_s, ddof=1)) / sqrt(k) if k > 1 else nan
    error_s = hypot(error_s, timing_s)
    features.append(Feature("latched_time", float(latched_s.mean()), "s", error_s, k, at=at))
    if latched_s.any():
        features += _power("latched_power", latched, at, offset_w)
    return features


def _power(
    name: str,
    stretches: Sequence[tuple[FloatArray, float]],
    at: dict[str, float],
    offset_w: float,
) -> list[Feature]:
    """Return the supply's mean power over stretches of records; nothing where there are none."""
    used = [(energy_j[:, 0].sum(), length_s) for energy_j, length_s in stretches if length_s > 0]
    if not used:
        return []
    value, error = of_records(used)
    return [Feature(name, value, "W", hypot(error, offset_w), len(used), at=at)]


def of_records(records: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return sum of the first over sum of the second, and its stderr between whole records.

    Spikes of one record share its course; records are independent (ratio estimate: Cochran,
    Sampling Techniques, section 6.3). NaN error from one record.
    """
    above, below = np.array(records, dtype=np.float64).T
    value = float(above.sum() / below.sum())
    k = above.size
    if k < 2:
        return value, nan
    spread = float(np.sum((above - value * below) ** 2))
    return value, sqrt(k / (k - 1) * spread) / float(below.sum())
