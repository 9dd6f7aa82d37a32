"""What is put into the store: each function writes within the transaction of its caller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from math import isnan

from sqlalchemy import Connection, Insert, Table, delete, insert, select, update

from labbench.errors import NotFoundError, StoreError
from labbench.features import Feature
from labbench.model.card import ModelCard
from labbench.store import schema
from labbench.store.document import document_sha256, to_json
from labbench.store.process import Process
from labbench.store.searching import setting_columns
from labbench.store.states import ENDED_STATES, sources


def now() -> datetime:
    """Return the present moment, in UTC."""
    return datetime.now(UTC)


@cache
def inserting(table: Table) -> Insert:
    """Return the statement that inserts into a table: to build it takes longer than to run it."""
    return insert(table)


def add_row(connection: Connection, table: Table, **values: object) -> int:
    """Insert one row and return its id."""
    key = connection.execute(inserting(table), values).inserted_primary_key
    assert key is not None
    return int(key[0])


def add_wafer(connection: Connection, label: str, material: str | None) -> int:
    """See `Store.add_wafer`."""
    if not label.strip():
        raise StoreError("A wafer needs a label: found none.")
    table = schema.wafer
    found = connection.execute(select(table).where(table.c.label == label)).one_or_none()
    if found is None:
        return add_row(connection, table, label=label, material=material, created_at=now())
    if material is not None and found.material != material:
        raise StoreError(
            f"Wafer {label!r} is stored as made of {found.material or 'something not stated'}, not "
            f"of {material}: use another label."
        )
    return int(found.id)


def add_once(connection: Connection, table: Table, **values: object) -> int:
    """Return the id of the row with these values, adding it if there is none."""
    known = select(table.c.id).where(*(table.c[name] == value for name, value in values.items()))
    found = connection.execute(known).scalar_one_or_none()
    return add_row(connection, table, **values) if found is None else int(found)


def add_device(
    connection: Connection,
    name: str,
    kind: str,
    die_id: int | None,
    geometry: Mapping[str, object] | None,
) -> int:
    """See `Store.add_device`."""
    if kind not in schema.DEVICE_KINDS:
        known = ", ".join(schema.DEVICE_KINDS)
        raise StoreError(f"Device {name!r} cannot be a {kind!r}: {known} are known.")
    if not name.strip():
        raise StoreError("A device needs a name: found none.")
    known_device = select(schema.device).where(schema.device.c.name == name)
    found = connection.execute(known_device).one_or_none()
    if found is None:
        return add_row(
            connection, schema.device, name=name, kind=kind, die_id=die_id, geometry=geometry,
            created_at=now(),
        )  # fmt: skip
    if die_id is not None and found.die_id != die_id:
        raise StoreError(
            f"Device {name!r} is stored in another place ({_place(connection, found.die_id)}): "
            "use another name."
        )
    if found.kind != kind:
        raise StoreError(
            f"Device {name!r} is stored as a {found.kind}, not as a {kind}: use another name."
        )
    return int(found.id)


def _place(connection: Connection, die_id: int | None) -> str:
    if die_id is None:
        return "in no die"
    joined = select(schema.wafer.c.label, schema.die.c.x, schema.die.c.y).join_from(
        schema.die, schema.wafer
    )
    label, x, y = connection.execute(joined.where(schema.die.c.id == die_id)).one()
    return f"wafer {label!r}, die {x}, {y}"


def add_session(
    connection: Connection,
    config: Mapping[str, object],
    simulated: bool,
    operator: str,
    programme: Mapping[str, object],
) -> int:
    """See `Store.begin_session`."""
    return add_row(
        connection,
        schema.session,
        config=config,
        config_sha256=document_sha256(config),
        simulated=bool(simulated),
        operator=operator,
        started_at=now(),
        **programme,
    )


def plan_run(
    connection: Connection,
    session_id: int,
    device_id: int,
    procedure: str,
    version: str,
    settings: Mapping[str, object],
    seed: int | None,
    source: str | None,
    procedure_sha256: str | None,
) -> int:
    """See `Recorder.plan_run`."""
    if seed is not None and not -(2**63) <= seed < 2**63:
        raise StoreError(f"A seed is stored in 64 bits, and {seed} needs more: take a smaller one.")
    run_id = add_row(
        connection,
        schema.run,
        session_id=int(session_id),
        device_id=int(device_id),
        procedure=procedure,
        procedure_version=str(version),
        procedure_sha256=procedure_sha256,
        settings=settings,
        seed=None if seed is None else int(seed),
        state="planned",
        source=source,
        source_sha256=None if source is None else sha256(source.encode()).hexdigest(),
    )
    columns = {name: setting_columns(value) for name, value in settings.items()}
    rows = [
        {"run_id": run_id, "name": name, "value_real": real, "value_text": text}
        for name, (real, text) in columns.items()
    ]
    if rows:
        connection.execute(inserting(schema.setting), rows)
    return run_id


def start_run(connection: Connection, run_id: int, owner: Process) -> None:
    """See `Recorder.start_run`."""
    _change_state(connection, run_id, "running", started_at=now())
    connection.execute(insert(schema.run_owner).values(run_id=int(run_id), **asdict(owner)))


def require_running(connection: Connection, run_id: int, wish: str) -> None:
    """Check that a run is running, because `wish` is only possible then."""
    state = run_state(connection, run_id)
    if state != "running":
        raise StoreError(
            f"Run {run_id} is {state} and cannot {wish}, only a running one can: begin a new run."
        )


def run_state(connection: Connection, run_id: int) -> str:
    """Return the state of a run."""
    asked = select(schema.run.c.state).where(schema.run.c.id == int(run_id))
    state = connection.execute(asked).scalar_one_or_none()
    if state is None:
        raise NotFoundError(f"There is no run {run_id} in this database.")
    return str(state)


def end_run(connection: Connection, run_id: int, state: str, error: str | None) -> None:
    """See `Recorder.end_run`."""
    if state not in ENDED_STATES:
        raise StoreError(f"A run cannot end as {state!r}: {', '.join(ENDED_STATES)} can it.")
    _change_state(connection, run_id, state, ended_at=now(), error=error)


def _change_state(connection: Connection, run_id: int, state: str, **values: object) -> None:
    """Take a run to another state, if it can go there from where it is now."""
    run = schema.run
    changed = connection.execute(
        update(run)
        .where(run.c.id == int(run_id), run.c.state.in_(sources(state)))
        .values(state=state, **values)
    )
    if changed.rowcount != 1:
        found = run_state(connection, run_id)
        raise StoreError(
            f"Run {run_id} is {found} and cannot become {state}, only a "
            f"{' or '.join(sources(state)) or 'new'} one can: begin a new run."
        )


def save_features(
    connection: Connection,
    run_id: int,
    property_name: str,
    features: Sequence[Feature],
    algorithm: str,
    version: str,
) -> None:
    """See `Store.save_features`."""
    labels = [feature.label for feature in features]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise StoreError(
            f"The features of {property_name} of run {run_id} are not told apart by name and "
            f"condition: {', '.join(twice)} came more than once."
        )
    run_state(connection, run_id)
    table = schema.feature
    source = {"run_id": int(run_id), "property": property_name, "algorithm": algorithm}
    connection.execute(
        delete(table).where(*(table.c[name] == value for name, value in source.items()))
    )
    rows = [
        {
            **source,
            "algorithm_version": str(version),
            "created_at": now(),
            "name": feature.name,
            "at": feature.at,
            "value": _number(feature.value),
            "unit": feature.unit,
            "stderr": _number(feature.stderr),
            "n": int(feature.n),
            "outcome": str(feature.outcome),
            "inferred": bool(feature.inferred),
        }
        for feature in features
    ]
    if rows:
        connection.execute(insert(table), rows)


def save_card(connection: Connection, card: ModelCard) -> int:
    """See `Store.save_card`."""
    table = schema.model_card
    document = card.to_dict()
    namesakes = connection.execute(select(table).where(table.c.name == card.name))
    for row in namesakes:
        if to_json(row.document) == to_json(document):
            return int(row.id)
    return add_row(connection, table, name=card.name, document=document, created_at=now())


def save_fit(
    connection: Connection,
    card_id: int,
    run_ids: Sequence[int],
    status: str,
    document: Mapping[str, object],
    dataset_sha256: str,
    programme: Mapping[str, object],
) -> int:
    """See `Store.save_fit`."""
    if not run_ids:
        raise StoreError("A fit needs at least one run that went in: none was named.")
    fit_id = add_row(
        connection,
        schema.fit,
        model_card_id=int(card_id),
        status=str(status),
        document=document,
        dataset_sha256=dataset_sha256,
        labbench_version=str(programme["labbench_version"]),
        git_commit=programme["git_commit"],
        created_at=now(),
    )
    inputs = [{"fit_id": fit_id, "run_id": run_id} for run_id in sorted({int(r) for r in run_ids})]
    connection.execute(insert(schema.fit_input), inputs)
    return fit_id


def _number(value: float) -> float | None:
    return None if isnan(value) else float(value)
