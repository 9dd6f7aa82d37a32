from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from labbench.errors import StoreError
from labbench.store import Store
from labbench.store.engine import APPLICATION_ID, reading, writing


@pytest.fixture
def backend():
    """These are about files."""
    return "sqlite"


@pytest.mark.parametrize("durable", [True, False])
def test_the_pragmas_are_in_force(database, durable):
    expected = {
        "journal_mode": "wal",
        "synchronous": 2 if durable else 1,
        "foreign_keys": 1,
        "busy_timeout": 5000,
        "wal_autocheckpoint": 4000,
        "page_size": 16384,
        "application_id": APPLICATION_ID,
    }
    with Store.open(database, durable=durable) as store, reading(store.engine) as connection:
        for name, value in expected.items():
            assert connection.exec_driver_sql(f"PRAGMA {name}").scalar() == value


def test_writers_take_their_turn_at_once_and_readers_do_not_wait(store, database):
    with closing(sqlite3.connect(database, timeout=0)) as other:
        with reading(store.engine) as connection:
            connection.exec_driver_sql("SELECT * FROM device")
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
        with writing(store.engine), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.execute("BEGIN IMMEDIATE")
        assert store.devices() == []


def test_a_busy_database_is_a_clear_error(store, database):
    with store.engine.connect() as connection:
        connection.connection.dbapi_connection.execute("PRAGMA busy_timeout=1")
    with closing(sqlite3.connect(database)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="was busy"):
            store.add_device("D1", "neuron")


def test_a_full_disk_is_a_clear_error(store, run_id):
    with store.engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        raw.execute("PRAGMA max_page_count=1")  # SQLite takes the present count instead
    with pytest.raises(StoreError, match="No space is left"):
        store.add_device("D" * 1_000_000, "neuron")
    assert [device.name for device in store.devices()] == ["D1"]


def test_a_url_opens_the_same_file(database):
    with Store.open(f"sqlite:///{database}") as store:
        assert store.path == database


@pytest.mark.parametrize("name", ["mysql://host/lab", "sqlite://", ":memory:", "", "://"])
def test_other_databases_are_refused(name):
    with pytest.raises(StoreError, match="is an SQLite file, not"):
        Store.open(name, create=True)


def other_programme(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmark (url TEXT)")


CASES = {
    "a text file": (lambda path: path.write_text("time,voltage\n" * 50), "not an SQLite database"),
    "a short file": (lambda path: path.write_bytes(b"x"), "not an SQLite database"),
    "another programme's": (other_programme, "another programme"),
    "a folder": (lambda path: path.mkdir(), "a folder"),
}


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_what_is_no_lab_database_is_left_alone(tmp_path, case, create):
    make, message = CASES[case]
    path = tmp_path / "lab.db"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError, match=message):
        Store.open(path, create=create)
    assert [entry.name for entry in tmp_path.iterdir()] == ["lab.db"]
    assert before is None or path.read_bytes() == before


def test_a_missing_file_or_folder_is_not_made(tmp_path):
    with pytest.raises(StoreError, match="no database at"):
        Store.open(tmp_path / "lab.db")
    with pytest.raises(StoreError, match="no folder"):
        Store.open(tmp_path / "folder" / "lab.db", create=True)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_is_used_only_to_create(tmp_path):
    path = tmp_path / "lab.db"
    path.touch()
    with pytest.raises(StoreError, match="is empty"):
        Store.open(path)
    with Store.open(path, create=True) as store:
        store.add_device("D1", "neuron")
    with Store.open(path, create=True) as store:
        assert len(store.devices()) == 1


def test_a_damaged_file_is_a_clear_error(database):
    content = bytearray(database.read_bytes())
    content[100:] = b"\xaa" * (len(content) - 100)
    database.write_bytes(content)
    with pytest.raises(StoreError, match=r"damaged.*restore it from a backup"):
        Store.open(database)
    database.write_bytes(content[:5000])
    with pytest.raises(StoreError):
        Store.open(database)
