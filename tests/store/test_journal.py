"""The journal, wafers, instruments, settings to search by, and previews."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from labbench.errors import NotFoundError, StoreError
from labbench.features import Response
from labbench.stimulus import Pulse, PulseTrain
from labbench.store import schema
from labbench.store.engine import reading, writing
from labbench.store.identity import identity_of
from labbench.store.preview import BINS, LEAST, band
from labbench.store.searching import setting_columns
from labbench.trace import Channel, Trace


def test_what_is_said_is_added_and_the_last_word_holds(store, run_id):
    store.note("looks odd", run=run_id, author="ada")
    store.note("ageing", kind="tag", run=run_id)
    store.note("golden", kind="tag", run=run_id)
    store.note("ageing", kind="untag", run=run_id)
    assert store.tags(run=run_id) == ("golden",)
    store.note("probe slipped", kind="exclude", run=run_id)
    (run,) = store.runs()
    assert run.excluded == "probe slipped"
    store.note("no, it was fine", kind="include", run=run_id)
    (run,) = store.runs()
    assert run.excluded is None
    kinds = [entry.kind for entry in store.journal(run=run_id)]
    assert kinds == ["note", "tag", "tag", "untag", "exclude", "include"]
    assert store.journal()[0].author == "ada"


def test_a_journal_says_what_is_wrong(store, run_id):
    with pytest.raises(StoreError, match="found 0 of them"):
        store.note("lost")
    with pytest.raises(StoreError, match="says nothing"):
        store.note("  ", run=run_id)
    with pytest.raises(StoreError, match="Only a run is excluded"):
        store.note("why", kind="exclude", device=store.runs()[0].device)
    with pytest.raises(StoreError, match=r"no tag 'old' to take off: it has no tag"):
        store.note("old", kind="untag", run=run_id)
    with pytest.raises(NotFoundError, match="no wafer 'W9'"):
        store.note("cracked", wafer="W9")


@pytest.mark.parametrize("change", ["UPDATE journal SET text = 'other'", "DELETE FROM journal"])
def test_what_was_said_cannot_be_changed(store, run_id, change):
    store.note("first", run=run_id)
    refused = pytest.raises(StoreError, match="rows of journal are kept as they are")
    with refused, writing(store.engine) as connection:
        connection.exec_driver_sql(change)
    assert store.journal()[0].text == "first"


def test_a_device_has_its_place_on_a_wafer(store):
    wafer_id = store.add_wafer("W1", "Ag/SiOx")
    assert store.add_wafer("W1") == wafer_id
    with pytest.raises(StoreError, match="stored as made of Ag/SiOx"):
        store.add_wafer("W1", "Cu")
    die_id = store.add_die(wafer_id, 3, -2)
    assert store.add_die(wafer_id, 3, -2) == die_id
    store.add_device("W1-n1", "neuron", die_id, {"area_m2": 1e-12})
    (device,) = [each for each in store.devices() if each.name == "W1-n1"]
    assert (device.wafer, device.x, device.y) == ("W1", 3, -2)
    assert device.geometry == {"area_m2": 1e-12}
    with pytest.raises(StoreError, match=r"another place \(wafer 'W1', die 3, -2\)"):
        store.add_device("W1-n1", "neuron", store.add_die(wafer_id, 0, 0))
    assert [(die.x, die.y) for die in store.dies("W1")] == [(3, -2), (0, 0)]
    with pytest.raises(NotFoundError, match="no wafer 'W2'"):
        store.dies("W2")


def test_an_instrument_is_known_again(store):
    session_id = store.begin_session({}, simulated=True)
    idn = "KEITHLEY INSTRUMENTS INC.,MODEL 2400,1234567,C33 Aug 25 2015 16:20:07/A02  /K/H"
    for _ in range(2):
        store.add_instrument_state(session_id, "supply", "GPIB0::24", "d", idn, {}, "2027-01-31")
    store.add_instrument_state(session_id, "switch", "GPIB0::7", "d", "a box without commas", {})
    first, _, other = store.session(session_id).instruments
    assert first.firmware == "C33 Aug 25 2015 16:20:07/A02  /K/H"
    assert (first.calibration_due, other.firmware) == ("2027-01-31", None)
    with reading(store.engine) as connection:
        known = connection.execute(select(schema.instrument)).all()
    assert [row.model for row in known] == ["MODEL 2400", "a box without commas"]


@pytest.mark.parametrize(
    ("value", "columns"),
    [
        (0.5, (0.5, None)), (3, (3.0, None)), (True, (1.0, None)), ("up", (None, "up")),
        (None, (None, None)), ([1, 2], (None, "[1, 2]")),
    ],
)  # fmt: skip
def test_a_setting_is_a_number_or_a_text(value, columns):
    assert setting_columns(value) == columns


def test_an_identity_is_taken_apart():
    assert identity_of("A,B, C ,D,E") == ("A", "B", "C", "D,E")


@given(st.integers(BINS, 5 * BINS), st.integers(0, 2**32 - 1))
def test_a_band_holds_every_sample(n, seed):
    samples = np.random.default_rng(seed).integers(-500, 500, n).astype(np.int16)
    found = band(samples)
    assert found.dtype == np.int16
    assert found[:, 0].min() == samples.min()
    assert found[:, 1].max() == samples.max()
    assert (found[:, 0] <= found[:, 1]).all()


def test_a_long_waveform_has_a_picture(store, run_id):
    counts = np.zeros(10 * LEAST, dtype=np.int16)
    counts[7 * LEAST] = 300
    channels = {"output": Channel(counts, "voltage", "V", scale=1e-3, offset=0.25)}
    train = PulseTrain((Pulse(0.0, 1e-3, 0.8),), 2e-3)
    trace = Trace(channels, start_s=-1e-3, interval_s=1e-6)
    store.save_response(run_id, 0, Response(train, trace))
    picture = store.preview(run_id, 0, "output")
    assert (picture.n, picture.unit, picture.time_s.size) == (counts.size, "V", BINS)
    assert picture.high.max() == pytest.approx(0.55)
    assert picture.low.min() == pytest.approx(0.25)
    at_s = picture.time_s[picture.high.argmax()]
    assert at_s == pytest.approx(7 * LEAST * 1e-6 - 1e-3, abs=counts.size / BINS * 1e-6)
    assert store.preview(run_id, 0, "input") is None


def test_the_settings_of_a_run_are_rows(store, run_id):
    (run,) = store.runs()
    with reading(store.engine) as connection:
        rows = connection.execute(select(schema.setting)).all()
    assert {row.name for row in rows} == set(run.settings)
