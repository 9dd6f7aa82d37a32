"""Wafers and dies, instruments, settings to search by, previews, and the journal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

from labbench.store.document import from_json, to_json
from labbench.store.identity import identity_of
from labbench.store.schema import refusals
from labbench.store.searching import setting_columns

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add tables and columns; fill those that what is there already tells."""
    _add_tables()
    _add_columns()
    _fill()
    for _, statement in refusals(op.get_bind().dialect.name):
        op.execute(statement)


@contextmanager
def _rebuilt(table: str) -> Iterator[BatchOperations]:
    """Change a table; SQLite writes it anew, as a new database would have it."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    with op.batch_alter_table(
        table,
        recreate="always" if is_sqlite else "never",
        table_kwargs={"sqlite_strict": True},
    ) as batch:
        yield batch


def _check(table: str, name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def _reference(table: str, to: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{to}_id_{to}"
    return sa.ForeignKeyConstraint([f"{to}_id"], [f"{to}.id"], name=name, ondelete="RESTRICT")


def _add_tables() -> None:
    op.create_table(
        "wafer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("material", sa.Text(), nullable=True),
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
        _reference("die", "wafer"),
        sa.PrimaryKeyConstraint("id", name="pk_die"),
        sa.UniqueConstraint("wafer_id", "x", "y", name="uq_die_wafer_id_x_y"),
        sqlite_strict=True,
    )
    op.create_table(
        "instrument",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_instrument"),
        sa.UniqueConstraint("vendor", "model", "serial", name="uq_instrument_vendor_model_serial"),
        sqlite_strict=True,
    )
    op.create_table(
        "setting",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value_real", sa.Double(), nullable=True),
        sa.Column("value_text", sa.Text(), nullable=True),
        _reference("setting", "run"),
        sa.PrimaryKeyConstraint("run_id", "name", name="pk_setting"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_setting_name", "setting", ["name"])
    op.create_table(
        "preview",
        sa.Column("waveform_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("n_bins", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        _reference("preview", "waveform"),
        sa.PrimaryKeyConstraint("waveform_id", name="pk_preview"),
        sqlite_strict=True,
    )
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
        _check("journal", "kind_known", "kind IN ('note', 'tag', 'untag', 'exclude', 'include')"),
        _check(
            "journal",
            "one_subject",
            "(run_id IS NOT NULL AND device_id IS NULL AND wafer_id IS NULL) OR "
            "(run_id IS NULL AND device_id IS NOT NULL AND wafer_id IS NULL) OR "
            "(run_id IS NULL AND device_id IS NULL AND wafer_id IS NOT NULL)",
        ),
        _check("journal", "said", "text <> ''"),
        _reference("journal", "run"),
        _reference("journal", "device"),
        _reference("journal", "wafer"),
        sa.PrimaryKeyConstraint("id", name="pk_journal"),
        sqlite_strict=True,
    )
    for subject in ("run", "device", "wafer"):
        op.create_index(f"ix_journal_{subject}_id", "journal", [f"{subject}_id"])


def _add_columns() -> None:
    with _rebuilt("device") as batch:
        batch.add_column(sa.Column("die_id", sa.Integer()))
        batch.add_column(sa.Column("geometry", sa.JSON()))
        batch.create_foreign_key(
            "fk_device_die_id_die", "die", ["die_id"], ["id"], ondelete="RESTRICT"
        )
        batch.create_index("ix_device_die_id", ["die_id"])
    with _rebuilt("instrument_state") as batch:
        batch.add_column(sa.Column("instrument_id", sa.Integer()))
        batch.add_column(sa.Column("firmware", sa.Text()))
        batch.add_column(sa.Column("calibration_due", sa.Text()))
        batch.create_foreign_key(
            "fk_instrument_state_instrument_id_instrument",
            "instrument", ["instrument_id"], ["id"], ondelete="RESTRICT",
        )  # fmt: skip
        batch.create_index("ix_instrument_state_instrument_id", ["instrument_id"])
    with _rebuilt("run") as batch:
        sha256 = sa.Column("procedure_sha256", sa.Text())
        batch.add_column(sha256)
    with _rebuilt("fit") as batch:
        version = sa.Column("labbench_version", sa.Text())
        batch.add_column(version)
        batch.add_column(sa.Column("git_commit", sa.Text()))


def _fill() -> None:
    connection = op.get_bind()
    for run_id, document in connection.exec_driver_sql("SELECT id, settings FROM run").all():
        settings = document if isinstance(document, dict) else from_json(document)
        for name, value in settings.items():
            connection.execute(
                sa.text("INSERT INTO setting VALUES (:r, :n, :v, :t)"),
                {"r": run_id, "n": name, **dict(zip("vt", setting_columns(value), strict=True))},
            )
    known: dict[str, int] = {}
    states = connection.exec_driver_sql("SELECT id, idn FROM instrument_state ORDER BY id").all()
    for state_id, idn in states:
        made = identity_of(idn)
        key = to_json([made.vendor, made.model, made.serial])
        if key not in known:
            known[key] = len(known) + 1
            connection.execute(
                sa.text(
                    "INSERT INTO instrument (id, vendor, model, serial) VALUES (:i, :v, :m, :s)"
                ),
                {"i": known[key], "v": made.vendor, "m": made.model, "s": made.serial},
            )
        connection.execute(
            sa.text("UPDATE instrument_state SET instrument_id = :i, firmware = :f WHERE id = :s"),
            {"i": known[key], "f": made.firmware, "s": state_id},
        )
