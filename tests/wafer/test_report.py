"""From a swept wafer to its tables, maps and page."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from labbench.cli import app
from labbench.errors import NotFoundError
from labbench.wafer.frames import COLUMNS, device_states, wafer_features
from labbench.wafer.maps import draw_map, wafer_map
from labbench.wafer.population import Population, bench_truth, draw_population
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
