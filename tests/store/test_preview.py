from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from labbench.errors import NotFoundError, StoreError
from labbench.features import Response
from labbench.stimulus import Pulse, PulseTrain
from labbench.store.engine import reading, writing
from labbench.store.thinning import LONG, N_BINS, edges_of, packed, pairs_of
from labbench.trace import Channel, Trace

TRAIN = PulseTrain((Pulse(0.0, 1e-3, 0.8),), duration_s=1.0)
N = 100_003


def save(store, run_id, channels, **base):
    store.save_response(run_id, 0, Response(TRAIN, Trace(channels, **base)))


def stored(store):
    with reading(store.engine) as connection:
        return connection.exec_driver_sql("SELECT count(*) FROM preview").scalar_one()


@pytest.fixture
def counts():
    return np.random.default_rng(1).integers(-2000, 2000, N).astype(np.int16)


def test_a_long_waveform_is_seen_whole_in_its_unit(store, run_id, counts):
    counts[777] = 2040  # one sample among a hundred thousand
    channels = {"input": Channel(counts, "voltage", "V", scale=5e-4, offset=0.1)}
    save(store, run_id, channels, start_s=-1e-3, interval_s=1e-6)
    found = store.preview(run_id, 0, "input")
    values = counts * 5e-4 + 0.1
    edges = edges_of(N)
    for k in (0, 11, 750, N_BINS - 1):
        stretch = values[edges[k] : edges[k + 1]]
        assert (found.low[k], found.high[k]) == (stretch.min(), stretch.max())
    assert found.high.max() == values.max() == values[777]
    assert (found.quantity, found.unit, found.n_samples) == ("voltage", "V", N)
    middle = -1e-3 + 1e-6 * (edges[:-1] + edges[1:] - 1) / 2
    np.testing.assert_allclose(found.time_s, middle, rtol=0, atol=1e-12)
    assert stored(store) == 1
    same = store.preview_of(1)
    np.testing.assert_array_equal(same.low, found.low)


def test_a_preview_is_the_same_whether_stored_or_made(store, run_id, counts):
    channels = {
        "a": Channel(counts, "voltage", "V", scale=-1e-3),
        "b": Channel(counts.astype(np.int8), "voltage", "V"),
        "c": Channel(np.where(counts > 0, counts, np.nan), "current", "A"),
    }
    save(store, run_id, channels, uneven_time_s=np.sort(counts).astype(float))
    before = {name: store.preview(run_id, 0, name) for name in channels}
    assert stored(store) == 4
    with writing(store.engine) as connection:
        connection.exec_driver_sql("DELETE FROM preview")
    for name, was in before.items():
        now = store.preview(run_id, 0, name)
        for part in ("time_s", "low", "high"):
            np.testing.assert_array_equal(getattr(now, part), getattr(was, part))
        assert not np.any(was.low > was.high)
        assert np.all(np.diff(was.time_s) >= 0)


def test_a_short_waveform_is_its_own_preview(store, run_id, counts):
    short = counts[:LONG]
    save(store, run_id, {"a": Channel(short, "voltage", "V", scale=2.0)})
    assert stored(store) == 0
    found = store.preview(run_id, 0, "a")
    assert found.time_s is None
    np.testing.assert_array_equal(found.low, 2.0 * short)
    np.testing.assert_array_equal(found.high, found.low)


def test_what_is_not_there_is_named(store, run_id, counts):
    save(store, run_id, {"a": Channel(counts, "voltage", "V")}, uneven_time_s=np.arange(float(N)))
    with pytest.raises(NotFoundError, match=r"no channel 'b' of response 0 of run 1 .* it has a\."):
        store.preview(run_id, 0, "b")
    with pytest.raises(NotFoundError, match="it has nothing"):
        store.preview(run_id, 3, "a")
    with pytest.raises(NotFoundError, match="no run 9"):
        store.preview(9, 0, "a")
    with pytest.raises(NotFoundError, match="no waveform 99"):
        store.preview_of(99)


def test_a_damaged_preview_is_not_drawn(store, run_id, counts):
    save(store, run_id, {"a": Channel(counts, "voltage", "V")}, interval_s=1e-6)
    with writing(store.engine) as connection:
        connection.exec_driver_sql("UPDATE preview SET data = substr(data, 1, 400)")
    with pytest.raises(StoreError, match="1500 pairs were announced and 100 are there"):
        store.preview(run_id, 0, "a")


def test_a_refused_response_leaves_no_preview(store, run_id, counts):
    save(store, run_id, {"a": Channel(counts, "voltage", "V")}, interval_s=1e-6)
    with pytest.raises(StoreError):
        save(store, run_id, {"a": Channel(counts, "voltage", "V")}, interval_s=1e-6)
    assert stored(store) == 1


@given(arrays(np.int16, st.integers(LONG + 1, LONG + 500)))
@settings(max_examples=20, suppress_health_check=[HealthCheck.data_too_large])
def test_every_sample_lies_in_one_stretch(samples):
    edges = edges_of(samples.size)
    assert (edges[0], edges[-1], edges.size) == (0, samples.size, N_BINS + 1)
    assert np.all(np.diff(edges) > 0)
    pairs = pairs_of(samples)
    assert (pairs[:, 0].min(), pairs[:, 1].max()) == (samples.min(), samples.max())
    assert len(packed(samples)) == 2 * 2 * N_BINS
