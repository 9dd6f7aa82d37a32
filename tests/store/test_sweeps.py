"""Sweeps in the store, on files and on a server: planned at once, states that only go forward."""

import pytest
from sqlalchemy import update

from labbench.errors import NotFoundError, StoreError
from labbench.stimulus import Pulse, PulseTrain
from labbench.store import Site, schema, worst_dose
from labbench.store.engine import writing
from labbench.store.states import POINT_STATES, POINT_TRANSITIONS

STIMULUS = PulseTrain((Pulse(0.0, 1e-3, 0.5),), duration_s=2e-3)


@pytest.fixture
def sweep(store):
    store.add_wafer("W1")
    sites = [Site(f"D{k}", "neuron", k - 1, 0, k) for k in range(3)]
    ids = store.add_sites("W1", sites)
    assert store.add_sites("W1", sites) == ids
    points = [(device, "contact_check", {"read_v": 0.1}) for device in ids.values()]
    return store.plan_sweep("W1", "first", {"a": [1, 2.5]}, points)


@pytest.fixture
def run(store, sweep):
    session = store.begin_session({}, simulated=True)
    device = store.sweep_points(sweep)[0].device_id
    return store.begin_run(session, device, "contact_check", "1", {}, None)


def test_a_plan_comes_back(store, sweep):
    record = store.sweep("first")
    assert (record.id, record.wafer, record.plan) == (sweep, "W1", {"a": [1, 2.5]})
    assert record.owner is None
    assert store.sweeps() == [record]
    points = store.sweep_points(sweep)
    assert [(p.device, p.ordinal, p.attempt, p.state) for p in points] == [
        ("D0", 0, 0, "planned"), ("D1", 1, 0, "planned"), ("D2", 2, 0, "planned"),
    ]  # fmt: skip
    assert points[0].settings == {"read_v": 0.1}
    assert store.sweep_points(sweep, points[1].device_id) == [points[1]]
    device = store.device(points[2].device_id)
    assert (device.name, device.x, device.geometry) == ("D2", 1, {"site": 2})


def test_what_is_refused(store, sweep):
    with pytest.raises(StoreError, match="There is a sweep 'first'"):
        store.plan_sweep("W1", "first", {}, [(1, "contact_check", {})])
    with pytest.raises(StoreError, match="has no point"):
        store.plan_sweep("W1", "second", {}, [])
    with pytest.raises(NotFoundError, match="no sweep 'x' in this database; it has first"):
        store.sweep("x")
    with pytest.raises(NotFoundError, match="no device 99"):
        store.device(99)


@pytest.mark.parametrize("state", POINT_STATES)
def test_a_point_only_goes_forward(store, sweep, run, state):
    point = store.sweep_points(sweep)[0]
    way = {
        "planned": (), "moving": ("moving",), "applying": ("moving", "applying"),
        "skipped": ("skipped",),
    }.get(state, ("applying", state))  # fmt: skip
    for step in way:
        store.change_point(point.id, step, run=run if step == "applying" else None)
    for target in set(POINT_STATES) - set(POINT_TRANSITIONS[state]):
        with pytest.raises(StoreError, match=f"is {state} and cannot become {target}"):
            store.change_point(point.id, target, run=run)
    assert store.sweep_points(sweep)[0].state == state


def test_nothing_is_applied_without_its_run(store, sweep):
    point = store.sweep_points(sweep)[0]
    with pytest.raises(StoreError, match="refused a record"):
        store.change_point(point.id, "applying")
    with pytest.raises(StoreError, match="refused a record"), writing(store.engine) as connection:
        connection.execute(update(schema.sweep_point).values(state="tired"))


def test_what_may_have_been_applied_is_never_planned_again(store, sweep, run):
    point = store.sweep_points(sweep)[0]
    store.change_point(point.id, "applying", run=run)
    store.change_point(point.id, "planned")
    assert store.sweep_points(sweep)[0].run_id is None
    store.change_point(point.id, "applying", run=run)
    store.apply_dose(run, 0, worst_dose(STIMULUS, 50.0))
    with pytest.raises(StoreError, match="cannot be planned anew"):
        store.change_point(point.id, "planned")
    store.change_point(point.id, "interrupted", note="who knows")
    assert store.sweep_points(sweep)[0].note == "who knows"


def test_repeats_and_skips(store, sweep):
    first, second, third = store.sweep_points(sweep)
    store.repeat_point(second.id, "uncertain")
    store.repeat_point(second.id, "still")
    again = store.sweep_points(sweep, second.device_id)
    assert [(p.ordinal, p.attempt, p.note) for p in again] == [
        (1, 0, ""), (1, 1, "uncertain"), (1, 2, "still"),
    ]  # fmt: skip
    store.skip_points([first.id, third.id], "open circuit")
    assert [p.state for p in store.sweep_points(sweep)].count("skipped") == 2
    with pytest.raises(StoreError, match="cannot become skipped"):
        store.skip_points([second.id, first.id], "again")
    assert store.sweep_points(sweep, second.device_id)[0].state == "planned"


def test_a_sweep_has_one_owner(store, sweep):
    store.claim_sweep(sweep)
    store.claim_sweep(sweep)
    assert store.sweep("first").owner["pid"] > 0
    store.release_sweep(sweep)
    assert store.sweep("first").owner is None
