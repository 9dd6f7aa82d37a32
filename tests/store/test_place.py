"""Where a database lies, and what is said about it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from labbench.cli import main
from labbench.errors import StoreError, StoreFullError, StoreWarning
from labbench.store import Store, engine, place

MOUNTS = r"""
22 27 0:21 / / rw,relatime - ext4 /dev/sda1 rw
31 22 0:44 / /home rw,relatime shared:1 - nfs4 server:/home rw,vers=4.2
32 31 0:45 / /home/me/local rw - xfs /dev/sdb1 rw
33 22 0:46 / /mnt/lab\040share rw master:2 - cifs //server/lab rw
34 22 0:47 / /mnt/usb rw - vfat /dev/sdc1 rw
35 22 0:48 / /mnt/usb rw - fuse.sshfs me@host: rw
a line that means nothing
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lab.db", "ext4"),
        ("/homes/lab.db", "ext4"),
        ("/home/me/lab.db", "nfs4"),
        ("/home/me/local/lab.db", "xfs"),
        ("/mnt/lab share/lab.db", "cifs"),
        ("/mnt/usb/lab.db", "fuse.sshfs"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="no such paths")
def test_the_longest_mount_tells(path, kind):
    assert place.file_system(Path(path), MOUNTS) == kind


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_this_computer_tells_the_same_as_df(tmp_path):
    if shutil.which("df") is None:
        pytest.skip("no df")
    asked = ["df", "--output=fstype", str(tmp_path)]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()[-1]
    assert place.file_system(tmp_path) == told


ONLY_FILES = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def remote(database, tmp_path, monkeypatch):
    """Let the folder of a database pass for a network share."""
    mounts, folder = tmp_path / "mountinfo", database.parent.resolve()
    mounts.write_text(f"{MOUNTS}\n40 22 0:50 / {folder} rw - nfs4 server:/lab rw\n")
    monkeypatch.setattr(place, "_MOUNTS", mounts)


@ONLY_FILES
def test_a_network_share_is_warned_of(database, remote):
    with pytest.warns(StoreWarning, match=r"network file system \(nfs4\).*Keep it on a disk"):
        Store.open(database).close()


@ONLY_FILES
def test_the_command_line_warns_in_one_line(database, remote, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["labbench", "db", "check", str(database)])
    with pytest.raises(SystemExit) as end:
        main()
    printed = capsys.readouterr()
    assert not end.value.code
    assert "file_system: nfs4" in printed.out
    assert printed.err.startswith("labbench: warning: The database")
    assert printed.err.count("\n") == 1


@ONLY_FILES
def test_where_nobody_tells_nothing_is_said(database, monkeypatch, tmp_path):
    monkeypatch.setattr(place, "_MOUNTS", tmp_path / "not there")
    assert place.file_system(database) is None
    Store.open(database).close()


@ONLY_FILES
def test_a_full_disk_says_where_how_much_and_what_to_do(store, run_id):
    with store.engine.connect() as connection:
        connection.connection.dbapi_connection.execute("PRAGMA max_page_count=1")
    with pytest.raises(StoreFullError) as caught:
        store.add_device("D" * 1_000_000, "neuron")
    assert str(store.path) in str(caught.value)
    assert "MB are free in" in str(caught.value)
    assert "free some space" in str(caught.value)
    assert len(store.devices()) == 1


@ONLY_FILES
def test_a_log_that_cannot_be_moved_is_kept(store, run_id, response):
    store.save_response(run_id, 0, response)
    with engine.reading(store.engine) as connection:
        connection.exec_driver_sql("SELECT count(*) FROM run").scalar()
        store.save_response(run_id, 1, response)
        assert not store.checkpoint()
    assert store.checkpoint()
    assert len(store.responses(run_id)) == 2


def test_a_writer_that_computes_is_warned(store, monkeypatch):
    monkeypatch.setattr(engine, "_LONG_S", 0.0)
    with pytest.warns(StoreWarning, match="compute before writing"):
        store.add_device("D1", "neuron")
    with pytest.raises(StoreError, match="not as a memristor"):  # and no warning hides it
        store.add_device("D1", "memristor")


def test_an_io_error_counts_as_full_only_where_nothing_is_left(tmp_path, monkeypatch):
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    path = str(tmp_path / "lab.db")
    assert not place.is_full(error, path)
    monkeypatch.setattr(place, "free_bytes", lambda path: 4096)
    assert place.is_full(error, path)
    assert not place.is_full(sqlite3.OperationalError("syntax error"), path)
