"""The tables: what a lab database keeps, one row per thing, SI units in the column names.

Every table is STRICT, so that a wrong type is refused instead of kept as something else, and
nothing that others refer to can be deleted. A change here needs a revision in ``migrations/``.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from labbench.store.append_only import only_confirmed, only_inserted
from labbench.store.columns import (
    day,
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
from labbench.store.states import POINT_STATES, RUN_STATES
from labbench.store.tables import metadata as metadata
from labbench.store.tables import strict_table

DEVICE_KINDS = ("neuron", "memristor", "transistor", "resistor")
# An untag and an include take back the tag and the exclude before them: no line is ever removed.
JOURNAL_KINDS = ("note", "tag", "untag", "exclude", "include")
# What a budget can bound: the columns of a dose that add up, and the largest voltage.
BUDGETED = ("n_pulses", "at_voltage_s", "charge_c", "energy_j", "peak_v")

wafer = strict_table(
    "wafer",
    row_id(),
    text("label"),
    text("material", nullable=True),
    text("notes"),
    moment("created_at"),
    UniqueConstraint("label"),
)

# A place on a wafer, counted in dies from the one that its map calls 0, 0.
die = strict_table(
    "die",
    row_id(),
    reference("wafer", index=False),
    whole("x"),
    whole("y"),
    UniqueConstraint("wafer_id", "x", "y"),
)

device = strict_table(
    "device",
    row_id(),
    text("name"),
    text("kind"),
    moment("created_at"),
    reference("die", nullable=True),
    document("geometry", nullable=True),
    one_of("kind", DEVICE_KINDS),
    UniqueConstraint("name"),
)

session = strict_table(
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
    moment("ended_at", nullable=True),
    *flag("git_dirty", nullable=True),
)

# What *IDN? says, in its parts; an answer that has no parts is whole in `model`.
instrument = strict_table(
    "instrument",
    row_id(),
    text("vendor"),
    text("model"),
    text("serial"),
    UniqueConstraint("vendor", "model", "serial"),
)

instrument_state = strict_table(
    "instrument_state",
    row_id(),
    reference("session"),
    text("role"),
    text("resource"),
    text("driver"),
    text("idn"),
    document("settings"),
    moment("taken_at"),
    reference("instrument", nullable=True),
    text("firmware", nullable=True),
    day("calibrated_at", nullable=True),
    day("calibration_due", nullable=True),
)

run = strict_table(
    "run",
    row_id(),
    reference("session"),
    reference("device"),
    text("procedure"),
    text("procedure_version"),
    document("settings"),
    whole("seed", nullable=True),
    text("state"),
    moment("started_at", nullable=True),
    moment("ended_at", nullable=True),
    text("error", nullable=True),
    text("source", nullable=True),
    text("source_sha256", nullable=True),
    text("procedure_sha256", nullable=True),
    one_of("state", RUN_STATES),
    CheckConstraint("(state = 'planned') = (started_at IS NULL)", name="started"),
    CheckConstraint("(state IN ('planned', 'running')) = (ended_at IS NULL)", name="ended"),
    CheckConstraint("(source IS NULL) = (source_sha256 IS NULL)", name="source_hashed"),
)

# The settings of a run once more, one a row, so that runs are found by them; `run.settings` rules.
setting = Table(
    "setting",
    metadata,
    reference("run", index=False, primary_key=True),
    Column("name", Text, primary_key=True),
    real("value_real", nullable=True),
    text("value_text", nullable=True),
    Index("ix_setting_name", "name", "value_real"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

# Whose run it is, so that one whose process was killed is found by the next.
run_owner = strict_table(
    "run_owner",
    reference("run", index=False, primary_key=True, autoincrement=False),
    text("host"),
    whole("pid"),
    text("token"),
)

# What a device may take in all its life.
budget = strict_table(
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
dose = strict_table(
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
compliance_check = strict_table(
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
stimulus = strict_table(
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
connection = strict_table(
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

waveform = strict_table(
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
waveform_data = strict_table(
    "waveform_data",
    reference("waveform", index=False, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)

# Lowest and highest count of each of n_bins stretches of a long waveform, in its own dtype: what
# a plot of all of it needs.
preview = strict_table(
    "preview",
    reference("waveform", index=False, primary_key=True, autoincrement=False),
    whole("n_bins"),
    Column("data", LargeBinary, nullable=False),
)

feature = strict_table(
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

model_card = strict_table(
    "model_card",
    row_id(),
    Column("name", Text, nullable=False, index=True),
    document("document"),
    moment("created_at"),
)

fit = strict_table(
    "fit",
    row_id(),
    reference("model_card"),
    text("status"),
    document("document"),
    text("dataset_sha256"),
    moment("created_at"),
    text("labbench_version", nullable=True),
    text("git_commit", nullable=True),
)

fit_input = Table(
    "fit_input",
    metadata,
    reference("fit", index=False, primary_key=True),
    reference("run", primary_key=True),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

comparison = strict_table(
    "comparison",
    row_id(),
    reference("device"),
    reference("model_card"),
    document("document"),
    moment("created_at"),
)

# What people say about a run, a device or a wafer. Only ever added to.
journal = strict_table(
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
    CheckConstraint("trim(text) <> ''", name="text_given"),
    CheckConstraint(
        "CASE WHEN run_id IS NULL THEN 0 ELSE 1 END + CASE WHEN device_id IS NULL THEN 0 ELSE 1 END"
        " + CASE WHEN wafer_id IS NULL THEN 0 ELSE 1 END = 1",
        name="one_subject",
    ),
    CheckConstraint(
        "kind NOT IN ('exclude', 'include') OR run_id IS NOT NULL", name="run_excluded"
    ),
)

# A plan of what is measured where on a wafer, and the process that works through it now.
sweep = strict_table(
    "sweep",
    row_id(),
    reference("wafer"),
    text("name"),
    document("plan"),
    text("plan_sha256"),
    document("owner", nullable=True),
    moment("created_at"),
    UniqueConstraint("name"),
)

# One procedure on one device of a sweep. A row is there before anything moves, and says that its
# run is about to apply something before that run does.
sweep_point = strict_table(
    "sweep_point",
    row_id(),
    reference("sweep", index=False),
    whole("ordinal"),
    whole("attempt"),
    reference("device"),
    text("procedure"),
    document("settings"),
    text("state"),
    reference("run", nullable=True),
    text("note"),
    moment("changed_at"),
    one_of("state", POINT_STATES),
    CheckConstraint(
        "state NOT IN ('applying', 'recorded', 'interrupted') OR run_id IS NOT NULL", name="begun"
    ),
    CheckConstraint("state NOT IN ('planned', 'moving') OR run_id IS NULL", name="not_begun"),
    UniqueConstraint("sweep_id", "ordinal", "attempt"),
)

only_inserted(journal)
only_confirmed(dose)
