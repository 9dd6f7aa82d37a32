from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sqlalchemy import select, update

from labbench.errors import NotFoundError, StoreError
from labbench.features import Response
from labbench.stimulus import Pulse, PulseTrain, Sweep, Waveform
from labbench.store import PulseRow, check, schema
from labbench.store.engine import reading, writing
from labbench.trace import Channel, Trace

finite = st.floats(-1e3, 1e3)
limit = st.none() | st.floats(allow_nan=False)
PULSES = [PulseRow(0, 0.0, 1e-3, 0.8, fired=True, latency_s=2e-4), PulseRow(1, 2e-3, 1e-3, 0.8)]


@st.composite
def stimuli(draw):
    kind = draw(st.sampled_from(["train", "waveform", "sweep"]))
    if kind == "train":
        gaps = draw(st.lists(st.floats(0, 1.0), min_size=1, max_size=5))
        starts = np.cumsum(np.array(gaps) + 0.01)
        pulses = tuple(Pulse(start, 1e-3, draw(finite)) for start in starts.tolist())
        return PulseTrain(pulses, duration_s=10.0, rest_s=draw(st.floats(0, 5)))
    levels = draw(arrays(np.float64, st.integers(1, 8), elements=finite))
    if kind == "waveform":
        time_s = np.sort(draw(arrays(np.float64, levels.size, elements=st.floats(0, 1))))
        return Waveform(time_s, levels, duration_s=1.0, unit=draw(st.sampled_from("VA")))
    dwell_s = draw(st.none() | st.floats(1e-6, 1.0))
    return Sweep(levels, dwell_s, compliance_a=draw(st.none() | st.floats(1e-9, 1)))


@st.composite
def traces(draw):
    n = draw(st.integers(0, 30))
    names = st.text(min_size=1, max_size=5).filter(lambda name: name != "time")
    channels = {
        name: Channel(
            draw(arrays(draw(st.sampled_from(["i1", "i2", "f8"])), n)),
            "voltage",
            draw(st.sampled_from(["V", "A", "1"])),
            draw(finite),
            draw(finite),
            draw(limit),
            draw(limit),
            draw(limit),
        )
        for name in draw(st.lists(names, min_size=1, max_size=3, unique=True))
    }
    base = draw(st.sampled_from(["even", "uneven", "order"]))
    time_s = np.sort(draw(arrays(np.float64, n, elements=finite))) if base == "uneven" else None
    return Trace(
        channels,
        start_s=draw(finite),
        interval_s=draw(st.floats(1e-12, 1.0)) if base == "even" else None,
        uneven_time_s=time_s,
        notes=tuple(draw(st.lists(st.text(), max_size=2))),
    )


def assert_same(found: Response, saved: Response) -> None:
    assert found.stimulus.to_spec() == saved.stimulus.to_spec()
    assert type(found.stimulus) is type(saved.stimulus)
    assert list(found.trace.channels) == list(saved.trace.channels)
    for name, channel in saved.trace.channels.items():
        other = found.trace.channel(name)
        assert other.raw.dtype == channel.raw.dtype
        assert other.raw.tobytes() == channel.raw.tobytes()
        same = {key: value for key, value in vars(channel).items() if key != "raw"}
        assert {key: value for key, value in vars(other).items() if key != "raw"} == same
    assert found.trace.start_s == saved.trace.start_s
    assert found.trace.interval_s == saved.trace.interval_s
    assert found.trace.has_time == saved.trace.has_time
    assert found.trace.notes == saved.trace.notes
    if saved.trace.uneven_time_s is not None:
        np.testing.assert_array_equal(found.trace.uneven_time_s, saved.trace.uneven_time_s)


ROUND_TRIPS = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@ROUND_TRIPS
@given(stimulus=stimuli(), trace=traces())
def test_responses_come_back_exactly(store, stimulus, trace):
    if store.engine.dialect.name == "postgresql":
        assume(not any("\0" in name for name in trace.channels))
    saved = Response(stimulus, trace)
    session = store.begin_session({}, simulated=True, operator="tester")
    device = store.add_device("D1", "memristor")
    run_id = store.begin_run(session, device, "any", "1", {}, seed=None)
    store.save_response(run_id, 0, saved)
    (found,) = store.responses(run_id)
    assert_same(found, saved)


def test_responses_come_in_the_order_of_their_ordinals(store, run_id, response):
    other = Response(Sweep(np.array([0.0, 1.0]), None), response.trace)
    store.save_response(run_id, 1, response, PULSES)
    store.save_response(run_id, 0, other)
    assert [r.stimulus.kind for r in store.responses(run_id)] == ["sweep", "pulse_train"]


