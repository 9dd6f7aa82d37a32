"""What is put into the store: each function writes within the transaction of its caller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from itertools import chain
from math import isnan

from sqlalchemy import Connection, Dialect, Insert, Table, bindparam, delete, insert, select, update

from labbench.errors import NotFoundError, StoreError
from labbench.features import Feature
from labbench.model.card import ModelCard
from labbench.store import schema
from labbench.store.document import document_sha256, to_json
from labbench.store.process import Process
from labbench.store.setting_rows import setting_rows
from labbench.store.states import ENDED_STATES, sources

_STATE_OF = select(schema.run.c.state).where(schema.run.c.id == bindparam("of_run"))


# Rows in one statement: more than that saves little.
_BLOCK = 50


def now() -> datetime:
    """Return the present moment, in UTC."""
    return datetime.now(UTC)


@cache
def inserting(table: Table) -> Insert:
    """Return the statement that inserts into a table: to build it takes longer than to run it."""
    return insert(table)


def add_rows(connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert many rows, each with a value for every column, at the level of the driver.

    SQLAlchemy's own way takes twice as long, and a statement a row half as long again.
    """
    if not connection.dialect.positional:
        names = table.c.keys()
        by_name = [dict(zip(names, row, strict=True)) for row in rows]
        connection.execute(inserting(table), by_name)
        return
    one, block = _insert_texts(table, connection.dialect)
    n_blocks = len(rows) // _BLOCK
    if n_blocks:
        blocks = [rows[_BLOCK * k : _BLOCK * (k + 1)] for k in range(n_blocks)]
        connection.exec_driver_sql(block, [tuple(chain.from_iterable(part)) for part in blocks])
    if len(rows) % _BLOCK:
        connection.exec_driver_sql(one, list(rows[_BLOCK * n_blocks :]))


@cache
def _insert_texts(table: Table, dialect: Dialect) -> tuple[str, str]:
    """Return the SQL that inserts one row into a table, and that for a block of rows."""
    one = str(insert(table).compile(dialect=dialect))
    _, marks = one.split(" VALUES ")
    return one, one + f", {marks}" * (_BLOCK - 1)


def add_row(connection: Connection, table: Table, **values: object) -> int:
    """Insert one row and return its id."""
    key = connection.execute(inserting(table), values).inserted_primary_key
    assert key is not None
    return int(key[0])


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


def end_session(connection: Connection, session_id: int) -> None:
    """See `Recorder.end_session`."""
    table = schema.session
    asked = select(table.c.ended_at).where(table.c.id == int(session_id))
    found = connection.execute(asked).one_or_none()
    if found is None:
        raise NotFoundError(f"There is no session {session_id} in this database.")
    if found.ended_at is not None:
        raise StoreError(f"Session {session_id} ended at {found.ended_at}: begin a new one.")
    of_session = update(table).where(table.c.id == int(session_id))
    connection.execute(of_session.values(ended_at=now()))


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
        settings=settings,
        seed=None if seed is None else int(seed),
        state="planned",
        source=source,
        source_sha256=None if source is None else sha256(source.encode()).hexdigest(),
        procedure_sha256=procedure_sha256,
    )
    rows = setting_rows(run_id, settings)
    if rows:
        connection.execute(inserting(schema.setting), rows)
    return run_id


def start_run(
    connection: Connection, run_id: int, owner: Process, session_id: int | None = None
) -> None:
    """See `Recorder.start_run`."""
    moved = {} if session_id is None else {"session_id": int(session_id)}
    _change_state(connection, run_id, "running", started_at=now(), **moved)
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
    state = connection.execute(_STATE_OF, {"of_run": int(run_id)}).scalar_one_or_none()
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
        created_at=now(),
        **programme,
    )
    inputs = [{"fit_id": fit_id, "run_id": run_id} for run_id in sorted({int(r) for r in run_ids})]
    connection.execute(insert(schema.fit_input), inputs)
    return fit_id


def _number(value: float) -> float | None:
    return None if isnan(value) else float(value)
