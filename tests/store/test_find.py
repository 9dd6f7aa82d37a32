from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, update

from labbench.errors import NotFoundError, StoreError
from labbench.features import Feature
from labbench.store import Store, display_name, schema
from labbench.store.engine import writing
from labbench.store.setting_rows import setting_rows


@pytest.fixture
def four_runs(store, begin_run, response) -> list[int]:
    runs = [
        begin_run("D1", "iv_sweep", amplitude_v=0.5),
        begin_run("D2", "iv_sweep", amplitude_v=0.8, mode="slow"),
        begin_run("D1", "pulse_response", amplitude_v=1.2),
        begin_run("D1", "pulse_response"),
    ]
    store.save_response(runs[0], 0, response)
    store.save_response(runs[0], 1, response)
    store.save_features(runs[0], "threshold_firing", [Feature("threshold", 0.5, "V")], "a", "1")
    store.end_run(runs[0], "finished")
    _place_on_wafers(store)
    _note_settings(store)
    return runs


def _note_settings(store):
    with writing(store.engine) as connection:
        if connection.execute(select(schema.setting)).first() is None:
            rows = [row for run in store.runs() for row in setting_rows(run.id, run.settings)]
            connection.execute(insert(schema.setting), rows)


def _place_on_wafers(store):
    """Put D1 on die (0, 1) of W1; W2 has only a die (5, 5)."""
    with writing(store.engine) as connection:
        for number, (x, y) in enumerate([(0, 1), (5, 5)], start=1):
            label = {"label": f"W{number}", "notes": "", "created_at": datetime.now(UTC)}
            connection.execute(insert(schema.wafer).values(id=number, **label))
            connection.execute(insert(schema.die).values(id=number, wafer_id=number, x=x, y=y))
        connection.execute(
            update(schema.device).where(schema.device.c.name == "D1").values(die_id=1)
        )


def say(store, kind: str, text: str, **subject: int) -> None:
    line = {"kind": kind, "text": text, "author": "tester", "created_at": datetime.now(UTC)}
    with writing(store.engine) as connection:
        connection.execute(insert(schema.journal).values(**line, **subject))


def ids(found) -> list[int]:
    return [run.id for run in found]


def test_runs_are_found_by_all_that_is_given(store, four_runs):
    a, b, c, d = four_runs
    assert ids(store.find_runs()) == [a, b, c, d]
    assert ids(store.find_runs(device="D1", procedure="pulse_response")) == [c, d]
    assert ids(store.find_runs(state="finished")) == [a]
    assert ids(store.find_runs(session=2)) == [b]
    assert ids(store.find_runs(newest_first=True, limit=2)) == [d, c]
    assert ids(store.find_runs(limit=0)) == []
    # Each is there, and no run has both: nothing found is no mistake.
    assert ids(store.find_runs(device="D2", procedure="pulse_response")) == []


def test_a_summary_agrees_with_the_whole_record(store, four_runs):
    whole, found = store.runs()[0], store.find_runs(limit=1)[0]
    for name in ("id", "device", "procedure", "state", "started_at", "ended_at", "simulated"):
        assert getattr(found, name) == getattr(whole, name)
    assert (found.n_responses, found.n_features) == (2, 1)
    assert "iv_sweep" in repr(found)
    assert "finished" in repr(found)


def test_runs_are_found_by_when_they_started(store, four_runs):
    starts = [run.started_at for run in store.find_runs()]
    assert ids(store.find_runs(since=starts[2])) == four_runs[2:]
    assert ids(store.find_runs(until=starts[2])) == four_runs[:2]
    assert ids(store.find_runs(since=starts[1].isoformat(), until=starts[2])) == four_runs[1:2]
    here = datetime.now().astimezone()
    assert ids(store.find_runs(since=here.date() + timedelta(days=1))) == []
    assert ids(store.find_runs(since=str(here.date() - timedelta(days=1)))) == four_runs
    with pytest.raises(StoreError, match=r"since is a moment such as .* not 'yesterday'"):
        store.find_runs(since="yesterday")


def test_a_moment_without_a_zone_is_that_of_this_computer(store, run_id):
    started_at = store.find_runs()[0].started_at
    local = started_at.astimezone().replace(tzinfo=None)
    assert ids(store.find_runs(since=local)) == [run_id]
    assert store.find_runs(since=local + timedelta(microseconds=1)) == ()


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"device": "D9"}, "no device 'D9' in this database; it has D1, D2"),
        ({"procedure": "iv"}, "no procedure 'iv' in this database; it has iv_sweep, pulse_resp"),
        ({"session": 99}, "no session 99 in this database; it has 1, 2"),
        ({"wafer": "W9"}, "no wafer 'W9' in this database; it has W1, W2"),
        ({"die": (7, 7)}, r"no die \(7, 7\) in this database; it has \(0, 1\), \(5, 5\)"),
        ({"tag": "good"}, "no tag 'good' in this database; it has none yet"),
        ({"setting": {"amplitude": 1.0}}, "no setting 'amplitude' .* it has amplitude_v, mode"),
    ],
)
def test_what_is_nowhere_is_named_with_what_there_is(store, four_runs, filters, message):
    for find in (store.find_runs, store.runs_frame, store.features_frame):
        with pytest.raises(NotFoundError, match=message):
            find(**filters)


def test_impossible_filters_are_refused(store):
    with pytest.raises(StoreError, match="never 'done': it is planned, running, finished"):
        store.find_runs(state="done")
    with pytest.raises(StoreError, match="limit of zero or more"):
        store.find_runs(limit=-1)
    with pytest.raises(TypeError, match="wafr"):
        store.runs_frame(wafr="W1")


