"""Sweeps: every point once, bad devices left, the needles up at every end, resumed."""

import os
import signal

import numpy as np
import pytest

from labbench.bench import open_bench
from labbench.errors import LinkError, PlanError, StoreError, StoreFullError
from labbench.features import Response
from labbench.stimulus import Pulse, PulseTrain
from labbench.store import worst_dose
from labbench.trace import Channel, Trace
from labbench.wafer.points import begin_sweep, settle
from labbench.wafer.sweep import run_sweep

STIMULUS = PulseTrain((Pulse(0.0, 1e-3, 0.5),), duration_s=2e-3)
OUTPUT = Channel(np.zeros(2), "voltage", "V")
RESPONSE = Response(STIMULUS, Trace({"output": OUTPUT}, interval_s=1e-3))


def states(store):
    return [point.state for point in store.sweep_points(store.sweep("first").id)]


def test_every_point_is_recorded_once_and_the_wafer_parked(open_wafer, store, make_plan):
    bench, plan, seen = open_wafer(), make_plan(), []
    report = run_sweep(plan, bench, store, on_progress=seen.append)
    points = store.sweep_points(report.sweep.id)
    assert [point.state for point in points] == ["recorded"] * 12
    assert len({point.run_id for point in points}) == 12
    assert {run.state for run in store.runs()} == {"finished"}
    assert not bench.prober.is_in_contact
    assert seen[-1].counts == {"recorded": 12}
    assert seen[-1].left == 0
    place = next(device for device in store.devices() if device.name == "W1-c3r2s0")
    assert (place.wafer, place.x, place.y) == ("W1", 2, 1)
    assert store.sweep("first").owner is None


def test_open_devices_are_touched_again_and_then_skipped(open_wafer, store, make_plan):
    plan = make_plan(contact={"settings": {"terminals": 3}, "touches": 2})
    report = run_sweep(plan, open_wafer("opens = 1.0"), store)
    points = store.sweep_points(report.sweep.id)
    assert [point.attempt for point in points] == [0, 1, 0] * 6
    assert [point.state for point in points] == ["recorded", "recorded", "skipped"] * 6
    assert points[2].note.startswith("open circuit: ")


def test_shorted_devices_are_stopped_and_many_of_them_end_the_sweep(open_wafer, store, make_plan):
    plan = make_plan(contact={"settings": {"terminals": 3}}, limits={"failures_in_a_row": 3})
    bench = open_wafer("shorts = 1.0")
    report = run_sweep(plan, bench, store, on_notice=lambda sentence: None)
    assert "3 devices in a row" in report.note
    assert states(store)[:6] == ["failed", "skipped"] * 3
    assert set(states(store)[6:]) == {"planned"}
    assert not bench.prober.is_in_contact


def test_an_uncertain_step_is_repeated(open_wafer, store, make_plan):
    uncertain = {"features": ["input_resistance"], "relative_stderr": 1e-9, "repeats": 2}
    plan = make_plan(contact=None, conditions={"uncertain": uncertain}, devices={"dies": [[1, 1]]})
    report = run_sweep(plan, open_wafer(), store)
    points = store.sweep_points(report.sweep.id)
    assert [(point.attempt, point.state) for point in points] == [
        (0, "recorded"), (1, "recorded"), (2, "recorded"),
    ]  # fmt: skip
    assert points[1].note == ""


def test_a_lost_prober_ends_the_sweep_dark_and_it_is_resumed(
    open_wafer, store, make_plan, monkeypatch
):
    bench, plan = open_wafer(), make_plan()
    go, calls = bench.prober.move_to_die, []

    def lost(*place):
        calls.append(place)
        if len(calls) == 3:
            raise LinkError("the prober does not answer")
        go(*place)

    monkeypatch.setattr(bench.prober, "move_to_die", lost)
    with pytest.raises(LinkError, match="does not answer"):
        run_sweep(plan, bench, store)
    assert not bench.prober.is_in_contact
    assert not bench.supply.is_output_on
    assert states(store) == ["recorded"] * 4 + ["planned"] * 8
    with pytest.raises(PlanError, match="begun before"):
        run_sweep(plan, bench, store)
    run_sweep(plan, bench, store, resume=True)
    assert states(store) == ["recorded"] * 12
    assert len(store.runs()) == 12


