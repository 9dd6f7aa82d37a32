"""Databases that older versions wrote, brought to the newest schema with all that is in them."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from labbench.errors import StoreError
from labbench.store import Site, Store, check, migrate, upgrade

FOLDER = Path(__file__).parents[1] / "golden" / "stores"
RELEASED = migrate.known_revisions()[:-1]


@pytest.fixture(params=RELEASED)
def old(request, tmp_path):
    return Path(shutil.copy(FOLDER / f"revision-{request.param}.db", tmp_path / "lab.db"))


@pytest.fixture(params=[revision for revision in RELEASED if revision < "0004"])
def without_memory(request, tmp_path):
    """One from before instruments, settings and programmes were told apart."""
    return Path(shutil.copy(FOLDER / f"revision-{request.param}.db", tmp_path / "lab.db"))


def rows(path):
    """Return all that a database holds: by table the columns, and the rows as mappings."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            name: [dict(row) for row in connection.execute(f'SELECT * FROM "{name}"')]
            for (name,) in names
            if name != "alembic_version"
        }


def test_every_released_schema_has_a_file_with_rows_in_every_table():
    assert sorted(path.name for path in FOLDER.glob("*.db")) == [
        f"revision-{revision}.db" for revision in RELEASED
    ]
    for path in FOLDER.glob("*.db"):
        assert path.stat().st_size < 200_000
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            (found,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            assert path.name == f"revision-{found}.db"
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            for (name,) in names.fetchall():
                assert connection.execute(f'SELECT 1 FROM "{name}"').fetchone(), name


def test_every_row_is_still_there_and_every_sample_sound(old):
    before = rows(old)
    copy = upgrade(old)
    assert rows(copy) == before
    after = rows(old)
    for name, found in before.items():
        assert len(after[name]) == len(found)
        for was, now in zip(found, after[name], strict=True):
            assert {column: now[column] for column in was} == was
    with Store.open(old) as store:
        assert check(store) == []
        assert [len(store.responses(run.id)) for run in store.runs()][:2] == [2, 2]
        fit = store.latest_fit("D1")
        assert fit.dataset_sha256 == store.dataset_sha256(fit.run_ids)
        assert store.dose("D1").n_stimuli >= 2


def test_an_older_database_says_what_the_new_columns_ask(without_memory):
    upgrade(without_memory)
    found = rows(without_memory)
    settings = {row["name"]: row for row in found["setting"] if row["run_id"] == 1}
    assert settings["width_s"]["value_real"] == 1e-3
    assert settings["label"]["value_text"] == "first"
    assert settings["levels"]["value_text"] == "[0.4, 0.8]"
    assert [settings["none"][column] for column in ("value_real", "value_text")] == [None, None]
    with Store.open(without_memory) as store:
        fit = store.latest_fit("D1")
        assert (fit.labbench_version, fit.git_commit) == (None, None)
        session = store.session(1)
        supply, scope = session.instruments
        assert (supply.vendor, supply.model) == ("KEITHLEY INSTRUMENTS INC.", "MODEL 2400")
        assert (supply.serial, supply.firmware) == ("1234567", "C30")
        assert (scope.vendor, scope.model, scope.firmware) == ("", "odd", None)
        assert session.git_dirty is False
        assert session.ended_at is None
        assert store.runs()[0].excluded is None
        assert store.preview(1, 0, "input").low.size == 1500


def test_a_dirty_commit_becomes_a_flag(without_memory):
    with closing(sqlite3.connect(without_memory)) as connection:
        connection.execute("UPDATE session SET git_commit = 'abc-dirty'")
        connection.commit()
    upgrade(without_memory)
    with Store.open(without_memory) as store:
        session = store.session(1)
    assert (session.git_commit, session.git_dirty) == ("abc", True)


def test_a_sweep_can_be_planned_on_a_wafer_from_before(old):
    upgrade(old)
    with Store.open(old) as store:
        store.add_wafer("W9")
        (device,) = store.add_sites("W9", [Site("W9-1", "neuron", 0, 0)]).values()
        sweep = store.plan_sweep("W9", "first", {}, [(device, "contact_check", {})])
        assert [point.state for point in store.sweep_points(sweep)] == ["planned"]


def test_rows_lost_on_the_way_are_refused_and_the_copy_named(old, tmp_path, monkeypatch):
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migrate, "MIGRATIONS", folder)
    (folder / "versions" / "9998_next.py").write_text(
        'from alembic import op\n\nrevision = "9998"\n'
        f'down_revision = "{migrate.known_revisions()[-1]}"\n\n\n'
        'def upgrade():\n    op.execute("DELETE FROM pulse")\n'
    )
    before = rows(old)
    with pytest.raises(StoreError, match=r"left as it was.*'pulse' from 4 rows to 0.*lab-revision"):
        upgrade(old)
    assert rows(old) == before
