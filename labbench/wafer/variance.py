"""How much of a variance is between wafers, dies, devices and cycles.

Values y of cycles in devices in dies in wafers are taken as y = mu + wafer + die + device + cycle,
each a random number of mean zero. The components come from the analysis of variance of nested
groups of any sizes: every sum T over groups g of a level, the sum of n_g (mean of g)^2, has an
expectation that is linear in the components (Henderson's method 1; Searle, Casella, McCulloch,
Variance Components, 1992, chapter 5), and the differences of neighbouring sums give four equations
in a triangle. No distribution is assumed. Intervals come from drawing whole dies anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

LEVELS = ("wafer", "die", "device", "cycle")
FloatArray = NDArray[np.float64]
# Fewer dies than that give no interval.
LEAST_DIES = 5


@dataclass(frozen=True)
class Component:
    """A component of a variance.

    Attributes
    ----------
    level : str
        "wafer", "die", "device" or "cycle".
    variance : float
        In the square of the unit; can be below zero by chance where there is nothing, and is NaN
        where the data have only one group. With one device on each die, that of the device is
        NaN, and in that of the die.
    low, high : float
        Interval of 95 % of `variance`; NaN without enough dies, and for wafers.
    share : float
        Of the sum of those above zero.
    """

    level: str
    variance: float
    low: float
    high: float
    share: float


def components(
    frame: pd.DataFrame, *, draws: int = 400, seed: int = 0
) -> tuple[Component, Component, Component, Component]:
    """Return the components of the variance of one feature, from the wafer to the cycle.

    Parameters
    ----------
    frame : DataFrame
        With wafer, die_x, die_y, device, value and stderr; rows without a value are left out.
        Where no device was measured twice, the cycle is what the standard errors say.
    draws : int, optional
        How often the dies are drawn anew for the intervals.
    seed : int, optional
    """
    sums, error = _sums(frame)
    n_dies = sums.total.size
    found = _solve(sums, np.ones((1, n_dies)), error)[0]
    low, high = np.full(4, nan), np.full(4, nan)
    if n_dies >= LEAST_DIES:
        random = np.random.default_rng([seed, n_dies])
        weights = random.multinomial(n_dies, np.full(n_dies, 1 / n_dies), size=draws)
        drawn = _solve(sums, weights.astype(np.float64), error)
        for k in range(1, 4):
            seen = drawn[np.isfinite(drawn[:, k]), k]
            if seen.size:
                low[k], high[k] = np.percentile(seen, [2.5, 97.5])
    above = np.nansum(np.clip(found, 0.0, None))
    made = [
        Component(
            level,
            float(found[k]),
            float(low[k]),
            float(high[k]),
            float(max(found[k], 0.0) / above) if above > 0 and found[k] == found[k] else nan,
        )
        for k, level in enumerate(LEVELS)
    ]
    return made[0], made[1], made[2], made[3]


@dataclass(frozen=True)
class _Sums:
    """What the dies contribute, one entry a die: what is needed of n, sums and squares."""

    wafer: NDArray[np.intp]
    count: FloatArray
    devices: FloatArray
    total: FloatArray
    squares: FloatArray
    device_means: FloatArray
    device_counts: FloatArray


def _sums(frame: pd.DataFrame) -> tuple[_Sums, float | None]:
    used = frame.loc[np.isfinite(frame["value"])]
    # Differences rule: far from zero, squares would lose their digits.
    value = used["value"] - used["value"].mean()
    place = ["wafer", "die_x", "die_y"]
    work = used[[*place, "device"]].assign(value=value, square=value**2)
    device = work.groupby([*place, "device"], sort=True).agg(
        n=("value", "size"), s=("value", "sum"), q=("square", "sum")
    )
    device["t"] = device["s"] ** 2 / device["n"]
    device["nn"] = device["n"] ** 2
    die = device.groupby(level=place).agg(
        n=("n", "sum"), m=("n", "size"), s=("s", "sum"), q=("q", "sum"), t=("t", "sum"),
        nn=("nn", "sum"),
    )  # fmt: skip
    wafer = np.unique(die.index.get_level_values("wafer").to_numpy(), return_inverse=True)[1]
    columns = [die[name].to_numpy(np.float64) for name in ("n", "m", "s", "q", "t", "nn")]
    error = None
    if len(device) == len(work):
        variances = used["stderr"].to_numpy(np.float64) ** 2
        error = float(np.nanmean(variances)) if np.isfinite(variances).any() else nan
    return _Sums(wafer.astype(np.intp), *columns), error


def _solve(sums: _Sums, weights: FloatArray, error: float | None) -> FloatArray:
    """Return components (draws, 4), wafer first, for dies taken `weights` (draws, dies) times."""
    n_wafers = int(sums.wafer.max()) + 1
    of_wafer = np.eye(n_wafers)[sums.wafer]

    def by_wafer(values: FloatArray) -> FloatArray:
        return (weights * values) @ of_wafer

    n_w = by_wafer(sums.count)
    with np.errstate(divide="ignore", invalid="ignore"):
        here = n_w > 0
        per = np.where(here, 1.0 / n_w, 0.0)
        n = n_w.sum(axis=1)
        n_devices, n_dies = weights @ sums.devices, weights.sum(axis=1)
        wafers = here.sum(axis=1)
        t_obs = weights @ sums.squares
        t_device = weights @ sums.device_means
        t_die = weights @ (sums.total**2 / sums.count)
        t_wafer = (by_wafer(sums.total) ** 2 * per).sum(axis=1)
        t_all = (weights @ sums.total) ** 2 / n
        device_in_die = weights @ (sums.device_counts / sums.count)
        device_in_wafer = (by_wafer(sums.device_counts) * per).sum(axis=1)
        die_in_wafer = (by_wafer(sums.count**2) * per).sum(axis=1)
        device_in_all = weights @ sums.device_counts / n
        die_in_all = weights @ sums.count**2 / n
        wafer_in_all = (n_w**2).sum(axis=1) / n
        cycle = _ratio(t_obs - t_device, n - n_devices)
        if error is not None:
            cycle = np.full(n.shape, error)
        device = _ratio(t_device - t_die - cycle * (n_devices - n_dies), n - device_in_die)
        # One device on each die: nobody can tell the two apart, and the die's holds both.
        known = np.nan_to_num(device)
        rest = cycle * (n_dies - wafers) + known * (device_in_die - device_in_wafer)
        die = _ratio(t_die - t_wafer - rest, n - die_in_wafer)
        rest = (
            cycle * (wafers - 1)
            + known * (device_in_wafer - device_in_all)
            + die * (die_in_wafer - die_in_all)
        )
        wafer = _ratio(t_wafer - t_all - rest, n - wafer_in_all)
    return np.column_stack([wafer, die, device, cycle])


def _ratio(top: FloatArray, below: FloatArray) -> FloatArray:
    """Return a quotient, NaN where there is nothing to divide by: one group only."""
    return np.where(below > 1e-9, top / np.where(below > 1e-9, below, 1.0), nan)