def test_an_operator_stops_between_points(open_wafer, store, make_plan):
    bench, plan, seen = open_wafer(), make_plan(), []
    report = run_sweep(
        plan, bench, store, on_progress=seen.append, should_stop=lambda: len(seen) == 2
    )
    assert report.note == "stopped by the operator"
    assert states(store) == ["recorded"] * 4 + ["planned"] * 8
    run_sweep(plan, bench, store, resume=True)
    assert states(store) == ["recorded"] * 12


def test_another_plan_is_not_resumed(open_wafer, store, make_plan):
    begun = make_plan(contact=None)
    begin_sweep(begun, store)
    # Whom to tell, and when to give up, may change; points may not.
    patient = make_plan(contact=None, notify=["echo"], limits={"failures_in_a_row": 99})
    assert begin_sweep(patient, store, resume=True).plan == begun.to_dict()
    said = r"wafer.keep_out, wafer.rows, contact changed"
    other = make_plan(wafer={"label": "W1", "columns": 3, "rows": 3, "keep_out": [[1, 3]]})
    with pytest.raises(PlanError, match=said):
        run_sweep(other, open_wafer(), store, resume=True)
    with pytest.raises(PlanError, match=r"budget.n_pulses changed"):
        begin_sweep(make_plan(contact=None, budget={"n_pulses": 9}), store, resume=True)


@pytest.fixture
def applying(store, make_plan):
    """A point about to apply something, its run begun."""
    sweep = begin_sweep(make_plan(), store)
    point = store.sweep_points(sweep.id)[0]
    session = store.begin_session({}, simulated=True)
    run = store.begin_run(session, point.device_id, "contact_check", "1", {}, None)
    store.change_point(point.id, "moving")
    store.change_point(point.id, "applying", run=run)
    return run, lambda: store.sweep_points(sweep.id)[0]


def test_a_point_that_applied_nothing_is_planned_anew(store, applying):
    run, point = applying
    with pytest.raises(StoreError, match="is running"):
        settle(store, point())
    store.end_run(run, "interrupted")
    settle(store, point())
    assert (point().state, point().run_id) == ("planned", None)


def test_a_point_that_may_have_applied_is_left_to_a_person(store, applying):
    run, point = applying
    store.apply_dose(run, 0, worst_dose(STIMULUS, 50.0))
    with pytest.raises(StoreError, match="may have been applied"):
        store.change_point(point().id, "planned")
    store.end_run(run, "interrupted")
    settle(store, point())
    assert point().state == "interrupted"
    assert "1 may have been applied" in point().note
    with pytest.raises(StoreError, match="cannot be planned anew"):
        store.change_point(point().id, "planned")


def test_a_sweep_resumes_at_the_next_point_that_was_not_stimulated(
    open_wafer, store, make_plan, applying
):
    run, point = applying
    store.apply_dose(run, 0, worst_dose(STIMULUS, 50.0))
    store.end_run(run, "interrupted")
    said = []
    plan = make_plan()
    report = run_sweep(plan, open_wafer(), store, resume=True, on_notice=said.append)
    # Whether the needles have contact is not known: no step is run on that device.
    assert states(store) == ["interrupted", "skipped"] + ["recorded"] * 10
    assert len(store.runs(device=point().device)) == 1
    skipped = store.sweep_points(report.sweep.id)[1]
    assert skipped.note == "contact is not known: contact_check was interrupted"
    assert sum(f"contact_check on {point().device} was interrupted" in each for each in said) == 1
    assert str(report).endswith(f"left to a person (look, then --repeat): {point().device}")


