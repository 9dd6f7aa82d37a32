"""The store, the only room that knows SQL: a lab database of runs, results and model cards.

`Store` is the door; `check` looks a database over, `upgrade` brings an old one up to date.
"""

from labbench.store.check import check
from labbench.store.dose import Dose, worst_dose
from labbench.store.engine import display_name
from labbench.store.migrate import exists, upgrade
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
    PulseRow,
    RunRecord,
    SessionRecord,
    WaferRecord,
)
from labbench.store.store import Store

__all__ = [
    "CardRecord",
    "ComparisonRecord",
    "ComplianceRecord",
    "DeviceRecord",
    "DieRecord",
    "Dose",
    "DoseRecord",
    "FeatureRecord",
    "FitRecord",
    "InstrumentRecord",
    "JournalRecord",
    "PulseRow",
    "RunRecord",
    "SessionRecord",
    "Store",
    "WaferRecord",
    "check",
    "display_name",
    "exists",
    "upgrade",
    "worst_dose",
]
