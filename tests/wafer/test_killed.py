"""A sweep killed with SIGKILL, at random moments and in the middle of a stimulus, and resumed."""

import os
import signal
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from labbench.bench import open_bench
from labbench.store import Store
from labbench.wafer.plan import plan_from
from labbench.wafer.sweep import run_sweep

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
FILE = Path(__file__).parents[2] / "benchmarks" / "kill_the_sweep.py"


@pytest.fixture(scope="module")
def killing():
    spec = spec_from_file_location("kill_the_sweep", FILE)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_random_kills_lose_nothing_and_send_nothing_twice(killing, tmp_path):
    found = killing.kill(devices=6, kills=4, seed=3, folder=tmp_path)
    assert found["sent twice"] == 0
    assert sum(found["points"].values()) == 12


@pytest.mark.parametrize("moment", ["before the trigger", "after the trigger", "before the end"])
def test_a_kill_around_a_stimulus(killing, tmp_path, moment):
    plan, bench_file = killing.prepare(tmp_path, 2)
    database = tmp_path / "lab.db"
    sweep_until(moment, plan, bench_file, database)
    seen = tmp_path / "seen"
    killing.sweep(plan, bench_file, database, True, seen)
    expected = {
        "before the trigger": ["interrupted", "recorded", "recorded", "recorded"],
        "after the trigger": ["interrupted", "recorded", "recorded", "recorded"],
        "before the end": ["recorded"] * 4,
    }[moment]
    with Store.open(database) as store:
        points = store.sweep_points(store.sweep("killed").id)
        assert [point.state for point in points] == expected
        if moment == "before the end":
            assert store.features(run_id=points[0].run_id)
        else:
            assert "may have been applied" in points[0].note
    assert len(seen.read_text().splitlines()) == 3


@pytest.mark.parametrize("moment", ["before the trigger", "before the end"])
def test_a_kill_in_the_contact_check(killing, tmp_path, moment):
    """Nothing is run on a device whose contact is not known, and it is checked at each touch."""
    plan, bench_file = killing.prepare(tmp_path, 2)
    check, step = (each.model_dump() for each in plan.steps)
    plan = plan_from({**plan.to_dict(), "contact": check, "steps": [step]})
    database, seen = tmp_path / "lab.db", tmp_path / "seen"
    sweep_until(moment, plan, bench_file, database)
    killing.sweep(plan, bench_file, database, True, seen)
    expected = {
        "before the trigger": (["interrupted", "skipped", "recorded", "recorded"], 2),
        "before the end": (["recorded"] * 5, 4),
    }[moment]
    with Store.open(database) as store:
        points = store.sweep_points(store.sweep("killed").id)
        assert ([point.state for point in points], len(seen.read_text().splitlines())) == expected
        runs = [point.run_id for point in points if point.run_id is not None]
        assert len(set(runs)) == len(runs)


def sweep_until(moment, plan, bench_file, database):
    """Begin a sweep in a process of its own that is killed at a moment, see `die_at`."""
    child = os.fork()
    if child == 0:
        with open_bench(bench_file) as bench, Store.open(database, create=True) as store:
            die_at(moment, bench, store)
            run_sweep(plan, bench, store, on_notice=lambda sentence: None)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL


def die_at(moment, bench, store):
    """End this process without a word at the first stimulus, or once its run is finished."""

    def die(*given, **named):
        os.kill(os.getpid(), signal.SIGKILL)

    if moment == "before the trigger":
        bench.play = die
    elif moment == "after the trigger":
        store.save_response = die
    else:
        store.save_features = die
