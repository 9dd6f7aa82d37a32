"""Pictures of long waveforms: the smallest and the largest sample in each of some bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# About the pixels of a screen; a waveform of fewer samples than some bins' worth needs no picture.
BINS = 1500
LEAST = 4 * BINS


@dataclass(frozen=True, eq=False)
class Preview:
    """A waveform as a band, for drawing.

    Attributes
    ----------
    time_s : (b,) float64 array
        The middle of each bin, on the trace's axis.
    low, high : (b,) float64 arrays
        The smallest and the largest value in it, in `unit`.
    unit : str
    n : int
        Samples behind it.
    """

    time_s: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    unit: str
    n: int


def band(samples: NDArray[Any], n_bins: int = BINS) -> NDArray[Any]:
    """Return the smallest and the largest sample of each bin.

    Parameters
    ----------
    samples : (n,) array
        At least `n_bins` of them; NaN are passed over where a bin has other samples.
    n_bins : int

    Returns
    -------
    (n_bins, 2) array of the same dtype
    """
    edges = bin_edges(samples.size, n_bins)[:-1]
    with np.errstate(invalid="ignore"):
        return np.stack(
            [np.fmin.reduceat(samples, edges), np.fmax.reduceat(samples, edges)], axis=1
        )


def bin_edges(n: int, n_bins: int) -> NDArray[np.int64]:
    """Return where the bins begin and the last one ends, (n_bins + 1,)."""
    return np.linspace(0, n, n_bins + 1).astype(np.int64)
