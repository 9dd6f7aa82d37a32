"""Wafers and dies, instruments, findable settings, previews, the journal; what is never changed."""

from __future__ import annotations

from typing import Any, Literal

import sqlalchemy as sa
from alembic import op

from labbench.store.document import from_json
from labbench.store.identity import parse_identity
from labbench.store.setting_rows import setting_rows

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NEVER_CHANGED = (
    ("journal", "delete", "", "rows of journal are never deleted"),
    ("journal", "update", "", "rows of journal are never changed"),
    ("dose", "delete", "", "rows of dose are never deleted"),
    (
        "dose",
        "update",
        " WHEN (OLD.recorded OR NOT NEW.recorded "
        "OR NEW.run_id <> OLD.run_id OR NEW.ordinal <> OLD.ordinal)",
        "rows of dose change only once, when they are recorded",
    ),
)


def upgrade() -> None:
    """Add tables and columns; settings are taken from the documents that the runs have."""
    _add_places()
    instrument = _add_instruments()
    _add_settings_and_previews()
    _add_journal()
    _rebuild("device", ["die"], sa.Column("die_id", sa.Integer()), sa.Column("geometry", sa.JSON()))
    _rebuild("session", [], sa.Column("ended_at", sa.Text()), sa.Column("git_dirty", sa.Boolean()))
    _rebuild(
        "instrument_state",
        ["instrument"],
        sa.Column("instrument_id", sa.Integer()),
        sa.Column("firmware", sa.Text()),
        sa.Column("calibrated_at", sa.Text()),
        sa.Column("calibration_due", sa.Text()),
    )
    _rebuild("run", [], sa.Column("procedure_sha256", sa.Text()))
    _rebuild(
        "fit", [], sa.Column("labbench_version", sa.Text()), sa.Column("git_commit", sa.Text())
    )
    _tell_instruments_apart(instrument)
    _tell_dirty_commits()
    for refused in NEVER_CHANGED:
        _refuse(*refused)


def _refuse(table: str, change: str, when: str, message: str) -> None:
    """Have the database refuse to change or delete the rows of a table."""
    name, action = f"{table}_no_{change}", change.upper()
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{message}' "
            f"USING ERRCODE = 'integrity_constraint_violation'; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {action} ON {table} FOR EACH ROW{when} "
            f"EXECUTE FUNCTION {name}()"
        )
    else:
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {action} ON {table}{when}\n"
            f"BEGIN\n    SELECT RAISE(ABORT, '{message}');\nEND"
        )


def _rebuild(table: str, parents: list[str], *added: sa.Column[Any]) -> None:
    """Add columns to a table; those that refer to a parent are indexed."""
    # Only SQLite has to write a table anew.
    recreate: Literal["always", "never"]
    recreate = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table(table, recreate=recreate) as batch:
        for column in added:
            batch.add_column(column)
            if isinstance(column.type, sa.Boolean):
                name = op.f(f"ck_{table}_{column.name}_flag")
                batch.create_check_constraint(name, f"{column.name} IN (0, 1)")
        for parent in parents:
            batch.create_foreign_key(
                op.f(f"fk_{table}_{parent}_id_{parent}"),
                parent,
                [f"{parent}_id"],
                ["id"],
                ondelete="RESTRICT",
            )
            batch.create_index(op.f(f"ix_{table}_{parent}_id"), [f"{parent}_id"])


def _reference(table: str, column: str) -> sa.ForeignKeyConstraint:
    parent = column.removesuffix("_id")
    name = f"fk_{table}_{column}_{parent}"
    return sa.ForeignKeyConstraint([column], [f"{parent}.id"], name=name, ondelete="RESTRICT")


def _add_places() -> None:
    op.create_table(
        "wafer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("material", sa.Text(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_wafer"),
        sa.UniqueConstraint("label", name="uq_wafer_label"),
        sqlite_strict=True,
    )
    op.create_table(
        "die",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("wafer_id", sa.Integer(), nullable=False),
        sa.Column("x", sa.BigInteger(), nullable=False),
        sa.Column("y", sa.BigInteger(), nullable=False),
        _reference("die", "wafer_id"),
        sa.PrimaryKeyConstraint("id", name="pk_die"),
        sa.UniqueConstraint("wafer_id", "x", "y", name="uq_die_wafer_id_x_y"),
        sqlite_strict=True,
    )


