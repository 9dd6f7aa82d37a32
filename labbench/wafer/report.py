"""The report of a wafer: maps, yield, variance, trends, outliers, correlations, on one page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import labbench
from labbench.errors import NotFoundError
from labbench.report.output import write_whole
from labbench.store import Store
from labbench.wafer.frames import device_states, device_table, wafer_features, wafer_fits
from labbench.wafer.maps import WaferMap, draw_map, wafer_map
from labbench.wafer.statistics import (
    OUTLIER,
    Correlation,
    Criterion,
    Trend,
    Yield,
    correlations,
    outliers,
    radial_trend,
    wafer_yield,
    without_trend,
)
from labbench.wafer.variance import Component, components

if TYPE_CHECKING:
    import pandas as pd

# Lists on the page are cut there, and say so.
MOST_MAPS, MOST_ROWS = 12, 15


@dataclass(frozen=True, eq=False)
class FeatureFindings:
    """What is said of one feature of a wafer.

    Attributes
    ----------
    n_devices : int
        With a value.
    median, spread : float
        Of the devices; the spread is half of the middle 68 %.
    map : WaferMap
    components : tuple of Component
        Without the radial trend, if that is clear.
    trend : Trend
    outliers : DataFrame
        By device, with value, off and z.
    """

    feature: str
    unit: str
    n_devices: int
    median: float
    spread: float
    map: WaferMap
    components: tuple[Component, ...]
    trend: Trend
    outliers: pd.DataFrame


@dataclass(frozen=True, eq=False)
class WaferFindings:
    """What is said of a wafer: by feature, the yield by the criteria, correlations.

    Attributes
    ----------
    not_shown : tuple of str
        Features of which there is nothing to say, each with the reason.
    """

    wafer: str
    features: tuple[FeatureFindings, ...]
    criteria: tuple[Criterion, ...]
    good: Yield
    correlations: tuple[Correlation, ...]
    states: dict[str, int]
    not_shown: tuple[str, ...] = ()


def analyse_wafer(
    store: Store,
    wafer: str,
    *,
    criteria: Sequence[Criterion] = (),
    features: Sequence[str] = (),
    seed: int = 0,
) -> tuple[WaferFindings, pd.DataFrame]:
    """Return what is to be said of a wafer, and the tidy table that it is said of.

    Parameters
    ----------
    store : Store
    wafer : str
        Its label.
    criteria : sequence of Criterion, optional
        What a good device must show; without any, a measured one is good.
    features : sequence of str, optional
        Only these; all that vary, if not given.
    seed : int, optional
        Of the intervals.

    Raises
    ------
    NotFoundError
        If nothing was measured, or a feature is not there.
    """
    import pandas as pd

    measured, fitted = wafer_features(store, wafer), wafer_fits(store, wafer)
    frame = measured if fitted.empty else pd.concat([measured, fitted], ignore_index=True)
    sound = frame.assign(value=frame["value"].where(_is_sound(frame)))
    table, errors = device_table(sound)
    chosen = _chosen(table, features)
    state = device_states(store, wafer)
    counts = state.value_counts().to_dict()
    found = WaferFindings(
        wafer,
        tuple(_findings(sound.loc[sound["feature"] == name], seed) for name in chosen),
        tuple(criteria),
        wafer_yield(table, errors, state, criteria),
        tuple(correlations(table[chosen])),
        {str(name): int(n) for name, n in counts.items()},
        () if features else tuple(_not_shown(frame, table, chosen)),
    )
    return found, frame


def write_wafer_report(findings: WaferFindings, path: Path) -> None:
    """Write the findings as one HTML page that opens anywhere, offline.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    from labbench.report.figures.style import to_svg

    environment = Environment(
        loader=ChoiceLoader([PackageLoader("labbench.wafer"), PackageLoader("labbench.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=_number, quantity=_quantity, digits=_digits)
    environment.globals.update(interval=_interval)
    drawn = findings.features[:MOST_MAPS]
    html = environment.get_template("wafer.html.j2").render(
        findings=findings,
        maps=[
            (each.feature, Markup(to_svg(draw_map(each.map), f"map{k}")))
            for k, each in enumerate(drawn)
        ],
        left_out=[each.feature for each in findings.features[MOST_MAPS:]],
        most=MOST_ROWS,
        beyond=OUTLIER,
        version=labbench.__version__,
        date=f"{datetime.now():%Y-%m-%d}",
    )
    write_whole(path, html)


def _chosen(table: pd.DataFrame, asked: Sequence[str]) -> list[str]:
    names = [str(name) for name in table.columns]
    missing = [name for name in asked if name not in names]
    if missing:
        raise NotFoundError(
            f"There is no feature {', '.join(missing)} on this wafer; it has {', '.join(names)}."
        )
    return list(asked) or [name for name in names if table[name].nunique() > 1]


def _is_sound(frame: pd.DataFrame) -> pd.Series:
    """Return which values count: not bounds, as of an open contact or a pulse that came too late.

    One trial is too few data for an error, but its value is one.
    """
    single = (frame["outcome"] == "too few data") & frame["stderr"].isna()
    return (frame["outcome"] == "ok") | single


def _not_shown(frame: pd.DataFrame, table: pd.DataFrame, chosen: Sequence[str]) -> Iterator[str]:
    """Say of each feature that was left out by itself why."""
    for name in map(str, table.columns):
        if name in chosen:
            continue
        values = table[name].dropna()
        if len(values):
            unit = frame.loc[frame["feature"] == name, "unit"].iloc[0]
            whose = "all devices" if len(values) > 1 else "the only device"
            yield f"{name}: {_quantity(values.iloc[0], unit)} for {whose} with a value"
            continue
        outcomes = frame.loc[frame["feature"] == name, "outcome"].value_counts()
        n = int(outcomes.sum())
        said = [f"{times} {outcome!r}" for outcome, times in outcomes.items()]
        why = f"all {outcomes.index[0]!r}" if len(said) == 1 and n > 1 else ", ".join(said)
        yield f"{name}: {n} value{'s' if n > 1 else ''}, {why}"


def _findings(frame: pd.DataFrame, seed: int) -> FeatureFindings:
    means = frame.groupby("device")["value"].mean().dropna()
    low, middle, high = np.percentile(means, [16, 50, 84]) if len(means) else [np.nan] * 3
    return FeatureFindings(
        str(frame["feature"].iloc[0]),
        str(frame["unit"].iloc[0]),
        len(means),
        float(middle),
        float(high - low) / 2,
        wafer_map(frame),
        components(without_trend(frame), seed=seed),
        radial_trend(frame),
        outliers(frame),
    )


def _number(value: float) -> str:
    # Plus zero, as minus zero is printed with its sign.
    return f"{value + 0.0:.4g}" if np.isfinite(value) else "not known"


def _quantity(value: float, unit: str) -> str:
    return f"{_number(value)} {unit}" if np.isfinite(value) else _number(value)


def _interval(low: float, high: float) -> str:
    return f"{_number(low)} to {_number(high)}" if np.isfinite([low, high]).any() else "not known"


def _digits(value: float, off: float) -> str:
    """Return a number with as many digits as show by how much it is off."""
    if not np.isfinite([value, off]).all():
        return _number(value)
    ratio = abs(value / off) if off else 1.0
    return f"{value + 0.0:.{4 + int(np.clip(np.log10(max(ratio, 1.0)), 0, 10))}g}"
