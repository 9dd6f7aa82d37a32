"""A disk that fills up in the middle of a run: pause, dark, and go on without a loss."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys

import pytest

from instruments.simulated.bench import bench_of, canonical
from labbench.bench import run_procedure
from labbench.bench.run import begin_session
from labbench.errors import StoreFullError
from labbench.store import Store, check
from procedures.base import NeuronProcedure, single_pulse

AMPLITUDES_V = (0.4, 0.5, 0.6, 0.7, 0.8)


class Staircase(NeuronProcedure):
    """Play five pulses, each higher than the last one, and call somebody before each."""

    name, version, properties = "staircase", "1", ()

    def __init__(self, before=lambda ordinal: None):
        super().__init__()
        self.before = before

    def stimuli(self):
        for ordinal, amplitude_v in enumerate(AMPLITUDES_V):
            self.before(ordinal)
            yield single_pulse(amplitude_v, 4e-4, rest_s=0.02, record_s=2e-2)

    def expected_count(self):
        return len(AMPLITUDES_V)


class FullFileSystem:
    """A small file system of its own, with a ballast file; not even an end of a run fits then."""

    keeps_ends = False

    def __init__(self, folder):
        self.folder, self.ballast = folder, folder / "ballast"

    def fill(self, store):
        with contextlib.suppress(OSError), self.ballast.open("wb", buffering=0) as ballast:
            while True:
                ballast.write(bytes(4096))

    def free(self, store):
        self.ballast.unlink()


class FullByDecree:
    """A database that may not grow, but has room for small records: on every system."""

    keeps_ends = True

    def __init__(self, folder):
        self.folder = folder

    def fill(self, store):
        self._allow(store, 1)  # SQLite takes the present count instead

    def free(self, store):
        self._allow(store, 2**30)

    def _allow(self, store, pages):
        with store.engine.connect() as connection:
            connection.connection.dbapi_connection.execute(f"PRAGMA max_page_count={pages}")


@pytest.fixture(params=[FullByDecree, FullFileSystem])
def disk(request, tmp_path):
    if request.param is FullByDecree:
        yield FullByDecree(tmp_path)
        return
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if not (sys.platform == "linux" and os.geteuid() == 0 and shutil.which("mount")):
        pytest.skip("only root mounts")
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("nothing may be mounted here")
    yield FullFileSystem(folder)
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def store(disk):
    with Store.open(disk.folder / "lab.db", create=True, durable=False) as opened:
        yield opened


@pytest.fixture
def triggers(bench, monkeypatch):
    """Count the trains that the generator emits, past all that the bench says of itself."""
    simulated = bench_of(bench._close.__self__)
    generator = simulated.instruments[canonical(bench.description.instruments.pulse_source.address)]
    original, obeyed = generator.trigger, []

    def trigger(channel, at_s):
        is_obeyed = original(channel, at_s)
        obeyed.extend([at_s] * is_obeyed)
        return is_obeyed

    monkeypatch.setattr(generator, "trigger", trigger)
    return obeyed


def is_dark(bench):
    return not (bench.pulse_source.is_output_on or bench.supply.is_output_on)


def run(bench, store, before, wait, **options):
    device_id, session_id = store.add_device("n1", "neuron"), begin_session(bench, store)
    return run_procedure(
        bench, store, session_id, device_id, Staircase(before), wait=wait, **options
    )


def at(ordinal, act):
    return lambda now: act() if now == ordinal else None


def test_a_full_disk_pauses_and_goes_on(bench, store, disk, triggers):
    said, seen = [], []

    def wait(duration_s):
        seen.append((len(triggers), is_dark(bench), len(store.responses(1)), duration_s))
        if len(seen) == 3:
            disk.free(store)

    report = run(bench, store, at(2, lambda: disk.fill(store)), wait, on_notice=said.append)
    assert (report.state, report.responses) == ("finished", 5)
    emitted = seen[0][0]
    assert emitted in (2, 3)  # where it is full for the ledger, or only for the response
    assert seen == [(emitted, True, 2, 5.0)] * 3
    assert len(triggers) == 5
    played = [each.stimulus.pulses[0].amplitude_v for each in store.responses(1)]
    assert played == list(AMPLITUDES_V)
    dose = store.dose("n1")
    assert (dose.n_stimuli, dose.n_not_recorded) == (5, 0)
    assert check(store) == []
    assert is_dark(bench)
    assert len(said) == 2
    assert "No space is left for the database" in said[0]
    assert "at zero and off" in said[0]
    assert "2" in said[0]
    assert "space again" in said[1]
    # At the start, again after the pause, and at the end.
    assert len(store.compliance_checks(1)) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_ctrl_c_in_a_pause(bench, store, disk, triggers):
    def press(duration_s):
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as caught:
        run(bench, store, at(2, lambda: disk.fill(store)), press)
    paused, *more = caught.value.__notes__
    assert "it was paused for want of space, and" in paused
    assert "not recorded" in paused
    assert is_dark(bench)
    disk.free(store)
    (record,) = store.runs()
    if disk.keeps_ends:
        assert (record.state, more) == ("aborted", [])
        assert record.error == f"stopped by the operator: {paused}"
    else:
        assert record.state == "running"  # until the next process finds it abandoned
        assert "the end of run 1 could not be stored: No space is left" in more[0]
    given_up(store, triggers)


def given_up(store, triggers):
    assert len(store.responses(1)) == 2
    dose = store.dose("n1")
    assert dose.n_stimuli == len(triggers)
    assert dose.n_not_recorded == len(triggers) - 2
    assert check(store) == []


def test_a_stop_request_in_a_pause(bench, store, disk, triggers):
    waited = []

    def stopped():
        return run(
            bench, store, at(2, lambda: disk.fill(store)), waited.append,
            should_stop=lambda: len(waited) >= 2, on_notice=lambda text: None,
        )  # fmt: skip

    if disk.keeps_ends:
        report = stopped()
        assert (report.state, report.responses) == ("aborted", 2)
        assert "not recorded" in report.note
        assert store.runs()[0].error == report.note
    else:
        with pytest.raises(StoreFullError, match="Stopped while it was paused for want of space"):
            stopped()
    assert is_dark(bench)
    disk.free(store)
    given_up(store, triggers)


def test_a_disk_that_is_full_from_the_start_energises_nothing(bench, store, disk, triggers):
    waited = []
    device_id, session_id = store.add_device("n1", "neuron"), begin_session(bench, store)
    disk.fill(store)
    big = {"note": "x" * 9_000_000}
    with pytest.raises(StoreFullError, match="No space is left"):
        store.begin_session(big, simulated=True)
    disk.free(store)
    report = run_procedure(bench, store, session_id, device_id, Staircase(), wait=waited.append)
    assert (report.state, waited, len(triggers)) == ("finished", [], 5)


def test_a_stopped_run_is_not_energised_again(bench, store, disk, triggers, monkeypatch):
    """The limit acted, and the disk was full for that response: it is stored, and that is all."""
    original, starts = bench.observe, []

    def observe():
        original()
        if len(triggers) == 3:
            bench.compliance = type(bench.compliance)(
                **{**vars(bench.compliance), "in_compliance": True}
            )
            disk.fill(store)

    start = bench.start
    monkeypatch.setattr(bench, "observe", observe)
    monkeypatch.setattr(bench, "start", lambda *given: (starts.append(given), start(*given)))
    report = run(
        bench, store, lambda ordinal: None, lambda duration_s: disk.free(store),
        on_notice=lambda text: None,
    )  # fmt: skip
    assert (report.state, report.responses, len(triggers), len(starts)) == ("aborted", 3, 3, 1)
    assert "compliance" in report.note or "limit" in report.note
    assert store.dose("n1").n_not_recorded == 0
