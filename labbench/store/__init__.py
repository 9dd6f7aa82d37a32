"""The store, the only room that knows SQL: a lab database of runs, results and model cards.

`Store` is the door; `check` and `examine` look a database over, `upgrade` brings an old one up to
date.
"""

from labbench.store.check import Findings, check, examine
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

__all__ = [
    "CardRecord",
    "ComparisonRecord",
    "ComplianceRecord",
    "DeviceRecord",
    "Dose",
    "DoseRecord",
    "FeatureRecord",
    "Findings",
    "FitRecord",
    "InstrumentRecord",
    "PulseRow",
    "RunRecord",
    "SessionRecord",
    "Store",
    "check",
    "examine",
    "upgrade",
    "worst_dose",
]
