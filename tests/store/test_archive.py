from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from labbench.errors import StoreError
from labbench.store import Store, upgrade
from labbench.store.archive import archive, is_archived, unarchive

NOBODY = 65534
posix = pytest.mark.skipif(os.name != "posix", reason="file modes and users of POSIX")


@pytest.fixture
def backend():
    """These are about files."""
    return "sqlite"


@pytest.fixture
def filled(database: Path, response) -> Path:
    with Store.open(database) as store:
        session = store.begin_session({}, simulated=True, operator="tester")
        run_id = store.begin_run(session, store.add_device("D1", "neuron"), "p", "1", {}, seed=1)
        store.save_response(run_id, 0, response)
        store.end_run(run_id, "finished")
    return database


@pytest.fixture
def cupboard() -> Iterator[Path]:
    """Return a folder that other users may look into, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="labbench-archive-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Take the right to write from a folder, and the administrator's from this process."""
    folder.chmod(0o555)
    was = os.geteuid()
    if was == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if was == 0:
            os.seteuid(was)
        folder.chmod(0o755)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def read_all(path: Path) -> int:
    with Store.open(path) as store:
        (run,) = store.runs()
        (found,) = store.responses(run.id)
        with pytest.raises(StoreError, match="can only be read, because"):
            store.add_device("D2", "neuron")
        with pytest.raises(StoreError, match="can only be read, because"):
            store.begin_session({}, simulated=True, operator="x")
        return int(found.trace.channels["input"].raw.size)


def test_an_archive_is_one_file_that_reads_and_refuses_writes_until_it_is_taken_out(filled):
    assert archive(filled)
    assert not archive(filled)
    assert files(filled.parent) == ["lab.db"]
    assert filled.read_bytes()[18:20] == b"\x01\x01"  # SQLite's mark of a file without WAL
    assert read_all(filled) == 40
    with pytest.raises(StoreError, match="is archived: run `labbench db archive --undo"):
        upgrade(filled)
    assert files(filled.parent) == ["lab.db"]
    assert unarchive(filled)
    assert not unarchive(filled)
    assert not is_archived(filled)
    with Store.open(filled) as store:
        store.add_device("D2", "neuron")


def test_a_database_in_use_is_not_archived(filled):
    with Store.open(filled) as store:
        store.devices()
        with pytest.raises(StoreError, match=r"in use \(busy\)"):
            archive(filled)
        store.add_device("D2", "neuron")
    assert not is_archived(filled)
    assert archive(filled)


def test_a_damaged_database_is_not_archived(filled):
    connection = sqlite3.connect(filled)
    (data,) = connection.execute("SELECT data FROM waveform_data LIMIT 1").fetchone()
    connection.execute(
        "UPDATE waveform_data SET data = ? WHERE waveform_id = 1", (data[:-1] + b"?",)
    )
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match=r"not archived, because it is damaged .*checksum"):
        archive(filled)
    assert not is_archived(filled)


@posix
def test_a_file_that_nobody_may_write_opens_to_be_read(filled):
    filled.chmod(0o444)
    assert read_all(filled) == 40
    with pytest.raises(StoreError, match="its file is read-only"):
        archive(filled)


@posix
@pytest.mark.parametrize("archived", [True, False])
def test_a_database_opens_in_a_read_only_folder(filled, cupboard, archived):
    if archived:
        archive(filled)
    kept = Path(shutil.copy(filled, cupboard / "kept %41#?.db"))
    kept.chmod(0o444)
    with read_only(cupboard):
        assert read_all(kept) == 40
    assert files(cupboard) == [kept.name]


@posix
@pytest.mark.parametrize("with_index", [True, False])
def test_records_beside_a_file_are_never_overlooked(filled, cupboard, with_index):
    with Store.open(filled) as store:
        store.add_device("later", "neuron")
        beside = ["lab.db", "lab.db-wal"] + ["lab.db-shm"] * with_index
        for name in beside:
            shutil.copy(filled.with_name(name), cupboard / name)
            (cupboard / name).chmod(0o444)
    with read_only(cupboard):
        if with_index:  # SQLite itself reads them then, as it does while a bench is writing
            with Store.open(cupboard / "lab.db") as store:
                assert [device.name for device in store.devices()] == ["D1", "later"]
        else:
            with pytest.raises(StoreError, match=r"lab.db-wal beside it holds"):
                Store.open(cupboard / "lab.db")
