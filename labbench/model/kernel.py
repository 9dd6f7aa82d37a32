"""The integrator: adaptive steps between located events, compiled.

Between events the equations are smooth, because every branch of them is held (see `guards`). The
method is restarted at every corner of the source and after every event, where the slopes are not
continuous; noise that is held over intervals makes corners of its own.
"""

from __future__ import annotations

from math import inf

import numpy as np

from labbench.model.compiled import compiled
from labbench.model.equations import filament, work
from labbench.model.guards import (
    CAP, COMPLIANCE, JUMP, LATCHED, N_KINDS, OFF, SPIKE, WIDEN, ZERO, change, closing_s,
    first_event, jump, set_guards, step_to,
)  # fmt: skip
from labbench.model.layout import (
    ADD_F, ADD_R, ALPHA, ARMED, CIRCUIT, DEVICE_V, DRAWS, FloatArray, GAMMA1, GAMMA2, GAMMA3,
    HAZARD, HELD, HELD_INTERVAL, IntArray, LATCH_S, LATCH_SAID, LIMITED, NEURON, NOISE,
    NOISE_JUMPS, NOISE_SHRINK, N_FEEDBACK, N_SLOPES, N_STATES, PER_LAMBDA, Q, R, REVERSE, R_HRS,
    R_ON, SHRINK, SLIDING, SOURCE, SPIKE_TIME, TARGET, TIME, V,
)  # fmt: skip
from labbench.model.noise import hold_noise
from labbench.model.random import exponential
from labbench.model.source import couple, level_before, stretch
from labbench.model.step import error, inside, interpolant, restart, step, weight

# How an integration ended.
DONE, BUFFER_FULL, TOO_MANY_STEPS, STOPPED = 0, 1, 2, 3

# A spike is an upward crossing of the threshold, re-armed below this fraction of it.
REARM = 0.8

_HELD_PLACES = (SHRINK, ADD_F, ADD_R, GAMMA1, GAMMA2, GAMMA3)


