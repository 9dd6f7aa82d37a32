"""Counter-based random streams: the same numbers for any order and any number of threads.

Draw number i of a stream is the SplitMix64 hash (Steele, Lea, Flood, OOPSLA 2014) of
``key + (i + 1) * golden``. The key is itself a hash of (seed, device, trial), so streams are
independent of each other and of how many draws another one made.
"""

from __future__ import annotations

from math import cos, log, pi, sqrt

import numpy as np

from labbench.model.compiled import compiled

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


@compiled
def _mix(z: np.uint64) -> np.uint64:
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return z ^ (z >> np.uint64(31))


@compiled
def stream_key(seed: int, device: int, trial: int) -> np.uint64:
    """Return the uint64 key of the stream of one (seed, device, trial)."""
    key = _mix(np.uint64(seed) + _GOLDEN)
    key = _mix(key ^ (np.uint64(device) + np.uint64(2) * _GOLDEN))
    return _mix(key ^ (np.uint64(trial) + np.uint64(3) * _GOLDEN))


@compiled
def uniform(key: np.uint64, draw: int) -> float:
    """Return draw number `draw` of a stream, uniform on (0, 1)."""
    bits = _mix(key + (np.uint64(draw) + np.uint64(1)) * _GOLDEN) >> np.uint64(11)
    return (np.float64(bits) + 0.5) * (1.0 / 9007199254740992.0)


@compiled
def exponential(key: np.uint64, draw: int) -> float:
    """Return draw number `draw` of a stream, exponential with mean 1."""
    return -log(uniform(key, draw))


@compiled
def normal(key: np.uint64, draw: int) -> float:
    """Return draw number `draw` of a stream, standard normal, from uniforms 2 draw and 2 draw + 1.

    Box and Muller, Annals of Mathematical Statistics 29, 610 (1958).
    """
    radius = sqrt(-2.0 * log(uniform(key, 2 * draw)))
    return radius * cos(2.0 * pi * uniform(key, 2 * draw + 1))