def test_pulses_make_a_tidy_frame(store, run_id, response):
    store.save_response(run_id, 0, response, PULSES)
    frame = store.pulses(run_id)
    assert frame["fired"].tolist()[0] is True
    assert frame["fired"].isna().tolist() == [False, True]
    assert frame["latency_s"].iloc[0] == 2e-4
    assert frame["index"].tolist() == [0, 1]


def test_a_run_without_pulses_gives_an_empty_frame(store, run_id):
    assert store.pulses(run_id).empty
    assert store.responses(run_id) == []


def test_numbers_of_numpy_are_stored_as_numbers(store, run_id, response):
    row = PulseRow(np.int64(0), np.float32(0), np.float64(1e-3), np.int64(1), np.bool_(True))
    store.save_response(np.int64(run_id), np.int64(0), response, [row])
    is_file = store.engine.dialect.name == "sqlite"
    kind = "typeof" if is_file else "pg_typeof"
    asked = ", ".join(f"{kind}({name})" for name in ("idx", "start_s", "amplitude_v", "fired"))
    with reading(store.engine) as connection:
        kinds = connection.exec_driver_sql(f"SELECT {asked} FROM pulse").one()
    on_server = ("integer", "double precision", "double precision", "boolean")
    assert tuple(kinds) == (("integer", "real", "real", "integer") if is_file else on_server)


def test_a_failure_in_the_middle_leaves_nothing(store, run_id, response):
    twice = [PULSES[0], PULSES[0]]
    with pytest.raises(StoreError, match="nothing of it was stored"):
        store.save_response(run_id, 0, response, twice)
    with reading(store.engine) as connection:
        for table in (schema.stimulus, schema.pulse, schema.waveform, schema.waveform_data):
            assert connection.execute(select(table)).all() == []
    store.save_response(run_id, 0, response, PULSES)


def test_an_ordinal_is_used_only_once(store, run_id, response):
    store.save_response(run_id, 0, response)
    with pytest.raises(StoreError, match=r"stimulus[._].*ordinal"):
        store.save_response(run_id, 0, response)


def test_a_channel_cannot_be_called_time(store, run_id, response):
    channels = {"time": response.trace.channel("input")}
    with pytest.raises(StoreError, match="rename"):
        store.save_response(run_id, 0, replace(response, trace=Trace(channels)))


def test_an_unknown_run_is_named_with_those_that_exist(store, run_id, response):
    with pytest.raises(NotFoundError, match=rf"no run 99 .* has {run_id}"):
        store.responses(99)
    with pytest.raises(NotFoundError):
        store.save_response(99, 0, response)


def test_a_damaged_sample_is_found(store, run_id, response):
    store.save_response(run_id, 0, response)
    assert check(store) == []
    samples = schema.waveform_data
    with writing(store.engine) as connection:
        data = connection.scalar(select(samples.c.data).where(samples.c.waveform_id == 2))
        damaged = update(samples).where(samples.c.waveform_id == 2)
        connection.execute(damaged.values(data=data[:-1] + b"\xff"))
    where = rf"Waveform 2 \(channel 'output' of response 0 of run {run_id}\)"
    with pytest.raises(StoreError, match=where + ".*Restore the file from a backup"):
        store.responses(run_id)
    (problem,) = check(store)
    assert "Waveform 2" in problem


def test_lost_samples_and_references_are_found(store, run_id, response):
    store.save_response(run_id, 0, response)
    off, on = "PRAGMA foreign_keys=OFF", "PRAGMA foreign_keys=ON"
    if store.engine.dialect.name == "postgresql":
        off, on = (f"SET session_replication_role={role}" for role in ("replica", "origin"))
    with store.engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        raw.execute(off)
        raw.execute("DELETE FROM waveform_data WHERE waveform_id = 1")
        raw.execute("DELETE FROM device")
        raw.execute(on)
        raw.commit()
    problems = check(store)
    assert len(problems) == 2
    assert "missing device" in problems[0]
    assert "lost its samples" in problems[1]
    with pytest.raises(StoreError, match="lost its samples"):
        store.responses(run_id)


def test_the_hash_of_a_dataset_follows_its_content(store, begin_run, response):
    first, same, other = begin_run(gain=1), begin_run(gain=1), begin_run(gain=2)
    for run in (first, same, other):
        store.save_response(run, 0, response)
    assert store.dataset_sha256([first]) == store.dataset_sha256([same])
    assert store.dataset_sha256([first]) != store.dataset_sha256([other])
    assert store.dataset_sha256([first, other]) == store.dataset_sha256([other, first])
    store.save_response(same, 1, response)
    assert store.dataset_sha256([first]) != store.dataset_sha256([same])