def test_a_list_of_runs_is_a_short_table(store, four_runs, begin_run):
    lines = repr(store.find_runs()).splitlines()
    assert lines[0].split()[:4] == ["run", "device", "die", "procedure"]
    assert lines[1].split()[:4] == ["1", "D1", "W1", "(0,"]
    assert len(lines) == 5
    for _ in range(20):
        begin_run("D1")
    lines = repr(store.find_runs()).splitlines()
    assert len(lines) == 22
    assert lines[-1] == "... and 4 more"
    assert repr(store.find_runs(device="D2", procedure="pulse_response")) == "no runs"


def test_runs_make_a_frame(store, four_runs):
    frame = store.runs_frame(device="D1")
    assert frame["run_id"].tolist() == [four_runs[0], *four_runs[2:]]
    assert frame["started_at"][0] == store.find_runs()[0].started_at
    assert frame["ended_at"].isna().tolist() == [False, True, True]
    assert str(frame["started_at"].dtype).endswith("UTC]")
    assert frame["n_responses"].tolist() == [2, 0, 0]
    nothing = store.runs_frame(device="D2", procedure="pulse_response")
    assert nothing.empty
    assert list(nothing.columns) == list(frame.columns)


def test_features_are_found_by_their_runs(store, four_runs):
    hot = Feature("latency", 2e-4, "s", at={"amplitude_v": 0.8, "n": 3.0})
    store.save_features(four_runs[1], "threshold_firing", [hot], "a", "1")
    frame = store.features_frame()
    assert frame["device"].tolist() == ["D1", "D2"]
    assert frame["procedure"].tolist() == ["iv_sweep", "iv_sweep"]
    assert frame["amplitude_v"].isna().tolist() == [True, False]
    # A condition never hides what every feature has.
    assert frame["n"].tolist() == [1, 1]
    assert frame["at_n"].tolist()[1] == 3.0
    assert store.features_frame(device="D2", name="latency")["value"].tolist() == [2e-4]
    assert store.features_frame(state="finished")["name"].tolist() == ["threshold"]
    assert store.features_frame(run_id=four_runs[2]).empty
    assert store.features_frame(property="stochasticity").empty
    with pytest.raises(NotFoundError, match="no run 77"):
        store.features_frame(run_id=77)


def test_a_store_says_where_it_is(store, database):
    assert repr(store) == f"Store({display_name(database)!r})"
    assert isinstance(store, Store)
    assert store.find_runs(since=datetime(2000, 1, 1, tzinfo=UTC)) == ()


def test_runs_are_found_by_wafer_and_die(store, four_runs):
    a, _, c, d = four_runs
    assert ids(store.find_runs(wafer="W1")) == [a, c, d]
    assert ids(store.find_runs(die=(0, 1), procedure="iv_sweep")) == [a]
    assert ids(store.find_runs(wafer="W2")) == []
    assert ids(store.find_runs(wafer="W2", die=(0, 1))) == []
    found = store.find_runs(limit=2)
    assert (found[0].wafer, found[0].die_x, found[0].die_y) == ("W1", 0, 1)
    assert (found[1].wafer, found[1].die_x, found[1].die_y) == (None, None, None)
    assert "W1 (0, 1)" in repr(found)
    frame = store.runs_frame()
    assert frame["die_y"].tolist()[:1] == [1]
    assert frame["wafer"].isna().tolist() == [False, True, False, False]
    assert store.features_frame(wafer="W1")["wafer"].tolist() == ["W1"]
    with pytest.raises(StoreError, match="two numbers"):
        store.find_runs(die=(1, 2, 3))


def test_runs_are_found_by_the_tags_they_bear_now(store, four_runs):
    a, b, c, d = four_runs
    say(store, "tag", "good", run_id=b)
    say(store, "tag", "good", run_id=d)
    say(store, "untag", "good", run_id=d)
    assert ids(store.find_runs(tag="good")) == [b]
    say(store, "tag", "good", run_id=d)
    assert ids(store.find_runs(tag="good")) == [b, d]
    say(store, "tag", "batch 7", wafer_id=1)
    say(store, "tag", "spare", device_id=2)
    assert ids(store.find_runs(tag="batch 7")) == [a, c, d]
    assert ids(store.find_runs(tag="spare")) == [b]
    say(store, "untag", "batch 7", wafer_id=1)
    assert ids(store.find_runs(tag="batch 7")) == []


def test_runs_are_found_by_whether_they_are_excluded(store, four_runs):
    a, b, c, d = four_runs
    say(store, "exclude", "the probe slipped", run_id=b)
    say(store, "exclude", "a mistake", run_id=c)
    say(store, "include", "it was none", run_id=c)
    assert ids(store.find_runs(excluded=True)) == [b]
    assert ids(store.find_runs(excluded=False)) == [a, c, d]
    assert [run.excluded for run in store.find_runs()] == [None, "the probe slipped", None, None]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"amplitude_v": 0.8}, [1]),
        ({"amplitude_v": (0.5, 0.8)}, [0, 1]),
        ({"amplitude_v": (None, 0.5)}, [0]),
        ({"amplitude_v": (0.6, None)}, [1, 2]),
        ({"amplitude_v": (0.6, None), "mode": "slow"}, [1]),
        ({"mode": "slow"}, [1]),
        ({"mode": "fast"}, []),
        ({"mode": None}, []),
    ],
)
def test_runs_are_found_by_their_settings(store, four_runs, setting, expected):
    assert ids(store.find_runs(setting=setting)) == [four_runs[i] for i in expected]


def test_a_range_has_two_ends(store):
    with pytest.raises(StoreError, match="two ends"):
        store.find_runs(setting={"amplitude_v": (1, 2, 3)})
