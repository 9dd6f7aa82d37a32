"""The integrator: explicit Dormand-Prince 5(4) with located events, compiled with numba.

Steps end exactly at every breakpoint of the stimulus and at every event: entry to and exit from
the slide on s = 1, and jumps. An event is located by re-stepping a fraction of the same step, so
its time carries the accuracy of the method, not of an interpolant. Output samples and threshold
crossings come from the method's own fourth-order interpolant (Hairer, Norsett, Wanner, Solving
ODEs I, section II.6).
"""

from __future__ import annotations

from math import inf, sqrt

import numpy as np
from numba import njit

from labbench.model.equations import (
    C_NODE,
    C_PARALLEL,
    CIRCUIT,
    ETA,
    HAZARD,
    N_STATES,
    NEURON,
    F,
    R,
    V,
    device_voltage,
    rates,
    slope,
)
from labbench.model.random import exponential

# How an integration ended.
DONE, EVENTS_FULL, TOO_MANY_STEPS = 0, 1, 2
# Kinds of events, and their names in event files.
ON, OFF, JUMP, SPIKE = 0, 1, 2, 3
EVENT_NAMES = ("on", "off", "jump", "spike")

# A spike is an upward crossing of the threshold, re-armed below this fraction of it.
REARM = 0.8
_SMALLEST_STEP_S = 1e-15

