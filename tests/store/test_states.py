"""The states of a run: one machine, whoever pushes it, however often, and whatever dies."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)
from sqlalchemy import update

from labbench.errors import StoreError
from labbench.store import Store, check, schema
from labbench.store.engine import writing
from labbench.store.process import this_process
from labbench.store.states import ENDED_STATES, RUN_STATES, TRANSITIONS, sources


def test_the_table_of_transitions():
    assert set(TRANSITIONS) == set(RUN_STATES)
    assert sources("running") == ("planned",)
    assert all(sources(state) == ("running",) for state in ENDED_STATES)
    assert sources("planned") == ()


@pytest.fixture(scope="module")
def dead():
    """A process that has ended."""
    code = "from labbench.store.process import this_process as t; p = t(); print(p.pid, p.token)"
    folder = Path(__file__).parents[2]
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder)
    pid, token = said.stdout.split()
    return replace(this_process(), pid=int(pid), token=token)


def test_the_machine(dead, new_database, backend):
    class Runs(RuleBasedStateMachine):
        runs = Bundle("runs")

        @initialize()
        def open(self):
            path = new_database()
            self.store = Store.open(path, durable=False)
            self.other = Store.open(path, durable=False)
            self.session = self.store.begin_session({}, simulated=True, operator="tester")
            self.device = self.store.add_device("D1", "neuron")
            self.states, self.crashed = {}, set()

        def teardown(self):
            self.store.close()
            self.other.close()

        @rule(target=runs, is_begun=st.booleans())
        def make(self, is_begun):
            make = self.store.begin_run if is_begun else self.store.plan_run
            run_id = make(self.session, self.device, "p", "1", {}, None)
            self.states[run_id] = "running" if is_begun else "planned"
            return run_id

        @rule(run_id=runs)
        def start(self, run_id):
            self._change(run_id, "running", lambda: self.store.start_run(run_id))

        @rule(run_id=runs, state=st.sampled_from(RUN_STATES), is_other=st.booleans())
        def end(self, run_id, state, is_other):
            store = self.other if is_other else self.store
            if state in ENDED_STATES:
                self._change(run_id, state, lambda: store.end_run(run_id, state, "why"))
            else:
                with pytest.raises(StoreError, match="cannot end as"):
                    store.end_run(run_id, state)

        @rule(run_id=runs, ends=st.tuples(*[st.sampled_from(ENDED_STATES)] * 2))
        def end_at_once(self, run_id, ends):
            barrier = Barrier(2)

            def end(store, state):
                barrier.wait()
                try:
                    store.end_run(run_id, state)
                except StoreError:
                    return None
                return state

            with ThreadPoolExecutor(2) as pool:
                done = list(pool.map(end, (self.store, self.other), ends))
            winners = [state for state in done if state is not None]
            assert len(winners) == (self.states[run_id] == "running")
            if winners:
                self.states[run_id] = winners[0]

        @rule(run_id=runs)
        def crash(self, run_id):
            if self.states[run_id] == "running":
                owner = schema.run_owner
                with writing(self.store.engine) as connection:
                    lost = update(owner).where(owner.c.run_id == run_id)
                    connection.execute(lost.values(pid=dead.pid, token=dead.token))
                self.crashed.add(run_id)

        @rule(target=runs)
        def find_the_crashed(self):
            found = [run.id for run in self.other.abandoned_runs()]
            assert found == sorted(r for r in self.crashed if self.states[r] == "running")
            for run_id in found:
                self.other.end_run(run_id, "interrupted", "its process is gone")
                self.states[run_id] = "interrupted"
            return multiple()

        @invariant()
        def the_store_says_the_same(self):
            if hasattr(self, "store"):
                found = {run.id: run for run in self.store.runs()}
                assert {run_id: run.state for run_id, run in found.items()} == self.states
                for run in found.values():
                    assert (run.started_at is None) == (run.state == "planned")
                    assert (run.ended_at is None) == (run.state in ("planned", "running"))
                    assert run.ended_at is None or run.ended_at >= run.started_at
                assert check(self.store) == []

        def _change(self, run_id, state, act):
            if state in TRANSITIONS[self.states[run_id]]:
                act()
                self.states[run_id] = state
            else:
                with pytest.raises(StoreError, match=f"is {self.states[run_id]} and cannot"):
                    act()

    machine = Runs.TestCase
    examples = 20 if backend == "sqlite" else 4
    machine.settings = settings(max_examples=examples, stateful_step_count=25, deadline=None)
    machine().runTest()
