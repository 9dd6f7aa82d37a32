"""What a fit leaves unexplained, statistic by statistic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from labbench.fit import Residual
from labbench.report.figures.style import GRID, INK, MUTED, new_figure, styled
from labbench.report.wording import feature_phrase

BAND = 2.0


@styled
def residuals(rows: Sequence[Residual]) -> Figure:
    """Draw measured minus predicted in standard errors; outside of +-2 as crosses."""
    figure = new_figure(max(1.0 + 0.19 * len(rows), 2.0))
    axes = figure.subplots()
    z = np.array([row.z for row in rows], dtype=np.float64)
    place = np.arange(z.size)
    is_far = ~(np.abs(z) <= BAND)
    axes.axvspan(-BAND, BAND, color=GRID, alpha=0.6, linewidth=0)
    axes.axvline(0.0, color=MUTED, linewidth=0.8)
    axes.hlines(place, 0.0, z, color=INK, linewidth=1.0)
    axes.plot(z[~is_far], place[~is_far], "o", color=INK, markersize=4)
    axes.plot(z[is_far], place[is_far], "X", color=INK, markersize=7)
    axes.set_yticks(place, [feature_phrase(row.label) for row in rows], fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    widest = max(float(np.abs(z[np.isfinite(z)]).max(initial=0.0)), 1.5 * BAND)
    axes.set(xlabel="Residual (standard errors)", xlim=(-1.1 * widest, 1.1 * widest))
    axes.set_ylim(max(z.size, 1) - 0.4, -0.6)
    return figure
