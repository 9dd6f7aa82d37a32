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

from labbench.model.compiled import compiled
from labbench.model.equations import (
    C_NODE,
    C_PARALLEL,
    CIRCUIT,
    E_MEMRISTOR,
    E_RESISTOR,
    E_SOURCE,
    ETA,
    HAZARD,
    N_STATES,
    NEURON,
    F,
    R,
    V,
    device_voltage,
    hazard,
    rates,
    resistance,
    slope,
)
from labbench.model.random import exponential

# How an integration ended.
DONE, EVENTS_FULL, TOO_MANY_STEPS, STOPPED = 0, 1, 2, 3
# Kinds of events, and their names in event files.
ON, OFF, JUMP, SPIKE = 0, 1, 2, 3
EVENT_NAMES = ("on", "off", "jump", "spike")

# A spike is an upward crossing of the threshold, re-armed below this fraction of it.
REARM = 0.8
_SMALLEST_STEP_S = 1e-15


@compiled
def _step(y, u, du, h, is_sliding, p, k, y_new):
    """Advance by one step of h.

    `k[0]` holds slopes of (f, r, V) and powers at the start, `k[6]` those at the end. Hazard and
    energies do not feed back, so they take the method's quadrature only.
    """
    f, r, v = y[F], y[R], y[V]
    f1, r1, v1 = k[0, 0], k[0, 1], k[0, 2]
    c = h / 5
    f2, r2, v2, _, _, _ = slope(f + c * f1, r + c * r1, v + c * v1, u + du * c, du, is_sliding, p)
    a1, a2 = h * 3 / 40, h * 9 / 40
    fs, rs = f + a1 * f1 + a2 * f2, r + a1 * r1 + a2 * r2
    f3, r3, v3, s3, m3, e3 = slope(
        fs, rs, v + a1 * v1 + a2 * v2, u + du * h * 3 / 10, du, is_sliding, p
    )
    h3 = hazard(fs, p)
    a1, a2, a3 = h * 44 / 45, -h * 56 / 15, h * 32 / 9
    fs, rs = f + a1 * f1 + a2 * f2 + a3 * f3, r + a1 * r1 + a2 * r2 + a3 * r3
    f4, r4, v4, s4, m4, e4 = slope(
        fs, rs, v + a1 * v1 + a2 * v2 + a3 * v3, u + du * h * 4 / 5, du, is_sliding, p
    )
    h4 = hazard(fs, p)
    a1, a2, a3, a4 = h * 19372 / 6561, -h * 25360 / 2187, h * 64448 / 6561, -h * 212 / 729
    fs = f + a1 * f1 + a2 * f2 + a3 * f3 + a4 * f4
    rs = r + a1 * r1 + a2 * r2 + a3 * r3 + a4 * r4
    f5, r5, v5, s5, m5, e5 = slope(
        fs, rs, v + a1 * v1 + a2 * v2 + a3 * v3 + a4 * v4, u + du * h * 8 / 9, du, is_sliding, p
    )
    h5 = hazard(fs, p)
    a1, a2, a3 = h * 9017 / 3168, -h * 355 / 33, h * 46732 / 5247
    a4, a5 = h * 49 / 176, -h * 5103 / 18656
    fs = f + a1 * f1 + a2 * f2 + a3 * f3 + a4 * f4 + a5 * f5
    rs = r + a1 * r1 + a2 * r2 + a3 * r3 + a4 * r4 + a5 * r5
    f6, r6, v6, s6, m6, e6 = slope(
        fs, rs, v + a1 * v1 + a2 * v2 + a3 * v3 + a4 * v4 + a5 * v5, u + du * h, du, is_sliding, p
    )
    h6 = hazard(fs, p)
    b1, b3, b4 = h * 35 / 384, h * 500 / 1113, h * 125 / 192
    b5, b6 = -h * 2187 / 6784, h * 11 / 84
    y_new[F] = f + b1 * f1 + b3 * f3 + b4 * f4 + b5 * f5 + b6 * f6
    y_new[R] = r + b1 * r1 + b3 * r3 + b4 * r4 + b5 * r5 + b6 * r6
    y_new[V] = v + b1 * v1 + b3 * v3 + b4 * v4 + b5 * v5 + b6 * v6
    y_new[HAZARD] = y[HAZARD] + b1 * hazard(f, p) + b3 * h3 + b4 * h4 + b5 * h5 + b6 * h6
    y_new[E_SOURCE] = y[E_SOURCE] + b1 * k[0, 3] + b3 * s3 + b4 * s4 + b5 * s5 + b6 * s6
    y_new[E_MEMRISTOR] = y[E_MEMRISTOR] + b1 * k[0, 4] + b3 * m3 + b4 * m4 + b5 * m5 + b6 * m6
    y_new[E_RESISTOR] = y[E_RESISTOR] + b1 * k[0, 5] + b3 * e3 + b4 * e4 + b5 * e5 + b6 * e6
    f7, r7, v7, s7, m7, e7 = slope(y_new[F], y_new[R], y_new[V], u + du * h, du, is_sliding, p)
    k[1, 0], k[1, 1], k[1, 2] = f2, r2, v2
    k[2, 0], k[2, 1], k[2, 2] = f3, r3, v3
    k[3, 0], k[3, 1], k[3, 2] = f4, r4, v4
    k[4, 0], k[4, 1], k[4, 2] = f5, r5, v5
    k[5, 0], k[5, 1], k[5, 2] = f6, r6, v6
    k[6, 0], k[6, 1], k[6, 2], k[6, 3], k[6, 4], k[6, 5] = f7, r7, v7, s7, m7, e7