def _add_instruments() -> sa.Table:
    return op.create_table(
        "instrument",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_instrument"),
        sa.UniqueConstraint("vendor", "model", "serial", name="uq_instrument_vendor_model_serial"),
        sqlite_strict=True,
    )


def _add_settings_and_previews() -> None:
    setting = op.create_table(
        "setting",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value_real", sa.Double(), nullable=True),
        sa.Column("value_text", sa.Text(), nullable=True),
        _reference("setting", "run_id"),
        sa.PrimaryKeyConstraint("run_id", "name", name="pk_setting"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_setting_name", "setting", ["name", "value_real"])
    op.create_table(
        "preview",
        sa.Column("waveform_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("n_bins", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        _reference("preview", "waveform_id"),
        sa.PrimaryKeyConstraint("waveform_id", name="pk_preview"),
        sqlite_strict=True,
    )
    found = op.get_bind().exec_driver_sql("SELECT id, settings FROM run ORDER BY id").all()
    for run_id, document in found:
        rows = setting_rows(run_id, from_json(document))
        if rows:
            op.bulk_insert(setting, rows)


def _add_journal() -> None:
    op.create_table(
        "journal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("device_id", sa.Integer(), nullable=True),
        sa.Column("wafer_id", sa.Integer(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('note', 'tag', 'untag', 'exclude', 'include')",
            name=op.f("ck_journal_kind_known"),
        ),
        sa.CheckConstraint("trim(text) <> ''", name=op.f("ck_journal_text_given")),
        sa.CheckConstraint(
            "CASE WHEN run_id IS NULL THEN 0 ELSE 1 END"
            " + CASE WHEN device_id IS NULL THEN 0 ELSE 1 END"
            " + CASE WHEN wafer_id IS NULL THEN 0 ELSE 1 END = 1",
            name=op.f("ck_journal_one_subject"),
        ),
        sa.CheckConstraint(
            "kind NOT IN ('exclude', 'include') OR run_id IS NOT NULL",
            name=op.f("ck_journal_run_excluded"),
        ),
        _reference("journal", "run_id"),
        _reference("journal", "device_id"),
        _reference("journal", "wafer_id"),
        sa.PrimaryKeyConstraint("id", name="pk_journal"),
        sqlite_strict=True,
    )
    for column in ("run_id", "device_id", "wafer_id"):
        op.create_index(f"ix_journal_{column}", "journal", [column])


def _tell_instruments_apart(instrument: sa.Table) -> None:
    """Find the instruments of older sessions in what they answered to *IDN?."""
    connection = op.get_bind()
    ids: dict[tuple[str, ...], int] = {}
    for (idn,) in connection.exec_driver_sql("SELECT DISTINCT idn FROM instrument_state").all():
        identity = parse_identity(idn)
        if identity is None:
            continue
        key = identity[:3]
        if key not in ids:
            ids[key] = len(ids) + 1
            row = dict(zip(("vendor", "model", "serial"), key, strict=True))
            connection.execute(instrument.insert().values(id=ids[key], **row))
        told = {
            "firmware": identity.firmware,
            "idn": idn,
            "id": ids[key],
        }
        connection.execute(
            sa.text(
                "UPDATE instrument_state SET instrument_id = :id, firmware = :firmware "
                "WHERE idn = :idn"
            ),
            told,
        )


def _tell_dirty_commits() -> None:
    """Let a flag say what the end of a commit's name said before."""
    op.execute("UPDATE session SET git_dirty = false WHERE git_commit IS NOT NULL")
    op.execute(
        "UPDATE session SET git_dirty = true, "
        "git_commit = substr(git_commit, 1, length(git_commit) - length('-dirty')) "
        "WHERE git_commit LIKE '%-dirty'"
    )
