"""Killed at random moments, and read while it records: nothing acknowledged is ever lost.

A sample is drawn here; `benchmarks/kill_the_store.py` kills two hundred times, and
`benchmarks/readers_during_a_run.py` says how long the commits take.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import sys
import time
from collections import Counter
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pytest

from labbench.store import Store, check, examine

from . import under_load

KILLS = int(os.environ.get("LABBENCH_KILLS", "5"))
SEED = int(os.environ.get("LABBENCH_KILLS_SEED", "0"))
SECONDS = float(os.environ.get("LABBENCH_READERS_S", "2"))
TABLE = os.environ.get("LABBENCH_STORE_TABLE", "")
# Kills of one database, so that looking it over stays quick; every second database has readers.
ON_ONE = 10

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL, no fork server")


def note(**figures):
    """Keep figures for a benchmark."""
    if TABLE:
        with Path(TABLE).open("a", encoding="utf-8") as table:
            table.write(json.dumps(figures) + "\n")


@pytest.fixture(scope="module")
def processes():
    """Where processes come from that have imported all they need: they start within 20 ms."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([under_load.__name__])
    warm = context.Process(target=under_load.train)
    warm.start()
    warm.join()
    return context


def start(processes, act, path, *given):
    here, there = processes.Pipe(duplex=False)
    process = processes.Process(target=act, args=(str(path), there, *given))
    process.start()
    there.close()
    return process, here


def all_told(here):
    told = []
    try:
        while True:
            told.append(here.recv())
    except EOFError:
        return told


@contextmanager
def readers(processes, path):
    """A listing and a fit at work; what they tell at the end is in the list."""
    stop, told = processes.Event(), {}
    started = {act.__name__: start(processes, act, path, stop) for act in READERS}
    for _, here in started.values():
        assert here.recv() == "ready"
    try:
        yield told
    finally:
        stop.set()
        for name, (process, here) in started.items():
            told[name] = here.recv()
            process.join()


READERS = (under_load.poll, under_load.fit)


def require_acknowledged(store, told):
    """Check what one killed process left against what it had told; return what was found."""
    runs = {run.id: run for run in store.runs() if run.state in ("running", "finished")}
    steps = Counter((step, run_id) for step, run_id, _, _ in told)
    begun = {run_id for step, run_id in steps if step == "begun"}
    found = Counter(trains=0, lost=0, partial=0, not_recorded=0)
    mine = [run_id for run_id in runs if run_id not in SEEN]
    assert begun <= set(mine), "a run that was begun is gone"
    assert len(set(mine) - begun) <= 1, "the last one may be begun and not told of"
    for run_id in mine:
        stored, pulses = store.responses(run_id), store.pulses(run_id)
        saved, applied = steps["saved", run_id], steps["applied", run_id]
        found["lost"] += max(saved - len(stored), 0)
        assert len(stored) <= saved + 1
        for ordinal, response in enumerate(stored):
            made, channels = under_load.response(run_id, ordinal), response.trace.channels
            whole = set(channels) == set(made.trace.channels) and all(
                np.array_equal(channel.raw, made.trace.channels[name].raw)
                for name, channel in channels.items()
            )
            n_pulses = int((pulses["ordinal"] == ordinal).sum())
            found["partial"] += not whole or n_pulses != under_load.N_PULSES
        dose = store.dose("D1", run_id)
        assert applied <= dose.n_stimuli <= applied + 1
        assert dose.n_not_recorded == dose.n_stimuli - len(stored) <= 1
        assert steps["ended", run_id] <= (runs[run_id].state == "finished")
        found.update(trains=len(stored), acknowledged=saved, not_recorded=dose.n_not_recorded)
    running = [run_id for run_id in mine if runs[run_id].state == "running"]
    assert [run.id for run in store.abandoned_runs()] == running == mine[-1:][: len(running)]
    return found, mine, running


# Of the database at hand: the runs of processes that were killed before, and what they left.
SEEN: set[int] = set()
UNRECORDED: Counter[str] = Counter()


def kill_once(processes, path, random):
    process, here = start(processes, under_load.record, path)
    # One in five while it opens the database, the others while it records.
    if random.random() > 0.2:
        here.poll(30.0)
    time.sleep(random.uniform(0.0, 0.3))
    process.kill()
    told = all_told(here)
    process.join()
    assert process.exitcode == -9
    began_s = time.perf_counter()
    with Store.open(path) as store:
        opened_s = time.perf_counter() - began_s
        found, mine, running = require_acknowledged(store, told)
        looked = examine(path)
        assert looked.problems == []
        earlier = sum("not recorded" in line for line in looked.notes) - found["not_recorded"]
        assert earlier == UNRECORDED["earlier"], "what may have been applied is said to be so"
        UNRECORDED["earlier"] += found["not_recorded"]
        assert sum("was interrupted" in line for line in looked.notes) == len(running)
        for run_id in running:
            store.end_run(run_id, "interrupted", "its process had ended")
        SEEN.update(mine)
    note(opened_s=opened_s, last=told[-1][0] if told else "nothing", runs=len(mine), **found)
    return found


def test_a_kill_at_any_moment_loses_nothing(processes, empty_database, tmp_path):
    random = np.random.default_rng([20261123, SEED])
    found = Counter()
    for block in range(-(-KILLS // ON_ONE)):
        path = shutil.copy(empty_database, tmp_path / f"lab{block}.db")
        SEEN.clear()
        UNRECORDED.clear()
        with readers(processes, path) if block % 2 else nullcontext({}) as told:
            for _ in range(min(ON_ONE, KILLS - block * ON_ONE)):
                found += kill_once(processes, path, random)
        for name, (count, worst_s, faults) in told.items():
            assert faults == []
            note(reader=name, count=count, worst_s=worst_s)
    assert found["trains"] > 0
    assert (found["lost"], found["partial"]) == (0, 0)


def recorded(processes, path, seconds):
    """Record a train every 10 ms or so, and return how long each commit took."""
    process, here = start(processes, under_load.record, path, 0.01, seconds)
    told = all_told(here)
    process.join()
    assert process.exitcode == 0
    return [took_s for step, _, _, took_s in told if step == "saved"]


def test_readers_and_a_fit_during_a_run(processes, database):
    with readers(processes, database) as told:
        commits_s = recorded(processes, database, SECONDS)
    for name, (count, worst_s, faults) in told.items():
        assert faults == [], name
        assert count >= 3, name
        note(reader=name, count=count, worst_s=worst_s)
    assert commits_s
    with Store.open(database) as store:
        assert check(store) == []
        assert len(store.runs(state="finished")) == len(commits_s) / under_load.TRAINS_A_RUN
        assert store.latest_fit("D1").status == "converged"
        assert store.checkpoint(), "nobody is left to keep the log"
    note(commits_s=commits_s, alone=False)
    if TABLE:
        note(commits_s=recorded(processes, database, SECONDS), alone=True)
