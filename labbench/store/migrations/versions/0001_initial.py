"""The first schema: devices, sessions, runs with their responses, features, cards and fits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "device",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('neuron', 'memristor', 'transistor', 'resistor')",
            name=op.f("ck_device_kind_known"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_device"),
        sa.UniqueConstraint("name", name="uq_device_name"),
        sqlite_strict=True,
    )
    op.create_table(
        "model_card",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_model_card"),
        sqlite_strict=True,
    )
    op.create_index("ix_model_card_name", "model_card", ["name"])

    op.create_table(
        "session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Text(), nullable=False),
        sa.Column("labbench_version", sa.Text(), nullable=False),
        sa.Column("python_version", sa.Text(), nullable=False),
        sa.Column("package_versions", sa.JSON(), nullable=False),
        sa.Column("git_commit", sa.Text(), nullable=True),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("config_sha256", sa.Text(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.CheckConstraint("simulated IN (0, 1)", name=op.f("ck_session_simulated_flag")),
        sa.PrimaryKeyConstraint("id", name="pk_session"),
        sqlite_strict=True,
    )
    op.create_table(
        "comparison",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("model_card_id", sa.Integer(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"], ["device.id"], name="fk_comparison_device_id_device", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["model_card_id"],
            ["model_card.id"],
            name="fk_comparison_model_card_id_model_card",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_comparison"),
        sqlite_strict=True,
    )
    op.create_index("ix_comparison_device_id", "comparison", ["device_id"])
    op.create_index("ix_comparison_model_card_id", "comparison", ["model_card_id"])

    op.create_table(
        "fit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_card_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("dataset_sha256", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_card_id"],
            ["model_card.id"],
            name="fk_fit_model_card_id_model_card",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_fit"),
        sqlite_strict=True,
    )
    op.create_index("ix_fit_model_card_id", "fit", ["model_card_id"])

    op.create_table(
        "instrument_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("driver", sa.Text(), nullable=False),
        sa.Column("idn", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("taken_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["session.id"],
            name="fk_instrument_state_session_id_session",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_instrument_state"),
        sqlite_strict=True,
    )
    op.create_index("ix_instrument_state_session_id", "instrument_state", ["session_id"])

    op.create_table(
        "run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("procedure", sa.Text(), nullable=False),
        sa.Column("procedure_version", sa.Text(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("source_sha256", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(state = 'planned') = (started_at IS NULL)", name=op.f("ck_run_started")
        ),
        sa.CheckConstraint(
            "(state IN ('planned', 'running')) = (ended_at IS NULL)", name=op.f("ck_run_ended")
        ),
        sa.CheckConstraint(
            "state IN ('planned', 'running', 'finished', 'aborted', 'failed', 'interrupted')",
            name=op.f("ck_run_state_known"),
        ),
        sa.CheckConstraint(
            "(source IS NULL) = (source_sha256 IS NULL)", name=op.f("ck_run_source_hashed")
        ),
        sa.ForeignKeyConstraint(
            ["device_id"], ["device.id"], name="fk_run_device_id_device", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["session.id"], name="fk_run_session_id_session", ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
        sqlite_strict=True,
    )
    op.create_index("ix_run_device_id", "run", ["device_id"])
    op.create_index("ix_run_session_id", "run", ["session_id"])

    op.create_table(
        "feature",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("property", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", sa.JSON(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("stderr", sa.Double(), nullable=True),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("inferred", sa.Boolean(), nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("algorithm_version", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.CheckConstraint("inferred IN (0, 1)", name=op.f("ck_feature_inferred_flag")),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name="fk_feature_run_id_run", ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_feature"),
        sa.UniqueConstraint(
            "run_id",
            "property",
            "algorithm",
            "name",
            "at",
            name="uq_feature_run_id_property_algorithm_name_at",
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "fit_input",
        sa.Column("fit_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["fit_id"], ["fit.id"], name="fk_fit_input_fit_id_fit", ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name="fk_fit_input_run_id_run", ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("fit_id", "run_id", name="pk_fit_input"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_fit_input_run_id", "fit_input", ["run_id"])

    op.create_table(
        "stimulus",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("n_pulses", sa.BigInteger(), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("interval_s", sa.Double(), nullable=True),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name="fk_stimulus_run_id_run", ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stimulus"),
        sa.UniqueConstraint("run_id", "ordinal", name="uq_stimulus_run_id_ordinal"),
        sqlite_strict=True,
    )
    op.create_table(
        "pulse",
        sa.Column("stimulus_id", sa.Integer(), nullable=False),
        sa.Column("idx", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("width_s", sa.Double(), nullable=False),
        sa.Column("amplitude_v", sa.Double(), nullable=False),
        sa.Column("fired", sa.Boolean(), nullable=True),
        sa.Column("latency_s", sa.Double(), nullable=True),
        sa.CheckConstraint("fired IN (0, 1)", name=op.f("ck_pulse_fired_flag")),
        sa.ForeignKeyConstraint(
            ["stimulus_id"],
            ["stimulus.id"],
            name="fk_pulse_stimulus_id_stimulus",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("stimulus_id", "idx", name="pk_pulse"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "waveform",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stimulus_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("dtype", sa.Text(), nullable=False),
        sa.Column("scale", sa.Double(), nullable=False),
        sa.Column("offset", sa.Double(), nullable=False),
        sa.Column("rail_low", sa.Double(), nullable=True),
        sa.Column("rail_high", sa.Double(), nullable=True),
        sa.Column("floor", sa.Double(), nullable=True),
        sa.Column("codec", sa.Text(), nullable=False),
        sa.Column("crc32", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["stimulus_id"],
            ["stimulus.id"],
            name="fk_waveform_stimulus_id_stimulus",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_waveform"),
        sa.UniqueConstraint("stimulus_id", "channel", name="uq_waveform_stimulus_id_channel"),
        sqlite_strict=True,
    )
    op.create_table(
        "waveform_data",
        sa.Column("waveform_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["waveform_id"],
            ["waveform.id"],
            name="fk_waveform_data_waveform_id_waveform",
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("waveform_id", name="pk_waveform_data"),
        sqlite_strict=True,
    )
