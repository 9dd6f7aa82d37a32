"""Fits of many devices: real worker processes, one killed, nothing lost or done twice."""

import importlib
import inspect
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import numpy as np
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from labbench.cli import app
from labbench.errors import SettingError
from labbench.features import Response
from labbench.fit import FitResult
from labbench.model import read_card
from labbench.model.replay import replay_response
from labbench.stimulus import Sweep
from labbench.store import Site, Store
from labbench.trace import Channel, Trace
from labbench.wafer import fits
from labbench.wafer.fits import FitReport, Fitted, Wish, fit_devices
from labbench.wafer.frames import wafer_fits

N = 12


def fill(store):
    """Make a wafer of devices with a finished run each, and nothing recorded."""
    store.add_wafer("W1")
    session = store.begin_session({}, simulated=True)
    ids = store.add_sites("W1", [Site(f"D{k}", "neuron", k, 0) for k in range(N)])
    for device in ids.values():
        run = store.begin_run(session, device, "threshold_firing", "2", {}, None)
        store.end_run(run, "finished")


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "lab.db"
    with Store.open(path, create=True, durable=False) as store:
        fill(store)
    return str(path)


@pytest.fixture
def server(postgres):
    """Return the same on a server."""
    url = postgres.new_database("empty")
    with Store.open(url, create=True, durable=False) as store:
        fill(store)
    return url


def slow_fit(wish, device):
    """Stand in for a fit: takes a moment, and knows its run."""
    import time

    from labbench.fit import FitResult
    from labbench.model import read_card
    from labbench.store import Store
    from labbench.wafer.fits import Fitted

    time.sleep(0.15)
    with Store.open(wish.database) as store:
        (run,) = store.runs(device=device)
    result = FitResult.of_card(read_card("b1"))
    return Fitted(device, result.to_dict(), (run.id,), f"data of {device}")


def kept(database):
    """Return how many fits each device has."""
    with Store.open(database) as store:
        document = store.wafer_fits("W1")
        with store.engine.connect() as connection:
            number = connection.execute(text("SELECT count(*) FROM fit")).scalar_one()
    assert number == len(document)
    return sorted(document)


def test_a_killed_worker_of_a_cluster_costs_nothing(server):
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

        report = fit_devices(
            Wish(server),
            [f"D{k}" for k in range(N)],
            scheduler=cluster.scheduler_address,
            on_progress=kill,
            task=slow_fit,
        )
    assert killed
    assert sorted(report.kept) == kept(server) == sorted(f"D{k}" for k in range(N))
    assert report.faults == {}
    assert report.known == []


def test_a_cluster_fits_what_a_server_holds(server):
    distributed = pytest.importorskip("distributed")
    with Store.open(server) as store:
        record_sweeps(store, "good", sweeps(3))
    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(processes=True, **options) as cluster:
        address = cluster.scheduler_address
        report = fit_devices(Wish(server), ["good", "D0"], scheduler=address)
        again = fit_devices(Wish(server), ["good", "D0"], scheduler=address)
    assert (report.kept, again.kept, again.known) == (["good"], [], ["good"])
    assert "A fit needs" in report.faults["D0"]


