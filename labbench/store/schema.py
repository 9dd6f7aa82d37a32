"""The tables: what a lab database keeps, one row per thing, SI units in the column names.

Every table is STRICT, so that a wrong type is refused instead of kept as something else, and
nothing that others refer to can be deleted. A change here needs a revision in ``migrations/``.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    DDL,
    CheckConstraint,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    event,
)

from labbench.store.columns import (
    document,
    flag,
    moment,
    one_of,
    real,
    reference,
    row_id,
    text,
    whole,
)
from labbench.store.states import RUN_STATES

DEVICE_KINDS = ("neuron", "memristor", "transistor", "resistor")
# What a budget can bound: the columns of a dose that add up, and the largest voltage.
BUDGETED = ("n_pulses", "at_voltage_s", "charge_c", "energy_j", "peak_v")
JOURNAL_KINDS = ("note", "tag", "untag", "exclude", "include")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)


def refusals(dialect: str) -> tuple[tuple[str, str], ...]:
    """Return the tables with what makes the database refuse to change or delete their rows.

    The ledger's rows do change: once, when the response is there.
    """
    found = []
    for table, change in (("journal", "UPDATE"), ("journal", "DELETE"), ("dose", "DELETE")):
        name, words = f"{table}_no_{change.lower()}", f"'rows of {table} are kept as they are'"
        if dialect == "postgresql":
            found += [
                (
                    table,
                    f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
                    f"$$ BEGIN RAISE EXCEPTION {words}; END $$",
                ),
                (
                    table,
                    f"CREATE TRIGGER {name} BEFORE {change} ON {table} EXECUTE FUNCTION {name}()",
                ),
            ]
        else:
            found.append(
                (
                    table,
                    f"CREATE TRIGGER {name} BEFORE {change} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, {words}); END",
                )
            )
    return tuple(found)


def _table(name: str, *parts: Column[Any] | CheckConstraint | UniqueConstraint) -> Table:
    return Table(name, metadata, *parts, sqlite_strict=True)


wafer = _table(
    "wafer",
    row_id(),
    text("label"),
    text("material", nullable=True),
    moment("created_at"),
    UniqueConstraint("label"),
)

die = _table(
    "die",
    row_id(),
    reference("wafer", index=False),
    whole("x"),
    whole("y"),
    UniqueConstraint("wafer_id", "x", "y"),
)

device = _table(
    "device",
    row_id(),
    text("name"),
    text("kind"),
    reference("die", nullable=True),
    document("geometry", nullable=True),
    moment("created_at"),
    one_of("kind", DEVICE_KINDS),
    UniqueConstraint("name"),
)

session = _table(
    "session",
    row_id(),
    text("operator"),
    text("host"),
    moment("started_at"),
    text("labbench_version"),
    text("python_version"),
    document("package_versions"),
    text("git_commit", nullable=True),
    document("config"),
    text("config_sha256"),
    *flag("simulated"),
)

# An instrument as *IDN? names it; where that cannot be taken apart, all of it is the model.
instrument = _table(
    "instrument",
    row_id(),
    text("vendor"),
    text("model"),
    text("serial"),
    UniqueConstraint("vendor", "model", "serial"),
)

instrument_state = _table(
    "instrument_state",
    row_id(),
    reference("session"),
    reference("instrument", nullable=True),
    text("role"),
    text("resource"),
    text("driver"),
    text("idn"),
    document("settings"),
    text("firmware", nullable=True),
    text("calibration_due", nullable=True),
    moment("taken_at"),
)

run = _table(
    "run",
    row_id(),
    reference("session"),
    reference("device"),
    text("procedure"),
    text("procedure_version"),
    text("procedure_sha256", nullable=True),
    document("settings"),
    whole("seed", nullable=True),
    text("state"),
    moment("started_at", nullable=True),
    moment("ended_at", nullable=True),
    text("error", nullable=True),
    text("source", nullable=True),
    text("source_sha256", nullable=True),
    one_of("state", RUN_STATES),
    CheckConstraint("(state = 'planned') = (started_at IS NULL)", name="started"),
    CheckConstraint("(state IN ('planned', 'running')) = (ended_at IS NULL)", name="ended"),
    CheckConstraint("(source IS NULL) = (source_sha256 IS NULL)", name="source_hashed"),
)

# The settings of a run once more, each by itself, so that runs are found by them.
setting = Table(
    "setting",
    metadata,
    reference("run", index=False, primary_key=True),
    Column("name", Text, primary_key=True, index=True),
    real("value_real", nullable=True),
    text("value_text", nullable=True),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

# Whose run it is, so that one whose process was killed is found by the next.
run_owner = _table(
    "run_owner",
    reference("run", index=False, primary_key=True, autoincrement=False),
    text("host"),
    whole("pid"),
    text("token"),
)

# What a device may take in all its life.
budget = _table(
    "budget",
    row_id(),
    reference("device", index=False),
    text("quantity"),
    real("allowed"),
    moment("set_at"),
    one_of("quantity", BUDGETED),
    UniqueConstraint("device_id", "quantity"),
)

# What each stimulus did to the device: written before the trigger, when nobody knows yet whether
# it will be recorded, so that nothing applied is ever missing.
dose = _table(
    "dose",
    row_id(),
    reference("run", index=False),
    whole("ordinal"),
    text("kind"),
    whole("n_pulses"),
    real("peak_v", nullable=True),
    real("at_voltage_s", nullable=True),
    real("charge_c", nullable=True),
    real("energy_j", nullable=True),
    *flag("measured"),
    *flag("recorded"),
    *flag("in_compliance", nullable=True),
    text("compliance_policy", nullable=True),
    moment("applied_at"),
    UniqueConstraint("run_id", "ordinal"),
)

# Where a source was limited during a run: what was asked for, the number that was sent, what the
# instrument said it was set to, and whether the limit was seen to act.
compliance_check = _table(
    "compliance_check",
    row_id(),
    reference("run"),
    text("role"),
    text("unit"),
    real("requested"),
    text("sent"),
    real("read_back", nullable=True),
    *flag("in_compliance", nullable=True),
    moment("taken_at"),
)

# One stimulus of any kind with the time base of what came back: even (interval_s), uneven (the
# waveform "time"), or, with neither, only the order of the samples.
stimulus = _table(
    "stimulus",
    row_id(),
    reference("run", index=False),
    whole("ordinal"),
    document("spec"),
    whole("n_pulses"),
    real("start_s"),
    real("interval_s", nullable=True),
    document("notes"),
    moment("created_at"),
    UniqueConstraint("run_id", "ordinal"),
)

# How the device was connected, as far as that is known; most imported recordings do not tell.
connection = _table(
    "connection",
    reference("stimulus", index=False, primary_key=True, autoincrement=False),
    document("spec"),
)

pulse = Table(
    "pulse",
    metadata,
    reference("stimulus", index=False, primary_key=True),
    Column("idx", Integer, primary_key=True, autoincrement=False),
    real("start_s"),
    real("width_s"),
    real("amplitude_v"),
    *flag("fired", nullable=True),
    real("latency_s", nullable=True),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

waveform = _table(
    "waveform",
    row_id(),
    reference("stimulus", index=False),
    text("channel"),
    text("quantity"),
    text("unit"),
    whole("n"),
    text("dtype"),
    real("scale"),
    real("offset"),
    real("rail_low", nullable=True),
    real("rail_high", nullable=True),
    real("floor", nullable=True),
    text("codec"),
    whole("crc32"),
    UniqueConstraint("stimulus_id", "channel"),
)

# The samples apart from their description, so that a listing never walks over them.
waveform_data = _table(
    "waveform_data",
    reference("waveform", index=False, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)

# The smallest and the largest count in each of some bins, in the waveform's dtype: a picture at
# once, without the samples.
preview = _table(
    "preview",
    reference("waveform", index=False, primary_key=True, autoincrement=False),
    whole("n_bins"),
    Column("data", LargeBinary, nullable=False),
)

feature = _table(
    "feature",
    row_id(),
    reference("run", index=False),
    text("property"),
    text("name"),
    document("at"),
    real("value", nullable=True),
    text("unit"),
    real("stderr", nullable=True),
    whole("n"),
    text("outcome"),
    *flag("inferred"),
    text("algorithm"),
    text("algorithm_version"),
    moment("created_at"),
    UniqueConstraint("run_id", "property", "algorithm", "name", "at"),
)

model_card = _table(
    "model_card",
    row_id(),
    Column("name", Text, nullable=False, index=True),
    document("document"),
    moment("created_at"),
)

fit = _table(
    "fit",
    row_id(),
    reference("model_card"),
    text("status"),
    document("document"),
    text("dataset_sha256"),
    text("labbench_version", nullable=True),
    text("git_commit", nullable=True),
    moment("created_at"),
)

fit_input = Table(
    "fit_input",
    metadata,
    reference("fit", index=False, primary_key=True),
    reference("run", primary_key=True),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

comparison = _table(
    "comparison",
    row_id(),
    reference("device"),
    reference("model_card"),
    document("document"),
    moment("created_at"),
)

# What people say of a run, a device or a wafer, in the order they said it. Tags and exclusions are
# entries too: the last one holds, and what was said before stays.
journal = _table(
    "journal",
    row_id(),
    text("kind"),
    reference("run", nullable=True),
    reference("device", nullable=True),
    reference("wafer", nullable=True),
    text("text"),
    text("author"),
    moment("created_at"),
    one_of("kind", JOURNAL_KINDS),
    CheckConstraint(
        "(run_id IS NOT NULL AND device_id IS NULL AND wafer_id IS NULL) OR "
        "(run_id IS NULL AND device_id IS NOT NULL AND wafer_id IS NULL) OR "
        "(run_id IS NULL AND device_id IS NULL AND wafer_id IS NOT NULL)",
        name="one_subject",
    ),
    CheckConstraint("text <> ''", name="said"),
)

# What must never be changed or deleted, by whom ever: the database refuses it itself.
for _dialect in ("sqlite", "postgresql"):
    for _name, _statement in refusals(_dialect):
        event.listen(
            metadata.tables[_name],
            "after_create",
            DDL(_statement).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]
        )
