"""Yield, trends, outliers and correlations over a wafer, each with its doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, nan, sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from labbench.errors import SettingError

if TYPE_CHECKING:
    import pandas as pd

# A device is an outlier beyond this many robust standard deviations from the trend.
OUTLIER = 5.0


@dataclass(frozen=True)
class Criterion:
    """What a good device must show: a feature between two bounds, in its unit."""

    feature: str
    low: float = -inf
    high: float = inf

    def __str__(self) -> str:
        if self.low > -inf and self.high < inf:
            return f"{self.low:g} <= {self.feature} <= {self.high:g}"
        if self.low > -inf:
            return f"{self.feature} >= {self.low:g}"
        return f"{self.feature} <= {self.high:g}" if self.high < inf else f"{self.feature} is there"


def criterion_from(text: str) -> Criterion:
    """Return a criterion written as ``feature=low:high``; a bound left out is none.

    Raises
    ------
    SettingError
        If it is not written like that.
    """
    name, separator, bounds = text.rpartition("=")
    low, colon, high = bounds.partition(":")
    try:
        found = Criterion(name, float(low or -inf), float(high or inf))
    except ValueError:
        separator = ""
    if not (name and separator and colon and found.low <= found.high):
        raise SettingError(f"A criterion is written feature=low:high, not {text!r}.")
    return found


@dataclass(frozen=True)
class Yield:
    """How many devices are good.

    Attributes
    ----------
    good, n : int
        Devices that fulfil all criteria, of those about which something is known.
    unknown : int
        Devices about which nothing is: not measured, or interrupted.
    near : int
        Devices whose doubt reaches over a bound: within two standard errors of it.
    share, low, high : float
        Good over n, with Wilson's interval of 95 %.
    """

    good: int
    n: int
    unknown: int
    near: int
    share: float
    low: float
    high: float


def wafer_yield(
    table: pd.DataFrame, errors: pd.DataFrame, state: pd.Series, criteria: Sequence[Criterion]
) -> Yield:
    """Return the yield by stated criteria.

    Parameters
    ----------
    table, errors : DataFrame
        One row a device, one column a feature: means, and their standard errors.
    state : Series
        Of all devices of the wafer: "measured", "bad" (open, shorted, failed), "unknown".
    criteria : sequence of Criterion
        All must hold; a measured device without a value is not good.
    """
    good = (state == "measured").to_numpy(copy=True)
    near = np.zeros(len(state), dtype=bool)
    for each in criteria:
        if each.feature not in table:
            raise SettingError(
                f"There is no feature {each.feature!r} on this wafer; it has "
                f"{', '.join(map(str, table.columns))}."
            )
        value = table[each.feature].reindex(state.index).to_numpy(np.float64)
        doubt = 2.0 * errors[each.feature].reindex(state.index).to_numpy(np.float64)
        good &= (value >= each.low) & (value <= each.high)
        near |= (np.abs(value - each.low) < doubt) | (np.abs(value - each.high) < doubt)
    known = (state != "unknown").to_numpy()
    n, k = int(known.sum()), int((good & known).sum())
    if not n:
        return Yield(0, 0, len(state), 0, nan, nan, nan)
    interval = stats.binomtest(k, n).proportion_ci(method="wilson")
    unknown = int((~known).sum())
    return Yield(k, n, unknown, int((near & known).sum()), k / n, interval.low, interval.high)


@dataclass(frozen=True)
class Trend:
    """A feature against the distance from the middle.

    Attributes
    ----------
    middle : float
        Value in the middle of the wafer.
    change, stderr : float
        From there to the outermost die, with the square of the radius; the standard error is that
        between dies.
    p_value : float
        How likely a change as large is without any.
    n_dies : int
    """

    middle: float
    change: float
    stderr: float
    p_value: float
    n_dies: int


def radial_trend(frame: pd.DataFrame) -> Trend:
    """Return the trend of one feature with the square of the radius, die by die.

    Each die counts once: its devices share what happened to it, and are no proof of their own.
    """
    used = frame.loc[np.isfinite(frame["value"])]
    dies = used.groupby(["wafer", "die_x", "die_y"]).agg(
        value=("value", "mean"), radius=("radius_m", "first")
    )
    rim = dies["radius"].max()
    if len(dies) < 4 or not rim or dies["radius"].nunique() < 3:
        return Trend(float(dies["value"].mean()), nan, nan, nan, len(dies))
    line = stats.linregress((dies["radius"] / rim) ** 2, dies["value"])
    return Trend(
        float(line.intercept), float(line.slope), float(line.stderr), float(line.pvalue), len(dies)
    )


def without_trend(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame of one feature with its radial trend taken off, if it has a clear one."""
    trend = radial_trend(frame)
    if not trend.p_value < 0.01:
        return frame
    rim = frame.loc[np.isfinite(frame["value"]), "radius_m"].max()
    return frame.assign(value=frame["value"] - trend.change * (frame["radius_m"] / rim) ** 2)


def outliers(frame: pd.DataFrame, beyond: float = OUTLIER) -> pd.DataFrame:
    """Return the devices far from the others, the farthest first.

    With `off`, how far from the median, and `z`, the same in robust standard deviations. The radial
    trend is taken off first; the scale is the median absolute deviation.
    """
    means = without_trend(frame).groupby("device")["value"].mean().dropna()
    scale = stats.median_abs_deviation(means, scale="normal") if len(means) else nan
    off = means - means.median()
    z = off / scale if scale > 0 else off * nan
    table = means.to_frame().assign(off=off, z=z)
    return table.loc[z.abs() > beyond].sort_values("z", key=abs, ascending=False)


@dataclass(frozen=True)
class Correlation:
    """Spearman's correlation of two features over devices, with an interval of 95 %."""

    one: str
    other: str
    rho: float
    low: float
    high: float
    p_value: float
    n: int


def correlations(table: pd.DataFrame, least: int = 10) -> list[Correlation]:
    """Return the correlations of all pairs of columns, the strongest first.

    The interval is Fisher's with the variance of Bonett and Wright (2000) for ranks.
    """
    found = []
    names = [name for name in table.columns if table[name].count() >= least]
    for k, one in enumerate(names):
        for other in names[k + 1 :]:
            both = table[[one, other]].dropna()
            if len(both) < least or both[one].nunique() < 3 or both[other].nunique() < 3:
                continue
            rho, p_value = map(float, stats.spearmanr(both[one], both[other]))
            half = 1.96 * sqrt((1.0 + rho**2 / 2.0) / (len(both) - 3))
            centre = np.arctanh(np.clip(rho, -0.999999, 0.999999))
            low, high = np.tanh([centre - half, centre + half])
            found.append(Correlation(one, other, rho, float(low), float(high), p_value, len(both)))
    return sorted(found, key=lambda each: -abs(each.rho))