@compiled
def integrate(
    p_card: FloatArray,
    y: FloatArray,
    flags: IntArray,
    clock: FloatArray,
    key: np.uint64,
    corner_s: FloatArray,
    level: FloatArray,
    sample_s: FloatArray,
    samples: FloatArray,
    event_s: FloatArray,
    event_kind: IntArray,
    dense_s: FloatArray,
    dense: FloatArray,
    threshold_v: float,
    rtol: float,
    max_steps: int,
    stop_at: int,
    stop_from_s: float,
) -> tuple[int, int, int, int]:
    """Integrate from `clock[TIME]` to the last sample, through the corners of the source.

    Parameters
    ----------
    p_card : (32,) float64 array
        Constants from `constants.pack`.
    y : (8,) float64 array
        State, f in the place of q; replaced by the final one.
    flags : (8,) int64 array
    clock : (11,) float64 array
        As `layout` says; both replaced.
    key : uint64
        Of the random stream.
    corner_s, level : (k,) float64 arrays
        Source breakpoints, absolute times; the level is constant outside of them.
    sample_s : (n,) float64 array
        Ascending sample times, the last one ends the integration.
    samples : (n, 4) float64 array
        Filled with f, r, V and S.
    event_s, event_kind : (e,) arrays
        Filled with the events.
    dense_s, dense : (d,) and (d, 5, 4) arrays
        Filled with the start of each step and its polynomials in the fraction of the step: state
        and interpolant; not asked for if d = 0.
    threshold_v : float
        Node voltage whose upward crossing is a spike.
    rtol : float
    max_steps : int
    stop_at : int
        Kind of event that ends it; samples after it are not filled then. -1: none.
    stop_from_s : float
        From when on.

    Returns
    -------
    status, number of events, of steps, and of steps kept for `dense`
    """
    p = p_card.copy()
    k = np.zeros((7, N_SLOPES))
    inner = np.empty((4, N_FEEDBACK + 1))
    y_new, room = np.empty(N_STATES), np.empty((4, N_KINDS))
    t, end = clock[TIME], sample_s[-1]
    q_low = 0.5 * p[ALPHA] ** 2
    n_events = n_steps = n_dense = n_seen = j_sample = 0
    while j_sample < sample_s.size and sample_s[j_sample] <= t:
        for j in range(N_FEEDBACK):
            samples[j_sample, j] = y[j]
        j_sample += 1
    y[Q] = work(y[Q], y[R], p)
    if p[NOISE] >= NOISE_SHRINK and clock[HELD_INTERVAL] > -inf:
        for j, place in enumerate(_HELD_PLACES):
            p[place] = clock[HELD + j]
    jumps = p[NOISE] == NOISE_JUMPS
    target = clock[TARGET] if jumps else inf
    hazard_before = y[HAZARD]
    status = DONE
    while t < end and status == DONE:
        # The stretch up to the next corner: the source is linear on it.
        t_start = t
        t_next, u_start, du = stretch(t, end, corner_s, level)
        t_next = hold_noise(t, t_next, u_start, y, flags, clock, k, key, p_card, p)
        if n_events + 8 > event_s.size:
            status = BUFFER_FULL
            break
        before_v = y[V]
        couple(y, clock[SOURCE], u_start, p)
        if flags[ARMED] and before_v < threshold_v <= y[V]:
            n_events = _spike(t, event_s, event_kind, n_events, flags, clock)
        n_events = _settle(t, y, u_start, du, flags, p, k, room[0], event_s, event_kind, n_events)
        h = _first_step(y, k, rtol, q_low)
        may_grow, way = True, inf
        while t < t_next:
            if n_steps >= max_steps or not h > 1e-14 * abs(t) + 1e-300:
                status = TOO_MANY_STEPS
                break
            n_steps += 1
            u = u_start + du * (t - t_start)
            if not flags[SLIDING]:
                h, way = _approach(h, way, y, k, p)
            # Two last steps of equal length beat a full one and a crumb.
            left = t_next - t
            trial = left if h >= left else (0.5 * left if 2.0 * h > left else h)
            step(y, u, du, trial, flags, p, k, y_new)
            wrong = error(y, y_new, k, trial, rtol, q_low)
            if not wrong <= 1.0:
                h = trial * max(0.2, 0.9 * wrong**-0.2) if wrong < inf else 0.1 * trial
                may_grow = False
                continue
            growth = min(10.0, 0.9 * wrong**-0.2) if wrong > 0.0 else 10.0
            if not may_grow:
                growth = min(growth, 1.0)
            may_grow = True
            # A step cut short by a corner says little about the next one.
            h = max(h, trial * growth) if trial < h and growth >= 1.0 else trial * growth
            kind = -1
            if set_guards(y_new, flags, target, p, k[6], room[0]):
                interpolant(y, y_new, k, trial, inner)
                kind, theta = first_event(y, y_new, u, du, trial, flags, target, p, k, inner, room)
                if theta < 1.0:
                    h = trial
                    trial = step_to(
                        kind, theta, y, u, du, trial, flags, target, p, k, inner, y_new, rtol, room
                    )
            t_new = t_next if kind < 0 and trial == left else t + trial
            crosses = flags[ARMED] and y[V] < threshold_v <= y_new[V]
            has_sample = j_sample < sample_s.size and sample_s[j_sample] <= t_new
            if n_events + 8 > event_s.size or 0 < dense_s.size <= n_dense:
                status = BUFFER_FULL
                break
            if crosses or has_sample or dense_s.size:
                interpolant(y, y_new, k, trial, inner)
                j_sample = _sample(t, trial, t_new, y, inner, p, sample_s, samples, j_sample)
                if dense_s.size:
                    _keep(y, inner, dense[n_dense])
                    dense_s[n_dense] = t
                    n_dense += 1
            if not flags[ARMED] and not flags[LATCH_SAID]:
                latched_s = max(clock[SPIKE_TIME] + p[LATCH_S], t)
                if t_new >= latched_s:
                    interpolant(y, y_new, k, trial, inner)
                    # A step may be so long that the gate was back before.
                    if inside(y, inner, (latched_s - t) / trial, V) >= REARM * threshold_v:
                        event_s[n_events], event_kind[n_events] = latched_s, LATCHED
                        n_events += 1
                        flags[LATCH_SAID] = 1
            if crosses:
                at_s = t + trial * _crossing(y, inner, threshold_v)
                n_events = _spike(at_s, event_s, event_kind, n_events, flags, clock)
            elif y_new[V] < REARM * threshold_v:
                flags[ARMED] = 1
            for j in range(N_STATES):
                y[j] = y_new[j]
            t = t_new
            if kind < 0:
                for j in range(N_SLOPES):
                    k[0, j] = k[6, j]
            else:
                u = u_start + du * (t - t_start)
                if kind <= JUMP or (kind == COMPLIANCE and not flags[LIMITED]):
                    event_s[n_events], event_kind[n_events] = t, kind
                    n_events += 1
                if kind == JUMP:
                    jump(y, flags, p)
                    target = exponential(key, flags[DRAWS])
                    flags[DRAWS] += 1
                else:
                    change(kind, y, flags, p)
                # A filament that was wide could not open; once it is narrow, it may do so at once.
                if kind <= JUMP or kind == WIDEN:
                    n_events = _settle(
                        t, y, u, du, flags, p, k, room[0], event_s, event_kind, n_events
                    )
                    first = _first_step(y, k, rtol, q_low)
                    h = (
                        min(first, 0.05 * h)
                        if kind == OFF
                        else (max(first, h) if kind == JUMP else first)
                    )
                    way = inf
                else:
                    restart(y, u, du, flags, p, k)
            while n_seen < n_events:
                if event_kind[n_seen] == stop_at and event_s[n_seen] >= stop_from_s:
                    status = STOPPED
                n_seen += 1
            if status == STOPPED:
                break
        clock[SOURCE] = level_before(t, corner_s, level, u_start + du * (t - t_start))
    y[Q] = filament(y[Q], y[R], p)
    clock[TIME] = t
    # Without jumps the hazard that went by is forgotten: the law of the next one has no memory.
    clock[TARGET] = target if jumps else clock[TARGET] + y[HAZARD] - hazard_before
    for j, place in enumerate(_HELD_PLACES):
        clock[HELD + j] = p[place]
    return status, n_events, n_steps, n_dense


