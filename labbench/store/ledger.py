"""The ledger: the dose of every stimulus ever applied to a device, and its budget.

A stimulus enters before its trigger, as applied and not recorded, and its response marks it as
recorded. A process that dies in between leaves it there: at most one stimulus too many in a run,
never one too few.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from math import isfinite

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
    update,
)

from labbench.errors import StoreError
from labbench.features import Response
from labbench.store import schema
from labbench.store.dose import Dose, measured_dose, worst_dose
from labbench.store.read import require_device
from labbench.store.records import DoseRecord
from labbench.store.write import inserting, now, require_running

_CONFIRMING = update(schema.dose).where(
    (schema.dose.c.run_id == bindparam("of_run"))
    & (schema.dose.c.ordinal == bindparam("of_ordinal"))
)


def apply(
    connection: Connection, run_id: int, ordinal: int, dose: Dose, policy: str | None
) -> None:
    """See `Recorder.apply_dose`."""
    require_running(connection, run_id, "take another stimulus")
    _insert(connection, run_id, ordinal, dose, recorded=False, compliance_policy=policy)


def dose_of(response: Response) -> Dose:
    """Return the dose of a response for `confirm`: slow, to be done before the transaction."""
    return measured_dose(response, worst_dose(response.stimulus, None))


def confirm(
    connection: Connection, run_id: int, ordinal: int, found: Dose, in_compliance: bool | None
) -> None:
    """Mark the stimulus of a response as recorded; enter it, if nobody did before."""
    seen = None if in_compliance is None else bool(in_compliance)
    values: dict[str, object] = {"recorded": True, "in_compliance": seen}
    if found.is_measured:
        values |= {"charge_c": found.charge_c, "energy_j": found.energy_j, "measured": True}
    place = {"of_run": int(run_id), "of_ordinal": int(ordinal)}
    if connection.execute(_CONFIRMING, {**place, **values}).rowcount == 0:
        _insert(connection, run_id, ordinal, found, recorded=True, in_compliance=seen)


def _insert(
    connection: Connection, run_id: int, ordinal: int, dose: Dose, **values: object
) -> None:
    fields = asdict(dose)
    fields["measured"] = fields.pop("is_measured")
    row = {"run_id": int(run_id), "ordinal": int(ordinal), "applied_at": now()}
    connection.execute(inserting(schema.dose), {**row, **fields, **values})


def total(connection: Connection, device: str, run_id: int | None) -> DoseRecord:
    """See `Store.dose`."""
    require_device(connection, device)
    dose = schema.dose.c
    asked = (
        select(
            func.count(dose.id).label("n_stimuli"),
            func.coalesce(func.sum(dose.n_pulses), 0).label("n_pulses"),
            func.coalesce(func.max(dose.peak_v), 0.0).label("peak_v"),
            func.coalesce(func.sum(dose.at_voltage_s), 0.0).label("at_voltage_s"),
            func.coalesce(func.sum(dose.charge_c), 0.0).label("charge_c"),
            func.coalesce(func.sum(dose.energy_j), 0.0).label("energy_j"),
            _count(dose.measured.is_(True)).label("n_measured"),
            _count(dose.recorded.is_(False)).label("n_not_recorded"),
            _count(dose.in_compliance.is_(True)).label("n_in_compliance"),
            _count(dose.energy_j.is_(None)).label("n_unknown"),
        )
        .join_from(schema.dose, schema.run)
        .join(schema.device)
        .where(schema.device.c.name == device)
    )
    if run_id is not None:
        asked = asked.where(dose.run_id == int(run_id))
    found = connection.execute(asked).mappings().one()
    return DoseRecord(device=device, **found)


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def budget(connection: Connection, device: str) -> dict[str, float]:
    """See `Store.budget`."""
    require_device(connection, device)
    table = schema.budget.c
    asked = (
        select(table.quantity, table.allowed)
        .join_from(schema.budget, schema.device)
        .where(schema.device.c.name == device)
    )
    found = {row.quantity: float(row.allowed) for row in connection.execute(asked)}
    return {name: found[name] for name in schema.BUDGETED if name in found}


def set_budget(connection: Connection, device: str, allowed: Mapping[str, float | None]) -> None:
    """See `Recorder.set_budget`."""
    require_device(connection, device)
    table = schema.budget
    named = select(schema.device.c.id).where(schema.device.c.name == device)
    device_id = connection.execute(named).scalar_one()
    unknown = [name for name in allowed if name not in schema.BUDGETED]
    if unknown:
        raise StoreError(f"A budget bounds {', '.join(schema.BUDGETED)}, not {', '.join(unknown)}.")
    for name, value in allowed.items():
        place = {"device_id": device_id, "quantity": name}
        connection.execute(delete(table).filter_by(**place))
        if value is None:
            continue
        if not (isfinite(value) and value >= 0):
            raise StoreError(f"A budget is zero or more: {name} cannot be {value}.")
        connection.execute(insert(table).values(**place, allowed=float(value), set_at=now()))
