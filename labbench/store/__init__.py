"""The store, the only room that knows SQL: a lab database of runs, results and model cards.

`Store` is the door; `check` and `examine` look a database over, `upgrade` brings an old one up to
date.
"""

from labbench.store.check import Findings, check, examine
from labbench.store.dose import Dose, worst_dose
from labbench.store.engine import display_name
from labbench.store.migrate import exists, upgrade
from labbench.store.preview import Preview
from labbench.store.records import (
    CardRecord,
    ComparisonRecord,
    ComplianceRecord,
    DeviceRecord,
    DieRecord,
    DoseRecord,
    FeatureRecord,
    FitRecord,
    InstrumentRecord,
    JournalRecord,
    PointRecord,
    PulseRow,
    RunRecord,
    SessionRecord,
    SweepRecord,
    WaferRecord,
)
from labbench.store.store import Store
from labbench.store.summary import RunList, RunSummary, run_table
from labbench.store.sweeps import Site
from labbench.store.waveforms import WaveformRecord

__all__ = [
    "CardRecord",
    "ComparisonRecord",
    "ComplianceRecord",
    "DeviceRecord",
    "DieRecord",
    "Dose",
    "DoseRecord",
    "FeatureRecord",
    "Findings",
    "FitRecord",
    "InstrumentRecord",
    "JournalRecord",
    "PointRecord",
    "Preview",
    "PulseRow",
    "RunList",
    "RunRecord",
    "RunSummary",
    "SessionRecord",
    "Site",
    "Store",
    "SweepRecord",
    "WaferRecord",
    "WaveformRecord",
    "check",
    "display_name",
    "examine",
    "exists",
    "run_table",
    "upgrade",
    "worst_dose",
]