def test_without_a_scheduler_that_answers(database, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(fits, "PATIENCE_S", 1)
    with pytest.raises(SettingError, match="No dask scheduler answers"):
        fit_devices(Wish(database), ["D0"], scheduler="tcp://127.0.0.1:9")


def test_a_killed_process_here_costs_nothing(database):
    killed = []

    def kill(report):
        if report.done == 1:
            child = multiprocessing.active_children()[0]
            killed.append(child.pid)
            os.kill(child.pid, signal.SIGKILL)

    devices = [f"D{k}" for k in range(6)]
    report = fit_devices(Wish(database), devices, workers=1, on_progress=kill)
    assert killed
    # There is nothing to fit in these runs, and each says so, once.
    assert sorted(report.faults) == devices
    assert report.kept == []
    assert all("A fit needs" in fault for fault in report.faults.values()), report.faults


def test_what_comes_twice_is_kept_once(database):
    result = Fitted("D0", FitResult.of_card(read_card("b1")).to_dict(), (1,), "all of D0")
    first, second = FitReport(), FitReport()
    with Store.open(database) as store:
        for report in (first, first, second):
            fits._keep(store, result, False, report)
    assert (first.kept, first.known) == (["D0"], ["D0"])
    assert (second.kept, second.known) == ([], ["D0"])
    assert kept(database) == ["D0"]
    with Store.open(database) as store:
        assert wafer_fits(store, "W1").empty


def sweeps(count, top_v=0.5):
    up = np.linspace(0.0, top_v, 26)[1:]
    stimulus = Sweep(np.r_[up, up[::-1]], dwell_s=5e-3)
    zero = Channel(np.zeros(50), "current", "A")
    blank = Response(stimulus, Trace({"input": zero, "memristor": zero}))
    card = read_card("memristor")
    return [replay_response(blank, card, seed=4, trial=trial) for trial in range(count)]


def record_sweeps(store, device, responses):
    session_id = store.begin_session({"imported": True}, simulated=False)
    device_id = store.add_device(device, "memristor")
    run_id = store.begin_run(session_id, device_id, "imported_sweep", "1", {}, seed=None)
    for ordinal, response in enumerate(responses):
        store.save_response(run_id, ordinal, response)
    store.end_run(run_id, "finished")


def test_each_process_has_its_device_and_one_that_fails_does_not_stop_the_others(tmp_path):
    path = tmp_path / "lab.db"
    with Store.open(path, create=True, durable=False) as store:
        record_sweeps(store, "good", sweeps(3))
        record_sweeps(store, "dead", sweeps(3, top_v=0.05))
    report = fit_devices(Wish(str(path)), ["good", "dead", "nobody"], workers=2)
    assert report.kept == ["good"]
    assert sorted(report.faults) == ["dead", "nobody"]
    assert "nobody" in report.faults["nobody"]
    assert fit_devices(Wish(str(path)), ["good", "good"]).known == ["good"]
    assert fit_devices(Wish(str(path), again=True), ["good"]).kept == ["good"]


# Two fits that come at once, and then some that nobody wants to wait for.
NAPS = """
import os
import time
from pathlib import Path

from labbench.fit import FitResult
from labbench.model import read_card
from labbench.wafer.fits import Fitted, Wish, fit_devices


def nap(wish, device):
    Path(f"{os.getpid()}.pid").touch()
    if device not in ("D0", "D1"):
        time.sleep(600)
    number = int(device.removeprefix("D")) + 1
    result = FitResult.of_card(read_card("b1"))
    return Fitted(device, result.to_dict(), (number,), f"data of {device}")


if __name__ == "__main__":
    fit_devices(
        Wish("lab.db"),
        [f"D{k}" for k in range(12)],
        workers=2,
        on_progress=lambda report: print(report.done, flush=True),
        task=nap,
    )
"""


def is_running(pid):
    """Return whether a process is there, and no zombie that nobody waited for."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="looks at processes in /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_a_batch_ends_its_workers_and_keeps_what_came(database, tmp_path, how):
    (tmp_path / "naps.py").write_text(NAPS)
    command = [sys.executable, "naps.py"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True) as child:
        assert [child.stdout.readline() for _ in range(2)] == ["1\n", "2\n"]
        # The next are napping already: nothing but a signal ends them.
        while len(list(tmp_path.glob("*.pid"))) < 2:
            time.sleep(0.05)
        child.send_signal(how)
        said = child.communicate(timeout=20)[1]
    assert child.returncode != 0
    assert ("KeyboardInterrupt" in said) == (how is signal.SIGINT)
    assert kept(database) == ["D0", "D1"]
    workers = [int(path.stem) for path in tmp_path.glob("*.pid")]
    end = time.monotonic() + 20
    while any(map(is_running, workers)) and time.monotonic() < end:
        time.sleep(0.05)
    left = [pid for pid in workers if is_running(pid)]
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert not left


def odd_fit(wish, device):
    """Stand in for a fit with a bug that one device brings out."""
    if device == "D3":
        raise ValueError("array must not contain infs or NaNs")
    return Fitted(device, fault="nothing to fit")


def test_an_unexpected_error_is_a_fault_of_its_device(database, tmp_path, monkeypatch):
    # Workers import the task by its name.
    monkeypatch.syspath_prepend(tmp_path)
    source = "from labbench.wafer.fits import Fitted\n\n\n" + inspect.getsource(odd_fit)
    (tmp_path / "odd_fits.py").write_text(source)
    task = importlib.import_module("odd_fits").odd_fit
    devices = [f"D{k}" for k in range(6)]
    report = fit_devices(Wish(database), devices, workers=2, task=task)
    assert sorted(report.faults) == devices
    assert report.faults.pop("D3").endswith("ValueError: array must not contain infs or NaNs")
    assert set(report.faults.values()) == {"nothing to fit"}


def test_a_cluster_is_sent_the_whole_path_of_a_file(database, tmp_path, monkeypatch):
    sent = []

    def on_cluster(wish, devices, scheduler, task):
        sent.append((wish.database, scheduler))
        yield Fitted("D0", fault="nothing to fit")

    monkeypatch.setattr(fits, "_on_cluster", on_cluster)
    monkeypatch.chdir(tmp_path)
    command = ["wafer-fit", "--wafer", "W1", "--db", "lab.db", "--scheduler", "tcp://there:1"]
    done = CliRunner().invoke(app, command)
    assert sent == [(database, "tcp://there:1")]
    # Nothing came of it.
    assert done.exit_code == 1
    assert "no fit of D0: nothing to fit" in done.output
    server = Wish("postgresql://lab@there/lab")
    assert fits._from_anywhere(server) is server
