"""Fits of many devices: real worker processes, one killed, nothing lost or done twice."""

import multiprocessing
import os
import signal
import sys
from collections import Counter

import pytest

from labbench.errors import SettingError
from labbench.fit import FitResult
from labbench.model import read_card
from labbench.store import Site, Store
from labbench.wafer.fits import Fitted, fit_wafer
from labbench.wafer.frames import wafer_fits

N = 12


@pytest.fixture
def database(tmp_path):
    """A wafer of devices with a finished run each, and nothing recorded."""
    path = tmp_path / "lab.db"
    with Store.open(path, create=True, durable=False) as store:
        store.add_wafer("W1")
        session = store.begin_session({}, simulated=True)
        ids = store.add_sites("W1", [Site(f"D{k}", "neuron", k, 0) for k in range(N)])
        for device in ids.values():
            run = store.begin_run(session, device, "threshold_firing", "2", {}, None)
            store.end_run(run, "finished")
    return str(path)


def slow_fit(database, device):
    """Stand in for a fit: takes a moment, notes that it was begun, and knows its run."""
    import time

    from labbench.fit import FitResult
    from labbench.model import read_card
    from labbench.store import Store
    from labbench.wafer.fits import Fitted

    with open(f"{database}.begun", "a") as file:
        file.write(device + "\n")
    time.sleep(0.15)
    with Store.open(database) as store:
        (run,) = store.runs(device=device)
    result = FitResult.of_card(read_card("b1"))
    return Fitted(device, result.to_dict(), (run.id,), f"data of {device}")


def kept(database):
    """Return how many fits each device has."""
    with Store.open(database) as store:
        document = store.wafer_fits("W1")
        counts = Counter(data for data, _ in store.fitted())
    assert set(counts.values()) <= {1}
    return sorted(document)


def test_a_killed_worker_of_a_cluster_costs_nothing(database):
    distributed = pytest.importorskip("distributed")
    cloudpickle = pytest.importorskip("cloudpickle")
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(processes=True, **options) as cluster:
        killed = []

        def kill(report):
            if report.done == 3:
                worker = next(iter(cluster.workers.values()))
                killed.append(worker.pid)
                os.kill(worker.pid, signal.SIGKILL)

        report = fit_wafer(
            database,
            [f"D{k}" for k in range(N)],
            scheduler=cluster.scheduler_address,
            on_progress=kill,
            task=slow_fit,
        )
    assert killed
    assert sorted(report.kept) == kept(database) == sorted(f"D{k}" for k in range(N))
    assert report.faults == {}
    assert report.known == []


def test_without_a_scheduler_that_answers():
    pytest.importorskip("distributed")
    with pytest.raises(SettingError, match="No dask scheduler answers"):
        list(_cluster("tcp://127.0.0.1:9"))


def _cluster(address):
    from labbench.wafer import fits

    return fits._on_cluster("none.db", ["D0"], address, slow_fit)


def test_a_killed_process_here_costs_nothing(database):
    killed = []

    def kill(report):
        if report.done == 1:
            child = multiprocessing.active_children()[0]
            killed.append(child.pid)
            os.kill(child.pid, signal.SIGKILL)

    devices = [f"D{k}" for k in range(6)]
    report = fit_wafer(database, devices, workers=1, on_progress=kill)
    assert killed
    # There is nothing to fit in these runs, and each says so, once.
    assert sorted(report.faults) == devices
    assert report.kept == []
    assert all("A fit needs" in fault for fault in report.faults.values()), report.faults


def test_what_comes_twice_is_kept_once(database):
    from labbench.wafer import fits

    report, known = fits.FitReport(), set()
    result = Fitted("D0", FitResult.of_card(read_card("b1")).to_dict(), (1,), "data of D0")
    with Store.open(database) as store:
        for _ in range(3):
            fits._keep(store, result, known, report)
    assert (report.kept, report.known) == (["D0"], ["D0", "D0"])
    assert kept(database) == ["D0"]
    with Store.open(database) as store:
        assert wafer_fits(store, "W1").empty
