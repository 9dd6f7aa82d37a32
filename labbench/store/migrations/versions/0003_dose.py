"""What was done to a device: each dose and connection, a budget, and whose run it is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from labbench.errors import StimulusError
from labbench.stimulus import stimulus_from_spec
from labbench.store.document import from_json
from labbench.store.dose import worst_dose

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables; what was recorded before counts, at a charge that nobody knows."""
    op.create_table(
        "connection",
        sa.Column("stimulus_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["stimulus_id"],
            ["stimulus.id"],
            name="fk_connection_stimulus_id_stimulus",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("stimulus_id", name="pk_connection"),
        sqlite_strict=True,
    )
    op.create_table(
        "run_owner",
        sa.Column("run_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name="fk_run_owner_run_id_run", ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("run_id", name="pk_run_owner"),
        sqlite_strict=True,
    )
    op.create_table(
        "budget",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("allowed", sa.Double(), nullable=False),
        sa.Column("set_at", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "quantity IN ('n_pulses', 'at_voltage_s', 'charge_c', 'energy_j', 'peak_v')",
            name=op.f("ck_budget_quantity_known"),
        ),
        sa.ForeignKeyConstraint(
            ["device_id"], ["device.id"], name="fk_budget_device_id_device", ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_budget"),
        sa.UniqueConstraint("device_id", "quantity", name="uq_budget_device_id_quantity"),
        sqlite_strict=True,
    )
    dose = op.create_table(
        "dose",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("n_pulses", sa.BigInteger(), nullable=False),
        sa.Column("peak_v", sa.Double(), nullable=True),
        sa.Column("at_voltage_s", sa.Double(), nullable=True),
        sa.Column("charge_c", sa.Double(), nullable=True),
        sa.Column("energy_j", sa.Double(), nullable=True),
        sa.Column("measured", sa.Boolean(), nullable=False),
        sa.Column("recorded", sa.Boolean(), nullable=False),
        sa.Column("in_compliance", sa.Boolean(), nullable=True),
        sa.Column("compliance_policy", sa.Text(), nullable=True),
        sa.Column("applied_at", sa.Text(), nullable=False),
        sa.CheckConstraint("measured IN (0, 1)", name=op.f("ck_dose_measured_flag")),
        sa.CheckConstraint("recorded IN (0, 1)", name=op.f("ck_dose_recorded_flag")),
        sa.CheckConstraint("in_compliance IN (0, 1)", name=op.f("ck_dose_in_compliance_flag")),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name="fk_dose_run_id_run", ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_dose"),
        sa.UniqueConstraint("run_id", "ordinal", name="uq_dose_run_id_ordinal"),
        sqlite_strict=True,
    )
    _count_what_was_recorded(dose)


def _count_what_was_recorded(dose: sa.Table) -> None:
    connection = op.get_bind()
    found = connection.exec_driver_sql(
        "SELECT run_id, ordinal, spec, n_pulses, created_at FROM stimulus ORDER BY id"
    )
    for run_id, ordinal, spec, n_pulses, created_at in found.all():
        fields = from_json(spec)
        row = {"kind": str(fields.get("kind")), "n_pulses": n_pulses}
        try:
            known = worst_dose(stimulus_from_spec(fields), None)
        except StimulusError:
            pass  # counted all the same, by what the row itself says
        else:
            row |= {
                "n_pulses": known.n_pulses,
                "peak_v": known.peak_v,
                "at_voltage_s": known.at_voltage_s,
                "charge_c": known.charge_c,
            }
        connection.execute(
            dose.insert().values(
                run_id=run_id, ordinal=ordinal, measured=False, recorded=True,
                applied_at=created_at, **row,
            )
        )  # fmt: skip
