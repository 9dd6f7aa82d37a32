from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import UniqueConstraint, create_engine, text

from labbench.errors import NewerSchemaError, StoreError
from labbench.store import Store, check, migrate, upgrade
from labbench.store.document import to_json
from labbench.store.engine import make_engine, open_engine, prepare_file, reading, writing
from labbench.store.postgres import server_url
from labbench.store.schema import metadata

NEWEST = migrate.known_revisions()[-1]
NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "9998"
down_revision = "{newest}"


def upgrade():
    recreate = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table("run", recreate=recreate) as batch:
        batch.add_column(sa.Column("comment", sa.Text()))
    {then}
"""


@pytest.fixture
def database(new_database):
    return new_database()


def definitions(connection):
    """Return what a database remembers of every table, column, rule and index, in any order."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(
            "SELECT name, sql FROM sqlite_master "
            "WHERE sql IS NOT NULL AND name != 'alembic_version'"
        )
        # A table that was rebuilt has its name in quotes.
        plain = [(name, sql.replace(f'"{name}"', name)) for name, sql in rows]
        return {
            name: sorted(line.strip("\t ,") for line in sql.splitlines()) for name, sql in plain
        }
    asked = (
        "SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name "
        "FROM information_schema.columns WHERE table_schema = 'public'",
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace",
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    )
    rows = [tuple(row) for each in asked for row in connection.exec_driver_sql(each)]
    return sorted((row for row in rows if row[0] != "alembic_version"), key=repr)


@pytest.fixture
def without_tables(backend, request):
    """An engine on a database with nothing in it."""
    url = "sqlite://"
    if backend == "postgresql":
        url = server_url(request.getfixturevalue("postgres").new_database())
    engine = create_engine(url)
    yield engine
    engine.dispose()


def test_the_migrations_make_the_schema(store, without_tables):
    options = {"compare_type": True, "compare_server_default": True}
    with reading(store.engine) as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
        found = definitions(connection)
    assert len(found) >= len(metadata.tables)
    with without_tables.begin() as connection:
        metadata.create_all(connection)
        assert definitions(connection) == found


