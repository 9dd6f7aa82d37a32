"""Plans: read, written, and refused with everything that is wrong."""

import json

import pytest

from labbench.errors import PlanError
from labbench.wafer.plan import Plan, plan_from, read_plan, write_plan


def test_a_plan_comes_back_from_its_file(make_plan, tmp_path):
    plan = make_plan(
        budget={"n_pulses": 100},
        conditions={"uncertain": {"features": ["threshold"], "relative_stderr": 0.1}},
        devices={"dies": [[1, 1], [3, 2]]},
        notify=["echo"],
    )
    write_plan(plan, tmp_path / "plan.toml")
    assert read_plan(tmp_path / "plan.toml") == plan


def test_no_contact_check_comes_back_from_its_file(make_plan, tmp_path):
    plan = make_plan(contact=None)
    assert plan.all_steps == plan.steps
    write_plan(plan, tmp_path / "plan.toml")
    assert "contact = false" in (tmp_path / "plan.toml").read_text()
    assert read_plan(tmp_path / "plan.toml") == plan
    assert plan_from(json.loads(json.dumps(plan.to_dict()))) == plan
    choices = Plan.model_json_schema()["properties"]["contact"]["anyOf"]
    assert any(choice.get("const") is False for choice in choices)
    with pytest.raises(PlanError, match="contact"):
        make_plan(contact=True)


def test_devices_go_there_and_back_without_what_is_kept_out(make_plan):
    plan = make_plan(
        wafer={"label": "W1", "columns": 3, "rows": 2, "sites": 2, "keep_out": [[2, 1]]}
    )
    met = [(place.column, place.row, place.site) for place in plan.places()]
    dies = [(1, 1), (3, 1), (3, 2), (2, 2), (1, 2)]
    assert met == [(*die, site) for die in dies for site in (0, 1)]
    first = next(plan.places())
    assert (plan.site_of(first).x, plan.site_of(first).y) == (0, 0)


def test_dies_beyond_the_rim_do_not_exist(make_plan):
    plan = make_plan(
        wafer={"label": "W", "columns": 5, "rows": 5, "diameter_m": 0.02, "die_width_m": 5e-3}
    )
    assert (1, 1) not in plan.wafer.dies
    assert (3, 1) in plan.wafer.dies
    assert len(plan.wafer.dies) == 13


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"steps": []}, "steps"),
        ({"steps": [{"procedure": "nothing"}]}, "no procedure 'nothing'"),
        ({"steps": [{"procedure": "contact_check", "settings": {"a": 1}}]}, "no setting a"),
        ({"steps": [{"procedure": "contact_check", "settings": {"read_v": 9}}]}, "out of its bou"),
        ({"devices": {"dies": [[9, 9]]}}, "not on the map"),
        ({"devices": {"sites": [3]}}, "a die has 1"),
        ({"devices": {"sites": []}}, "devices.sites: none is chosen"),
        ({"devices": {"sites": [0, 0]}}, r"devices.sites: \[0\] are there more than once"),
        ({"devices": {"dies": []}}, "no device"),
        ({"devices": {"name": "same"}}, "the same name"),
        ({"devices": {"name": "{wafer.foo}"}}, "devices.name is a pattern"),
        ({"devices": {"name": "{wafer[0][foo]}"}}, "devices.name is a pattern"),
        ({"devices": {"name": "{lot}"}}, "pattern"),
        ({"conditions": {"skip_on": ["tired"]}}, "skip_on"),
        ({"bensh": 1}, "bensh"),
        (
            {"wafer": {"label": "W", "columns": 3, "rows": 2, "keep_out": [[1, 1], [30, 30]]}},
            r"wafer: keep_out: \[\[30, 30\]\] are not on the map",
        ),
        ({"wafer": {"label": "W", "columns": 1, "rows": 1, "keep_out": [[1, 1]]}}, "no device"),
    ],
)
def test_a_wrong_plan_is_refused_in_words(make_plan, changed, said):
    with pytest.raises(PlanError, match=said):
        make_plan(**changed)


def test_a_file_that_is_no_plan(tmp_path):
    with pytest.raises(PlanError, match="No sweep plan"):
        read_plan(tmp_path / "none.toml")
    (tmp_path / "odd.toml").write_text("a = [")
    with pytest.raises(PlanError, match="not valid TOML"):
        read_plan(tmp_path / "odd.toml")
    with pytest.raises(PlanError, match=r"name: Field required.*steps: Field required"):
        plan_from({"bench": "b", "wafer": {"label": "W", "columns": 1, "rows": 1}})
