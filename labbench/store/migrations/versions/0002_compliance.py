"""What became of each compliance: asked for, sent, read back, observed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; older runs have no rows in it."""
    op.create_table(
        "compliance_check",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("requested", sa.Double(), nullable=False),
        sa.Column("sent", sa.Text(), nullable=False),
        sa.Column("read_back", sa.Double(), nullable=True),
        sa.Column("in_compliance", sa.Boolean(), nullable=True),
        sa.Column("taken_at", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "in_compliance IN (0, 1)", name=op.f("ck_compliance_check_in_compliance_flag")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["run.id"],
            name="fk_compliance_check_run_id_run",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_compliance_check"),
        sqlite_strict=True,
    )
    op.create_index("ix_compliance_check_run_id", "compliance_check", ["run_id"])
