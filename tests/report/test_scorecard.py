import json
from math import nan

import pytest

from labbench.compare import Comparison, Estimate
from labbench.errors import OutputError
from labbench.report import scorecard_of, write_scorecard
from labbench.report.output import write_whole


def refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


def test_a_scorecard_comes_back_from_json(tmp_path, scorecard):
    path = tmp_path / "scorecard.json"
    write_scorecard(path, scorecard)
    document = json.loads(path.read_text("utf-8"), parse_constant=refuse)
    assert document == json.loads(json.dumps(scorecard.to_dict()))
    assert document["device"] == "N-03"
    assert document["parameters"][0]["truth"] == 2700.0
    assert list(tmp_path.iterdir()) == [path]


def test_nan_becomes_null(tmp_path, make_fit):
    nothing = Estimate(nan, nan, 0)
    row = Comparison("relaxation", "t", "s", nothing, nothing, nan, nan, "cannot tell")
    write_scorecard(tmp_path / "s.json", scorecard_of("d", make_fit(), [row]))
    text = (tmp_path / "s.json").read_text("utf-8")
    assert json.loads(text, parse_constant=refuse)["properties"][0]["p_value"] is None


def test_a_real_device_has_no_truth(make_fit):
    assert {row.truth for row in scorecard_of("d", make_fit(), []).parameters} == {None}


def test_a_missing_folder_is_one_clear_line(tmp_path, scorecard):
    with pytest.raises(OutputError, match=r"no folder .*missing\. Create it") as raised:
        write_scorecard(tmp_path / "missing" / "scorecard.json", scorecard)
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "report.html"
    write_whole(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "half \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_the_way_is_an_output_error(tmp_path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OutputError, match="Cannot write"):
        write_whole(tmp_path / "report.html", "text")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
