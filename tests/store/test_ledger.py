"""The ledger: nothing applied is ever missing, whatever is killed when."""

from __future__ import annotations

import signal
import subprocess
import sys
from math import inf
from pathlib import Path

import numpy as np
import pytest

import labbench
from labbench.errors import NotFoundError, StoreError
from labbench.features import Response
from labbench.store import Store, check, worst_dose
from labbench.store.engine import writing
from labbench.trace import Channel, Trace

# Says "applied" before and "triggered" after what an instrument would do.
WRITER = """
import sys
import numpy as np
from labbench.features import Response
from labbench.stimulus import Pulse, PulseTrain
from labbench.store import Store, worst_dose
from labbench.trace import Channel, Trace

train = PulseTrain(tuple(Pulse(k * 1e-3, 5e-4, 0.8) for k in range(3)), duration_s=1.0)
trace = Trace({"output": Channel(np.arange(50, dtype=np.int16), "voltage", "V")}, interval_s=1e-4)
with Store.open(sys.argv[1], durable=False) as store:
    session = store.begin_session({}, simulated=True)
    run = store.begin_run(session, store.add_device("D1", "neuron"), "p", "1", {}, None)
    for ordinal in range(100_000):
        store.apply_dose(run, ordinal, worst_dose(train, 1e3), "stop")
        print(ordinal, flush=True)
        store.save_response(run, ordinal, Response(train, trace))
"""


def test_a_stimulus_counts_from_before_its_trigger(store, run_id, response):
    worst = worst_dose(response.stimulus, 1e3)
    store.apply_dose(run_id, 0, worst, "stop")
    dose = store.dose("D1")
    assert (dose.n_stimuli, dose.n_pulses, dose.n_not_recorded) == (1, 2, 1)
    assert dose.charge_c == worst.charge_c > 0
    store.save_response(run_id, 0, response, in_compliance=True)
    dose = store.dose("D1")
    assert (dose.n_stimuli, dose.n_not_recorded, dose.n_in_compliance) == (1, 0, 1)
    assert dose.energy_j == worst.energy_j
    assert (dose.n_measured, dose.n_unknown) == (0, 0)
    assert check(store) == []


def test_a_response_that_nobody_announced_is_entered_with_it(store, run_id, response):
    store.save_response(run_id, 0, response)
    dose = store.dose("D1")
    assert (dose.n_stimuli, dose.n_pulses, dose.n_unknown) == (1, 2, 1)
    assert dose.peak_v == 0.8


def test_a_measured_current_takes_the_place_of_the_worst_case(store, run_id, response):
    store.apply_dose(run_id, 0, worst_dose(response.stimulus, 1e3))
    current = Channel(np.full(101, 1e-6), "current", "A")
    measured = Response(response.stimulus, Trace({"memristor": current}, interval_s=4e-5))
    store.save_response(run_id, 0, measured)
    dose = store.dose("D1")
    assert dose.n_measured == 1
    assert dose.charge_c == pytest.approx(1e-6 * 4e-3)


def test_a_response_that_is_refused_leaves_the_ledger_as_it_was(store, run_id, response):
    store.apply_dose(run_id, 0, worst_dose(response.stimulus, 1e3))
    store.save_response(run_id, 0, response)
    with pytest.raises(StoreError):
        store.save_response(run_id, 0, response, in_compliance=True)
    with pytest.raises(StoreError):
        store.apply_dose(run_id, 0, worst_dose(response.stimulus, 1e3))
    assert store.dose("D1").n_in_compliance == 0
    store.end_run(run_id, "finished")
    with pytest.raises(StoreError, match="cannot take another stimulus"):
        store.apply_dose(run_id, 1, worst_dose(response.stimulus, 1e3))
    assert store.dose("D1").n_stimuli == 1


def test_all_runs_of_a_device_add_up_and_others_do_not(store, begin_run, response):
    for device, count in (("D1", 2), ("D2", 1), ("D1", 3)):
        run_id = begin_run(device)
        for ordinal in range(count):
            store.apply_dose(run_id, ordinal, worst_dose(response.stimulus, 1e3))
    assert store.dose("D1").n_stimuli == 5
    assert store.dose("D2").n_pulses == 2
    assert store.dose("D1", run_id).n_stimuli == 3
    with pytest.raises(NotFoundError, match="no device 'D3'"):
        store.dose("D3")


def test_a_budget_is_set_changed_and_taken_away(store, run_id):
    assert store.budget("D1") == {}
    store.set_budget("D1", {"energy_j": 1e-6, "n_pulses": 100})
    store.set_budget("D1", {"n_pulses": 50, "peak_v": 2.0})
    assert store.budget("D1") == {"n_pulses": 50.0, "energy_j": 1e-6, "peak_v": 2.0}
    store.set_budget("D1", {"energy_j": None})
    assert list(store.budget("D1")) == ["n_pulses", "peak_v"]
    for wrong in ({"volts": 1.0}, {"n_pulses": -1.0}, {"charge_c": inf}):
        with pytest.raises(StoreError):
            store.set_budget("D1", {"peak_v": 9.0, **wrong})
    assert store.budget("D1")["peak_v"] == 2.0
    with pytest.raises(NotFoundError):
        store.set_budget("D9", {})


def test_a_response_without_a_dose_is_found(store, run_id, response):
    store.save_response(run_id, 0, response)
    with writing(store.engine) as connection:
        on_table = "" if connection.dialect.name == "sqlite" else " ON dose"
        connection.exec_driver_sql(f"DROP TRIGGER dose_no_delete{on_table}")
        connection.exec_driver_sql("DELETE FROM dose")
    assert check(store) == [f"Response 0 of run {run_id} is not in the ledger of doses."]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.parametrize("lines", [1, 2, 17, 60])
def test_a_killed_process_leaves_one_stimulus_too_many_at_most(database, lines):
    folder = Path(labbench.__file__).parents[1]
    command = [sys.executable, "-c", WRITER, str(database)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder) as writer:
        triggered = [int(writer.stdout.readline()) for _ in range(lines)]
        writer.send_signal(signal.SIGKILL)
        triggered += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
    with Store.open(database) as store:
        with writing(store.engine):
            pass  # a server may still be at the last commit of the dead
        (run,) = store.abandoned_runs()
        dose, recorded = store.dose("D1"), len(store.responses(run.id))
        assert dose.n_stimuli in (len(triggered), len(triggered) + 1)
        assert dose.n_pulses == 3 * dose.n_stimuli
        assert dose.n_not_recorded == dose.n_stimuli - recorded <= 1
        assert check(store) == []
