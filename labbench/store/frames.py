"""Tidy tables of runs, pulses and features, for notebooks and plots; pandas is slow to import."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, Text, select, type_coerce

from labbench.store import schema
from labbench.store.document import from_json
from labbench.store.filters import RunFilter
from labbench.store.read import run_row
from labbench.store.summary import RunSummary

if TYPE_CHECKING:
    import pandas as pd

_PULSE_TYPES = {
    "ordinal": "int64",
    "index": "int64",
    "start_s": "float64",
    "width_s": "float64",
    "amplitude_v": "float64",
    "fired": "boolean",
    "latency_s": "float64",
}
_DIE_TYPES = {"wafer": "str", "die_x": "Int64", "die_y": "Int64"}
_FEATURE_TYPES = {
    **_DIE_TYPES,
    "value": "float64",
    "stderr": "float64",
    "n": "int64",
    "inferred": "bool",
}


def pulses(connection: Connection, run_id: int) -> pd.DataFrame:
    """See `Store.pulses`."""
    import pandas as pd

    run_row(connection, run_id)
    stimulus, pulse = schema.stimulus.c, schema.pulse.c
    asked = (
        select(
            stimulus.ordinal,
            pulse.idx,
            pulse.start_s,
            pulse.width_s,
            pulse.amplitude_v,
            pulse.fired,
            pulse.latency_s,
        )
        .join_from(schema.stimulus, schema.pulse)
        .where(stimulus.run_id == int(run_id))
        .order_by(stimulus.ordinal, pulse.idx)
    )
    rows = [tuple(row) for row in connection.execute(asked)]
    return pd.DataFrame(rows, columns=list(_PULSE_TYPES)).astype(_PULSE_TYPES)


def runs(found: Sequence[RunSummary]) -> pd.DataFrame:
    """See `Store.runs_frame`."""
    import pandas as pd

    columns = _columns(RunSummary._fields, found)
    for name in ("started_at", "ended_at"):
        columns[name] = pd.to_datetime(pd.Series(columns[name], dtype=object), utc=True)
    return pd.DataFrame(columns).astype(_DIE_TYPES).rename(columns={"id": "run_id"})


def features(
    connection: Connection, wanted: RunFilter, properties: Mapping[str, str | None]
) -> pd.DataFrame:
    """See `Store.features_frame`."""
    import numpy as np
    import pandas as pd

    asked = _features(wanted, properties)
    # As the driver has them: a Row around each takes as long again as to fetch them.
    cursor: Any = connection.execute(asked).cursor
    rows = cursor.fetchall()
    if not rows:
        wanted.require_known(connection)
    columns = _columns(asked.selected_columns.keys(), rows)
    texts = columns.pop("at")
    for name, kind in _FEATURE_TYPES.items():
        columns[name] = pd.Series(list(columns[name]), dtype=kind).array
    # The same conditions come back run after run: each is read only once.
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    conditions = from_json(f"[{','.join(places)}]")
    where = np.fromiter(map(places.__getitem__, texts), np.intp, count=len(texts))
    for key in dict.fromkeys(key for condition in conditions for key in condition):
        values = pd.Series([condition.get(key) for condition in conditions])
        columns[key if key not in columns else f"at_{key}"] = values.array.take(where)
    return pd.DataFrame(columns)


def _features(wanted: RunFilter, properties: Mapping[str, str | None]) -> Select[Any]:
    feature, run = schema.feature.c, schema.run.c
    asked = (
        select(
            feature.run_id,
            schema.device.c.name.label("device"),
            schema.wafer.c.label.label("wafer"),
            schema.die.c.x.label("die_x"),
            schema.die.c.y.label("die_y"),
            run.procedure,
            feature.property,
            feature.name,
            feature.value,
            feature.unit,
            feature.stderr,
            feature.n,
            feature.outcome,
            feature.inferred,
            feature.algorithm,
            feature.algorithm_version,
            type_coerce(feature.at, Text).label("at"),
        )
        .join_from(schema.feature, schema.run)
        .join(schema.device)
        .join(schema.die, isouter=True)
        .join(schema.wafer, isouter=True)
        .where(*wanted.conditions())
        .order_by(feature.id)
    )
    given = {name: value for name, value in properties.items() if value is not None}
    return asked.where(*(feature[name] == value for name, value in given.items()))


def _columns(names: Iterable[str], rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    columns = zip(*rows, strict=True) if rows else repeat(())
    return dict(zip(names, columns, strict=False))
