"""Instruments whose calibration has run out: said, never refused."""

from __future__ import annotations

from datetime import date

from labbench.bench.description import BenchDescription


def overdue(description: BenchDescription, today: date) -> list[str]:
    """Return a sentence for each instrument whose calibration was due before `today`."""
    return [
        f"The calibration of the {role} ({entry.driver} at {entry.address}) was due on "
        f"{entry.calibration_due}: what it measures and applies may be off until it is calibrated."
        for role, entry in description.instruments.entries.items()
        if entry.calibration_due is not None and entry.calibration_due < today
    ]
