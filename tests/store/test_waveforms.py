from __future__ import annotations

import numpy as np
import pytest

from labbench.errors import NotFoundError, StoreError, TraceError
from labbench.features import Response
from labbench.stimulus import Sweep
from labbench.store.engine import writing
from labbench.trace import Channel, Trace


def test_a_waveform_is_arrays_with_units(store, run_id, response):
    store.save_response(run_id, 0, response)
    found = store.waveform(run_id, 0, "input")
    np.testing.assert_array_equal(found.values, response.trace.values("input"))
    np.testing.assert_array_equal(found.time_s, response.trace.time_s)
    assert (found.unit, found.quantity, len(found)) == ("V", "voltage", 40)
    assert found.trace.channel("input").raw.dtype == np.int16
    assert repr(found) == (
        f"<waveform 'input' of response 0 of run {run_id}: voltage in V, 40 samples, "
        "0 s to 0.0039 s, -0.4 V to 0.38 V>"
    )
    series = found.to_series()
    assert series.name == "input (V)"
    assert series.index.name == "time_s"
    assert series.iloc[-1] == pytest.approx(0.38)


def test_uneven_and_missing_times_stay_what_they_are(store, run_id):
    sweep, current = Sweep(np.array([0.0, 1.0, 0.0]), 0.1), Channel(np.ones(3), "current", "A")
    uneven = np.array([0.0, 0.1, 0.5])
    store.save_response(run_id, 0, Response(sweep, Trace({"i": current}, uneven_time_s=uneven)))
    store.save_response(run_id, 1, Response(sweep, Trace({"i": current}, notes=("no times",))))
    np.testing.assert_array_equal(store.waveform(run_id, 0, "i").time_s, uneven)
    ordered = store.waveform(run_id, 1, "i")
    with pytest.raises(TraceError, match="no time axis"):
        _ = ordered.time_s
    assert ordered.to_series().index.tolist() == [0, 1, 2]
    assert "no times" in repr(ordered)
    with pytest.raises(NotFoundError, match=r"no channel 'time' .* it has i\."):
        store.waveform(run_id, 0, "time")


def test_what_is_not_there_is_named_with_what_is(store, run_id, response):
    store.save_response(run_id, 4, response)
    with pytest.raises(NotFoundError, match=f"no response 0 of run {run_id} .* it has 4"):
        store.waveform(run_id, 0, "input")
    with pytest.raises(NotFoundError, match=r"no channel 'gate' .* it has input, output"):
        store.waveform(run_id, 4, "gate")
    with pytest.raises(NotFoundError, match="no run 9"):
        store.waveform(9, 0, "input")


def test_another_damaged_channel_does_not_matter(store, run_id, response):
    store.save_response(run_id, 0, response)
    with writing(store.engine) as connection:
        connection.exec_driver_sql("UPDATE waveform SET crc32 = 0 WHERE channel = 'output'")
    assert len(store.waveform(run_id, 0, "input")) == 40
    with pytest.raises(StoreError, match="is damaged"):
        store.waveform(run_id, 0, "output")
