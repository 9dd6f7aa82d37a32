"""The model of the window, without any window."""

from __future__ import annotations

from labbench.errors import StoreError
from labbench.gui.browser import RunBrowser


def test_the_newest_run_comes_first_and_is_chosen(store, add_run):
    add_run("N-01")
    newest = add_run("N-02")
    browser = RunBrowser(store)
    browser.refresh()
    assert [run.device for run in browser.runs] == ["N-02", "N-01"]
    assert browser.run is not None
    assert browser.run.id == newest


def test_samples_are_read_once_for_each_choice(store, add_run, monkeypatch):
    add_run()
    browser, asked, responses = RunBrowser(store), [], store.responses
    monkeypatch.setattr(store, "responses", lambda run: asked.append(run) or responses(run))
    for _ in range(3):
        browser.refresh()
    assert len(asked) == 1
    browser.refresh(reread=True)
    assert len(asked) == 2


def test_a_running_run_is_read_again_when_it_ends(store, add_run):
    run = add_run(state=None)
    browser, heard = RunBrowser(store), []
    browser.refresh()
    browser.subscribe("run", lambda: heard.append(browser.run.state))
    store.end_run(run, "aborted")
    browser.refresh()
    assert heard == ["aborted"]


def test_a_database_that_fails_keeps_what_was_read(store, add_run, monkeypatch):
    add_run()
    browser = RunBrowser(store)
    browser.refresh()

    def fail():
        raise StoreError("The database was busy\nfor 5 s.")

    with monkeypatch.context() as patch:
        patch.setattr(store, "runs", fail)
        browser.refresh()
        assert browser.message == "The database was busy for 5 s."
        assert len(browser.runs) == 1
    browser.refresh()
    assert browser.message == ""


def test_runs_that_vanish_are_let_go(store, add_run, monkeypatch):
    add_run("N-01")
    add_run("N-02")
    browser, oldest = RunBrowser(store), store.runs()[:1]
    browser.refresh()
    monkeypatch.setattr(store, "runs", lambda: oldest)
    browser.refresh()
    assert browser.run == oldest[0]
