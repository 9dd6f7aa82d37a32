"""What the README says about notebooks and about `labbench runs`, run as it is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from labbench.cli import app
from labbench.features import Feature

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")


@pytest.fixture
def backend():
    """What people type is the same on a server."""
    return "sqlite"


@pytest.fixture
def measured(store, begin_run, response):
    run_id = begin_run("D1", "threshold_firing", amplitude_v=0.8)
    store.save_response(run_id, 0, response)
    store.save_features(run_id, "threshold_firing", [Feature("threshold", 0.5, "V")], "a", "1")
    store.end_run(run_id, "finished")
    begin_run("D1", "refractory_period")
    return store


def test_the_lines_of_the_readme_run(measured):
    found = re.search(r"<!-- notebook -->\n```python\n(.*?)```", README, re.DOTALL)
    assert found is not None
    lines = found[1].replace('"demo/lab.db"', repr(str(measured.name))).replace(".plot()", "")
    names: dict[str, object] = {}
    exec(compile(lines, "README.md", "exec"), names)
    assert len(names["runs"]) == 1
    assert names["features"]["value"].tolist() == [0.5]
    assert names["wave"].unit == "A"
    names["store"].close()


def test_runs_are_listed_on_the_command_line(measured):
    asked = ["runs", "--db", str(measured.name)]
    table = CliRunner().invoke(app, [*asked, "--newest-first"])
    assert [line.split()[0] for line in table.stdout.splitlines()] == ["run", "2", "1"]
    done = CliRunner().invoke(app, [*asked, "--state", "finished", "--json"])
    (run,) = json.loads(done.stdout)
    assert (run["device"], run["n_responses"]) == ("D1", 1)
    nothing = CliRunner().invoke(app, [*asked, "--until", "2000-01-01"])
    assert nothing.stdout == "no runs\n"
