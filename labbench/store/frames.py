"""Tidy tables of pulses and features, for notebooks and plots; pandas is slow to import."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from labbench.store import schema
from labbench.store.read import run_row
from labbench.store.records import FeatureRecord

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
_FEATURE_COLUMNS = (
    "run_id",
    "device",
    "property",
    "name",
    "value",
    "unit",
    "stderr",
    "n",
    "outcome",
    "inferred",
    "algorithm",
    "algorithm_version",
)


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


def features(records: Sequence[FeatureRecord]) -> pd.DataFrame:
    """See `Store.features_frame`."""
    import pandas as pd

    conditions = dict.fromkeys(key for record in records for key in record.feature.at)
    rows = [
        {**vars(record), **vars(record.feature), "outcome": str(record.feature.outcome)}
        | dict(record.feature.at)
        for record in records
    ]
    return pd.DataFrame(rows, columns=[*_FEATURE_COLUMNS, *conditions])
