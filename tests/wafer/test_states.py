"""What a wafer says of its devices: measured, bad, or unknown."""

from types import SimpleNamespace

import pytest

from labbench.bench import open_bench
from labbench.errors import InstrumentError
from labbench.wafer.frames import device_states
from labbench.wafer.sweep import run_sweep

ONE_DIE = {"dies": [[2, 1]]}
CONTACT = {"settings": {"terminals": 3}, "touches": 1}


@pytest.fixture
def sweep(bench_file, store, make_plan):
    """Sweep one device on a wafer of one's own; return what is known of it then."""

    def run(wafer="", prepare=lambda bench: None, stops=lambda: False, **changed):
        plan = make_plan(**{"devices": ONE_DIE, "contact": CONTACT, **changed})
        with open_bench(bench_file(wafer)) as bench:
            prepare(bench)
            run_sweep(plan, bench, store, should_stop=stops, on_notice=lambda sentence: None)
        return device_states(store, "W1").to_list()

    return run


def test_the_newest_sweep_that_found_something_out_decides(sweep):
    assert sweep("misses = 1.0", name="1") == ["bad"]
    assert sweep(name="2") == ["measured"]
    assert sweep(name="3", budget={"at_voltage_s": 1e-9}) == ["measured"]
    assert sweep("misses = 1.0", name="4", budget={"at_voltage_s": 100.0}) == ["bad"]


def test_what_was_not_reached_is_unknown(sweep):
    def refuse(bench):
        def move(*place):
            raise InstrumentError("there is no such die")

        bench.prober.move_to_die = move

    assert sweep(prepare=refuse) == ["unknown"]


def test_a_short_is_bad(sweep):
    assert sweep("shorts = 1.0") == ["bad"]


def test_a_used_up_budget_says_nothing_of_the_device(sweep, store, monkeypatch):
    assert sweep(name="1", contact=None, budget={"at_voltage_s": 1e-9}) == ["unknown"]
    assert "LimitError" in store.sweep_points(1)[0].note
    allowed = SimpleNamespace(require=lambda: None)
    monkeypatch.setattr("labbench.bench.run.foresee", lambda *given: allowed)
    assert sweep(name="2", contact=None, budget={"at_voltage_s": 1e-9}) == ["unknown"]
    point = store.sweep_points(2)[0]
    assert (point.state, "was not applied" in point.note) == ("failed", True)


def test_runs_that_were_excluded_do_not_count(sweep, store):
    assert sweep() == ["measured"]
    for run in store.runs(state="finished"):
        store.exclude(run.id, "the light was on")
    assert device_states(store, "W1").to_list() == ["unknown"]


def test_the_last_step_is_judged_as_the_first(sweep):
    conditions = {"skip_on": ["ok"]}
    assert sweep(contact=None, conditions=conditions) == ["bad"]


def test_the_contact_check_is_the_one_of_the_plan(sweep, store):
    def checked():
        return bool(store.runs(state="finished"))

    ramp = {"procedure": "ramp_threshold", "settings": {"repeats": 1}}
    assert sweep(contact=ramp, stops=checked) == ["unknown"]
    assert [point.state for point in store.sweep_points(1)] == ["recorded", "planned"]


def test_a_contact_check_as_a_step_is_a_measurement(sweep):
    assert sweep(contact=None) == ["measured"]
