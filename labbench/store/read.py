"""What is found in the store: each function reads within the snapshot of its caller."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import nan
from typing import Any

from sqlalchemy import Connection, Select, Subquery, Table, exists, select

from labbench.errors import NotFoundError
from labbench.features import Feature, Outcome
from labbench.model.card import card_from_dict
from labbench.store import schema
from labbench.store.process import Process
from labbench.store.records import (
    CardRecord,
    ComparisonRecord,
    ComplianceRecord,
    DeviceRecord,
    FeatureRecord,
    FitRecord,
    InstrumentRecord,
    RunRecord,
    SessionRecord,
)

_DEVICES = (
    select(schema.device, schema.wafer.c.label.label("wafer"), schema.die.c.x, schema.die.c.y)
    .join_from(schema.device, schema.die, isouter=True)
    .join(schema.wafer, isouter=True)
)


def devices(connection: Connection) -> list[DeviceRecord]:
    """See `Store.devices`."""
    rows = connection.execute(_DEVICES.order_by(schema.device.c.name))
    return [DeviceRecord(**row) for row in rows.mappings()]


def device(connection: Connection, device_id: int) -> DeviceRecord:
    """See `Store.device`."""
    asked = _DEVICES.where(schema.device.c.id == int(device_id))
    found = connection.execute(asked).mappings().one_or_none()
    if found is None:
        raise NotFoundError(f"There is no device {device_id} in this database.")
    return DeviceRecord(**found)


def require_device(connection: Connection, name: str) -> None:
    """Raise NotFoundError, naming the devices that there are, if one is not there."""
    find_device(connection, name)


def find_device(connection: Connection, name: str) -> int:
    """Return the id of a device, or raise NotFoundError, naming those that there are."""
    found = connection.scalar(select(schema.device.c.id).where(schema.device.c.name == name))
    if found is None:
        known = [device.name for device in devices(connection)]
        raise NotFoundError(f"There is no device {name!r} in this database; {_list(known)}.")
    return int(found)


def require(connection: Connection, known: Select[Any], what: str, wanted: object) -> None:
    """Raise NotFoundError, naming those that there are, if one is not among them."""
    names = sorted(connection.execute(known).scalars())
    if wanted not in names:
        raise no_such(f"{what} {wanted!r}", names)


def no_such(wanted: str, known: Iterable[object]) -> NotFoundError:
    """Return the error that says what is not there, and what is."""
    return NotFoundError(f"There is no {wanted} in this database; {_list(known)}.")


def session(connection: Connection, session_id: int) -> SessionRecord:
    """See `Store.session`."""
    states = schema.instrument_state
    row = _row(connection, schema.session, session_id, "session")
    found = connection.execute(
        select(
            states.c.role,
            states.c.resource,
            states.c.driver,
            states.c.idn,
            states.c.settings,
            states.c.taken_at,
            states.c.firmware,
            states.c.calibrated_at,
            states.c.calibration_due,
            schema.instrument.c.vendor,
            schema.instrument.c.model,
            schema.instrument.c.serial,
        )
        .join_from(states, schema.instrument, isouter=True)
        .where(states.c.session_id == int(session_id))
        .order_by(states.c.id)
    )
    instruments = tuple(InstrumentRecord(**state) for state in found.mappings())
    return SessionRecord(**row, instruments=instruments)


def compliance_checks(connection: Connection, run_id: int) -> list[ComplianceRecord]:
    """See `Store.compliance_checks`."""
    check = schema.compliance_check
    columns = [column for column in check.c if column is not check.c.id]
    asked = select(*columns).where(check.c.run_id == int(run_id)).order_by(check.c.id)
    return [ComplianceRecord(**row) for row in connection.execute(asked).mappings()]


def run(connection: Connection, run_id: int) -> RunRecord:
    """See `Store.run`."""
    run_row(connection, run_id)  # says which there are, if that one is not
    (found,) = runs(connection, None, None, None, run_id)
    return found


def runs(
    connection: Connection,
    device: str | None,
    procedure: str | None,
    state: str | None,
    run_id: int | None = None,
) -> list[RunRecord]:
    """See `Store.runs`."""
    if device is not None:
        require_device(connection, device)
    run, exclusion = schema.run.c, exclusions()
    asked = (
        select(
            run.id,
            run.session_id,
            schema.device.c.name.label("device"),
            run.procedure,
            run.procedure_version,
            run.settings,
            run.seed,
            schema.session.c.simulated,
            run.state,
            run.started_at,
            run.ended_at,
            run.error,
            run.source_sha256,
            run.procedure_sha256,
            exclusion.c.reason.label("excluded"),
        )
        .join_from(schema.run, schema.device)
        .join(schema.session)
        .join(exclusion, exclusion.c.run_id == run.id, isouter=True)
        .order_by(run.id)
    )
    for column, wanted in (
        (schema.device.c.name, device),
        (run.procedure, procedure),
        (run.state, state),
        (run.id, run_id),
    ):
        if wanted is not None:
            asked = asked.where(column == wanted)
    return [RunRecord(**row) for row in connection.execute(asked).mappings()]


def exclusions() -> Subquery:
    """Return, as a subquery, the runs that are excluded now: `run_id` and `reason`."""
    entry, later = schema.journal.c, schema.journal.alias("later")
    # By the index, for each run: a list of the newest entries of all would be read for each run.
    newer = exists().where(
        later.c.run_id == entry.run_id,
        later.c.kind.in_(("exclude", "include")),
        later.c.id > entry.id,
    )
    return (
        select(entry.run_id, entry.text.label("reason"))
        .where(entry.kind == "exclude", ~newer)
        .subquery("exclusion")
    )


def owners(connection: Connection, run_ids: Sequence[int]) -> dict[int, Process]:
    """Return the processes that started some runs, where that was noted."""
    table = schema.run_owner
    found = connection.execute(select(table).where(table.c.run_id.in_(run_ids)))
    return {row.run_id: Process(row.host, row.pid, row.token) for row in found}


def run_row(connection: Connection, run_id: int) -> dict[str, Any]:
    """Return all columns of a run."""
    return _row(connection, schema.run, run_id, "run")


def features(connection: Connection, device: str | None, run_id: int | None) -> list[FeatureRecord]:
    """See `Store.features`."""
    if device is not None:
        require_device(connection, device)
    if run_id is not None:
        run_row(connection, run_id)
    asked = (
        select(schema.feature, schema.device.c.name.label("device"))
        .join_from(schema.feature, schema.run)
        .join(schema.device)
        .order_by(schema.feature.c.id)
    )
    if device is not None:
        asked = asked.where(schema.device.c.name == device)
    if run_id is not None:
        asked = asked.where(schema.feature.c.run_id == int(run_id))
    return [
        FeatureRecord(
            run_id=row.run_id,
            device=row.device,
            property=row.property,
            feature=Feature(
                name=row.name,
                value=nan if row.value is None else row.value,
                unit=row.unit,
                stderr=nan if row.stderr is None else row.stderr,
                n=row.n,
                outcome=Outcome(row.outcome),
                at=row.at,
                inferred=row.inferred,
            ),
            algorithm=row.algorithm,
            algorithm_version=row.algorithm_version,
            created_at=row.created_at,
        )
        for row in connection.execute(asked)
    ]


def cards(connection: Connection) -> list[CardRecord]:
    """See `Store.cards`."""
    rows = connection.execute(select(schema.model_card).order_by(schema.model_card.c.id))
    return [
        CardRecord(row.id, card_from_dict(row.document, name=row.name), row.created_at)
        for row in rows
    ]


def card(connection: Connection, name_or_id: str | int) -> CardRecord:
    """See `Store.card`."""
    known = cards(connection)
    for record in reversed(known):
        if name_or_id in (record.id, record.card.name):
            return record
    names = [record.card.name for record in known]
    raise NotFoundError(f"There is no model card {name_or_id!r} in this database; {_list(names)}.")


def latest_fit(connection: Connection, device: str) -> FitRecord:
    """See `Store.latest_fit`."""
    require_device(connection, device)
    of_device = (
        select(schema.fit_input.c.fit_id)
        .join_from(schema.fit_input, schema.run)
        .join(schema.device)
        .where(schema.device.c.name == device)
    )
    newest = select(schema.fit).where(schema.fit.c.id.in_(of_device))
    row = _newest(connection, newest.order_by(schema.fit.c.id.desc()), f"fit of {device!r}")
    inputs = select(schema.fit_input.c.run_id).where(schema.fit_input.c.fit_id == row["id"])
    row["card_id"] = row.pop("model_card_id")
    return FitRecord(**row, run_ids=tuple(sorted(connection.execute(inputs).scalars())))


def latest_comparison(connection: Connection, device: str) -> ComparisonRecord:
    """See `Store.latest_comparison`."""
    require_device(connection, device)
    table = schema.comparison.c
    newest = (
        select(
            table.id,
            schema.device.c.name.label("device"),
            table.model_card_id.label("card_id"),
            table.document,
            table.created_at,
        )
        .join_from(schema.comparison, schema.device)
        .where(schema.device.c.name == device)
        .order_by(table.id.desc())
    )
    return ComparisonRecord(**_newest(connection, newest, f"comparison of {device!r}"))


def _row(connection: Connection, table: Table, row_id: int, what: str) -> dict[str, Any]:
    found = connection.execute(select(table).where(table.c.id == int(row_id))).mappings().first()
    if found is None:
        known = connection.execute(select(table.c.id).order_by(table.c.id)).scalars()
        raise NotFoundError(f"There is no {what} {row_id} in this database; {_list(known)}.")
    return dict(found)


def _newest(connection: Connection, asked: Select[Any], what: str) -> dict[str, Any]:
    found = connection.execute(asked.limit(1)).mappings().first()
    if found is None:
        raise NotFoundError(f"There is no {what} in this database yet: make one first.")
    return dict(found)


def _list(known: Iterable[object]) -> str:
    names = [str(name) for name in known]
    if not names:
        return "it has none yet"
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return f"it has {', '.join(names[:20])}{more}"
