"""Fits of a store's devices: once for the same request."""

import numpy as np
import pytest

from labbench.errors import FitError, LabbenchError
from labbench.features import Response
from labbench.fit import FitOptions, FitResult
from labbench.model import read_card
from labbench.model.replay import replay_response
from labbench.report import fits
from labbench.report.device import load_device
from labbench.stimulus import Sweep
from labbench.store import Store
from labbench.trace import Channel, Trace


def sweeps(count, top_v=0.5):
    up = np.linspace(0.0, top_v, 26)[1:]
    stimulus = Sweep(np.r_[up, up[::-1]], dwell_s=5e-3)
    zero = Channel(np.zeros(50), "current", "A")
    blank = Response(stimulus, Trace({"input": zero, "memristor": zero}))
    card = read_card("memristor")
    return [replay_response(blank, card, seed=4, trial=trial) for trial in range(count)]


@pytest.fixture
def database(tmp_path):
    with Store.open(tmp_path / "lab.db", create=True, durable=False) as store:
        session_id = store.begin_session({"imported": True}, simulated=False)
        for device, responses in (("good", sweeps(3)), ("dead", sweeps(3, top_v=0.05))):
            device_id = store.add_device(device, "memristor")
            run_id = store.begin_run(session_id, device_id, "imported_sweep", "1", {}, seed=None)
            for ordinal, response in enumerate(responses):
                store.save_response(run_id, ordinal, response)
            store.end_run(run_id, "finished")
        store.end_session(session_id)
    return str(tmp_path / "lab.db")


@pytest.fixture
def counted(monkeypatch):
    made = []

    def fit_data(data, prior_card=None, options=None):
        made.append(data.name)
        return FitResult.of_card((prior_card or read_card("memristor")).with_values({}, name="c"))

    monkeypatch.setattr(fits, "fit_data", fit_data)
    return made


def test_the_same_request_is_fitted_once(database, counted):
    def fit(**asked):
        with Store.open(database) as store:
            return fits.fit_device(store, load_device(store, "good"), **asked)

    first = fit()
    assert fit().card == first.card
    assert counted == ["good"]
    fit(again=True)
    fit(options=FitOptions(seed=1))
    fit(prior_card=read_card("memristor").with_values({"alpha": 0.07}))
    assert len(counted) == 4


def test_another_run_is_another_request(database, counted):
    with Store.open(database) as store:
        before = fits.fit_device(store, load_device(store, "good"))
        session_id = store.begin_session({"imported": True}, simulated=False)
        device_id = store.add_device("good", "memristor")
        run_id = store.begin_run(session_id, device_id, "imported_sweep", "1", {}, seed=None)
        store.save_response(run_id, 0, sweeps(1)[0])
        store.end_run(run_id, "finished")
        after = fits.fit_device(store, load_device(store, "good"))
    assert before.card == after.card
    assert counted == ["good", "good"]


def test_a_memristor_has_no_options(database):
    with Store.open(database) as store, pytest.raises(FitError, match="without them"):
        fits.fit_device(store, load_device(store, "good"), options=FitOptions(bootstrap=5))


def test_options_that_say_nothing_are_refused():
    with pytest.raises(LabbenchError, match="2 draws"):
        FitOptions(bootstrap=1)
    with pytest.raises(LabbenchError, match="need the surrogate"):
        FitOptions(profiles=("alpha",), has_surrogate=False)
