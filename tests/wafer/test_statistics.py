"""Variance components, yield, trends, outliers, correlations: against closed forms and truths."""

from math import inf, isnan

import numpy as np
import pandas as pd
import pytest

from labbench.errors import SettingError
from labbench.wafer.population import Population, draw_population
from labbench.wafer.statistics import (
    Criterion,
    correlations,
    criterion_from,
    outliers,
    radial_trend,
    wafer_yield,
    without_trend,
)
from labbench.wafer.variance import components


def balanced(rng, groups=(2, 6, 5, 4), sds=(3.0, 2.0, 1.0, 0.5)):
    """Return a balanced nested table with random numbers of each level."""
    wafers, dies, devices, _ = groups
    w = rng.normal(0, sds[0], wafers)[:, None, None, None]
    d = rng.normal(0, sds[1], (wafers, dies))[..., None, None]
    v = rng.normal(0, sds[2], (wafers, dies, devices))[..., None]
    y = w + d + v + rng.normal(0, sds[3], groups)
    index = pd.MultiIndex.from_product(
        [range(n) for n in groups], names=["wafer", "die_x", "dev", "cycle"]
    )
    frame = pd.DataFrame({"value": y.ravel() + 100.0}, index=index).reset_index()
    frame["device"] = frame["wafer"] * 10_000 + frame["die_x"] * 100 + frame["dev"]
    return frame.assign(die_y=0, stderr=0.1), y


def test_components_of_balanced_groups_are_those_of_the_textbook():
    frame, y = balanced(np.random.default_rng(1))
    a, b, c, n = y.shape
    within = ((y - y.mean(3, keepdims=True)) ** 2).sum() / (a * b * c * (n - 1))
    device = n * ((y.mean(3) - y.mean((2, 3))[..., None]) ** 2).sum() / (a * b * (c - 1))
    die = c * n * ((y.mean((2, 3)) - y.mean((1, 2, 3))[:, None]) ** 2).sum() / (a * (b - 1))
    wafer = b * c * n * ((y.mean((1, 2, 3)) - y.mean()) ** 2).sum() / (a - 1)
    expected = [
        (wafer - die) / (b * c * n),
        (die - device) / (c * n),
        (device - within) / n,
        within,
    ]
    found = components(frame, draws=20)
    assert [each.variance for each in found] == pytest.approx(expected, rel=1e-9)
    assert sum(each.share for each in found) == pytest.approx(1.0)


def test_components_of_uneven_groups_are_right_on_average():
    rng = np.random.default_rng(2)
    found = []
    for _ in range(150):
        frame, _ = balanced(rng, (3, 5, 4, 3))
        kept = frame.loc[rng.random(len(frame)) > 0.35]
        found.append([each.variance for each in components(kept, draws=2)])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(len(found))
    assert np.all(np.abs(mean - [9.0, 4.0, 1.0, 0.25]) < 4 * error)


def test_one_wafer_says_nothing_of_wafers_and_one_cycle_is_what_its_error_says():
    frame, _ = balanced(np.random.default_rng(3), (1, 40, 6, 1), (0.0, 2.0, 1.0, 0.0))
    wafer, die, device, cycle = components(frame.assign(stderr=0.2))
    assert isnan(wafer.variance)
    assert cycle.variance == pytest.approx(0.04)
    assert die.low < 4.0 < die.high
    # What the cycles add is in the values too here, and taken off.
    assert device.low < 1.0 - 0.04 < device.high


def test_a_stated_error_says_nothing_of_how_well_it_is_known():
    frame, _ = balanced(np.random.default_rng(3), (1, 40, 6, 1), (0.0, 2.0, 1.0, 0.0))
    *_, cycle = components(frame)
    assert cycle.variance == pytest.approx(0.01)
    assert isnan(cycle.low)
    assert isnan(cycle.high)
    assert cycle.note == "what the stated errors say"


@pytest.mark.parametrize("devices", [1, 4])
@pytest.mark.parametrize("error", [10.0, np.nan])
def test_an_error_that_is_no_noise_of_cycles_is_not_split_off(devices, error):
    # The scatter of all is 2.2 at most: an error of 10 is one that all have in common.
    groups = (1, 40, devices, 1)
    frame, _ = balanced(np.random.default_rng(5), groups, (0.0, 2.0, 1.0, 0.0))
    wafer, die, device, cycle = components(frame.assign(stderr=error))
    assert all(isnan(each) for each in (wafer.variance, cycle.variance, cycle.low, cycle.share))
    said = "no error is stated" if isnan(error) else "larger than the scatter"
    assert said in cycle.note
    # As if there were no cycles: the one that holds them says so.
    exact = components(frame.assign(stderr=0.0))
    assert (die.variance, die.low) == (exact[1].variance, exact[1].low)
    if devices == 1:
        assert isnan(device.variance)
        assert die.low < 5.0 < die.high
        assert die.note == "with that of the cycle"
    else:
        assert (device.variance, device.high) == (exact[2].variance, exact[2].high)
        assert device.low < 1.0 < device.high
        assert (die.note, device.note) == ("", "with that of the cycle")
        assert die.share + device.share == pytest.approx(1.0)


def test_an_error_as_large_as_the_scatter_may_be_noise():
    # Nothing but cycles: the bound of the scatter is exceeded by chance only.
    rng = np.random.default_rng(6)
    known = 0
    for _ in range(100):
        frame, _ = balanced(rng, (1, 8, 2, 1), (0.0, 0.0, 0.0, 1.0))
        known += not isnan(components(frame.assign(stderr=1.0), draws=2)[3].variance)
    assert known > 94


