"""How figures look: readable without colour, in light and dark, on screen and on paper.

Measured is solid with filled circles, simulated is dashed with open squares, everywhere. The
colours are Okabe and Ito's; in the page they become CSS variables, so that one drawing serves light
and dark.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import matplotlib
import numpy as np
from matplotlib.axis import XAxis, YAxis
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
P = ParamSpec("P")

INK, MUTED, GRID = "#1b1c1d", "#6c6d6e", "#d8d9da"
MEASURED, SIMULATED = "#0072b2", "#d55e00"
_CSS_NAMES = {
    INK: "ink", MUTED: "muted", GRID: "grid", MEASURED: "measured", SIMULATED: "simulated",
}  # fmt: skip

LINES: dict[str, dict[str, Any]] = {
    "measured": {"color": MEASURED, "linestyle": "-", "linewidth": 1.4},
    "simulated": {"color": SIMULATED, "linestyle": (0, (4, 2)), "linewidth": 1.4},
}
POINTS: dict[str, dict[str, Any]] = {
    "measured": {**LINES["measured"], "marker": "o", "markersize": 5, "capsize": 3},
    "simulated": {
        **LINES["simulated"], "marker": "s", "markersize": 6.5, "markerfacecolor": "none",
        "capsize": 3,
    },
}  # fmt: skip

# Any: the names of all settings are a type of their own in some matplotlibs, plain str in others.
_RC: Any = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "savefig.facecolor": "auto",
    "axes.facecolor": "none",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "svg.fonttype": "none",
}


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw in the house style, whatever matplotlib was told elsewhere."""

    @wraps(draw)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.rc_context(_RC):
            return draw(*args, **kwargs)

    return wrapped


def new_figure(height_in: float, *, is_wide: bool = False) -> Figure:
    """Return an empty figure of one column, or of two if wide: one size of text on the page."""
    return Figure(figsize=(9.6 if is_wide else 4.6, height_in), layout="constrained")


def to_svg(figure: Figure, name: str) -> str:
    """Return a figure as an SVG element to stand inside of an HTML page.

    Parameters
    ----------
    figure : Figure
    name : str
        Unique within the page: identifiers start with it, since those of all figures share the
        page, and drawing the same twice gives the same text.
    """
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    buffer = io.StringIO()
    with matplotlib.rc_context({**_RC, "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata=nothing)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # Inside of HTML no namespaces are declared; a fixed size would not follow the page.
    svg = re.sub(r' (xmlns(:\w+)?|width|height|version)="[^"]*"', "", svg, count=5)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(href="|url\()#', rf"\1#{name}-", svg)
    for colour, css_name in _CSS_NAMES.items():
        svg = svg.replace(colour, f"var(--{css_name})")
    return svg


def decimated(x: FloatArray, y: FloatArray, bins: int = 300) -> tuple[FloatArray, FloatArray]:
    """Return a line with at most two points a bin, the lowest and the highest, in their order.

    No spike or glitch is lost, unlike with every n-th sample. NaN in a bin is passed over; a bin
    of NaN only stays a gap.
    """
    if y.size <= 2 * bins:
        return x, y
    size = -(-y.size // bins)
    padded = np.pad(y, (0, size * bins - y.size), mode="edge").reshape(bins, size)
    low = np.where(np.isnan(padded), np.inf, padded).argmin(axis=1)
    high = np.where(np.isnan(padded), -np.inf, padded).argmax(axis=1)
    first = np.arange(bins) * size
    kept = np.sort(np.column_stack([first + low, first + high]), axis=1).ravel()
    kept = np.unique(np.minimum(kept, y.size - 1))
    return x[kept], y[kept]


def log_axis(axis: XAxis | YAxis) -> None:
    """Make an axis of a few decades logarithmic, with plain numbers at 1, 2 and 5."""
    _set_log(axis)
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def decades_axis(axis: XAxis | YAxis, unit: str) -> None:
    """Make an axis of many decades logarithmic, with a unit and its prefix at every number."""
    _set_log(axis)
    axis.set_major_formatter(EngFormatter(unit))


def _set_log(axis: XAxis | YAxis) -> None:
    getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
    axis.set_minor_formatter(NullFormatter())
