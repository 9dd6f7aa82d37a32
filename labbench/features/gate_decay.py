"""The gate's time constant after a spike, from a follower or from the shape of the output alone.

The gate falls as ``A exp(-t / tau)``, ``tau = R_c C_g``. The output shows it through the
transistor: with the long-channel law that holds from subthreshold to saturation (Enz, Krummenacher
and Vittoz, Analog Integr. Circuits Signal Process. 8, 83 (1995); equation (9) of
`labbench.model.output`),

    V_d = top - S [F(u) - F(u - V_d / V_T)],  F(u) = ln^2(1 + e^(u/2)),  u = a exp(-t / tau) - c

where S, a and c gather the load resistance, the transconductance, the slope factor and the
threshold voltage. The shape of V_d(t) tells all of them together with tau, so that no card and no
value of the transistor is needed: only that law, and V_T at room temperature. A transistor that
obeys another law shifts tau by more than the standard error says.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import hypot, log, nan, sqrt

import numpy as np
from numpy.typing import NDArray

from labbench.features.exponential import exponential_fit
from labbench.features.feature import Feature, Outcome, Response
from labbench.features.statistics import log_mean
from labbench.spikes import find_spikes, rising_crossings
from labbench.stimulus import PulseTrain

FloatArray = NDArray[np.float64]

THERMAL_VOLTAGE_V = 25.85e-3  # k T / q at 300 K
FEWEST_RETURNS = 5
# The return is read from this part of the resting output on: below, the filament still conducts.
START_FRACTION = 0.7
# Returns are averaged in bins of this part of the time from half to all but a tenth of the output.
_BIN = 0.02
# A return must last this many of those times: less does not tell the subthreshold part.
_LEAST, _MOST = 2.5, 12.0
_FREE = 5
# What the rest of the filament leaks into the gate: on the model tau comes out up to 1 % off.
LEAK_ERROR = 0.01


def gate_decay(responses: Sequence[Response]) -> Feature:
    """Return the time constant with which the gate falls after spikes.

    From the channel "gate" (a follower) where the traces have it, else from the output; see the
    module. Parts of a record that a new pulse or spike cuts short are left out.

    Returns
    -------
    Feature
        `n` counts the returns. TOO_FEW with fewer than five, NOT_CONVERGED or NOT_IDENTIFIABLE
        where their shape does not tell tau.
    """
    if responses and all("gate" in response.trace.channels for response in responses):
        return _from_gate(responses)
    returns = [one for response in responses for one in _returns(response)]
    span_s = float(np.median([one[2] for one in returns])) if returns else nan
    # One return leaves the subthreshold part, a few millivolt, to the noise; many of them do not.
    long = [one[:2] for one in returns if one[0][-1] > _LEAST * span_s]
    if len(long) < FEWEST_RETURNS:
        return Feature("gate_decay", nan, "s", n=len(long), outcome=Outcome.TOO_FEW)
    tau_s, error_s = _fit(*_averaged(long, _BIN * span_s), span_s)
    if not np.isfinite(tau_s):
        return Feature("gate_decay", nan, "s", n=len(long), outcome=Outcome.NOT_CONVERGED)
    if not error_s < 0.5 * tau_s:
        return Feature("gate_decay", nan, "s", n=len(long), outcome=Outcome.NOT_IDENTIFIABLE)
    error_s = hypot(error_s, LEAK_ERROR * tau_s)
    return Feature("gate_decay", tau_s, "s", error_s, len(long))


def _returns(response: Response) -> list[tuple[FloatArray, FloatArray, float]]:
    """Return the output after each spike from half its resting level on.

    Returns
    -------
    list of (time_s, output_v, span_s)
        Times from the passage of half the resting level, until the next spike or pulse, or the end
        of the record. The span goes up to nine tenths; returns that end before are left out, and
        those that begin within or after a later pulse, because the memristor then leaks into
        the gate.
    """
    if not isinstance(response.stimulus, PulseTrain):
        return []
    spikes = find_spikes(response.trace)
    time_s, output_v = response.trace.time_s, response.trace.values("output")
    pulses = response.stimulus.pulses
    found = []
    for spike_s, next_s in pairwise((*spikes.time_s, time_s[-1])):
        first, last = np.searchsorted(time_s, (spike_s, next_s))
        part_s, part_v = time_s[first:last], output_v[first:last]
        half_s = _passage_s(part_s, part_v, 0.5 * spikes.resting_v)
        most_s = _passage_s(part_s, part_v, 0.9 * spikes.resting_v)
        if half_s is None or most_s is None:
            continue
        is_disturbed = any(
            spike_s < p.start_s < half_s or p.start_s < half_s < p.end_s for p in pulses
        )
        if is_disturbed:
            continue
        end_s = min([p.start_s for p in pulses if p.start_s > half_s], default=next_s)
        if half_s < most_s < end_s:
            keep = (part_s >= half_s) & (part_s < end_s)
            found.append((part_s[keep] - half_s, part_v[keep], most_s - half_s))
    return found


def _passage_s(time_s: FloatArray, values: FloatArray, level: float) -> float | None:
    """Return when values rise through a level; noise that crosses it again counts half and half."""
    crossings_s = rising_crossings(time_s, values, level)
    return float(np.median(crossings_s)) if crossings_s.size else None


def _averaged(
    returns: Sequence[tuple[FloatArray, FloatArray]], width_s: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return mean time, mean output and number of samples in bins of a width, from the start on."""
    time_s = np.concatenate([since_s for since_s, _ in returns])
    output_v = np.concatenate([values for _, values in returns])
    near = time_s < _MOST / _BIN * width_s
    place = (time_s[near] / width_s).astype(int)
    counts = np.bincount(place)
    seen = counts > 0
    weight = counts[seen].astype(np.float64)
    mean_s, mean_v = (
        np.bincount(place, values[near])[seen] / weight for values in (time_s, output_v)
    )
    first = int(np.argmax(mean_v > START_FRACTION * mean_v[-1]))
    return mean_s[first:], mean_v[first:], weight[first:]


