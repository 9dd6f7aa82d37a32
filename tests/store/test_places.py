from __future__ import annotations

import pytest

from labbench.errors import NotFoundError, StoreError


def test_a_device_lies_on_a_die_of_a_wafer(store):
    wafer = store.add_wafer("W1", material="SiOx:Ag", notes="first lot")
    assert store.add_wafer("W1") == wafer
    die = store.add_die("W1", -2, 3)
    assert store.add_die("W1", -2, 3) == die
    other = store.add_die("W1", 0, 0)
    store.add_device("D1", "neuron", die=die, geometry={"area_m2": 1e-12})
    (device,) = store.devices()
    assert (device.wafer, device.x, device.y) == ("W1", -2, 3)
    assert device.geometry == {"area_m2": 1e-12}
    assert [(w.label, w.material, w.notes) for w in store.wafers()] == [
        ("W1", "SiOx:Ag", "first lot")
    ]
    assert [(d.id, d.x, d.y) for d in store.dies("W1")] == [(other, 0, 0), (die, -2, 3)]
    assert store.dies() == store.dies("W1")


def test_what_is_not_known_of_a_device_is_completed_and_what_is_known_stays(store):
    store.add_wafer("W1")
    here, there = store.add_die("W1", 0, 0), store.add_die("W1", 1, 0)
    device = store.add_device("D1", "neuron")
    assert store.devices()[0].wafer is None
    assert store.devices()[0].geometry is None
    assert store.add_device("D1", "neuron", here, {"a_m": 1e-6, "b_m": 2e-6}) == device
    assert store.add_device("D1", "neuron", here, {"b_m": 2e-6, "a_m": 1e-6}) == device
    assert store.add_device("D1", "neuron") == device
    with pytest.raises(StoreError, match=f"stored with die_id {here}, not {there}"):
        store.add_device("D1", "neuron", there)
    with pytest.raises(StoreError, match="stored with geometry"):
        store.add_device("D1", "neuron", geometry={"a_m": 2e-6})
    assert store.devices()[0].die_id == here


def test_what_is_known_of_a_wafer_stays(store):
    store.add_wafer("W1", material="SiOx:Ag")
    with pytest.raises(StoreError, match="stored with material 'SiOx:Ag', not 'HfOx'"):
        store.add_wafer("W1", material="HfOx")
    with pytest.raises(StoreError, match="label"):
        store.add_wafer(" ")
    with pytest.raises(NotFoundError, match="no wafer 'W2' in this database; it has W1"):
        store.add_die("W2", 0, 0)
    with pytest.raises(StoreError, match="not stored"):
        store.add_device("D1", "neuron", die=9)
    assert store.devices() == []
