"""The queue in the store: an order, and a way out of it that is taken once."""

from __future__ import annotations

import pytest

from labbench.errors import NotFoundError, StoreError


@pytest.fixture
def device_id(store):
    return store.add_device("D1", "neuron")


def ids(store):
    return [entry.id for entry in store.queue()]


def test_what_waits_comes_back_in_its_order(store, device_id):
    added = [store.enqueue(device_id, "p", {"width_s": k * 1e-3}) for k in range(3)]
    first, second, third = added
    assert ids(store) == added
    store.order_queue([third, first, second])
    assert ids(store) == [third, first, second]
    last = store.enqueue(device_id, "q", {}, "record")
    entry = store.queue()[-1]
    assert (entry.id, entry.device, entry.procedure) == (last, "D1", "q")
    assert (entry.compliance_policy, entry.state) == ("record", "waiting")
    with pytest.raises(StoreError, match="it has changed"):
        store.order_queue([first, second])


def test_an_entry_leaves_once(store, device_id, begin_run):
    one, two, three = (store.enqueue(device_id, "p", {}) for _ in range(3))
    store.begin_queued(one, begin_run())
    with pytest.raises(StoreError, match=r"is begun already"):
        store.begin_queued(one, begin_run())
    store.withdraw([two], "not today")
    store.refuse_queued(three, "no such procedure")
    assert store.queue() == []
    with pytest.raises(StoreError, match="is withdrawn already"):
        store.withdraw([two])
    with pytest.raises(NotFoundError, match="no entry 99"):
        store.withdraw([99])


def test_what_is_withdrawn_together_is_so_or_not(store, device_id):
    one = store.enqueue(device_id, "p", {})
    with pytest.raises(NotFoundError):
        store.withdraw([one, 99])
    assert ids(store) == [one]