def test_the_newest_revision_is_the_last_file():
    config = Config()
    config.set_main_option("script_location", str(migrate.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == migrate.known_revisions()[-1]


def test_every_table_is_strict_and_every_reference_restricted_and_indexed():
    for table in metadata.tables.values():
        assert table.dialect_options["sqlite"]["strict"]
        unique = [c for c in table.constraints if isinstance(c, UniqueConstraint)]
        keys = [table.primary_key, *unique, *table.indexes]
        leading = [next(iter(key.columns)).name for key in keys]
        for key in table.foreign_keys:
            assert key.ondelete == "RESTRICT"
            assert key.parent.name in leading


def set_revision(database, revision):
    engine, _ = open_engine(database, create=False, durable=True)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
    engine.dispose()


@pytest.mark.parametrize("use", [Store.open, upgrade])
def test_a_newer_schema_is_named(database, use):
    set_revision(database, "9999")
    with pytest.raises(NewerSchemaError, match=rf"revision 9999.*up to {NEWEST}.*newer labbench"):
        use(database)


@pytest.fixture
def next_revision(tmp_path, monkeypatch):
    """Pretend that there is one more revision, which rebuilds a table that others refer to."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migrate, "MIGRATIONS", folder)

    def write(then: str = "") -> None:
        revision = NEXT.format(then=then, newest=NEWEST)
        (folder / "versions" / "9998_next.py").write_text(revision)

    return write


ONLY_FILES = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@ONLY_FILES
def test_an_older_schema_is_upgraded_on_request_after_a_copy(
    database, store, run_id, response, next_revision
):
    store.save_response(run_id, 0, response)
    store.close()
    next_revision()
    with pytest.raises(StoreError, match=rf"revision {NEWEST}.*works with 9998.*db upgrade"):
        Store.open(database)
    copy = upgrade(database)
    assert copy.parent == database.parent
    assert copy.name.startswith(f"lab-revision-{NEWEST}-20")
    assert upgrade(database) is None
    with Store.open(database) as upgraded, reading(upgraded.engine) as connection:
        assert len(upgraded.responses(run_id)) == 1
        assert connection.exec_driver_sql("SELECT comment FROM run").all() == [(None,)]
        tables = connection.exec_driver_sql("SELECT strict FROM pragma_table_list('run')")
        assert tables.scalar() == 1
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    with closing(sqlite3.connect(copy)) as old:
        assert old.execute("SELECT version_num FROM alembic_version").fetchone() == (NEWEST,)
        assert old.execute("SELECT count(*) FROM waveform_data").fetchone() == (2,)


def test_an_upgrade_that_breaks_references_changes_nothing(
    database, store, run_id, response, next_revision, backend
):
    store.save_response(run_id, 0, response)
    store.close()
    next_revision('op.execute("DELETE FROM run")')
    message = {
        "sqlite": r"left as it was.*3 references, first in table '\w+'",
        "postgresql": "refers to something that is not stored.*nothing of it was stored",
    }
    with pytest.raises(StoreError, match=message[backend]):
        upgrade(database, backed_up=True)
    engine, _ = open_engine(database, create=False, durable=True)
    with reading(engine) as connection:
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version")
        assert found.scalar_one() == NEWEST
        assert connection.exec_driver_sql("SELECT count(*) FROM run").scalar_one() == 1
    engine.dispose()


def test_what_an_older_database_recorded_enters_the_ledger(tmp_path, response):
    path = tmp_path / "old.db"
    prepare_file(path, create=True)
    engine = make_engine(path, durable=False)
    migrate.run_migrations(engine, "0002")
    engine.dispose()
    spec = to_json(response.stimulus.to_spec())
    with closing(sqlite3.connect(path)) as old:
        old.executescript("""
            INSERT INTO device VALUES (1, 'D1', 'neuron', '2026-01-31T12:00:00.000000Z');
            INSERT INTO session VALUES (1, 'o', 'h', '2026-01-31T12:00:00.000000Z', '0', '3', '{}',
                NULL, '{}', '', 1);
            INSERT INTO run VALUES (1, 1, 1, 'p', '1', '{}', NULL, 'running',
                '2026-01-31T12:00:00.000000Z', NULL, NULL, NULL, NULL);
        """)
        for ordinal, each in enumerate((spec, spec, '{"kind": "lost"}')):
            old.execute(
                "INSERT INTO stimulus VALUES (NULL, 1, ?, ?, 2, 0.0, 1e-4, '[]', "
                "'2026-01-31T12:00:00.000000Z')",
                (ordinal, each),
            )
            old.execute("INSERT INTO pulse VALUES (?, 0, 0.0, 1e-3, 0.8, 1, NULL)", (ordinal + 1,))
        old.commit()
    upgrade(path)
    with Store.open(path) as store:
        dose = store.dose("D1")
        assert (dose.n_stimuli, dose.n_pulses, dose.n_not_recorded) == (3, 6, 0)
        assert (dose.n_unknown, dose.peak_v) == (3, 0.8)
        assert dose.at_voltage_s == pytest.approx(2 * 2 * (1e-3 + 1e-6))
        assert check(store) == []
        assert len(store.pulses(1)) == 3
        assert store.abandoned_runs() == [], "nobody knows whose run it is"
        store.end_run(1, "interrupted")


def test_a_creation_that_fails_leaves_nothing(tmp_path, next_revision):
    next_revision('raise RuntimeError("no")')
    (tmp_path / "data").mkdir()
    with pytest.raises(RuntimeError):
        Store.open(tmp_path / "data" / "lab.db", create=True)
    assert list((tmp_path / "data").iterdir()) == []