_C = np.array([0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0])
_A = np.array(
    [
        [0, 0, 0, 0, 0, 0],
        [1 / 5, 0, 0, 0, 0, 0],
        [3 / 40, 9 / 40, 0, 0, 0, 0],
        [44 / 45, -56 / 15, 32 / 9, 0, 0, 0],
        [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729, 0, 0],
        [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656, 0],
        [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
    ]
)
_E = np.array(
    [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40],
)
_D = np.array(
    [
        -12715105075 / 11282082432,
        0,
        87487479700 / 32700410799,
        -10690763975 / 1880347072,
        701980252875 / 199316789632,
        -1453857185 / 822651844,
        69997945 / 29380423,
    ]
)


@njit(cache=True)
def _step(y, u, du, h, is_sliding, p, k, work, y_new):
    """Advance by one step of h; `k[0]` holds the slope at the start, `k[6]` that at the end."""
    for stage in range(1, 7):
        for j in range(N_STATES):
            total = 0.0
            for i in range(stage):
                total += _A[stage, i] * k[i, j]
            work[j] = y[j] + h * total
        slope(work, u + du * _C[stage] * h, du, is_sliding, p, k[stage])
    y_new[:] = work


@njit(cache=True)
def _error(y, y_new, k, h, rtol):
    """Return the error of f, r and V over its tolerance; at most 1 is good."""
    total = 0.0
    for j in (F, R, V):
        estimate = 0.0
        for i in range(7):
            estimate += _E[i] * k[i, j]
        scale = rtol * (1e-2 + max(abs(y[j]), abs(y_new[j])))
        total += (h * estimate / scale) ** 2
    return sqrt(total / 3.0)


@njit(cache=True)
def _event_value(y, u, is_sliding, target, p):
    """Return (largest event function, its kind); positive once the event has happened."""
    a, b = rates(y, device_voltage(y, u, p), p)
    if is_sliding:
        value, kind = -(a + b), OFF
    else:
        value, kind = y[F] + y[R] - 1.0, ON
    if y[HAZARD] - target > value:
        value, kind = y[HAZARD] - target, JUMP
    return value, kind


@njit(cache=True)
def _locate(y, u, du, h, is_sliding, target, p, k, work, y_new):
    """Shorten the step to the first event in it; return (step, kind of event).

    False position with the Illinois weighting, a bisection every third try.
    """
    low, high = 0.0, h
    g_low = _event_value(y, u, is_sliding, target, p)[0]
    g_high, kind = _event_value(y_new, u + du * h, is_sliding, target, p)
    g_low = min(g_low, 0.0)
    for attempt in range(80):
        if high - low <= 1e-13 or high - low <= 1e-12 * h:
            break
        if attempt % 3 == 2 or g_low == 0.0 or g_high == inf:
            middle = 0.5 * (low + high)
        else:
            middle = low + (high - low) * g_low / (g_low - g_high)
        _step(y, u, du, middle, is_sliding, p, k, work, y_new)
        g, what = _event_value(y_new, u + du * middle, is_sliding, target, p)
        if g > 0.0:
            high, g_high, kind = middle, g, what
            g_low *= 0.5
        else:
            low, g_low = middle, g
            g_high *= 0.5
    _step(y, u, du, high, is_sliding, p, k, work, y_new)
    return high, kind


@njit(cache=True)
def _interpolate(y, y_new, k, h, theta, j):
    """Return component j inside the last step, at fraction theta of it."""
    difference = y_new[j] - y[j]
    spline = h * k[0, j] - difference
    last = 0.0
    for i in range(7):
        last += _D[i] * k[i, j]
    rest = 1.0 - theta
    return y[j] + theta * (
        difference + rest * (spline + theta * (difference - h * k[6, j] - spline + rest * h * last))
    )


@njit(cache=True)
def _crossing(y, y_new, k, h, level):
    """Return the fraction of the step at which V crosses `level`, by bisection."""
    low, high = 0.0, 1.0
    rises = y_new[V] > y[V]
    for _ in range(50):
        middle = 0.5 * (low + high)
        if (_interpolate(y, y_new, k, h, middle, V) >= level) == rises:
            high = middle
        else:
            low = middle
    return high


@njit(cache=True)
def integrate(
    p, y, flags, target, key, draws, t, corner_s, level, sample_s, samples, event_s, event_kind,
    threshold_v, rtol, max_steps,
):  # fmt: skip
    """Integrate from time t to the last sample, through the corners of the source.

    Parameters
    ----------
    p : (18,) float64 array
        Constants from `equations.pack`.
    y : (7,) float64 array
        State; replaced by the final one.
    flags : (2,) int64 array
        Whether the state slides on s = 1, whether a spike is armed; replaced.
    target, key, draws : float, uint64, int
        Hazard at which the next jump comes, random stream, draws made from it.
    t : float
        Start time in s.
    corner_s, level : (k,) float64 arrays
        Source breakpoints, absolute times; the level is constant outside of them.
    sample_s : (n,) float64 array
        Ascending sample times, the last one ends the integration.
    samples : (n, 3) float64 array
        Filled with f, r and V.
    event_s, event_kind : (e,) arrays
        Filled with the events.
    threshold_v : float
        Node voltage whose upward crossing is a spike.
    rtol : float
    max_steps : int

    Returns
    -------
    status, number of events, number of steps, target, draws
    """
    k = np.empty((7, N_STATES))
    work = np.empty(N_STATES)
    y_new = np.empty(N_STATES)
    is_sliding, is_armed = flags[0] == 1, flags[1] == 1
    n_events = n_steps = j_sample = 0
    end = sample_s[-1]
    while j_sample < sample_s.size and sample_s[j_sample] <= t:
        samples[j_sample, :] = y[:3]
        j_sample += 1
    corner = np.searchsorted(corner_s, t, side="right")
    h = 1e-7
    while t < end:
        # The stretch up to the next corner: the source is linear on it.
        t_next = min(corner_s[corner], end) if corner < corner_s.size else end
        if corner == 0:
            u_start, du = level[0], 0.0
        elif corner == corner_s.size:
            u_start, du = level[-1], 0.0
        else:
            du = (level[corner] - level[corner - 1]) / (corner_s[corner] - corner_s[corner - 1])
            u_start = level[corner - 1] + du * (t - corner_s[corner - 1])
        t_start = t
        h = min(h, 1e-6)
        if is_sliding:
            a, b = rates(y, device_voltage(y, u_start, p), p)
            if a + b <= 0.0:
                is_sliding = False
                if n_events == event_s.size:
                    return EVENTS_FULL, n_events, n_steps, target, draws
                event_s[n_events], event_kind[n_events] = t, OFF
                n_events += 1
        slope(y, u_start, du, is_sliding, p, k[0])
        while t < t_next:
            if n_steps >= max_steps or h < _SMALLEST_STEP_S:
                return TOO_MANY_STEPS, n_events, n_steps, target, draws
            n_steps += 1
            # Two last steps of equal length beat a full one and a crumb.
            left = t_next - t
            trial = left if h >= left else (0.5 * left if 2.0 * h > left else h)
            u = u_start + du * (t - t_start)
            _step(y, u, du, trial, is_sliding, p, k, work, y_new)
            error = _error(y, y_new, k, trial, rtol)
            if not error <= 1.0:
                h = trial * max(0.2, 0.9 * error**-0.2) if error < inf else 0.1 * trial
                continue
            growth = min(5.0, 0.9 * error**-0.2) if error > 0.0 else 5.0
            # A step cut short by a corner says little about the next one.
            h = max(h, trial * growth) if trial < h and growth >= 1.0 else trial * growth
            kind = -1
            if _event_value(y_new, u + du * trial, is_sliding, target, p)[0] > 0.0:
                full = trial
                trial, kind = _locate(y, u, du, trial, is_sliding, target, p, k, work, y_new)
                h = max(0.05 * full, 1e-8)
            is_last = kind < 0 and trial == left
            t_new = t_next if is_last else t + trial
            while j_sample < sample_s.size and sample_s[j_sample] <= t_new:
                theta = min((sample_s[j_sample] - t) / trial, 1.0)
                for j in range(3):
                    samples[j_sample, j] = _interpolate(y, y_new, k, trial, theta, j)
                j_sample += 1
            if n_events + 2 > event_s.size:
                return EVENTS_FULL, n_events, n_steps, target, draws
            if is_armed and y[V] < threshold_v <= y_new[V]:
                event_s[n_events] = t + trial * _crossing(y, y_new, k, trial, threshold_v)
                event_kind[n_events] = SPIKE
                n_events += 1
                is_armed = False
            elif y_new[V] < REARM * threshold_v:
                is_armed = True
            y[:] = y_new
            t = t_new
            if kind >= 0:
                event_s[n_events], event_kind[n_events] = t, kind
                n_events += 1
                if kind == JUMP:
                    y[F] *= 1.0 - p[ETA]
                    y[HAZARD] = 0.0
                    target = exponential(key, draws)
                    draws += 1
                    is_sliding = False
                else:
                    # On the slide s is 1 by definition, not by the accuracy of the root.
                    y[R] = 1.0 - y[F]
                    is_sliding = kind == ON
                slope(y, u_start + du * (t - t_start), du, is_sliding, p, k[0])
            else:
                k[0, :] = k[6]
        corner = np.searchsorted(corner_s, t, side="right")
        if corner < corner_s.size and corner > 0 and corner_s[corner - 1] == t:
            # A step of the source couples through the capacitance across the memristor.
            first = np.searchsorted(corner_s, t, side="left")
            y[V] += _coupled(level[corner - 1] - level[first], p)
    flags[0], flags[1] = is_sliding, is_armed
    return DONE, n_events, n_steps, target, draws


@njit(cache=True)
def _coupled(step, p):
    if p[CIRCUIT] != NEURON:
        return 0.0
    return step * p[C_PARALLEL] / (p[C_NODE] + p[C_PARALLEL])