@compiled
def _restart(y, u, du, is_sliding, p, k):
    """Fill `k[0]` at a state that is new to the method."""
    start = slope(y[F], y[R], y[V], u, du, is_sliding, p)
    k[0, 0], k[0, 1], k[0, 2], k[0, 3], k[0, 4], k[0, 5] = start


@compiled
def _error(y, y_new, k, h, rtol):
    """Return the error of f, r and V over its tolerance; at most 1 is good."""
    total = 0.0
    for j in range(3):
        estimate = (
            71 / 57600 * k[0, j]
            - 71 / 16695 * k[2, j]
            + 71 / 1920 * k[3, j]
            - 17253 / 339200 * k[4, j]
            + 22 / 525 * k[5, j]
            - 1 / 40 * k[6, j]
        )
        scale = rtol * (1e-2 + max(abs(y[j]), abs(y_new[j])))
        total += (h * estimate / scale) ** 2
    return sqrt(total / 3.0)


@compiled
def _event(y, u, is_sliding, target, p):
    """Return (largest event function, its slope in time, its kind).

    The function is positive once the event has happened. The slope is NaN where it is not known.
    """
    if is_sliding:
        v = device_voltage(y[V], u, resistance(y[F] + y[R], p), p)
        a, b = rates(y[F], y[R], v, p)
        value, climb, kind = -(a + b), np.nan, OFF
    else:
        value, climb, kind = y[F] + y[R] - 1.0, np.nan, ON
    if y[HAZARD] - target > value:
        value, climb, kind = y[HAZARD] - target, hazard(y[F], p), JUMP
    return value, climb, kind


@compiled
def _locate(y, u, du, h, is_sliding, target, p, k, y_new):
    """Shorten the step to the first event in it; return (step, kind of event).

    Newton's method where the slope of the event function is known, else false position with the
    Illinois weighting; a bisection every fourth try and where either leaves the bracket.
    """
    low, high = 0.0, h
    g_low = min(_event(y, u, is_sliding, target, p)[0], 0.0)
    g_high = _event(y_new, u + du * h, is_sliding, target, p)[0]
    at = h * g_low / (g_low - g_high) if g_low < 0.0 and g_high < inf else 0.5 * h
    kind = -1
    for attempt in range(80):
        _step(y, u, du, at, is_sliding, p, k, y_new)
        g, climb, kind = _event(y_new, u + du * at, is_sliding, target, p)
        if kind == ON:
            climb = k[6, 0] + k[6, 1]
        if g > 0.0:
            high, g_high = at, g
            g_low *= 0.5
        else:
            low, g_low = at, g
            g_high *= 0.5
        if climb > 0.0 and attempt % 4 < 3:
            after = at - g / climb
        elif g_low < 0.0 and attempt % 4 < 3:
            after = low + (high - low) * g_low / (g_low - g_high)
        else:
            after = 0.5 * (low + high)
        if not low <= after <= high:
            after = 0.5 * (low + high)
        if abs(after - at) <= 1e-13 or abs(after - at) <= 1e-12 * h:
            break
        at = after
    return at, kind


@compiled
def _interpolant(y, y_new, k, h, dense):
    """Fill `dense` (4, 3) with the coefficients of the last step's interpolant."""
    for j in range(3):
        difference = y_new[j] - y[j]
        dense[0, j] = difference
        dense[1, j] = h * k[0, j] - difference
        dense[2, j] = difference - h * k[6, j] - dense[1, j]
        dense[3, j] = h * (
            -12715105075 / 11282082432 * k[0, j]
            + 87487479700 / 32700410799 * k[2, j]
            - 10690763975 / 1880347072 * k[3, j]
            + 701980252875 / 199316789632 * k[4, j]
            - 1453857185 / 822651844 * k[5, j]
            + 69997945 / 29380423 * k[6, j]
        )


@compiled
def _inside(y, dense, theta, j):
    """Return component j at fraction theta of the last step."""
    rest = 1.0 - theta
    inner = dense[2, j] + rest * dense[3, j]
    return y[j] + theta * (dense[0, j] + rest * (dense[1, j] + theta * inner))


