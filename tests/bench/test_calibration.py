"""Calibrations that ran out are said, kept with the session, and stop nothing."""

from __future__ import annotations

from datetime import date
from hashlib import sha256

import pytest

from labbench.bench import open_bench, read_bench, run_procedure
from labbench.bench.calibration import overdue
from labbench.bench.run import bench_session
from labbench.errors import BenchError, NotFoundError
from labbench.report.device import load_device
from labbench.store.engine import reading
from procedures import configure, find_procedure, threshold_firing
from procedures.base import NeuronProcedure

SUPPLY = "[instruments.supply]"


def calibrated(bench_file, lines):
    text = bench_file.read_text("utf-8")
    assert SUPPLY in text
    bench_file.write_text(text.replace(SUPPLY, f"{SUPPLY}\n{lines}"), "utf-8")
    return bench_file


def test_only_what_is_past_is_overdue(bench_file):
    path = calibrated(bench_file, "calibrated = 2025-01-31\ncalibration_due = '2026-01-31'")
    description = read_bench(path)
    assert overdue(description, date(2026, 1, 31)) == []
    (line,) = overdue(description, date(2026, 2, 1))
    assert line.startswith("The calibration of the supply (keithley2400 at ")
    assert "was due on 2026-01-31" in line


@pytest.mark.parametrize(
    "lines",
    [
        "calibration_due = 20260131",
        "calibration_due = 2026-01-31T12:00:00Z",
        "calibration_due = 'soon'",
        "calibrated = 2026-02-01\ncalibration_due = 2026-01-31",
    ],
)
def test_what_is_no_day_is_refused(bench_file, lines):
    with pytest.raises(BenchError, match="supply"):
        read_bench(calibrated(bench_file, lines))


def test_a_run_says_it_and_remembers_how_it_was_made(bench_file, store):
    path = calibrated(bench_file, "calibrated = 2019-01-31\ncalibration_due = 2020-01-31")
    said = []
    with open_bench(path) as bench, bench_session(bench, store) as session_id:
        assert bench.check()[-1].startswith("warning: The calibration of the supply")
        procedure = configure(
            find_procedure("threshold_firing"), {"repeats": 1, "start_v": 0.6, "stop_v": 0.6}
        )
        device_id = store.add_device("n1", "neuron")
        report = run_procedure(
            bench, store, session_id, device_id, procedure, on_notice=said.append
        )
        assert store.session(session_id).ended_at is None
    assert len([line for line in said if "was due on 2020-01-31" in line]) == 1
    session = store.session(session_id)
    assert session.ended_at >= session.started_at
    supply = next(each for each in session.instruments if each.role == "supply")
    assert (supply.calibrated_at, supply.calibration_due) == (date(2019, 1, 31), date(2020, 1, 31))
    assert supply.model == "MODEL 2400"
    (run,) = store.runs()
    with open(threshold_firing.__file__, "rb") as file:
        assert run.procedure_sha256 == sha256(file.read()).hexdigest()
    with reading(store.engine) as connection:
        asked = "SELECT value_real FROM setting WHERE name = 'start_v'"
        assert connection.exec_driver_sql(asked).scalar_one() == 0.6
    store.exclude(report.run_id, "a trial")
    with pytest.raises(NotFoundError, match=r"only runs that are excluded, 1 \(a trial\)"):
        load_device(store, "n1")
    assert [r.id for r in load_device(store, "n1", with_excluded=True).runs] == [1]
    store.include(report.run_id, "it counts after all")
    assert [r.id for r in load_device(store, "n1").runs] == [1]


def test_a_session_ends_when_something_goes_wrong(bench, store):
    with pytest.raises(ZeroDivisionError), bench_session(bench, store) as session_id:
        raise ZeroDivisionError
    assert store.session(session_id).ended_at is not None


def test_a_procedure_without_a_file_has_no_hash():
    made = type("Typed", (NeuronProcedure,), {"__module__": "nowhere"})
    assert made.source_sha256 is None
