"""The queue in the store: order, sweeps, the same run as `labbench run`, and a kill."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from labbench.bench import open_bench, run_procedure
from labbench.bench.run import begin_session
from labbench.bench.run_queue import RunQueue, sweep_settings
from labbench.bench.stoppable import StoppableClock
from labbench.errors import SettingError, StoreError
from labbench.store import Store
from procedures import configure, find_procedure

FEW = {"repeats": 1, "start_v": 0.6}
LONG_S = 60


@pytest.fixture
def session(bench, store):
    return begin_session(bench, store)


def plan(store, session, *settings):
    queue, device = RunQueue(store), store.add_device("n1", "neuron")
    made = find_procedure("threshold_firing")
    return queue, [queue.add(session, device, configure(made, each)) for each in settings]


def volts(queue):
    return [run.settings["start_v"] for run in queue.planned()]


def test_planned_runs_move_and_go(store, session):
    queue, ids = plan(store, session, *({"start_v": v} for v in (0.3, 0.4, 0.5, 0.6)))
    queue.move(ids[3], -2)
    assert volts(queue) == [0.3, 0.6, 0.4, 0.5]
    queue.move(ids[0], 99)
    assert volts(queue) == [0.6, 0.4, 0.5, 0.3]
    assert [run.id for run in queue.planned()] == ids
    assert [r.id for r in store.find_runs(setting={"start_v": 0.6})] == [ids[0]]
    queue.remove(ids[1:3])
    assert volts(queue) == [0.6, 0.3]
    queue.move(999, 1)


def test_many_are_planned_together_or_not_at_all(store, session):
    made = find_procedure("threshold_firing")
    device = store.add_device("n1", "neuron")
    many = [configure(made, {"start_v": v}) for v in (0.3, 0.5, 0.4)]
    queue = RunQueue(store)
    queue.add_all(session, device, many)
    assert volts(queue) == [0.3, 0.5, 0.4]
    with pytest.raises(StoreError):
        queue.add_all(session, device + 1, many)
    assert len(queue.planned()) == 3


def test_what_was_started_is_neither_moved_nor_forgotten(store, session):
    queue, ids = plan(store, session, FEW, FEW)
    store.start_run(ids[0])
    for change in (lambda: queue.remove(ids), lambda: store.order_planned(ids[::-1])):
        with pytest.raises(StoreError, match="only a planned one"):
            change()
    assert len(queue.planned()) == 1, "all or none"


def test_a_queued_run_is_the_run_of_the_command(bench_file, store):
    traces, records = [], []
    for is_queued in (False, True):
        with open_bench(bench_file) as bench:
            session = begin_session(bench, store)
            queue, (run_id,) = plan(store, session, FEW)
            if is_queued:
                report = queue.play(bench, session, queue.next_for(bench.description))
                assert report.run_id == run_id
            else:
                queue.remove([run_id])
                device = store.add_device("n1", "neuron")
                made = configure(find_procedure("threshold_firing"), FEW)
                report = run_procedure(bench, store, session, device, made)
        traces.append(
            [r.trace.channel("output").raw.tolist() for r in store.responses(report.run_id)]
        )
        record = next(run for run in store.runs() if run.id == report.run_id)
        records.append((record.state, record.settings, record.procedure_sha256, record.seed))
        records.append([f.feature.label for f in store.features(run_id=report.run_id)])
    assert traces[0] == traces[1]
    assert records[:2] == records[2:]


def test_a_run_stays_with_the_bench_it_was_planned_for(bench, store):
    other = store.begin_session({"name": "another bench"}, simulated=False)
    queue, _ = plan(store, other, FEW)
    assert queue.next_for(bench.description) is None
    mine = begin_session(bench, store)
    _, (run_id,) = plan(store, mine, FEW)
    assert queue.next_for(bench.description).id == run_id


def test_an_older_version_is_refused_and_said_so(bench, store, session):
    run_id = store.plan_run(
        session, store.add_device("n1", "neuron"), "threshold_firing", "0", FEW, None
    )
    queue = RunQueue(store)
    with pytest.raises(SettingError, match="queue it anew"):
        queue.play(bench, session, queue.next_for(bench.description))
    (record,) = store.runs()
    assert (record.id, record.state) == (run_id, "failed")


def test_sweeps_are_all_combinations():
    found = sweep_settings({"a": 1.0, "b": 2.0}, {"b": [3.0, 4.0], "a": [5.0]})
    assert found == [{"a": 5.0, "b": 3.0}, {"a": 5.0, "b": 4.0}]
    assert sweep_settings({"a": 1.0}, {}) == [{"a": 1.0}]
    with pytest.raises(SettingError, match="at least one value"):
        sweep_settings({}, {"a": []})
    with pytest.raises(SettingError, match="at most"):
        sweep_settings({}, {"a": [0.0] * 2000})


class Slow:
    def now(self):
        return time.monotonic()

    def sleep(self, duration_s):
        time.sleep(duration_s)


def test_waiting_is_cut_short():
    clock = StoppableClock(Slow())
    threading.Timer(0.1, clock.stop).start()
    began_s = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        clock.sleep(30.0)
    assert time.monotonic() - began_s < 5.0
    clock.sleep(0.01)
    clock.stop()
    clock.forget()
    clock.sleep(0.0)


KILLED = """
import sys
from labbench.bench import open_bench
from labbench.bench.run import begin_session
from labbench.bench.run_queue import RunQueue
from labbench.store import Store
from procedures import configure, find_procedure

with open_bench(sys.argv[1]) as bench, Store.open(sys.argv[2]) as store:
    session = begin_session(bench, store)
    queue, device = RunQueue(store), store.add_device("n1", "neuron")
    for start_v in (0.6, 0.61):
        made = configure(find_procedure("threshold_firing"), {"repeats": 1, "start_v": start_v})
        queue.add(session, device, made)
    def wait(ordinal, response):
        print("playing", flush=True)
        sys.stdin.readline()
    queue.play(bench, session, queue.next_for(bench.description), on_response=wait)
"""


def test_a_killed_queue_is_taken_up_again(bench_file, store):
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(bench_file), str(store.path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout.readline() == "playing\n"
    child.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    child.wait(LONG_S)
    child.stdin.close()
    child.stdout.close()
    assert [run.state for run in store.runs()] == ["running", "planned"]
    (lost,) = store.abandoned_runs()
    with open_bench(bench_file) as bench:
        session = begin_session(bench, store)
        queue = RunQueue(store)
        report = queue.play(bench, session, queue.next_for(bench.description))
        again = queue.repeat(session, lost)
    states = {run.id: run.state for run in store.runs()}
    assert states == {lost.id: "interrupted", report.run_id: "finished", again: "planned"}
    done = next(run for run in store.runs() if run.id == report.run_id)
    assert done.session_id == session, "it belongs to who played it"


def test_reordering_survives_reopening(store, session):
    _, ids = plan(store, session, {"start_v": 0.3}, {"start_v": 0.4})
    store.order_planned(ids[::-1])
    with Store.open(store.path) as again:
        assert volts(RunQueue(again)) == [0.4, 0.3]
