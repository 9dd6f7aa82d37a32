"""The desk: a thread works the queue of the store, and every way out of it is dark."""

from __future__ import annotations

import time
from importlib.resources import files

import pytest

from labbench.bench.desk import Desk
from labbench.store import Store


@pytest.fixture
def db(tmp_path):
    path = tmp_path / "lab.db"
    Store.open(path, create=True).close()
    return path


@pytest.fixture
def desk(db, tmp_path):
    bench = tmp_path / "bench.toml"
    bench.write_text(files("labbench.bench").joinpath("demo.toml").read_text("utf-8"), "utf-8")
    desk = Desk(bench, db)
    yield desk
    desk.close()
    assert desk.join(30.0)


@pytest.fixture
def store(db):
    with Store.open(db) as store:
        yield store


def until(condition, timeout_s=60.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def opened(desk):
    desk.open()
    until(lambda: desk.state.phase == "idle" and desk.state.instruments)
    return desk


def dark(desk):
    return not any(each.is_output_on for each in desk.state.instruments)


def texts(desk):
    return [notice.text for notice in desk.take_notices()]


def test_the_queue_is_worked_in_its_order_past_a_failure(desk, store):
    device = store.add_device("n1", "neuron")
    store.enqueue(device, "contact_check", {})
    store.enqueue(device, "threshold_firing", {"stop_v": 9.9, "repeats": 2})
    store.enqueue(device, "no_such_procedure", {})
    last = store.enqueue(device, "stochasticity", {"repeats": 4})
    store.order_queue([last, *(e.id for e in store.queue() if e.id != last)])
    seen = []
    desk.on_response(seen.append)
    opened(desk)
    assert desk.state.is_simulated
    assert {each.role for each in desk.state.instruments} >= {"pulse_source", "supply"}
    assert store.runs() == []
    desk.start()
    until(lambda: not store.queue() and desk.state.phase == "idle")
    runs = store.runs()
    assert runs[0].procedure == "stochasticity"
    assert [run.state for run in runs] == ["finished", "finished", "failed"]
    assert len(seen) == sum(len(store.responses(run.id)) for run in runs)
    assert seen[0].run_id == runs[0].id
    said = " ".join(texts(desk))
    assert "There is no procedure 'no_such_procedure'" in said
    assert dark(desk)
    until(lambda: not desk.state.is_started)


def test_an_aborted_run_ends_dark_and_the_next_one_begins(desk, store):
    device = store.add_device("n1", "neuron")
    store.enqueue(device, "stochasticity", {"repeats": 2000})
    store.enqueue(device, "contact_check", {})
    opened(desk)
    desk.start()
    until(lambda: desk.state.run is not None and desk.state.run.responses > 2)
    desk.abort()
    until(lambda: len(store.runs()) == 2 and desk.state.run is None and not store.queue())
    until(lambda: all(run.state != "running" for run in store.runs()))
    until(lambda: desk.state.phase == "idle")
    assert [run.state for run in store.runs()] == ["aborted", "finished"]
    assert dark(desk)


def test_all_off_ends_the_run_and_the_queue(desk, store):
    device = store.add_device("n1", "neuron")
    store.enqueue(device, "stochasticity", {"repeats": 2000})
    store.enqueue(device, "contact_check", {})
    opened(desk)
    desk.start()
    until(lambda: desk.state.run is not None and desk.state.run.responses > 2)
    desk.all_off()
    until(lambda: any("zero and off" in text for text in texts(desk)))
    assert desk.state.phase == "idle"
    assert dark(desk)
    assert [run.state for run in store.runs()] == ["aborted"]
    assert [entry.procedure for entry in store.queue()] == ["contact_check"]


def test_closing_during_a_run_ends_it_safe(desk, store):
    device = store.add_device("n1", "neuron")
    store.enqueue(device, "stochasticity", {"repeats": 2000})
    opened(desk)
    desk.start()
    until(lambda: desk.state.run is not None and desk.state.run.responses > 2)
    desk.close()
    assert desk.join(30.0)
    assert desk.state.phase == "closed"
    (run,) = store.runs()
    assert run.state == "aborted"
    assert len(store.responses(run.id)) > 2


def test_a_bench_that_is_none_is_said(db, tmp_path):
    desk = Desk(tmp_path / "none.toml", db)
    desk.open()
    assert desk.join(30.0)
    (notice,) = desk.take_notices()
    assert notice.is_error
    assert "none.toml" in notice.text
