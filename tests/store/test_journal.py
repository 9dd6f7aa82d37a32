from __future__ import annotations

import pytest

from labbench.errors import NotFoundError, StoreError
from labbench.store import worst_dose
from labbench.store.engine import writing


def test_what_is_said_is_kept_in_order(store, run_id):
    store.add_wafer("W1")
    store.note("probe 2 slipped", run=run_id, author="ada")
    store.note("came back from etching", wafer="W1")
    store.note("µ-crack at the edge", device="D1", author="ada")
    first, second, third = store.journal()
    assert (first.kind, first.run_id, first.text, first.author) == (
        "note",
        run_id,
        "probe 2 slipped",
        "ada",
    )
    assert (second.wafer, second.device, second.run_id) == ("W1", None, None)
    assert second.author
    assert (third.device, third.text) == ("D1", "µ-crack at the edge")
    assert first.created_at <= second.created_at <= third.created_at
    assert store.journal(device="D1") == [third]
    assert store.journal(run=run_id) == [first]


def test_a_tag_is_put_on_and_taken_off(store, run_id):
    store.tag("golden", run=run_id)
    store.tag("b", run=run_id)
    store.tag("golden", device="D1")
    assert store.tags(run=run_id) == ["b", "golden"]
    store.untag("golden", run=run_id)
    assert store.tags(run=run_id) == ["b"]
    assert store.tags(device="D1") == ["golden"]
    with pytest.raises(StoreError, match="no tag 'golden' to take off: its tags are b"):
        store.untag("golden", run=run_id)
    store.tag("golden", run=run_id)
    assert store.tags(run=run_id) == ["b", "golden"]
    assert len(store.journal(run=run_id)) == 4


def test_an_exclusion_is_listed_with_its_reason_and_taken_back(store, begin_run):
    first, second = begin_run(), begin_run()
    store.exclude(first, "needle slipped")
    store.exclude(first, "needle slipped twice")
    assert [run.excluded for run in store.runs()] == ["needle slipped twice", None]
    store.include(first, "it had not")
    assert [run.excluded for run in store.runs()] == [None, None]
    with pytest.raises(StoreError, match="not excluded"):
        store.include(second, "why not")
    assert [entry.kind for entry in store.journal()] == ["exclude", "exclude", "include"]


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({}, "one run, device or wafer: none was named"),
        ({"run": 1, "device": "D1"}, "run, device was named"),
        ({"run": 9}, "no run 9"),
        ({"device": "D9"}, "no device 'D9' in this database; it has D1"),
        ({"wafer": "W9"}, "no wafer 'W9' in this database; it has none yet"),
    ],
)
def test_an_entry_is_about_one_thing_that_is_there(store, run_id, about, message):
    with pytest.raises(StoreError, match=message):
        store.note("a text", **about)
    assert store.journal() == []


def test_an_entry_says_something(store, run_id):
    with pytest.raises(StoreError, match=f"exclude run {run_id} needs a reason"):
        store.exclude(run_id, "  ")
    with pytest.raises(StoreError, match="needs a name"):
        store.tag("", device="D1")
    with pytest.raises(NotFoundError):
        store.exclude(9, "a reason")


FORBIDDEN = {
    "UPDATE journal SET text = 'x'": "journal are never changed",
    "DELETE FROM journal": "journal are never deleted",
    "DELETE FROM dose": "dose are never deleted",
    "UPDATE dose SET n_pulses = 0 WHERE ordinal = 0": "dose change only once",
    "UPDATE dose SET n_pulses = 0 WHERE ordinal = 1": "dose change only once",
    "UPDATE dose SET ordinal = 7, recorded = true WHERE ordinal = 1": "dose change only once",
    "INSERT INTO journal VALUES (99, 'note', 1, 1, NULL, 'x', 'a', 'now')": "one_subject",
    "INSERT INTO journal VALUES (99, 'note', 1, NULL, NULL, ' ', 'a', 'now')": "text_given",
    "INSERT INTO journal VALUES (99, 'exclude', NULL, 1, NULL, 'x', 'a', 'now')": "run_excluded",
    "INSERT INTO journal VALUES (99, 'remark', 1, NULL, NULL, 'x', 'a', 'now')": "kind_known",
}


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_database_itself_refuses_changes(store, run_id, response, statement):
    store.note("a text", run=run_id)
    worst = worst_dose(response.stimulus, 1e3)
    store.apply_dose(run_id, 0, worst)
    store.save_response(run_id, 0, response)
    store.apply_dose(run_id, 1, worst)
    with (
        pytest.raises(StoreError, match=FORBIDDEN[statement]),
        writing(store.engine) as connection,
    ):
        connection.exec_driver_sql(statement)
