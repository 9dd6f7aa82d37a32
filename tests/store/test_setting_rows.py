from __future__ import annotations

import json
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labbench.store.engine import reading
from labbench.store.setting_rows import setting_rows

CASES = {
    "a number": (0.3, (0.3, None)),
    "a whole number": (np.int64(7), (7.0, None)),
    "an infinity": (inf, (inf, None)),
    "true": (True, (1.0, None)),
    "a text": ("stop", (None, "stop")),
    "nothing": (None, (None, None)),
    "parts": ([1, {"a": "µ"}], (None, json.dumps([1, {"a": "µ"}]))),
    "not a number": (nan, (None, "nan")),
    "more than float64 holds": (2**53 + 1, (2.0**53, str(2**53 + 1))),
    "far more": (10**400, (None, str(10**400))),
}


@pytest.mark.parametrize("case", CASES)
def test_a_value_is_a_number_or_a_text(case):
    value, expected = CASES[case]
    (row,) = setting_rows(3, {"name": value})
    assert (row["run_id"], row["name"]) == (3, "name")
    assert (row["value_real"], row["value_text"]) == expected


@given(st.floats(allow_nan=False) | st.integers(-(2**53), 2**53))
def test_every_number_is_found_as_itself(value):
    (row,) = setting_rows(1, {"x": value})
    assert row["value_real"] == value


def test_runs_are_found_by_a_setting(store, begin_run):
    begin_run(width_s=1e-3, mode="fast")
    begin_run(width_s=2e-3, mode="slow")
    asked = "SELECT run_id FROM setting WHERE name = 'width_s' AND value_real > 1.5e-3"
    with reading(store.engine) as connection:
        assert connection.exec_driver_sql(asked).scalars().all() == [2]
        if connection.dialect.name != "sqlite":
            return
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}").all()
        assert "ix_setting_name" in plan[0].detail
        named = connection.exec_driver_sql("SELECT value_text FROM setting WHERE name = 'mode'")
        assert named.scalars().all() == ["fast", "slow"]