def _fit(
    time_s: FloatArray, output_v: FloatArray, weight: FloatArray, span_s: float
) -> tuple[float, float]:
    """Return tau and its standard error; NaN if no start settles.

    The residuals give the noise, so the error follows from their size.
    """
    from scipy.optimize import least_squares  # slow to import

    top_v = float(output_v[-1])
    drain = output_v / THERMAL_VOLTAGE_V
    root = np.sqrt(weight)

    def residual(p: FloatArray) -> FloatArray:
        a, log_tau, c, log_scale, top = p
        u = a * np.exp(-time_s / np.exp(log_tau)) - c
        current = np.logaddexp(0, u / 2) ** 2 - np.logaddexp(0, (u - drain) / 2) ** 2
        return np.asarray(root * (top - np.exp(log_scale) * current - output_v))

    best = None
    for spans in (0.5, 1.5, 4.0):
        start = np.array([9.0, log(spans * span_s), 6.0, log(0.15 * top_v), top_v])
        low = [0.5, log(0.02 * span_s), -5.0, log(1e-4 * top_v), 0.8 * top_v]
        high = [60.0, log(50 * span_s), 50.0, log(10 * top_v), 1.2 * top_v]
        found = least_squares(residual, start, bounds=(low, high), x_scale=(1, 0.3, 1, 0.3, 1e-3))
        if found.status > 0 and (best is None or found.cost < best.cost):
            best = found
    if best is None or time_s.size <= _FREE:
        return nan, nan
    covariance = np.linalg.pinv(best.jac.T @ best.jac) * 2 * best.cost / (time_s.size - _FREE)
    tau_s = float(np.exp(best.x[1]))
    return tau_s, tau_s * sqrt(float(covariance[1, 1]))


def _from_gate(responses: Sequence[Response]) -> Feature:
    times_s = [tau_s for response in responses if (tau_s := _gate_tau_s(response)) is not None]
    if len(times_s) < FEWEST_RETURNS:
        return Feature("gate_decay", nan, "s", n=len(times_s), outcome=Outcome.TOO_FEW)
    mean_s, error_s = log_mean(times_s)
    return Feature("gate_decay", mean_s, "s", error_s, len(times_s))


def _gate_tau_s(response: Response) -> float | None:
    """Fit the gate from half of what it had at the end of the last pulse on."""
    if not isinstance(response.stimulus, PulseTrain) or not len(find_spikes(response.trace)):
        return None
    time_s, gate_v = response.trace.time_s, response.trace.values("gate")
    after = time_s > response.stimulus.pulses[-1].end_s
    time_s, gate_v = time_s[after], gate_v[after]
    if not gate_v.size:
        return None
    below = gate_v < 0.5 * gate_v[0]
    if gate_v[0] <= 0 or not below.any():
        return None
    first = int(np.argmax(below))
    bins = np.array_split(np.arange(first, time_s.size), 60)
    means = np.array([(time_s[b].mean(), gate_v[b].mean()) for b in bins if b.size])
    noise_v = float(np.std(np.diff(means[:, 1], 2))) / sqrt(6) or 1e-9
    fit = exponential_fit(means[:, 0] - means[0, 0], means[:, 1], np.full(len(means), noise_v))
    return fit.tau.value if fit is not None and fit.is_identified else None
