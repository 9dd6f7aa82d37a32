"""Stimuli with what came back: one train is one record, as exact as it was delivered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection, Row, insert, select

from labbench.connection import OPEN, connection_from_spec
from labbench.errors import StoreError
from labbench.features import Response
from labbench.stimulus import PulseTrain, stimulus_from_spec
from labbench.store import schema
from labbench.store.codec import Encoded, decode, encode, from_bytes, to_bytes
from labbench.store.document import document_sha256
from labbench.store.preview import BINS, LEAST, Preview, band, bin_edges
from labbench.store.records import PulseRow
from labbench.store.write import add_row, inserting, now, require_running
from labbench.trace import Channel, Trace

# An uneven time axis is kept as a waveform of this name.
_TIME = "time"


class Packed(NamedTuple):
    """The specification of a stimulus, and each channel with its samples encoded.

    A long channel comes with a picture, a short one with none.
    """

    spec: Mapping[str, object]
    waveforms: list[tuple[str, Channel, Encoded, bytes | None]]


def pack(response: Response) -> Packed:
    """Describe and encode a response: the slow part, to be done before the transaction."""
    if _TIME in response.trace.channels:
        raise StoreError(f"A channel cannot be stored as {_TIME!r}, the time axis: rename it.")
    channels = _waveforms(response.trace).items()
    waveforms = [
        (
            name,
            channel,
            encode(channel.raw),
            to_bytes(band(channel.raw)) if channel.raw.size >= LEAST else None,
        )
        for name, channel in channels
    ]
    return Packed(response.stimulus.to_spec(), waveforms)


def _waveforms(trace: Trace) -> dict[str, Channel]:
    """Return the channels and, if it is uneven, the time axis."""
    if trace.uneven_time_s is None:
        return dict(trace.channels)
    time_s = np.asarray(trace.uneven_time_s, dtype=np.float64)
    return {**trace.channels, _TIME: Channel(time_s, "time", "s")}


def save(
    connection: Connection,
    run_id: int,
    ordinal: int,
    response: Response,
    packed: Packed,
    pulses: Sequence[PulseRow],
) -> int:
    """See `Store.save_response`."""
    require_running(connection, run_id, "take another response")
    stimulus, trace = response.stimulus, response.trace
    stimulus_id = add_row(
        connection,
        schema.stimulus,
        run_id=int(run_id),
        ordinal=int(ordinal),
        spec=packed.spec,
        n_pulses=len(stimulus.pulses) if isinstance(stimulus, PulseTrain) else 0,
        start_s=float(trace.start_s),
        interval_s=_number(trace.interval_s),
        notes=trace.notes,
        created_at=now(),
    )
    if response.connection != OPEN:
        values = {"stimulus_id": stimulus_id, "spec": response.connection.to_spec()}
        connection.execute(inserting(schema.connection), values)
    _save_pulses(connection, stimulus_id, pulses)
    for name, channel, encoded, picture in packed.waveforms:
        waveform_id = add_row(
            connection,
            schema.waveform,
            stimulus_id=stimulus_id,
            channel=name,
            quantity=channel.quantity,
            unit=channel.unit,
            n=int(channel.raw.size),
            dtype=encoded.dtype,
            scale=float(channel.scale),
            offset=float(channel.offset),
            rail_low=_number(channel.rail_low),
            rail_high=_number(channel.rail_high),
            floor=_number(channel.floor),
            codec=encoded.codec,
            crc32=encoded.crc32,
        )
        samples = {"waveform_id": waveform_id, "data": encoded.data}
        connection.execute(inserting(schema.waveform_data), samples)
        if picture is not None:
            row = {"waveform_id": waveform_id, "n_bins": BINS, "data": picture}
            connection.execute(inserting(schema.preview), row)
    return stimulus_id


def _save_pulses(connection: Connection, stimulus_id: int, pulses: Sequence[PulseRow]) -> None:
    rows = [
        (
            stimulus_id,
            int(pulse.index),
            float(pulse.start_s),
            float(pulse.width_s),
            float(pulse.amplitude_v),
            None if pulse.fired is None else bool(pulse.fired),
            _number(pulse.latency_s),
        )
        for pulse in pulses
    ]
    if rows and connection.dialect.positional:
        # Driver-level: SQLAlchemy's own executemany takes twice as long for a train of pulses.
        statement = str(insert(schema.pulse).compile(dialect=connection.dialect))
        connection.exec_driver_sql(statement, rows)
    elif rows:
        names = schema.pulse.c.keys()
        connection.execute(
            inserting(schema.pulse), [dict(zip(names, row, strict=True)) for row in rows]
        )


def read(connection: Connection, run_id: int) -> list[Response]:
    """See `Store.responses`."""
    table, samples = schema.waveform, schema.waveform_data
    asked = (
        select(schema.stimulus, schema.connection.c.spec.label("connection"))
        .join(schema.connection, isouter=True)
        .where(schema.stimulus.c.run_id == int(run_id))
        .order_by(schema.stimulus.c.ordinal)
    )
    responses = []
    for stimulus in connection.execute(asked).all():
        waveforms = connection.execute(
            select(table, samples.c.data)
            .join(samples, isouter=True)
            .where(table.c.stimulus_id == stimulus.id)
            .order_by(table.c.id)
        )
        channels = {row.channel: _channel(row, run_id, stimulus.ordinal) for row in waveforms}
        time = channels.pop(_TIME, None)
        trace = Trace(
            channels,
            start_s=stimulus.start_s,
            interval_s=stimulus.interval_s,
            uneven_time_s=None if time is None else time.raw,
            notes=tuple(stimulus.notes),
        )
        known = stimulus.connection
        connected = OPEN if known is None else connection_from_spec(known)
        responses.append(Response(stimulus_from_spec(stimulus.spec), trace, connected))
    return responses


def preview(connection: Connection, run_id: int, ordinal: int, channel: str) -> Preview | None:
    """See `Store.preview`."""
    table, stimulus = schema.waveform.c, schema.stimulus.c
    asked = (
        select(
            table.n, table.dtype, table.scale, table.offset, table.unit, schema.preview,
            stimulus.start_s, stimulus.interval_s,
        )
        .join_from(schema.waveform, schema.stimulus)
        .join(schema.preview)
        .where(stimulus.run_id == int(run_id), stimulus.ordinal == int(ordinal))
        .where(table.channel == channel, stimulus.interval_s.is_not(None))
    )  # fmt: skip
    row = connection.execute(asked).one_or_none()
    if row is None:
        return None
    low, high = from_bytes(row.data, row.dtype).reshape(row.n_bins, 2).T * row.scale + row.offset
    edges = bin_edges(row.n, row.n_bins)
    middle = (edges[:-1] + edges[1:] - 1) / 2
    return Preview(row.start_s + middle * row.interval_s, low, high, row.unit, row.n)


def digest(settings: Mapping[str, object], responses: Sequence[Response]) -> str:
    """Return a hash of what a fit sees of a run; the same in every database that holds it."""
    parts = sha256(document_sha256(settings).encode())
    for response in responses:
        trace = response.trace
        for name, channel in _waveforms(trace).items():
            unit = [name, channel.raw.dtype.name, channel.quantity, channel.unit]
            scale = [channel.scale, channel.offset]
            limits = [channel.rail_low, channel.rail_high, channel.floor]
            parts.update(document_sha256([unit, scale, limits]).encode())
            parts.update(np.ascontiguousarray(channel.raw).tobytes())
        base = [response.stimulus.to_spec(), trace.start_s, trace.interval_s, trace.notes]
        if response.connection != OPEN:
            base.append(response.connection.to_spec())
        parts.update(document_sha256(base).encode())
    return parts.hexdigest()


def waveform_label(waveform_id: int, channel: str, ordinal: int, run_id: int) -> str:
    """Return the words that find a waveform again."""
    return f"Waveform {waveform_id} (channel {channel!r} of response {ordinal} of run {run_id})"


def _channel(row: Row[Any], run_id: int, ordinal: int) -> Channel:
    label = waveform_label(row.id, row.channel, ordinal, run_id)
    if row.data is None:
        raise StoreError(f"{label} has lost its samples: restore the file from a backup.")
    return Channel(
        decode(Encoded(row.dtype, row.codec, row.crc32, row.data), row.n, label),
        row.quantity,
        row.unit,
        scale=row.scale,
        offset=row.offset,
        rail_low=row.rail_low,
        rail_high=row.rail_high,
        floor=row.floor,
    )


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)
