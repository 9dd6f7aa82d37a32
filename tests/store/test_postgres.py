"""What only a server can do: refuse a password, be away, let two write at once."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import create_engine, text

import labbench
from labbench.errors import NewerSchemaError, StoreError
from labbench.model.card import ModelCard
from labbench.store import Store, check, display_name, exists, migrate, upgrade, worst_dose
from labbench.store.engine import open_engine, plain_errors, reading, writing
from labbench.store.postgres import LOCK_S, server_url, without_password

HOLDER = """
import sys, time
from labbench.store.engine import open_engine, writing
from labbench.store import schema

engine, _ = open_engine(sys.argv[1], create=False, durable=True)
with writing(engine) as connection:
    connection.execute(schema.device.update().values(kind="resistor"))
    print("holding", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def backend():
    return "postgresql"


@pytest.fixture
def other(database):
    with Store.open(database, durable=False) as other:
        yield other


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg", "postgres"])
def test_a_url_alone_opens_the_store(database, store, scheme):
    store.add_device("D1", "neuron")
    url = database.replace("postgresql", scheme, 1)
    with Store.open(url, create=True) as again:
        assert [device.name for device in again.devices()] == ["D1"]
        assert again.name == store.name == display_name(url)


def test_what_is_wrong_with_a_url_is_one_line_without_the_password(postgres, database):
    secret = postgres.password
    at = f"127.0.0.1:{postgres.port}"
    cases = {
        f"postgresql://lab:{secret}@{at}/nowhere": r"cannot be reached.*\"nowhere\" does not exist",
        f"postgresql://lab:{secret}x@{at}/empty": "cannot be reached.*authentication failed",
        f"postgresql://lab:{secret}@127.0.0.1:1/empty": "cannot be reached.*start the server",
        f"postgresql://lab:{secret}@{at}": "give postgresql://USER@HOST:PORT/DATABASE",
        f"postgresql+psycopg2://lab:{secret}@{at}/empty": "give postgresql://USER",
        f"postgresql://lab:{secret}@{at}:x/empty": "give postgresql://USER",
        f"mysql://lab:{secret}@{at}/empty": "SQLite file.*or postgresql://USER",
        f"{database}?password={secret}&colour=red": "cannot be",
    }
    for url, message in cases.items():
        with pytest.raises(StoreError, match=message) as caught:
            Store.open(url, create=True)
        said = str(caught.value)
        assert secret not in said
        assert "\n" not in said
    assert without_password("postgresql://me:a/b@c@host/lab?x=1") == "postgresql://me@host/lab"
    assert server_url("lab.db") is None


def test_a_missing_driver_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"needs the package psycopg.*labbench-1m1t1r\[scale\]"):
        Store.open("postgresql://lab@127.0.0.1/lab")


def test_an_empty_database_is_used_only_to_create(postgres):
    url = postgres.new_database()
    assert not exists(url)
    for use in (Store.open, upgrade):
        with pytest.raises(StoreError, match="is empty"):
            use(url)
    Store.open(url, create=True).close()
    assert exists(url)
    with Store.open(url) as store:
        assert check(store) == []


@pytest.mark.parametrize("create", [True, False])
def test_tables_of_another_programme_are_left_alone(postgres, create):
    url = postgres.new_database()
    engine = create_engine(server_url(url))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num text)"))
    with pytest.raises(StoreError, match="another programme, such as 'alembic_version'"):
        Store.open(url, create=create)
    with engine.begin() as connection:
        tables = connection.execute(
            text("SELECT count(*) FROM pg_tables WHERE schemaname='public'")
        )
        assert tables.scalar_one() == 1
    engine.dispose()