@compiled
def _approach(
    h: float, before: float, y: FloatArray, k: FloatArray, p: FloatArray
) -> tuple[float, float]:
    """Return a step that suits a closing filament, and the way it still has to go.

    It runs into a pole just behind s = 1: steps shrink in proportion to the way that is left
    (`before` is that of the last step), and the last one ends a little behind the closing.
    """
    # Another event may have ended a step behind the closing: then the next one ends at once.
    closes = max(closing_s(y[Q], k[0, Q], p), 0.0)
    behind = p[ALPHA] * p[R_ON] / (p[R_HRS] * p[PER_LAMBDA] * max(-k[0, Q], 1e-300))
    way = closes + behind
    # From a standstill the way is endless, and says nothing about the step.
    if way < before < inf:
        h *= max(way / before, 0.1)
    if h > closes:
        h = min(h, 1.02 * closes + 0.1 * behind)
    return h, way


@compiled
def _sample(
    t: float, length: float, t_new: float, y: FloatArray, inner: FloatArray, p: FloatArray,
    sample_s: FloatArray, samples: FloatArray, j_sample: int,
) -> int:  # fmt: skip
    """Fill the samples that lie in the last step; return the place of the next one."""
    while j_sample < sample_s.size and sample_s[j_sample] <= t_new:
        part = min((sample_s[j_sample] - t) / length, 1.0)
        for j in range(N_FEEDBACK):
            samples[j_sample, j] = inside(y, inner, part, j)
        samples[j_sample, Q] = filament(samples[j_sample, Q], samples[j_sample, R], p)
        j_sample += 1
    return j_sample


@compiled
def _keep(y: FloatArray, inner: FloatArray, kept: FloatArray) -> None:
    """Fill `kept` (5, 4) with the state at the start of the last step and its interpolant."""
    for j in range(N_FEEDBACK):
        kept[0, j] = y[j]
        for i in range(4):
            kept[1 + i, j] = inner[i, j]


@compiled
def _settle(
    t: float,
    y: FloatArray,
    u: float,
    du: float,
    flags: IntArray,
    p: FloatArray,
    k: FloatArray,
    g: FloatArray,
    event_s: FloatArray,
    event_kind: IntArray,
    n_events: int,
) -> int:
    """Bring the branches in line with a state that did not come to them continuously."""
    for _ in range(4):
        restart(y, u, du, flags, p, k)
        set_guards(y, flags, inf, p, k[0], g)
        if k[0, DEVICE_V] == 0.0:
            # From zero on, the sign of the device voltage is that of its slope.
            rise = k[0, V]
            if p[CIRCUIT] == NEURON:
                rise = du - rise
            elif rise == 0.0:
                rise = du
            g[ZERO] = rise if flags[REVERSE] else -rise
        kind = -1
        for one in (COMPLIANCE, ZERO, CAP, WIDEN, OFF):
            if g[one] > 0.0:
                kind = one
                break
        if kind < 0:
            break
        if kind == OFF or (kind == COMPLIANCE and not flags[LIMITED]):
            event_s[n_events], event_kind[n_events] = t, kind
            n_events += 1
        change(kind, y, flags, p)
    return n_events


@compiled
def _first_step(y: FloatArray, k: FloatArray, rtol: float, q_low: float) -> float:
    """Return a first step in which no state changes by more than a part of its weight."""
    fastest = 1e-300
    for j in range(N_FEEDBACK):
        fastest = max(fastest, abs(k[0, j]) / weight(y, j, q_low))
    return rtol**0.2 / fastest


@compiled
def _spike(
    t: float,
    event_s: FloatArray,
    event_kind: IntArray,
    n_events: int,
    flags: IntArray,
    clock: FloatArray,
) -> int:
    """Record a spike; return the number of events."""
    event_s[n_events], event_kind[n_events] = t, SPIKE
    flags[ARMED] = flags[LATCH_SAID] = 0
    clock[SPIKE_TIME] = t
    return n_events + 1


@compiled
def _crossing(y: FloatArray, inner: FloatArray, level: float) -> float:
    """Return the fraction of the last step at which V rises through `level`, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        if inside(y, inner, middle, V) >= level:
            high = middle
        else:
            low = middle
    return high
