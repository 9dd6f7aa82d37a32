"""Our runs inside pymeasure's own Worker, headless: the store is right whatever pymeasure says."""

import threading
from queue import Empty

import pytest
from pymeasure.experiment import Procedure, Results, Worker

from labbench.bench import run_procedure
from labbench.bench.run import begin_session
from labbench.errors import InstrumentError
from procedures.base import NeuronProcedure, single_pulse

LONG_S = 60


class Eight(NeuronProcedure):
    """Play eight short pulses."""

    name, version, properties = "eight", "1", ()

    def stimuli(self):
        for _ in range(8):
            yield single_pulse(0.5, 4e-4, rest_s=0.02, record_s=2e-4)

    def expected_count(self):
        return 8


class Queued(Procedure):
    """What stands in pymeasure's queue: one run of ours."""

    DATA_COLUMNS = ("Percent",)
    bench = store = None
    at_progress = staticmethod(lambda procedure, percent: None)

    def execute(self):
        device_id = self.store.add_device("n1", "neuron")
        session_id = begin_session(self.bench, self.store)

        def on_progress(percent):
            self.emit("results", {"Percent": percent})
            self.emit("progress", percent)
            self.at_progress(self, percent)

        run_procedure(
            self.bench, self.store, session_id, device_id, Eight(),
            on_progress=on_progress, should_stop=self.should_stop,
        )  # fmt: skip


@pytest.fixture
def queue(bench, store, tmp_path):
    """Return a function that puts a run into a Worker of its own, and starts it."""
    workers = []

    def start(at_progress=lambda procedure, percent: None, procedure=None):
        if procedure is None:
            procedure = Queued()
            procedure.bench, procedure.store = bench, store
            procedure.at_progress = at_progress
        worker = Worker(Results(procedure, str(tmp_path / f"{len(workers)}.csv")))
        workers.append(worker)
        worker.start()
        return worker

    yield start
    for worker in workers:
        worker.stop()
        wait(worker)


def wait(worker):
    """Wait for the end of a Worker: its own join tells it to stop instead."""
    threading.Thread.join(worker, LONG_S)
    assert not worker.is_alive(), "the queue hangs"


def statuses(worker):
    """Return the statuses that a GUI is told, and whether it is told that the Worker is done."""
    found = []
    while True:
        try:
            item = worker.monitor_queue.get_nowait()
        except Empty:
            return found, False
        if item is None:
            return found, True
        if item[0] == "status":
            found.append(item[1])


def is_dark(bench):
    return not bench.pulse_source.is_output_on and not bench.supply.is_output_on


def test_a_run_in_a_worker_ends_as_it_should(queue, bench, store):
    worker = queue()
    wait(worker)
    assert statuses(worker) == ([Procedure.RUNNING, Procedure.FINISHED], True)
    (run,) = store.runs()
    assert run.state == "finished"
    assert len(store.responses(run.id)) == 8
    assert is_dark(bench)


def test_a_safe_end_that_fails_neither_hangs_the_queue_nor_passes_for_success(
    queue, bench, store, monkeypatch
):
    def refuse():
        raise InstrumentError("the relay is stuck")

    monkeypatch.setattr(bench.supply, "safe", refuse)
    worker = queue()
    wait(worker)
    monkeypatch.undo()
    assert statuses(worker) == ([Procedure.RUNNING, Procedure.FAILED], True)
    (run,) = store.runs()
    assert run.state == "failed"
    assert "could not be verified as off" in run.error
    assert "the relay is stuck" in run.error
    assert not bench.pulse_source.is_output_on, "the other one is off all the same"
    again = queue()
    wait(again)
    assert [run.state for run in store.runs()] == ["failed", "finished"]


def test_a_failing_shutdown_of_a_bare_procedure_does_not_kill_the_worker(queue, bench, monkeypatch):
    def refuse():
        raise RuntimeError("the relay is stuck")

    recorded, procedure = [], Eight()
    procedure.player, procedure.record = bench, lambda ordinal, response: recorded.append(response)
    monkeypatch.setattr(bench.supply, "safe", refuse)
    worker = queue(procedure=procedure)
    wait(worker)
    monkeypatch.undo()
    assert statuses(worker)[1], "its end was told"
    assert len(recorded) == 8
    assert "the relay is stuck" in procedure.shutdown_faults[0]


def test_a_join_that_stops_the_run_leaves_it_aborted(queue, bench, store):
    third, go_on = threading.Event(), threading.Event()

    def at_progress(procedure, percent):
        if percent > 30:
            third.set()
            go_on.wait(LONG_S)

    worker = queue(at_progress)
    assert third.wait(LONG_S)
    worker.join()  # pymeasure's default timeout is zero, which means: stop now
    assert worker.is_alive(), "it returned while the run was still going on"
    assert store.runs()[0].state == "running"
    go_on.set()
    wait(worker)
    (run,) = store.runs()
    assert run.state == "aborted"
    assert len(store.responses(run.id)) == 3
    assert is_dark(bench)


def test_a_failed_run_that_pymeasure_reloads_as_finished_stays_failed_here(queue, bench, store):
    def at_progress(procedure, percent):
        raise RuntimeError("the plotter caught fire")

    worker = queue(at_progress)
    wait(worker)
    assert statuses(worker)[0][-1] == Procedure.FAILED
    reloaded = Results.load(worker.results.data_filename, procedure_class=Queued)
    assert reloaded.procedure.status == Procedure.FINISHED
    (run,) = store.runs()
    assert run.state == "failed"
    assert "the plotter caught fire" in run.error
    assert is_dark(bench)


@pytest.mark.parametrize("written", [Procedure.FINISHED, Procedure.FAILED, Procedure.ABORTED])
@pytest.mark.parametrize("is_failing", [False, True])
def test_whatever_a_gui_writes_into_the_status_meanwhile(queue, store, written, is_failing):
    """The status race: pymeasure's GUI thread writes what its Worker reads at the end."""

    def at_progress(procedure, percent):
        writer = threading.Thread(target=setattr, args=(procedure, "status", written))
        writer.start()
        writer.join()
        if is_failing and percent > 30:
            raise RuntimeError("no more paper")

    worker = queue(at_progress)
    wait(worker)
    (run,) = store.runs()
    assert run.state == ("failed" if is_failing else "finished")
    assert statuses(worker)[1]
