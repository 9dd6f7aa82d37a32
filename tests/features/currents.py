"""Responses of a memristor with a grounded gate, made from a conductance against time."""

import numpy as np

from labbench.connection import Connection
from labbench.features import Response
from labbench.trace import Channel, Trace

ON_S = 1e-6


def respond(stimulus, conductance_s, *, interval_s=1e-6, noise_a=0.0, count_a=None, seed=0):
    """Return a response whose current is conductance(time) times the stimulus, plus an offset.

    With `count_a`, the current is that of a converter of this step, which clips at 2047 of them.
    """
    time_s = -1e-4 + interval_s * np.arange(round((stimulus.duration_s + 1e-4) / interval_s))
    current_a = conductance_s(time_s) * stimulus.sample(time_s) + 3e-9
    current_a += np.random.default_rng(seed).normal(0.0, noise_a, time_s.size)
    channel = Channel(current_a, "current", "A")
    if count_a is not None:
        counts = np.clip(np.round(current_a / count_a), -2047, 2047).astype(np.int16)
        rail_a = 2047 * count_a
        channel = Channel(counts, "current", "A", count_a, 0.0, -rail_a, rail_a)
    trace = Trace({"memristor": channel}, start_s=-1e-4, interval_s=interval_s)
    return Response(stimulus, trace, Connection(gate="grounded"))


def closing(at_s, opening_s=np.inf):
    """Return a conductance that closes at one time and opens at another."""
    return lambda t: np.where((t >= at_s) & (t < opening_s), ON_S, 1e-6 * ON_S)