def test_an_interrupted_step_is_left_and_the_next_one_meets_a_checked_contact(
    open_wafer, store, make_plan
):
    plan, bench = make_plan(steps=make_plan().model_dump()["steps"] * 2), open_wafer()
    run_sweep(plan, bench, store, should_stop=lambda: len(store.runs(state="finished")) == 1)
    point = store.sweep_points(store.sweep("first").id)[1]
    session = store.begin_session({}, simulated=True)
    run = store.begin_run(session, point.device_id, "contact_check", "1", {}, None)
    store.change_point(point.id, "applying", run=run)
    store.apply_dose(run, 0, worst_dose(STIMULUS, 50.0))
    store.end_run(run, "interrupted")
    run_sweep(plan, bench, store, resume=True)
    mine = store.sweep_points(store.sweep("first").id, point.device_id)
    assert [(p.ordinal, p.attempt, p.state) for p in mine] == [
        (0, 0, "recorded"), (0, 1, "recorded"), (1, 0, "interrupted"), (2, 0, "recorded"),
    ]  # fmt: skip


def stop_before_the_first_step(plan, bench_file, store):
    with open_bench(bench_file) as bench:
        run_sweep(plan, bench, store, should_stop=lambda: bool(store.runs(state="finished")))
    assert states(store)[:3] == ["recorded", "planned", "planned"]


def test_no_step_runs_on_a_touch_whose_contact_was_not_checked(
    bench_file, open_wafer, store, make_plan
):
    plan = make_plan(
        contact={"settings": {"terminals": 3}, "touches": 2}, limits={"failures_in_a_row": 1}
    )
    stop_before_the_first_step(plan, bench_file(), store)
    with open_bench(bench_file("misses = 1.0")) as bench:
        run_sweep(plan, bench, store, resume=True)
    points = store.sweep_points(store.sweep("first").id)[:4]
    # The touch before the restart is not one of the two.
    assert [(p.ordinal, p.attempt, p.state) for p in points] == [
        (0, 0, "recorded"), (0, 1, "recorded"), (0, 2, "recorded"), (1, 0, "skipped"),
    ]  # fmt: skip
    assert points[3].note.startswith("open circuit")
    n_runs = len(store.runs())
    run_sweep(plan, open_wafer(), store, resume=True)
    first = store.sweep_points(store.sweep("first").id)[:4]
    assert first == points  # given up is given up
    assert len(store.runs()) > n_runs


def test_a_resumed_device_is_touched_and_checked_anew(bench_file, open_wafer, store, make_plan):
    plan = make_plan()
    stop_before_the_first_step(plan, bench_file(), store)
    run_sweep(plan, open_wafer(), store, resume=True)
    points = store.sweep_points(store.sweep("first").id)
    assert [(p.ordinal, p.attempt) for p in points[:3]] == [(0, 0), (0, 1), (1, 0)]
    assert states(store) == ["recorded"] * 13
    assert points[1].note == ""


def test_two_processes_do_not_sweep_at_once(open_wafer, store, make_plan, monkeypatch):
    plan = make_plan()
    sweep = begin_sweep(plan, store)
    store.claim_sweep(sweep.id)
    from labbench.store import sweepbook

    me = sweepbook.this_process()
    monkeypatch.setattr(
        sweepbook, "this_process", lambda: type(me)(me.host, me.pid, me.token + "x")
    )
    with pytest.raises(StoreError, match="is at work in process"):
        run_sweep(plan, open_wafer("", ""), store, resume=True)


def test_a_person_may_have_an_interrupted_point_repeated(open_wafer, store, make_plan, applying):
    run, point = applying
    store.apply_dose(run, 0, worst_dose(STIMULUS, 50.0))
    store.end_run(run, "interrupted")
    bench, plan = open_wafer(), make_plan()
    run_sweep(plan, bench, store, resume=True)
    name = point().device
    seen = []
    run_sweep(plan, bench, store, resume=True, repeat=[name], on_progress=seen.append)
    assert states(store) == ["interrupted", "recorded", "skipped"] + ["recorded"] * 11
    assert seen[-1].devices[name] == "recorded"
    with pytest.raises(PlanError, match="Nothing of device"):
        run_sweep(plan, bench, store, resume=True, repeat=[name])


