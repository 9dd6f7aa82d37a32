"""A seeded population of devices, with the truth kept aside: a rehearsal that can be scored.

Two of them: `draw_population` draws feature values, to test statistics with; `bench_truth` tells
what the devices of a simulated bench's wafer really are, which a whole sweep can be scored with.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Population:
    """A feature over a wafer.

    Attributes
    ----------
    columns, rows, sites, cycles : int
        Dies, devices on each, and runs on each of these.
    mean : float
        In the middle, in V.
    radial : float
        Change from there to the outermost die, with the square of the radius, in V.
    die_sd, device_sd, cycle_sd : float
        Standard deviations at each level, in V.
    opens, shorts : float
        Share of devices that show nothing.
    clusters : int
        Places of damage; within `cluster_radius` (in dies), devices show nothing.
    cluster_radius : float
    seed : int
    """

    columns: int = 20
    rows: int = 20
    sites: int = 1
    cycles: int = 2
    mean: float = 0.75
    radial: float = 0.05
    die_sd: float = 0.02
    device_sd: float = 0.03
    cycle_sd: float = 0.01
    opens: float = 0.03
    shorts: float = 0.02
    clusters: int = 1
    cluster_radius: float = 2.0
    seed: int = 0


def draw_population(
    hidden: Population, wafer: str = "W1", feature: str = "ramp_threshold"
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return a tidy table as `wafer_features` does, and the truth behind it."""
    import pandas as pd

    random = np.random.default_rng([hidden.seed, hidden.columns, hidden.rows])
    shape = (hidden.rows, hidden.columns, hidden.sites, hidden.cycles)
    row, column, site, _ = np.indices(shape)
    x, y = column - (hidden.columns - 1) / 2, row - (hidden.rows - 1) / 2
    radius = np.hypot(x, y)
    rim = radius.max()
    value = hidden.mean + hidden.radial * (radius / rim) ** 2
    value += random.normal(0.0, hidden.die_sd, (*shape[:2], 1, 1))
    value += random.normal(0.0, hidden.device_sd, (*shape[:3], 1))
    value += random.normal(0.0, hidden.cycle_sd, shape)
    bad = random.random(shape[:3]) < hidden.opens + hidden.shorts
    middles = random.uniform(-0.5, 0.5, (hidden.clusters, 2)) * (hidden.columns, hidden.rows)
    for left, up in middles:
        near = np.hypot(x - left, y - up)[..., 0] <= hidden.cluster_radius
        bad |= near
    value[bad] = np.nan
    place = [f"{wafer}-c{c + 1}r{r + 1}s{s}" for r, c, s in np.ndindex(shape[:3])]
    frame = pd.DataFrame(
        {
            "wafer": wafer,
            "die_x": column.ravel(),
            "die_y": row.ravel(),
            "site": site.ravel(),
            "device": np.repeat(place, hidden.cycles),
            "x_m": 1e-3 * x.ravel(),
            "y_m": 1e-3 * y.ravel(),
            "radius_m": 1e-3 * radius.ravel(),
            "run_id": np.arange(value.size),
            "property": feature,
            "feature": feature,
            "value": value.ravel(),
            "stderr": np.where(np.isnan(value.ravel()), np.nan, hidden.cycle_sd),
            "n": 1,
            "unit": "V",
            "outcome": np.where(np.isnan(value.ravel()), "did not fire", "ok"),
        }
    )
    rim_used = radius[~np.isnan(value)].max()
    truth = {
        "change": hidden.radial * (rim_used / rim) ** 2,
        "die_variance": hidden.die_sd**2,
        "device_variance": hidden.device_sd**2,
        "cycle_variance": hidden.cycle_sd**2,
        "good_share": float(1.0 - bad.mean()),
    }
    return frame, truth


def bench_truth(bench_file: str | Path) -> pd.DataFrame:
    """Return what the devices of a simulated bench's wafer really are; no bench knows it.

    Returns
    -------
    DataFrame
        One row a device: column, row, site, state ("good", "open", "short"), and a column for each
        parameter of its card. Keep it aside until the sweep is over.

    Raises
    ------
    BenchError
        If the file has no simulated wafer.
    """
    import pandas as pd

    from instruments.simulated.bench import read_bench
    from labbench.errors import BenchError

    wafer = read_bench(bench_file).wafer
    if wafer is None:
        raise BenchError(f"Bench file {str(bench_file)!r} has no [simulated.wafer].")
    rows: list[dict[str, Any]] = []
    for column, row in wafer.dies:
        for site in range(wafer.entry.sites):
            truth = wafer.truth((column, row), site)
            place = {"column": column, "row": row, "site": site, "state": truth.state}
            rows.append({**place, **truth.card.values})
    return pd.DataFrame(rows)