@compiled
def _crossing(y, dense, level):
    """Return the fraction of the last step at which V rises through `level`, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        if _inside(y, dense, middle, V) >= level:
            high = middle
        else:
            low = middle
    return high


@compiled
def integrate(
    p, y, flags, target, key, draws, t, u_last, corner_s, level, sample_s, samples, event_s,
    event_kind, threshold_v, rtol, max_steps, stop_at_spike,
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
    t, u_last : float
        Start time in s, and the level of the source just before it.
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
    stop_at_spike : bool
        Whether the first spike ends it; samples after it are not filled then.

    Returns
    -------
    status, number of events, number of steps, target, draws, level of the source at the end
    """
    k = np.empty((7, 6))
    dense = np.empty((4, 3))
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
        if n_events + 2 > event_s.size:
            return EVENTS_FULL, n_events, n_steps, target, draws, u_last
        before_v = y[V]
        _couple(y, u_last, u_start, p)
        if is_armed and before_v < threshold_v <= y[V]:
            event_s[n_events], event_kind[n_events] = t, SPIKE
            n_events += 1
            is_armed = False
        if is_sliding and _event(y, u_start, is_sliding, inf, p)[0] >= 0.0:
            is_sliding = False
            event_s[n_events], event_kind[n_events] = t, OFF
            n_events += 1
        _restart(y, u_start, du, is_sliding, p, k)
        while t < t_next:
            if n_steps >= max_steps or h < _SMALLEST_STEP_S:
                return TOO_MANY_STEPS, n_events, n_steps, target, draws, u_last
            n_steps += 1
            # Two last steps of equal length beat a full one and a crumb.
            left = t_next - t
            trial = left if h >= left else (0.5 * left if 2.0 * h > left else h)
            u = u_start + du * (t - t_start)
            _step(y, u, du, trial, is_sliding, p, k, y_new)
            error = _error(y, y_new, k, trial, rtol)
            if not error <= 1.0:
                h = trial * max(0.2, 0.9 * error**-0.2) if error < inf else 0.1 * trial
                continue
            growth = min(5.0, 0.9 * error**-0.2) if error > 0.0 else 5.0
            # A step cut short by a corner says little about the next one.
            h = max(h, trial * growth) if trial < h and growth >= 1.0 else trial * growth
            kind = -1
            if _event(y_new, u + du * trial, is_sliding, target, p)[0] > 0.0:
                full = trial
                trial, kind = _locate(y, u, du, trial, is_sliding, target, p, k, y_new)
                h = max(0.05 * full, 1e-8)
            is_last = kind < 0 and trial == left
            t_new = t_next if is_last else t + trial
            crosses = is_armed and y[V] < threshold_v <= y_new[V]
            has_sample = j_sample < sample_s.size and sample_s[j_sample] <= t_new
            if crosses or has_sample:
                _interpolant(y, y_new, k, trial, dense)
            while j_sample < sample_s.size and sample_s[j_sample] <= t_new:
                theta = min((sample_s[j_sample] - t) / trial, 1.0)
                for j in range(3):
                    samples[j_sample, j] = _inside(y, dense, theta, j)
                j_sample += 1
            if n_events + 2 > event_s.size:
                return EVENTS_FULL, n_events, n_steps, target, draws, u_last
            if crosses:
                event_s[n_events] = t + trial * _crossing(y, dense, threshold_v)
                event_kind[n_events] = SPIKE
                n_events += 1
                is_armed = False
                if stop_at_spike:
                    return STOPPED, n_events, n_steps, target, draws, u_last
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
                    # On the slide s is 1 by definition, not by the accuracy of the root; f, the
                    # fast one of the two, carries the overshoot.
                    y[F] = 1.0 - y[R]
                    is_sliding = kind == ON
                _restart(y, u_start + du * (t - t_start), du, is_sliding, p, k)
            else:
                k[0, :] = k[6]
        left = np.searchsorted(corner_s, t, side="left")
        corner = np.searchsorted(corner_s, t, side="right")
        u_last = level[left] if left < corner else u_start + du * (t - t_start)
    flags[0], flags[1] = is_sliding, is_armed
    return DONE, n_events, n_steps, target, draws, u_last


@compiled
def _couple(y, u_before, u, p):
    """Let a step of the source through the capacitance across the memristor, to the gate."""
    if p[CIRCUIT] == NEURON and u != u_before:
        dv = (u - u_before) * p[C_PARALLEL] / (p[C_NODE] + p[C_PARALLEL])
        y[V] += dv
        # The charge on the gate came from the source, at a level that rose on the way.
        y[E_SOURCE] += 0.5 * (u + u_before) * p[C_NODE] * dv