def test_one_repetition_does_not_speak_for_all_cycles():
    frame, _ = balanced(np.random.default_rng(7), (1, 64, 3, 1), (0.0, 2.0, 1.0, 0.0))
    frame = frame.assign(stderr=0.3)
    again = frame.iloc[:1].assign(value=frame["value"].iloc[0] + 1e-6)
    *_, cycle = components(pd.concat([frame, again]))
    assert cycle.variance == pytest.approx(0.09)
    # Nor do many on one die; ten on several dies do.
    one_die = frame[frame["die_x"] == 0]
    *_, cycle = components(pd.concat([frame, *[one_die] * 5]))
    assert cycle.variance == pytest.approx(0.09)
    *_, cycle = components(pd.concat([frame, frame.iloc[:15]]))
    assert cycle.variance == 0.0
    assert cycle.note == ""


def test_one_device_on_each_die_cannot_be_told_from_its_die():
    frame, _ = balanced(np.random.default_rng(3), (1, 80, 1, 3), (0.0, 2.0, 1.0, 0.5))
    _, die, device, cycle = components(frame)
    assert isnan(device.variance)
    assert die.low < 4.0 + 1.0 < die.high
    assert cycle.low < 0.25 < cycle.high


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(4)
    inside = []
    for k in range(60):
        frame, _ = balanced(rng, (1, 60, 4, 2), (0.0, 2.0, 1.0, 0.5))
        found = components(frame, draws=200, seed=k)[1:]
        inside.append([f.low <= t <= f.high for f, t in zip(found, (4.0, 1.0, 0.25), strict=True)])
    assert np.all(np.mean(inside, axis=0) > 0.85)


def test_intervals_of_small_wafers_hold_the_truth_nearly_as_often():
    rng = np.random.default_rng(4)
    inside = []
    for k in range(120):
        frame, _ = balanced(rng, (1, 30, 2, 2), (0.0, 2.0, 1.0, 0.5))
        found = components(frame, seed=k)[1:]
        inside.append([f.low <= t <= f.high for f, t in zip(found, (4.0, 1.0, 0.25), strict=True)])
    assert np.all(np.mean(inside, axis=0) > 0.89)


def test_a_hidden_population_is_recovered():
    hidden = Population(columns=25, rows=25, sites=2, cycles=3, radial=0.08, seed=5)
    frame, truth = draw_population(hidden)
    trend = radial_trend(frame)
    # Three standard errors; the interval of 95 % would fail once in twenty seeds.
    assert abs(trend.change - truth["change"]) < 3 * trend.stderr
    assert trend.p_value < 1e-3
    found = components(without_trend(frame))
    for each, name in zip(found[1:], ("die", "device", "cycle"), strict=True):
        assert each.low <= truth[f"{name}_variance"] <= each.high, name
    good = frame.groupby("device")["value"].mean().notna()
    assert abs(good.mean() - truth["good_share"]) < 1e-12


def test_yield_counts_what_is_known():
    names = [f"D{k}" for k in range(6)]
    table = pd.DataFrame({"t": [1.0, 2.0, 3.0, np.nan]}, index=names[:4])
    errors = pd.DataFrame({"t": [0.1, 0.1, 0.6, np.nan]}, index=names[:4])
    state = pd.Series(dict(zip(names, ["measured"] * 4 + ["bad", "unknown"], strict=True)))
    found = wafer_yield(table, errors, state, [Criterion("t", 1.5, 4.0)])
    assert (found.good, found.n, found.unknown, found.near) == (2, 5, 1, 1)
    assert found.low < 0.4 < found.high
    with pytest.raises(SettingError, match="no feature 'x'"):
        wafer_yield(table, errors, state, [Criterion("x")])


def test_criteria_are_read():
    assert criterion_from("t=0.5:") == Criterion("t", 0.5, inf)
    said = {"t=0.5:": "t >= 0.5", "t=:2": "t <= 2", "t=1:2": "1 <= t <= 2", "t=:": "t is there"}
    assert {text: str(criterion_from(text)) for text in said} == said
    for wrong in ("t", "t=1", "=1:2", "t=2:1", "t=a:b", "t=nan:1", "t=0:nan"):
        with pytest.raises(SettingError, match="written feature=low:high"):
            criterion_from(wrong)


def test_outliers_and_correlations():
    rng = np.random.default_rng(6)
    x = rng.normal(size=300)
    frame = pd.DataFrame(
        {
            "wafer": "W", "die_x": np.arange(300) % 20, "die_y": np.arange(300) // 20,
            "device": [f"D{k}" for k in range(300)], "value": x,
        }
    )  # fmt: skip
    frame["radius_m"] = np.hypot(frame["die_x"] - 9.5, frame["die_y"] - 7)
    frame.loc[7, "value"] = 30.0
    far = outliers(frame)
    assert list(far.index) == ["D7"]
    assert far["off"].iloc[0] == pytest.approx(30.0 - frame["value"].median())
    assert outliers(frame.assign(value=1.0)).empty
    table = pd.DataFrame({"a": x, "b": x + rng.normal(size=300), "c": rng.normal(size=300)})
    first, *others = correlations(table)
    assert (first.one, first.other) == ("a", "b")
    # Of normal numbers, Spearman's is 6/pi asin(r/2).
    assert first.low < 6 / np.pi * np.arcsin(np.sqrt(0.5) / 2) < first.high
    assert all(each.low < 0 < each.high for each in others)
