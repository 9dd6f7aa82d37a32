"""A file and a server keep the same: numbers, documents, text, ids."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, timezone
from math import inf, isnan, nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from labbench.errors import StoreError
from labbench.store import schema, worst_dose
from labbench.store.engine import reading, writing

QUICK = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SPECIAL = (inf, -inf, 5e-324, 1.7976931348623157e308, 0.1, 1e22, np.float32(0.1), np.float64(1 / 3))
NUMBERS = st.sampled_from(SPECIAL) | st.floats(allow_nan=False)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def read_back(store, run_id, value):
    store.add_compliance_check(run_id, "supply", "A", 0.0, "0", value, None)
    return store.compliance_checks(run_id)[-1].read_back


@QUICK
@given(value=NUMBERS)
def test_numbers_come_back_exactly(store, begin_run, value):
    found = read_back(store, begin_run(), value)
    assert isinstance(found, float)
    assert found == float(value)


def test_nan_is_kept_as_nothing_and_refused_where_there_must_be_a_number(store, run_id):
    assert read_back(store, run_id, nan) is None
    assert read_back(store, run_id, np.float32("nan")) is None
    with pytest.raises(StoreError, match="refused a record"):
        store.add_compliance_check(run_id, "supply", "A", nan, "nan", None, None)
    assert len(store.compliance_checks(run_id)) == 2


@QUICK
@given(document=st.dictionaries(st.text(), DOCUMENTS, max_size=4))
def test_documents_come_back_exactly_and_in_their_order(store, document):
    found = store.session(store.begin_session(document, simulated=True, operator="tester")).config
    assert found == document
    assert json.dumps(found) == json.dumps(document)


def test_nan_and_infinities_within_documents(store):
    config = {"limit": inf, "list": [nan, -inf, np.float32(0.5)], "nul": "\0"}
    found = store.session(store.begin_session(config, simulated=True)).config
    assert isnan(found["list"][0])
    assert (found["limit"], found["list"][1:], found["nul"]) == (inf, [-inf, 0.5], "\0")


def test_moments_keep_their_microseconds_in_utc(store, run_id):
    there = datetime(2026, 1, 31, 23, 30, 0, 123456, tzinfo=timezone(timedelta(hours=-5)))
    with writing(store.engine) as connection:
        connection.execute(schema.device.update().values(created_at=there))
        connection.execute(schema.run_owner.update().values(pid=2**40))
    assert store.devices()[0].created_at == there
    assert store.devices()[0].created_at.tzinfo is UTC
    assert store.run_owner(run_id).pid == 2**40


def test_text_is_sorted_by_its_bytes_and_searched_without_its_case(store):
    names = ["b", "B", "a_1", "A-1", "ä", "Z", "a1", "_", "é", "10", "9", "日本"]
    for name in names:
        store.add_device(name, "neuron")
    assert [device.name for device in store.devices()] == sorted(names, key=str.encode)
    name = schema.device.c.name
    with reading(store.engine) as connection:
        found = connection.scalars(select(name).where(name.ilike("A%")).order_by(name)).all()
    assert found == ["A-1", "a1", "a_1"]


def test_no_search_of_the_store_depends_on_the_case_of_like():
    for path in Path(schema.__file__).parent.rglob("*.py"):
        source = path.read_text("utf-8")
        for word in (".like(", ".startswith(", ".contains(", ".endswith(", " LIKE "):
            uses = [line for line in source.splitlines() if word in line and ".c." in line]
            assert not uses, f"{path.name}: {uses}"


def test_the_next_id_is_larger_than_one_given_by_hand(store):
    row = {"kind": "neuron", "created_at": datetime.now(UTC)}
    with writing(store.engine) as connection:
        connection.execute(insert(schema.device).values(id=7, name="D7", **row))
    assert store.add_device("D8", "neuron") > 7
    with writing(store.engine) as connection:
        connection.execute(
            insert(schema.device), [{"id": n, "name": f"D{n}", **row} for n in (30, 40)]
        )
        connection.execute(insert(schema.device).values(id=20, name="D20", **row))
    assert store.add_device("D41", "neuron") > 40


def test_sums_are_plain_numbers(store, run_id, response):
    for ordinal in range(3):
        store.apply_dose(run_id, ordinal, worst_dose(response.stimulus, 1e3))
    dose = asdict(store.dose("D1"))
    assert {type(value) for value in dose.values()} == {int, float, str}
    assert json.loads(json.dumps(dose)) == dose
    assert dose["n_pulses"] == 6


def test_flags_are_true_or_false(store, run_id, response):
    store.save_response(run_id, 0, response, in_compliance=np.True_)
    assert store.dose("D1").n_in_compliance == 1
    assert store.runs()[0].simulated is True
    assert store.dose("D1").n_not_recorded == 0


def test_a_name_or_a_path_for_people(store, database, backend):
    if backend == "sqlite":
        assert (store.name, store.path) == (str(database), database)
    else:
        assert store.name.startswith("postgresql://lab@127.0.0.1:")
        with pytest.raises(StoreError, match="on a server, and this needs a file"):
            _ = store.path
