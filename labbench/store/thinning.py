"""The lowest and highest sample of each stretch of a long waveform: what a plot of it needs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from labbench.store.codec import STORED_AS

N_BINS = 1500
# With fewer samples in a stretch there is little to gain.
LONG = 4 * N_BINS


def packed(samples: NDArray[Any]) -> bytes | None:
    """Return the stored form of the preview of samples as they are; None of a short waveform."""
    if samples.size <= LONG:
        return None
    return pairs_of(samples).astype(STORED_AS[samples.dtype.name], copy=False).tobytes()


def pairs_of(samples: NDArray[Any]) -> NDArray[Any]:
    """Return the lowest and highest of each stretch, (n, 2); a short waveform is its own."""
    if samples.size == 0:
        return np.empty((0, 2), samples.dtype)
    first = edges_of(samples.size)[:-1]
    if samples.dtype.kind == "i":
        low, high = np.minimum.reduceat(samples, first), np.maximum.reduceat(samples, first)
    else:
        low, high = np.fmin.reduceat(samples, first), np.fmax.reduceat(samples, first)
    return np.stack([low, high], axis=1)


def edges_of(n: int) -> NDArray[np.int64]:
    """Return where each stretch of n samples begins, and n."""
    bins = n if n <= LONG else N_BINS
    return np.arange(bins + 1, dtype=np.int64) * n // max(bins, 1)
