"""Wafer maps: a value for each die, and how well it is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class WaferMap:
    """A feature over the dies of a wafer.

    Attributes
    ----------
    feature, unit : str
    columns, rows : (n,), (m,) int arrays
        Places of the dies.
    value, stderr : (m, n) arrays
        Mean of a die's devices and its standard error; NaN where nothing is known. With one device
        on a die the standard error is that of the device, with more it is that between them.
    count : (m, n) int array
        Devices with a value.
    """

    feature: str
    unit: str
    columns: NDArray[np.int64]
    rows: NDArray[np.int64]
    value: FloatArray
    stderr: FloatArray
    count: NDArray[np.int64]


def wafer_map(frame: pd.DataFrame) -> WaferMap:
    """Return the map of one feature of one wafer, from its tidy table."""
    place = ["die_y", "die_x"]
    devices = frame.groupby([*place, "device"], sort=False).agg(
        value=("value", "mean"), runs=("value", "count"), sd=("value", "std"),
        stated=("stderr", "mean"),
    )  # fmt: skip
    between = devices["sd"] / np.sqrt(devices["runs"])
    devices["error"] = between.where(devices["runs"] > 1, devices["stated"])
    dies = devices.groupby(level=place).agg(
        value=("value", "mean"), n=("value", "count"), sd=("value", "std"), own=("error", "mean")
    )
    error = (dies["sd"] / np.sqrt(dies["n"])).where(dies["n"] > 1, dies["own"])
    rows = np.arange(frame["die_y"].min(), frame["die_y"].max() + 1)
    columns = np.arange(frame["die_x"].min(), frame["die_x"].max() + 1)
    shape = rows.size, columns.size
    at = (
        dies.index.get_level_values("die_y").to_numpy() - rows[0],
        dies.index.get_level_values("die_x").to_numpy() - columns[0],
    )
    value, stderr = np.full(shape, np.nan), np.full(shape, np.nan)
    count = np.zeros(shape, dtype=np.int64)
    value[at], stderr[at], count[at] = dies["value"], error, dies["n"]
    unit = str(frame["unit"].iloc[0])
    return WaferMap(str(frame["feature"].iloc[0]), unit, columns, rows, value, stderr, count)


def draw_map(found: WaferMap) -> Figure:
    """Return a figure of value and standard error side by side; dies without a value are hatched.

    The colours span the middle 98 % of the dies: an outlier does not bleach the others.
    """
    figure = Figure(figsize=(7.2, 3.2), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, values, title in (
        (axes[0], found.value, found.feature),
        (axes[1], found.stderr, "standard error"),
    ):
        _draw(figure, axis, found, values, f"{title} ({found.unit})")
    return figure


def _draw(figure: Figure, axis: Any, found: WaferMap, values: FloatArray, title: str) -> None:
    axis.grid(False)
    axis.set_title(title)
    axis.set_aspect("equal")
    # Row 0 is at the top, as on the prober's map.
    left, right = found.columns[0] - 0.5, found.columns[-1] + 0.5
    top, bottom = found.rows[0] - 0.5, found.rows[-1] + 0.5
    axis.set(xlim=(left, right), ylim=(bottom, top), xlabel="die x", ylabel="die y")
    missing = (found.count == 0) & ~np.isfinite(values)
    row, column = np.nonzero(missing)
    corners = np.column_stack([found.columns[column], found.rows[row]]) - 0.5
    square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    hatched = PolyCollection(corners[:, None] + square, hatch="////")
    hatched.set(facecolor="none", edgecolor="#6c6d6e", linewidth=0.0)
    axis.add_collection(hatched)
    if not np.isfinite(values).any():
        return
    low, high = np.nanpercentile(values, [1.0, 99.0])
    image = axis.imshow(
        values,
        extent=(left, right, bottom, top),
        vmin=low,
        vmax=high if high > low else None,
        cmap="viridis",
        interpolation="nearest",
    )
    figure.colorbar(image, ax=axis, shrink=0.8)
