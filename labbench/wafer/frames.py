"""What is stored of a wafer, as tidy tables: one row a feature or fitted parameter of a run.

Columns: wafer, die_x, die_y, site, device, x_m, y_m, radius_m, run_id, property, feature (with its
condition), value, stderr, n, unit, outcome. `write_parquet` writes them for other programmes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from labbench.errors import NotFoundError, OutputError
from labbench.store import PointRecord, Store
from labbench.wafer.decide import last_attempts
from labbench.wafer.plan import Contact

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "wafer", "die_x", "die_y", "site", "device", "x_m", "y_m", "radius_m", "run_id", "property",
    "feature", "value", "stderr", "n", "unit", "outcome",
)  # fmt: skip
# What is known of a feature beside its condition.
_PLAIN = frozenset(
    {
        "run_id", "device", "wafer", "die_x", "die_y", "procedure", "property", "name", "value",
        "unit", "stderr", "n", "outcome", "inferred", "algorithm", "algorithm_version",
    }
)  # fmt: skip
# In the note of a point that failed for what was left of a budget, or of a disk.
_NOT_OF_DEVICE = ("LimitError: ", "BudgetError: ", "would be too much", "No space is left")


@dataclass(frozen=True)
class Grid:
    """Where the dies of a wafer lie: the middle in dies, and from die to die in m."""

    middle_x: float
    middle_y: float
    width_m: float
    height_m: float


def grid_of(store: Store, wafer: str) -> Grid:
    """Return the grid of a wafer: that of its last sweep, or else of the dies that are stored.

    Without a sweep nobody said how large a die is: it is taken as 1 m, so that a radius is in dies.
    """
    plans = [sweep.plan["wafer"] for sweep in store.sweeps() if sweep.wafer == wafer]
    if plans:
        given: Mapping[str, Any] = plans[-1]
        column, row = given["origin"]
        return Grid(
            (given["columns"] + 1) / 2 - column,
            (given["rows"] + 1) / 2 - row,
            given["die_width_m"],
            given["die_height_m"],
        )
    dies = store.dies(wafer)
    x, y = [die.x for die in dies] or [0], [die.y for die in dies] or [0]
    return Grid((min(x) + max(x)) / 2, (min(y) + max(y)) / 2, 1.0, 1.0)


def wafer_features(store: Store, wafer: str, procedure: str | None = None) -> pd.DataFrame:
    """Return the features of the finished runs on a wafer that nobody excluded.

    Parameters
    ----------
    store : Store
    wafer : str
        Its label.
    procedure : str, optional
        Only of runs of this one.

    Raises
    ------
    NotFoundError
        If there is no such wafer, or nothing was measured on it.
    """
    named = {} if procedure is None else {"procedure": procedure}
    found = store.features_frame(wafer=wafer, state="finished", excluded=False, **named)  # type: ignore[arg-type]
    if found.empty:
        raise NotFoundError(f"Nothing is recorded of wafer {wafer!r} yet: sweep it first.")
    found = found.assign(feature=_labels(found))
    return _placed(store, wafer, found)


def wafer_fits(store: Store, wafer: str) -> pd.DataFrame:
    """Return the parameters of the newest fit of each device of a wafer."""
    import pandas as pd

    rows = [
        {
            "device": name,
            "run_id": -1,
            "property": "fit",
            "feature": parameter["name"],
            "value": parameter["value"],
            "stderr": parameter["stderr"],
            "n": 1,
            "unit": parameter["unit"],
            "outcome": parameter["outcome"],
        }
        for name, document in store.wafer_fits(wafer).items()
        for parameter in document["parameters"]
    ]
    if not rows:
        return pd.DataFrame(columns=list(COLUMNS))
    frame = pd.DataFrame(rows)
    places = {each.name: each for each in store.devices() if each.wafer == wafer}
    frame["wafer"] = wafer
    frame["die_x"] = [places[name].x for name in frame["device"]]
    frame["die_y"] = [places[name].y for name in frame["device"]]
    # A number that rests on an assumption is none of this device.
    assumed = frame["outcome"] != "ok"
    frame.loc[assumed, ["value", "stderr"]] = np.nan
    return _placed(store, wafer, frame)


def device_states(store: Store, wafer: str) -> pd.Series:
    """Return of all devices of a wafer whether they were measured, are bad, or nobody knows.

    The newest sweep that found something out about a device decides. It is bad if a step failed on
    it, or the last attempt at one had an outcome after which the plan leaves a device; else
    measured, if a step was recorded. Nothing is found out by a contact check alone, by what never
    reached the device or was too much for its budget, nor by a run that somebody excluded. Of a
    device in no such sweep, a finished run says that it was measured.
    """
    import pandas as pd

    kept = store.find_runs(wafer=wafer, excluded=False)
    kept_ids = {run.id for run in kept}
    outcomes = _outcomes(store, wafer)
    sweeps = [sweep for sweep in store.sweeps() if sweep.wafer == wafer]
    states: dict[str, str] = {}
    for sweep in reversed(sweeps):
        points = sorted(store.sweep_points(sweep.id), key=lambda point: point.device)
        for name, group in groupby(points, key=lambda point: point.device):
            if name not in states:
                tried = [p for p in group if p.run_id in kept_ids and _is_of_device(p)]
                found = _verdict(sweep.plan, tried, outcomes)
                if found:
                    states[name] = found
    checks = {each.plan["contact"]["procedure"] for each in sweeps if each.plan.get("contact")}
    for run in kept:
        if run.state == "finished" and run.procedure not in (checks or {Contact().procedure}):
            states.setdefault(run.device, "measured")
    names = [each.name for each in store.devices() if each.wafer == wafer]
    return pd.Series(
        {name: states.get(name, "unknown") for name in names}, name="state", dtype="str"
    )


def _outcomes(store: Store, wafer: str) -> dict[int, set[str]]:
    frame = store.features_frame(wafer=wafer)
    found: dict[int, set[str]] = {}
    for run_id, outcome in zip(frame["run_id"], frame["outcome"], strict=True):
        found.setdefault(int(run_id), set()).add(str(outcome))
    return found


def _is_of_device(point: PointRecord) -> bool:
    """Return whether a point came to an end that says something of its device."""
    if point.state == "failed":
        return not any(words in point.note for words in _NOT_OF_DEVICE)
    return point.state == "recorded"


def _verdict(
    plan: Mapping[str, Any], tried: Sequence[PointRecord], outcomes: Mapping[int, set[str]]
) -> str:
    """Return what a sweep found out about a device, of which it tried some points; or nothing."""
    last = last_attempts(tried)
    if any(point.state == "failed" for point in last):
        return "bad"
    leaving = set(plan["conditions"]["skip_on"])
    if any(leaving & outcomes.get(point.run_id or 0, set()) for point in last):
        return "bad"
    has_check = bool(plan.get("contact"))
    n_steps = len(plan["steps"]) + has_check
    is_measured = any(not has_check or point.ordinal % n_steps for point in last)
    return "measured" if is_measured else ""


def device_table(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return means and their standard errors, a row a device and a column a feature.

    Where a device was measured repeatedly, the standard error is that between its runs.
    """
    grouped = frame.groupby(["device", "feature"], sort=False)
    mean, count = grouped["value"].mean(), grouped["value"].count()
    between: pd.Series = grouped["value"].std() / np.sqrt(count)
    stated = grouped["stderr"].mean()
    error: pd.Series = between.where(count > 1, stated)
    return mean.unstack("feature"), error.unstack("feature")


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write a tidy table as Parquet.

    Raises
    ------
    OutputError
        If pyarrow is not installed, or the file cannot be written.
    """
    try:
        frame.to_parquet(path, index=False)
    except ImportError as error:
        raise OutputError("Parquet needs pyarrow: install labbench with `.[export]`.") from error
    except OSError as error:
        raise OutputError(f"Cannot write {path}: {error.strerror or error}.") from error


def _labels(frame: pd.DataFrame) -> pd.Series:
    label = frame["name"].astype(object)
    for column in [name for name in frame.columns if name not in _PLAIN]:
        values = frame[column]
        words = {value: f" {column}={value:g}" for value in values.dropna().unique()}
        label = label + values.map(words).astype(object).fillna("")
    return label.astype("str")


def _placed(store: Store, wafer: str, frame: pd.DataFrame) -> pd.DataFrame:
    grid = grid_of(store, wafer)
    sites = {
        each.name: (each.geometry or {}).get("site", 0)
        for each in store.devices()
        if each.wafer == wafer
    }
    x_m = (frame["die_x"].astype("float64") - grid.middle_x) * grid.width_m
    y_m = (frame["die_y"].astype("float64") - grid.middle_y) * grid.height_m
    made = frame.assign(
        site=frame["device"].map(sites).astype("int64"),
        x_m=x_m,
        y_m=y_m,
        radius_m=np.hypot(x_m, y_m),
        outcome=frame["outcome"].astype("str"),
        die_x=frame["die_x"].astype("int64"),
        die_y=frame["die_y"].astype("int64"),
    )
    return made[list(COLUMNS)]
