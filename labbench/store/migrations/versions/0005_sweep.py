"""Sweeps over wafers: the plan, and a row for each procedure on each device."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables; nothing that was there changes."""
    op.create_table(
        "sweep",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("wafer_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("plan_sha256", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Text(), nullable=False),
        _reference("sweep", "wafer"),
        sa.PrimaryKeyConstraint("id", name="pk_sweep"),
        sa.UniqueConstraint("name", name="uq_sweep_name"),
        sqlite_strict=True,
    )
    op.create_index("ix_sweep_wafer_id", "sweep", ["wafer_id"])
    op.create_table(
        "sweep_point",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sweep_id", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("procedure", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('planned', 'moving', 'applying', 'recorded', 'failed', 'skipped', "
            "'interrupted')",
            name=op.f("ck_sweep_point_state_known"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('applying', 'recorded', 'interrupted') OR run_id IS NOT NULL",
            name=op.f("ck_sweep_point_begun"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('planned', 'moving') OR run_id IS NULL",
            name=op.f("ck_sweep_point_not_begun"),
        ),
        *(_reference("sweep_point", parent) for parent in ("sweep", "device", "run")),
        sa.PrimaryKeyConstraint("id", name="pk_sweep_point"),
        sa.UniqueConstraint(
            "sweep_id", "ordinal", "attempt", name="uq_sweep_point_sweep_id_ordinal_attempt"
        ),
        sqlite_strict=True,
    )
    for parent in ("device", "run"):
        op.create_index(f"ix_sweep_point_{parent}_id", "sweep_point", [f"{parent}_id"])


def _reference(table: str, parent: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{parent}_id_{parent}"
    return sa.ForeignKeyConstraint(
        [f"{parent}_id"], [f"{parent}.id"], name=name, ondelete="RESTRICT"
    )
