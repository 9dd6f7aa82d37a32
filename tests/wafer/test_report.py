"""From a swept wafer to its tables, maps and page."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from labbench.cli import app
from labbench.errors import NotFoundError
from labbench.wafer import report
from labbench.wafer.frames import COLUMNS, device_states, wafer_features
from labbench.wafer.maps import draw_map, wafer_map
from labbench.wafer.population import Population, bench_truth, draw_population
from labbench.wafer.statistics import Yield, criterion_from
from labbench.wafer.sweep import run_sweep

runner = CliRunner()


@pytest.fixture
def swept(open_wafer, store, make_plan):
    plan = make_plan(
        contact={"settings": {"terminals": 3}},
        conditions={"stop_on_faults": True},
        steps=[{"procedure": "ramp_threshold", "settings": {"repeats": 3}}],
        wafer={"label": "W1", "columns": 3, "rows": 2, "origin": [2, 1]},
    )
    run_sweep(plan, open_wafer("opens = 0.4\nspread = 0.1"), store, on_notice=lambda s: None)
    return store


def test_a_swept_wafer_is_scored_with_its_truth(swept, bench_file, tmp_path):
    truth = bench_truth(tmp_path / "bench.toml")
    frame = wafer_features(swept, "W1", procedure="ramp_threshold")
    assert tuple(frame.columns) == COLUMNS
    state = device_states(swept, "W1")
    good = {f"W1-c{r.column}r{r.row}s0" for r in truth.itertuples() if r.state == "good"}
    assert 0 < len(good) < 6
    assert set(state.index[state == "measured"]) == good
    assert set(state.index[state == "bad"]) == set(state.index) - good
    assert set(frame["device"]) == good
    place = frame.set_index("device").loc[sorted(good)]
    assert set(place["x_m"]) <= {-5e-3, 0.0, 5e-3}
    assert set(place["y_m"]) <= {-2.5e-3, 2.5e-3}
    assert frame["feature"].unique().tolist() == ["ramp_threshold rate_v_per_s=100"]
    with pytest.raises(NotFoundError, match="no wafer 'W2'"):
        wafer_features(swept, "W2")


def test_the_page_and_the_table(swept, tmp_path):
    out, table = tmp_path / "wafer.html", tmp_path / "wafer.parquet"
    good = "ramp_threshold rate_v_per_s=100=0.1:2"
    command = ["wafer-report", "--wafer", "W1", "--db", swept.name, "--out", str(out), "--json"]
    done = runner.invoke(app, [*command, "--parquet", str(table), "--good", good])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["yield"]["n"] == 6
    assert said["yield"]["good"] == said["states"]["measured"]
    html = out.read_text()
    assert "0.1 &lt;= ramp_threshold rate_v_per_s=100 &lt;= 2" in html
    assert html.count("<svg") >= 2
    assert "http" not in html.replace("http-equiv", "")
    assert list(pd.read_parquet(table).columns) == list(COLUMNS)


def test_a_map_has_the_mean_of_each_die_and_its_error():
    frame, _ = draw_population(Population(columns=4, rows=3, sites=3, cycles=2, clusters=0, seed=2))
    found = wafer_map(frame)
    assert found.value.shape == (3, 4)
    die = frame[(frame["die_x"] == 2) & (frame["die_y"] == 1)]
    means = die.groupby("device")["value"].mean().dropna()
    assert found.value[1, 2] == pytest.approx(means.mean())
    assert found.stderr[1, 2] == pytest.approx(means.std() / np.sqrt(len(means)))
    assert found.count[1, 2] == len(means)
    one = wafer_map(frame[frame["site"] == 0].assign(value=1.0, stderr=0.5))
    assert np.nanmax(one.stderr) == 0.0
    single = frame[(frame["site"] == 0)].drop_duplicates("device").assign(value=1.0, stderr=0.5)
    assert np.all(wafer_map(single).stderr == 0.5)
    figure = draw_map(found)
    assert len(figure.axes) == 4


def test_bounds_are_not_averaged(swept, tmp_path):
    from labbench.wafer.report import analyse_wafer

    found, frame = analyse_wafer(swept, "W1")
    bounds = frame[frame["outcome"] != "ok"]
    assert not bounds.empty
    by_name = {each.feature: each for each in found.features}
    assert by_name["gate_resistance"].median < 1e9 < bounds["value"].max()


@pytest.fixture
def page(monkeypatch, tmp_path):
    """Return the text of the page of a wafer, from its tidy table."""

    def make(frame, **options):
        state = pd.Series("measured", index=frame["device"].unique())
        monkeypatch.setattr(report, "wafer_features", lambda store, wafer: frame)
        monkeypatch.setattr(report, "wafer_fits", lambda store, wafer: frame.iloc[:0])
        monkeypatch.setattr(report, "device_states", lambda store, wafer: state)
        found, _ = report.analyse_wafer(None, "W1", **options)
        report.write_wafer_report(found, tmp_path / "wafer.html")
        html = (tmp_path / "wafer.html").read_text("utf-8")
        return re.sub(r"\s+", " ", re.sub(r"<svg.*?</svg>|<style.*?</style>", "", html, flags=re.S))

    return make


def small(feature, **changed):
    hidden = Population(columns=4, rows=3, cycles=1, clusters=0, opens=0, shorts=0, seed=1)
    return draw_population(hidden, feature=feature)[0].assign(outcome="ok", **changed)


def test_what_is_not_shown_is_listed_with_the_reason(page):
    few = small("few", stderr=np.nan).assign(outcome="too few data")
    none = small("none", value=np.nan, stderr=np.nan).assign(outcome="too few data")
    mixed = small("mixed").assign(outcome=["latched"] * 5 + ["censored"] * 7)
    bounds = small("bounds").assign(outcome="too few data")  # it has an error: something else
    same = small("same", value=2.5)
    said = page(pd.concat([small("seen"), few, none, mixed, bounds, same]))
    assert "<td>seen</td>" in said
    assert "<td>few</td>" in said
    assert "<li>none: 12 values, all 'too few data'</li>" in said.replace("&#39;", "'")
    assert "<li>mixed: 12 values, 7 'censored', 5 'latched'</li>" in said.replace("&#39;", "'")
    assert "<li>bounds: 12 values, all 'too few data'</li>" in said.replace("&#39;", "'")
    assert "<li>same: 2.5 V for all devices with a value</li>" in said
    assert said.count("<li>") == 4
    assert "Not shown" not in page(small("seen"))


def test_the_page_of_a_small_wafer_reads_well(page):
    frame = small("seen", stderr=np.nan)
    frame["radius_m"] = 0.0
    said = page(frame, criteria=[criterion_from("seen=:9")])
    assert "not known to not known" not in said
    assert "not known V" not in said
    assert "not known &plusmn;" not in said
    assert "-0 " not in said
    assert "no error is stated" in said
    assert "with that of the cycle" in said
    assert "No device lies further than 5 robust standard deviations" in said
    assert "No two features" in said
    assert said.count("<table>") == 2
    assert "seen &lt;= 9" in said


def test_outliers_tell_apart(page):
    values = 1e7 + np.r_[np.arange(10.0), 500.0, -800.0]
    twin = small("twin", value=np.arange(12.0))
    said = page(pd.concat([small("seen", value=values), twin]))
    assert re.search(r"<td>9999200 V</td><td>-804.5 V</td>", said)
    assert re.search(r"<td>10000500 V</td><td>495.5 V</td>", said)
    assert "</table> <p>One pair in twenty has p below" in said


def test_a_wafer_of_which_nothing_is_known(page, monkeypatch):
    unknown = Yield(0, 0, 12, 0, np.nan, np.nan, np.nan)
    monkeypatch.setattr(report, "wafer_yield", lambda *given: unknown)
    said = page(small("seen"))
    assert "Nothing is known of any device yet. 12 are not counted" in said
