"""Previews: the lowest and highest sample of each stretch of a long waveform.

A plot of a million samples needs some 1500 pairs. Long waveforms have theirs in the database,
written with them; that of a short one, or of one older than previews, is made when it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, select

from labbench.errors import NotFoundError, StoreError
from labbench.store import responses, schema
from labbench.store.codec import STORED_AS
from labbench.store.thinning import edges_of, pairs_of

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Preview:
    """A waveform, drawn together.

    Attributes
    ----------
    time_s : (n,) float64 array or None
        Middle of each stretch; None where only the order of the samples is known.
    low, high : (n,) float64 array
        Lowest and highest value in it, in `unit`; samples that are NaN count only if all are.
    quantity, unit : str
    n_samples : int
        Of the waveform.
    """

    time_s: FloatArray | None
    low: FloatArray
    high: FloatArray
    quantity: str
    unit: str
    n_samples: int


def read(connection: Connection, run_id: int, ordinal: int, channel: str) -> Preview:
    """See `Reader.preview`."""
    stimulus = schema.stimulus.c
    asked = (
        select(
            schema.waveform,
            stimulus.start_s,
            stimulus.interval_s,
            schema.preview.c.n_bins,
            schema.preview.c.data.label("pairs"),
        )
        .join_from(schema.waveform, schema.stimulus)
        .join(schema.preview, isouter=True)
        .where(stimulus.run_id == int(run_id), stimulus.ordinal == int(ordinal))
    )
    rows = {row.channel: row for row in connection.execute(asked)}
    if channel not in rows:
        known = ", ".join(name for name in rows if name != responses.TIME) or "nothing"
        raise NotFoundError(
            f"There is no channel {channel!r} of response {ordinal} of run {run_id} in this "
            f"database; it has {known}."
        )
    row = rows[channel]
    time_s = _even_time_s(row)
    if responses.TIME in rows:
        time_s = _of_row(connection, rows[responses.TIME], run_id, ordinal).mean(axis=1)
    pairs = _of_row(connection, row, run_id, ordinal) * row.scale + row.offset
    low, high = np.fmin(*pairs.T), np.fmax(*pairs.T)  # a negative scale turns them round
    return Preview(time_s, low, high, row.quantity, row.unit, row.n)


def place_of(connection: Connection, waveform_id: int) -> Mapping[str, Any]:
    """Return run_id, ordinal and channel of a waveform."""
    stimulus, waveform = schema.stimulus.c, schema.waveform.c
    asked = (
        select(stimulus.run_id, stimulus.ordinal, waveform.channel)
        .join_from(schema.waveform, schema.stimulus)
        .where(waveform.id == int(waveform_id))
    )
    found = connection.execute(asked).mappings().one_or_none()
    if found is None:
        raise NotFoundError(f"There is no waveform {waveform_id} in this database.")
    return dict(found)


def _of_row(connection: Connection, row: Row[Any], run_id: int, ordinal: int) -> FloatArray:
    """Return the pairs of a waveform in its own counts, (n, 2)."""
    if row.pairs is None:
        data = schema.waveform_data.c
        blob = connection.scalar(select(data.data).where(data.waveform_id == row.id))
        return pairs_of(responses.samples_of(row, blob, run_id, ordinal)).astype(np.float64)
    found = np.frombuffer(row.pairs, dtype=STORED_AS[row.dtype])
    if found.size != 2 * row.n_bins:
        label = responses.waveform_label(row.id, row.channel, ordinal, run_id)
        raise StoreError(
            f"The preview of {label} is damaged: {row.n_bins} pairs were announced and "
            f"{found.size / 2:g} are there. The samples themselves are apart from it."
        )
    return found.reshape(-1, 2).astype(np.float64)


def _even_time_s(row: Row[Any]) -> FloatArray | None:
    if row.interval_s is None:
        return None
    edges = edges_of(row.n)
    return np.asarray(row.start_s + row.interval_s * (edges[:-1] + edges[1:] - 1) / 2)
