"""Two distributions against each other: quantiles of latency and interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from labbench.compare.distributions import quantile_pairs
from labbench.compare.laws import FEWEST
from labbench.compare.samples import samples
from labbench.features import Response
from labbench.report.figures.style import (
    INK,
    LINES,
    MEASURED,
    MUTED,
    SIMULATED,
    FloatArray,
    new_figure,
    styled,
)
from labbench.report.quantity import format_quantity

# Most trials first; more would not be told apart.
MOST_CONDITIONS = 4
_MARKERS = (("o", MEASURED), ("s", SIMULATED), ("^", INK), ("x", MUTED))


@dataclass(frozen=True, eq=False)
class Quantiles:
    """Quantiles of one condition: measured and simulated, in s, (k, 2)."""

    title: str
    pairs_s: FloatArray


def quantiles_of(measured: Sequence[Response], simulated: Sequence[Response]) -> list[Quantiles]:
    """Return the quantiles of the conditions with most trials, those of intervals first."""
    ours, theirs = samples(measured), samples(simulated)
    enough = [
        key
        for key in ours
        if key in theirs
        and min(len(ours[key].rows), len(theirs[key].rows)) >= FEWEST[key[0]]
        and np.mean(np.concatenate(ours[key].rows) < ours[key].end) >= 0.5
    ]
    enough.sort(key=lambda key: (key[0] != "interval", -len(ours[key].rows)))
    found = []
    for key in enough[:MOST_CONDITIONS]:
        one, other = (np.concatenate(each[key].rows) for each in (ours, theirs))
        title = f"{key[0]}, {format_quantity(key[1], None, 'V')}"
        found.append(Quantiles(title, np.exp(quantile_pairs(one, other))))
    return found


@styled
def quantiles(drawn: Sequence[Quantiles]) -> Figure:
    """Draw simulated against measured quantiles, in percent of the measured median."""
    figure = new_figure(4.2)
    axes = figure.subplots()
    every = []
    for each, (marker, color) in zip(drawn, _MARKERS, strict=False):
        relative = 100 * each.pairs_s / np.median(each.pairs_s[:, 0])
        every.append(relative)
        axes.plot(
            relative[:, 0], relative[:, 1], marker, color=color, fillstyle="none", markersize=4,
            markeredgewidth=0.9, label=each.title,
        )  # fmt: skip
    ends = [min(x.min() for x in every) * 0.97, max(x.max() for x in every) * 1.03]
    axes.plot(ends, ends, color=LINES["measured"]["color"], alpha=0.5, linewidth=0.8)
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    axes.set(xlabel="Measured (% of median)", ylabel="Simulated (% of median)")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:.0f}")
        axis.set_minor_formatter("{x:.0f}")
        axis.set_tick_params(which="both", labelsize=7)
    axes.legend(loc="upper left")
    return figure
