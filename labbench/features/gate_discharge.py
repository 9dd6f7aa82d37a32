"""Gate discharge: how the control resistor paces a neuron, and how the gate decays by itself.

After a spike the filament is open and the gate discharges through the control resistor, so that
under a constant input, with u the input, Cg the gate's capacitance and Rc the control resistance,
roughly::

    interval = Rc Cg ln(u / (u - V_th)) + latency
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import e, hypot, nan, sqrt

import numpy as np
from numpy.typing import NDArray

from labbench.features.feature import Feature, Outcome, Response
from labbench.features.pulses import timing_error_s
from labbench.features.statistics import log_mean
from labbench.spikes import REARM_FRACTION, find_spikes
from labbench.stimulus import PulseTrain

VERSION = "1"

FloatArray = NDArray[np.float64]
FEWEST_TRIALS = 3
# Steps are the single pulses at least this long, relative to the longest.
STEP = 0.5
# A decay is read where the drive leaves the gate at this part of its largest excursion or above.
LEFT = 0.2
# How far a decay is followed, in time constants.
FOLLOWED = 2.0
_MOST_STEPS, _SETTLED = 20, 1e-9


def gate_discharge(responses: Sequence[Response]) -> list[Feature]:
    """Return intervals against the control resistance, and the decay of the gate.

    Parameters
    ----------
    responses : sequence of Response
        To single pulses: long ones with the gate open and the control resistance known, and
        others with a follower at the gate.

    Returns
    -------
    list of Feature
        ``interval`` (mean over a step, then over steps) at each control resistance;
        ``interval_slope`` and ``interval_offset`` of the line through them (weighted least
        squares; errors grow with what the line leaves unexplained); ``gate_decay`` (time constant
        of the gate behind the end of the drive, measured; the follower's capacitance is in it).
    """
    single = [r for r in responses if _is_single(r)]
    steps = _steps_by_resistance([r for r in single if r.connection.gate == "open"])
    watched = [r for r in single if "gate" in r.trace.channels]
    found = [_interval(at_ohm, each) for at_ohm, each in steps.items()]
    # Only a search came back: the wiring may well reach more, but the device never fired.
    is_silent = bool(single) and not any(len(find_spikes(r.trace)) for r in single)
    missing = Outcome.DID_NOT_FIRE if is_silent else Outcome.OUT_OF_REACH
    return [*found, *_line(found, missing), _decay(watched, missing)]


def decay_time_s(response: Response) -> float | None:
    """Return the time constant of the gate behind the end of the drive.

    An exponential is fitted by least squares to the voltage above its level before the stimulus.
    None if the drive left next to nothing on the gate, or the record ends before the gate is down
    to 1/e, or what is there is no exponential.
    """
    time_s, gate_v = response.trace.time_s, response.trace.values("gate")
    before = gate_v[time_s < 0.0]
    above_v = gate_v - (before.mean() if before.size else 0.0)
    behind = time_s >= response.stimulus.breakpoints()[0][-1]
    since_s, above_v = time_s[behind], above_v[behind]
    peak_v = float(gate_v.max())
    if since_s.size < 3 or peak_v <= 0.0:
        return None
    since_s = since_s - since_s[0]
    # Noise crosses a level several times on one passage: their median is the passage.
    start_v = float(np.median(above_v[:5]))
    low = above_v < start_v / e
    crossings = np.flatnonzero(low[1:] & ~low[:-1])
    if start_v < LEFT * peak_v or not crossings.size:
        return None
    rough_s = float(np.median(since_s[crossings]))
    inside = since_s <= FOLLOWED * rough_s
    return _fitted(since_s[inside], above_v[inside], start_v, rough_s)


def _fitted(
    since_s: FloatArray, above_v: FloatArray, start_v: float, rough_s: float
) -> float | None:
    """Return the time constant of the exponential through some voltages, by Gauss and Newton."""
    if since_s.size < 3 or rough_s <= 0.0:
        return None
    log_v, rate = float(np.log(start_v)), 1.0 / rough_s
    for _ in range(_MOST_STEPS):
        expected_v = np.exp(log_v - rate * since_s)
        design = np.column_stack([expected_v, -since_s * expected_v])
        step = np.linalg.lstsq(design, above_v - expected_v, rcond=None)[0]
        log_v, rate = log_v + float(step[0]), rate + float(step[1])
        if not 0.1 < rate * rough_s < 10.0:
            return None
        if abs(step[1]) < _SETTLED * rate:
            return 1.0 / rate
    return None


def _is_single(response: Response) -> bool:
    stimulus = response.stimulus
    return (
        isinstance(stimulus, PulseTrain)
        and len(stimulus.pulses) == 1
        and "output" in response.trace.channels
    )


def _steps_by_resistance(responses: Sequence[Response]) -> Mapping[float, list[Response]]:
    longest_s = max((_width_s(r) for r in responses), default=0.0)
    steps: dict[float, list[Response]] = {}
    for response in responses:
        resistance_ohm = response.connection.control_resistance_ohm
        if resistance_ohm is not None and _width_s(response) >= STEP * longest_s:
            steps.setdefault(resistance_ohm, []).append(response)
    return dict(sorted(steps.items()))


def _width_s(response: Response) -> float:
    corner_s = response.stimulus.breakpoints()[0]
    return float(corner_s[-1] - corner_s[0])


def _interval(resistance_ohm: float, steps: Sequence[Response]) -> Feature:
    at = {"control_resistance_ohm": resistance_ohm}
    spikes = [find_spikes(r.trace).time_s for r in steps]
    means_s = [float(np.diff(each).mean()) for each in spikes if each.size > 1]
    if len(means_s) >= FEWEST_TRIALS:
        error_s = float(np.std(means_s, ddof=1)) / sqrt(len(means_s))
        error_s = hypot(error_s, timing_error_s(steps))
        return Feature("interval", float(np.mean(means_s)), "s", error_s, len(means_s), at=at)
    outcome = Outcome.TOO_FEW
    if not any(each.size for each in spikes):
        outcome = Outcome.DID_NOT_FIRE
    elif 2 * sum(map(_is_latched, steps)) > len(steps):
        outcome = Outcome.LATCHED
    return Feature("interval", nan, "s", n=len(means_s), outcome=outcome, at=at)


def _is_latched(response: Response) -> bool:
    """Whether the output stayed down from the only spike to the end of the drive."""
    spikes = find_spikes(response.trace)
    if len(spikes) != 1:
        return False
    time_s = response.trace.time_s
    inside = (time_s > spikes.time_s[0]) & (time_s < response.stimulus.breakpoints()[0][-1])
    output_v = response.trace.values("output")[inside]
    return bool(output_v.max(initial=0.0) < REARM_FRACTION * spikes.resting_v)


def _line(intervals: Sequence[Feature], missing: Outcome) -> list[Feature]:
    """Return slope and offset of the intervals against the control resistance."""
    usable = [each for each in intervals if each.is_usable]
    names = (("interval_slope", "s/Ohm"), ("interval_offset", "s"))
    if len(usable) < 2:
        outcome = Outcome.TOO_FEW if len(intervals) > 1 else missing
        return [Feature(name, nan, unit, n=len(usable), outcome=outcome) for name, unit in names]
    x = np.array([each.at["control_resistance_ohm"] for each in usable])
    y, error = np.array([(each.value, each.stderr) for each in usable]).T
    scale = float(x.max())
    design = np.column_stack([x / scale, np.ones_like(x)]) / error[:, None]
    covariance = np.linalg.inv(design.T @ design)
    values = covariance @ design.T @ (y / error)
    freedom = x.size - 2
    misfit = float(np.sum((design @ values - y / error) ** 2)) / freedom if freedom else 1.0
    errors = np.sqrt(np.diag(covariance) * max(misfit, 1.0))
    n = sum(each.n for each in usable)
    per = (scale, 1.0)
    return [
        Feature(name, float(values[k] / per[k]), unit, float(errors[k] / per[k]), n)
        for k, (name, unit) in enumerate(names)
    ]


def _decay(watched: Sequence[Response], missing: Outcome) -> Feature:
    if not watched:
        return Feature("gate_decay", nan, "s", n=0, outcome=missing)
    times_s = [time_s for r in watched if (time_s := decay_time_s(r)) is not None]
    if len(times_s) < FEWEST_TRIALS:
        return Feature("gate_decay", nan, "s", n=len(times_s), outcome=Outcome.TOO_FEW)
    mean_s, scatter_s = log_mean(times_s)
    return Feature("gate_decay", mean_s, "s", scatter_s, len(times_s))
