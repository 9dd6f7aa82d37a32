"""After a killed process: found, made safe, marked, told; never somebody else's run."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

import labbench
from labbench.bench import recover, run_procedure
from labbench.bench.run import begin_session
from labbench.errors import BenchError, InstrumentError, StoreError
from labbench.stimulus import Pulse, PulseTrain
from labbench.store import Site, Store, check, schema, sweepbook, worst_dose
from labbench.store.engine import writing
from labbench.store.process import this_process
from procedures import configure, find_procedure

ROOT = Path(labbench.__file__).parents[1]
STIMULUS = PulseTrain((Pulse(0.0, 1e-3, 0.5),), duration_s=2e-3)


@pytest.fixture(scope="module")
def dead():
    code = "from labbench.store.process import this_process as t; p = t(); print(p.pid, p.token)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    pid, token = said.stdout.split()
    return replace(this_process(), pid=int(pid), token=token)


@pytest.fixture
def living():
    """Another process, in the middle of something."""
    code = (
        "from labbench.store.process import this_process as t; p = t();"
        "print(p.pid, p.token, flush=True); input()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], text=True, cwd=ROOT, **pipes) as child:
        pid, token = child.stdout.readline().split()
        yield replace(this_process(), pid=int(pid), token=token)
        child.communicate("\n")


def own(store, run_id, process):
    """Give a run to another process."""
    table = schema.run_owner
    values = {"host": process.host, "pid": process.pid, "token": process.token}
    with writing(store.engine) as connection:
        connection.execute(update(table).where(table.c.run_id == run_id).values(**values))


@pytest.fixture
def left(bench, store):
    """A run in the middle of a stimulus, everything on."""
    device_id = store.add_device("n1", "neuron")
    run_id = store.begin_run(begin_session(bench, store), device_id, "p", "1", {}, None)
    bench.start()
    store.apply_dose(run_id, 0, worst_dose(STIMULUS, 50.0), "stop")
    bench.play(STIMULUS)
    assert bench.supply.is_output_on
    assert bench.pulse_source.is_output_on
    return run_id


def is_dark(bench):
    return not bench.pulse_source.is_output_on and not bench.supply.is_output_on


def test_the_bench_is_dark_before_the_run_is_marked(bench, store, left, dead, monkeypatch):
    own(store, left, dead)
    dark, original = [], store.end_run

    def end_run(*given):
        dark.append(is_dark(bench))
        original(*given)

    monkeypatch.setattr(store, "end_run", end_run)
    said = []
    assert recover(bench, store, said.append) == [left]
    assert dark == [True]
    (run,) = store.runs()
    assert run.state == "interrupted"
    assert "brought to zero" in run.error
    assert "1 stimuli are in the ledger, 1 of them not recorded" in said[0]
    assert store.dose("n1").n_stimuli == 1
    assert recover(bench, store, said.append) == []
    assert len(said) == 1


def test_a_bench_that_cannot_be_made_safe_leaves_the_run_for_the_next(
    bench, store, left, dead, monkeypatch
):
    own(store, left, dead)

    def refuse():
        raise InstrumentError("no reply")

    monkeypatch.setattr(bench.supply, "safe", refuse)
    with pytest.raises(InstrumentError, match=r"could not be verified as off.*supply"):
        recover(bench, store, print)
    assert store.runs()[0].state == "running"
    monkeypatch.undo()
    assert recover(bench, store, lambda line: None) == [left]


def test_a_living_process_and_another_computer_keep_their_runs(bench, store, left, living):
    for owner in (living, replace(living, host="elsewhere", pid=1)):
        own(store, left, owner)
        assert recover(bench, store, print) == []
        assert store.runs()[0].state == "running"
        assert not is_dark(bench)


def test_given_up_a_run_of_another_computer_is_marked_and_a_living_one_is_not(
    bench, store, left, living
):
    own(store, left, living)
    with pytest.raises(StoreError, match=f"process {living.pid} of this computer is running it"):
        recover(bench, store, print, given_up=[left])
    own(store, left, replace(living, host="elsewhere"))
    assert recover(bench, store, lambda line: None, given_up=[left]) == [left]
    assert is_dark(bench)
    with pytest.raises(StoreError, match="it is not running"):
        recover(bench, store, print, given_up=[left])


def test_real_instruments_that_a_living_process_uses_are_refused(bench, store, left, living):
    own(store, left, living)
    real = bench.description.model_copy(update={"visa": "@py"})
    bench.description, simulated = real, bench.description
    session_id = begin_session(bench, store)
    table = schema.run
    with writing(store.engine) as connection:
        mine = update(table).where(table.c.id == left).values(session_id=session_id)
        connection.execute(mine)
    with pytest.raises(BenchError, match=f"in process {living.pid}"):
        recover(bench, store, print)
    bench.description = simulated


def test_a_sweep_of_a_living_process_keeps_its_instruments_between_two_runs(
    bench, store, living, monkeypatch
):
    store.add_wafer("W1", None)
    ids = store.add_sites("W1", [Site("n1", "neuron", 0, 0)])
    sweep = store.plan_sweep("W1", "first", {}, [(ids["n1"], "p", {})])
    with monkeypatch.context() as patch:
        patch.setattr(sweepbook, "this_process", lambda: living)
        store.claim_sweep(sweep)
    assert recover(bench, store, print) == []  # simulated instruments live in their process
    bench.description, simulated = (
        bench.description.model_copy(update={"visa": "@py"}),
        bench.description,
    )

    def swept(session_id):
        run_id = store.begin_run(session_id, ids["n1"], "p", "1", {}, None)
        (*_, point) = store.sweep_points(sweep)
        store.change_point(point.id, "applying", run=run_id)
        store.end_run(run_id, "finished")
        store.change_point(point.id, "recorded")
        store.repeat_point(point.id)

    said = f"Sweep 'first' is at work with these instruments, in process {living.pid}"
    with pytest.raises(BenchError, match=said):
        recover(bench, store, print)
    swept(begin_session(bench, store))
    with pytest.raises(BenchError, match=said):
        recover(bench, store, print)
    elsewhere = store.begin_session({"name": "the other bench"}, simulated=False)
    store.add_instrument_state(elsewhere, "supply", "GPIB0::9::INSTR", "keithley2400", "", {})
    swept(elsewhere)
    assert recover(bench, store, print) == []
    store.release_sweep(sweep)
    bench.description = simulated


def test_a_run_on_other_instruments_waits_for_them(bench, store, dead):
    elsewhere = store.begin_session({"name": "the other bench"}, simulated=False)
    store.add_instrument_state(elsewhere, "supply", "GPIB0::9::INSTR", "keithley2400", "", {})
    run_id = store.begin_run(elsewhere, store.add_device("n2", "neuron"), "p", "1", {}, None)
    own(store, run_id, dead)
    said = []
    assert recover(bench, store, said.append) == []
    assert "'the other bench', whose outputs may still be on" in said[0]
    assert store.runs()[0].state == "running"
    assert recover(bench, store, said.append, given_up=[run_id]) == [run_id]


def test_an_import_that_was_killed_has_nothing_to_switch_off(bench, store, dead):
    session_id = store.begin_session({"imported": True}, simulated=False)
    run_id = store.begin_run(session_id, store.add_device("m", "memristor"), "p", "1", {}, None)
    own(store, run_id, dead)
    assert recover(bench, store, lambda line: None) == [run_id]


def test_the_next_run_clears_up_first(bench, store, left, dead):
    own(store, left, dead)
    procedure = configure(find_procedure("threshold_firing"), {"repeats": 1, "start_v": 0.6})
    said = []
    device_id = store.add_device("n1", "neuron")
    session_id = begin_session(bench, store)
    run_procedure(bench, store, session_id, device_id, procedure, on_notice=said.append)
    assert [run.state for run in store.runs()] == ["interrupted", "finished"]
    assert len(said) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_command_that_was_killed_is_told_by_the_next(bench_file, tmp_path):
    database = tmp_path / "killed.db"
    run = [sys.executable, "-m", "labbench", "run", "threshold_firing", "--device", "n1"]
    run += ["--bench", str(bench_file), "--db", str(database), "--set", "repeats=200"]
    with subprocess.Popen(run, cwd=ROOT, stderr=subprocess.PIPE) as first:
        while not (database.exists() and _stimuli(database) > 3):
            assert first.poll() is None, first.stderr.read()
        os.kill(first.pid, signal.SIGKILL)
        first.communicate()
    run[-1] = "repeats=1"
    second = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert second.returncode == 0, second.stderr
    assert "Run 1 (threshold_firing on device 'n1') was interrupted" in second.stderr
    with Store.open(database) as store:
        assert [run.state for run in store.runs()] == ["interrupted", "finished"]
        dose, recorded = store.dose("n1", 1), len(store.responses(1))
        assert recorded <= dose.n_stimuli <= recorded + 1
        assert check(store) == []


def _stimuli(database):
    try:
        with Store.open(database) as store:
            runs = store.runs()
            return store.dose("n1", runs[0].id).n_stimuli if runs else 0
    except StoreError:
        return 0  # still being made
