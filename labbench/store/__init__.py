"""The store, the only room that knows SQL: a lab database of runs, results and model cards.

`Store` is the door; `check` looks a database over, `upgrade` brings an old one up to date.
"""

from labbench.store.check import check
from labbench.store.dose import Dose, worst_dose
from labbench.store.migrate import upgrade
from labbench.store.records import (
    CardRecord,
    ComparisonRecord,
    ComplianceRecord,
    DeviceRecord,
    DoseRecord,
    FeatureRecord,
    FitRecord,
    InstrumentRecord,
    PulseRow,
    RunRecord,
    SessionRecord,
)
from labbench.store.store import Store
from labbench.store.summary import RunList, RunSummary, run_table
from labbench.store.waveforms import WaveformRecord

__all__ = [
    "CardRecord",
    "ComparisonRecord",
    "ComplianceRecord",
    "DeviceRecord",
    "Dose",
    "DoseRecord",
    "FeatureRecord",
    "FitRecord",
    "InstrumentRecord",
    "PulseRow",
    "RunList",
    "RunRecord",
    "RunSummary",
    "SessionRecord",
    "Store",
    "WaveformRecord",
    "check",
    "run_table",
    "upgrade",
    "worst_dose",
]