def test_text_that_the_database_would_lose_is_refused(postgres):
    postgres.execute("CREATE DATABASE narrow TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    with pytest.raises(StoreError, match=r"as SQL_ASCII.*UTF8"):
        Store.open(postgres.url("narrow"), create=True)


def test_text_with_a_nul_is_refused(store):
    with pytest.raises(StoreError, match=r"cannot keep this record.*NUL"):
        store.add_device("D\0", "neuron")
    assert store.devices() == []


def test_a_newer_schema_is_named_and_left_alone(new_database):
    database, newest = new_database(), migrate.known_revisions()[-1]
    with Store.open(database) as store, writing(store.engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for use in (Store.open, upgrade, exists):
        with pytest.raises(NewerSchemaError, match=f"revision 9999.*up to {newest}"):
            use(database)


def test_an_upgrade_waits_for_a_copy(new_database, tmp_path, monkeypatch):
    database, newest = new_database(), migrate.known_revisions()[-1]
    with Store.open(database) as store:
        store.add_device("D1", "neuron")
    versions = tmp_path / "versions"
    versions.mkdir()
    for path in migrate.MIGRATIONS.rglob("*.py"):
        (tmp_path / path.relative_to(migrate.MIGRATIONS)).write_text(path.read_text())
    (versions / "9998_next.py").write_text(
        f"from alembic import op\nimport sqlalchemy as sa\nrevision = '9998'\n"
        f"down_revision = '{newest}'\n\n\ndef upgrade():\n"
        "    op.add_column('device', sa.Column('comment', sa.Text()))\n"
    )
    monkeypatch.setattr(migrate, "MIGRATIONS", tmp_path)
    for use in (Store.open, upgrade):
        with pytest.raises(StoreError, match=f"revision {newest}.*pg_dump.*--backed-up"):
            use(database)
    assert upgrade(database, backed_up=True) is None
    with Store.open(database) as upgraded, reading(upgraded.engine) as connection:
        assert connection.execute(text("SELECT comment FROM device")).all() == [(None,)]
    assert upgrade(database) is None


def test_readers_keep_a_snapshot_and_change_nothing(store, other):
    store.add_device("D1", "neuron")
    asked = text("SELECT count(*) FROM device")
    with reading(store.engine) as connection:
        assert connection.execute(asked).scalar_one() == 1
        other.add_device("D2", "neuron")
        assert connection.execute(asked).scalar_one() == 1
    with writing(other.engine) as connection:
        connection.execute(text("DELETE FROM device"))
        assert len(store.devices()) == 2, "a reader waits for no writer"
    with (
        pytest.raises(StoreError, match="read-only transaction"),
        reading(store.engine) as connection,
    ):
        connection.execute(text("DELETE FROM device"))


def test_a_writer_waits_a_while_and_says_so(store, other):
    with store.engine.connect() as connection:
        connection.exec_driver_sql("SET lock_timeout = '20ms'")
        connection.commit()
    with writing(other.engine), pytest.raises(StoreError, match=f"was busy for {LOCK_S} s"):
        store.add_device("D1", "neuron")
    store.add_device("D1", "neuron")


def test_a_deadlock_is_one_clear_line(store, other):
    barrier = Barrier(2)

    def lock(engine, tables):
        with engine.connect() as connection, plain_errors(engine):
            for table in tables:
                connection.execute(text(f"LOCK TABLE {table}"))
                if table == tables[0]:
                    barrier.wait()

    with ThreadPoolExecutor(2) as pool:
        tables = ("device", "budget")
        done = [
            pool.submit(lock, store.engine, tables),
            pool.submit(lock, other.engine, tables[::-1]),
        ]
    errors = [each.exception() for each in done if each.exception() is not None]
    assert len(errors) == 1
    assert isinstance(errors[0], StoreError)
    assert "deadlock" in str(errors[0])


def both(store, other, act):
    """Let two stores do something at the same moment, and return what came of it."""
    barrier = Barrier(2)

    def attempt(which):
        barrier.wait()
        try:
            return act(which)
        except StoreError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(attempt, (store, other)))


def test_two_writers_at_once_agree(store, other, begin_run, response):
    run_id = begin_run()
    dose = worst_dose(response.stimulus, 1e3)
    for ordinal in range(10):
        found = both(store, other, lambda which, n=ordinal: which.apply_dose(run_id, n, dose))
        assert sorted(type(each) for each in found if each is not None) == [StoreError]
        found = both(
            store, other, lambda which, n=ordinal: which.save_response(run_id, n, response)
        )
        assert sum(isinstance(each, StoreError) for each in found) == 1
    assert (store.dose("D1").n_stimuli, len(other.responses(run_id))) == (10, 10)
    for n in range(5):
        first, second = both(store, other, lambda which, n=n: which.add_device(f"E{n}", "neuron"))
        assert first == second
        card = ModelCard(f"C{n}")
        first, second = both(store, other, lambda which, card=card: which.save_card(card))
        assert first == second
        both(store, other, lambda which, n=n: which.set_budget("D1", {"n_pulses": n}))
    found = both(store, other, lambda which: which.end_run(run_id, "finished"))
    assert sum(each is None for each in found) == 1
    assert check(store) == []


def test_a_run_that_ends_takes_no_response_at_the_same_moment(store, other, begin_run, response):
    for _ in range(5):
        run_id = begin_run()

        def act(which, run_id=run_id):
            if which is store:
                return which.save_response(run_id, 0, response)
            return which.end_run(run_id, "aborted")

        saved, _ = both(store, other, act)
        assert len(store.responses(run_id)) == (not isinstance(saved, StoreError))


def lose_the_link(store, other):
    with writing(store.engine) as connection:
        connection.execute(text("UPDATE device SET kind = 'resistor'"))
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with other.engine.connect() as master:
            master.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        connection.execute(text("SELECT 1"))


def test_a_lost_connection_stores_nothing_and_the_next_one_works(store, other, run_id):
    with pytest.raises(StoreError, match=r"link to the database \S+ was lost") as caught:
        lose_the_link(store, other)
    assert "\n" not in str(caught.value)
    assert [device.kind for device in store.devices()] == ["neuron"]
    store.end_run(run_id, "interrupted")


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_killed_writer_leaves_its_turn_to_others(database, store, run_id):
    folder = Path(labbench.__file__).parents[1]
    command = [sys.executable, "-c", HOLDER, database]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder) as holder:
        assert holder.stdout.readline() == "holding\n"
        holder.send_signal(signal.SIGKILL)
    store.add_device("D2", "neuron")
    assert {device.kind for device in store.devices()} == {"neuron"}


@pytest.mark.parametrize(("durable", "expected"), [(True, "on"), (False, "off")])
def test_the_settings_of_a_connection(database, durable, expected):
    engine, _ = open_engine(database, create=False, durable=durable)
    with writing(engine) as connection:
        for name, value in {
            "synchronous_commit": expected,
            "lock_timeout": f"{LOCK_S}s",
            "idle_in_transaction_session_timeout": "1min",
            "application_name": "labbench",
            "transaction_isolation": "read committed",
        }.items():
            assert connection.exec_driver_sql(f"SHOW {name}").scalar_one() == value
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar_one() == (
            "repeatable read"
        )
    engine.dispose()
