"""Runs that are chosen: what is done to them, what is shown of them, and their exports."""

from __future__ import annotations

import sys
import time

import pytest

from labbench.gui.models import child
from labbench.gui.models.history_model import MOST_OPEN, HistoryModel
from labbench.store import Store
from labbench.store.exchange import require_export

MANY = MOST_OPEN + 5
# In place of an export: it begins to write, as that does, and is not done for long.
SLOW = """
import sys, time
from pathlib import Path
from labbench.store.exchange.place import whole
with whole(Path(sys.argv[1])) as partial:
    partial.mkdir()
    (partial / "half").write_text("written")
    time.sleep(60)
"""


@pytest.fixture
def history(store, office, until):
    model = HistoryModel(store, office)
    yield model
    model.close()


@pytest.fixture
def chosen(history, add_run, until):
    """More runs than are drawn, all of them chosen."""
    run_ids = [add_run(f"N-{k:02}") for k in range(MANY)]
    history.open(run_ids)
    until(lambda: len(history.opened) == MOST_OPEN)
    return run_ids


@pytest.fixture
def slow(monkeypatch):
    start = child.subprocess.Popen

    def popen(command, **options):
        if command[1:3] == ["-m", "labbench"]:
            (out,) = (word for word in command if word.startswith("--out="))
            command = [sys.executable, "-c", SLOW, out.removeprefix("--out=")]
        return start(command, **options)

    monkeypatch.setattr(child.subprocess, "Popen", popen)


def begin(history, until, tmp_path, add_run):
    """Begin an export that takes long, and wait until half of it is written."""
    history.open([add_run()])
    until(lambda: history.opened)
    history.export(tmp_path / "out", "csv")
    until(lambda: list(tmp_path.glob(".out.*.partial/half")))


@pytest.mark.parametrize(
    ("act", "holds"),
    [
        (lambda history: history.exclude("noisy"), lambda run, tags: run.excluded == "noisy"),
        (lambda history: history.tag("golden"), lambda run, tags: "golden" in tags),
    ],
)
def test_what_is_done_is_done_to_all_that_are_chosen(history, chosen, store, until, act, holds):
    assert history.chosen == tuple(chosen)
    act(history)
    until(lambda: all(holds(store.run(each), store.tags(run=each)) for each in chosen))


def test_one_that_is_refused_keeps_nothing_from_the_others(history, chosen, store, office, until):
    for run_id in chosen[1:]:
        store.tag("golden", run=run_id)
    history.untag("golden")
    until(lambda: office.errors)
    assert f"1 of {MANY} runs" in office.errors[0]
    assert not any(store.tags(run=run_id) for run_id in chosen)


def test_all_that_are_chosen_are_queued_again(history, chosen, until):
    planned = []
    history.repeat(planned.append)
    until(lambda: len(planned) == MANY)
    assert [run.id for run in planned] == chosen


def test_all_that_are_chosen_are_exported(history, chosen, tmp_path, until):
    history.export(tmp_path / "out", "csv")
    assert history.is_exporting
    until(lambda: not history.is_exporting)
    assert f"{MANY} runs are in" in history.export_state
    require_export(tmp_path / "out")
    lines = (tmp_path / "out" / "run.csv").read_text("utf-8").splitlines()
    assert len(lines) == 1 + MANY


def test_an_export_from_a_server(postgres, response, office, until, tmp_path, monkeypatch):
    url = str(postgres.new_database(template="empty"))
    with Store.open(url, durable=False) as store:
        # The child is given the URL as it may be shown: the password is the environment's.
        monkeypatch.setenv("PGPASSWORD", str(store.engine.url.password))
        session = store.begin_session({"roles": {}}, True, "tester")
        run_id = store.begin_run(session, store.add_device("N", "neuron"), "x", "1", {}, 7)
        store.save_response(run_id, 0, response)
        store.end_run(run_id, "finished")
        history = HistoryModel(store, office)
        history.open([run_id])
        history.export(tmp_path / "out", "csv")
        until(lambda: "1 run are in" in history.export_state or "Not" in history.export_state)
        require_export(tmp_path / "out")
        history.close()
        office.close()


def test_an_export_keeps_no_estimate_waiting(history, slow, office, add_run, tmp_path, until):
    begin(history, until, tmp_path, add_run)
    answers = []
    office.compute(lambda: 1, answers.append)
    until(lambda: answers)
    assert history.is_exporting


def test_a_cancelled_export_leaves_nothing(history, slow, add_run, tmp_path, until):
    begin(history, until, tmp_path, add_run)
    history.cancel_export()
    until(lambda: history.export_state.startswith("Export cancelled"))
    assert "was not written" in history.export_state
    assert not list(tmp_path.glob("*out*"))


def test_closing_ends_an_export_at_once(history, slow, office, add_run, tmp_path, until):
    begin(history, until, tmp_path, add_run)
    began_s = time.monotonic()
    history.close()
    office.close()
    assert time.monotonic() - began_s < 2.0
    assert not list(tmp_path.glob("*out*"))


def test_a_failed_export_says_why(history, add_run, tmp_path, until):
    history.open([add_run()])
    until(lambda: history.opened)
    (tmp_path / "out").write_text("mine", "utf-8")
    history.export(tmp_path / "out", "csv")
    until(lambda: history.export_state.startswith("Not exported"))
    assert "there already" in history.export_state
    assert (tmp_path / "out").read_text("utf-8") == "mine"


def test_the_response_that_is_shown_stays(history, store, add_run, response, until):
    run_id = add_run(state=None)
    store.save_response(run_id, 1, response)
    history.refresh()
    history.open([run_id])
    until(lambda: history.opened and history.runs)
    history.show_response(1)
    history.note("odd")
    until(lambda: history.opened and history.opened[0].journal)
    assert history.ordinal == 1
    store.save_response(run_id, 2, response)
    store.end_run(run_id, "finished")

    def is_read_again():
        history.refresh()  # as the window does again and again
        return len(history.opened[0].responses) == 3

    until(is_read_again)
    assert history.ordinal == 1
    other = add_run("N-02")
    history.open([other])
    until(lambda: history.opened[0].run.id == other)
    assert history.ordinal == 0