def test_a_point_that_was_left_applying_can_be_repeated_at_once(
    open_wafer, store, make_plan, applying
):
    run, point = applying
    store.apply_dose(run, 0, worst_dose(STIMULUS, 50.0))
    store.end_run(run, "interrupted")
    assert point().state == "applying"
    run_sweep(make_plan(), open_wafer(), store, resume=True, repeat=[point().device])
    assert states(store) == ["interrupted"] + ["recorded"] * 12


def test_what_turns_out_not_to_be_lost_is_not_repeated(open_wafer, store, make_plan, applying):
    run, point = applying
    store.end_run(run, "interrupted")
    said = []
    run_sweep(
        make_plan(), open_wafer(), store, resume=True, repeat=[point().device],
        on_notice=said.append,
    )  # fmt: skip
    assert "was lost after all" in said[-1]
    assert states(store) == ["recorded"] * 12


def test_a_new_sweep_has_nothing_to_repeat(open_wafer, store, make_plan):
    with pytest.raises(PlanError, match="ask for --resume"):
        run_sweep(make_plan(), open_wafer(), store, repeat=["W1-c1r1s0"])
    assert store.sweeps() == []


def test_a_point_stopped_between_two_stimuli_says_so(store, applying):
    run, point = applying
    for ordinal in range(2):
        store.apply_dose(run, ordinal, worst_dose(STIMULUS, 50.0))
        store.save_response(run, ordinal, RESPONSE)
    store.end_run(run, "aborted")
    settle(store, point())
    assert point().note == "stopped after 2 recorded stimuli; not repeated: decide by hand"


def test_a_sweep_of_a_dead_computer_is_taken_over(open_wafer, store, make_plan, monkeypatch):
    plan = make_plan()
    sweep = begin_sweep(plan, store)
    from labbench.store import sweepbook

    me = sweepbook.this_process()
    with monkeypatch.context() as patch:
        patch.setattr(sweepbook, "this_process", lambda: type(me)("other", 1, me.token))
        store.claim_sweep(sweep.id)
    bench = open_wafer()
    with pytest.raises(StoreError, match="take-over"):
        run_sweep(plan, bench, store, resume=True)
    run_sweep(plan, bench, store, resume=True, take_over=True)
    assert set(states(store)) == {"recorded"}


def test_a_full_disk_pauses_a_sweep(open_wafer, store, make_plan, monkeypatch):
    bench, notices, waited = open_wafer(), [], []
    change, left = store.change_point, [3, 0, 0, 2]

    def full(*given, **named):
        if left and left[-1]:
            left[-1] -= 1
            raise StoreFullError("no space is left")
        if left:
            left.pop()
        change(*given, **named)

    monkeypatch.setattr(store, "change_point", full)
    run_sweep(make_plan(), bench, store, on_notice=notices.append, wait=waited.append)
    assert set(states(store)) == {"recorded"}
    assert len(waited) == 5
    assert sum("There is space again" in notice for notice in notices) == 2
    assert len(store.runs()) == 12


def test_a_signal_between_two_runs_parks_the_wafer(open_wafer, store, make_plan):
    bench, seen = open_wafer(), []

    def stop(progress):
        seen.append(progress)
        if len(seen) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        run_sweep(make_plan(), bench, store, on_progress=stop)
    assert not bench.prober.is_in_contact
    assert states(store) == ["recorded"] * 4 + ["planned"] * 8
    assert store.sweep("first").owner is None
    run_sweep(make_plan(), bench, store, resume=True)
    assert set(states(store)) == {"recorded"}
