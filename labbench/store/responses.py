"""Stimuli with what came back: one train is one record, as exact as it was delivered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, bindparam, select

from labbench.connection import OPEN, connection_from_spec
from labbench.errors import StoreError
from labbench.features import Response
from labbench.stimulus import Pulse, PulseTrain, Stimulus, stimulus_from_spec
from labbench.store import schema
from labbench.store.codec import Encoded, decode, encode
from labbench.store.document import JsonText, document_sha256, to_json
from labbench.store.read import no_such, run_row
from labbench.store.records import PulseRow
from labbench.store.thinning import N_BINS
from labbench.store.thinning import packed as preview_of
from labbench.store.write import add_row, add_rows, inserting, now, require_running
from labbench.trace import Channel, Trace

# An uneven time axis is kept as a waveform of this name.
TIME = "time"
_AFTER_START = attrgetter(*Pulse.__slots__[1:])
_PULSE_FIELDS = attrgetter(*PulseRow.__slots__)


_WAVEFORMS = (
    select(schema.waveform, schema.waveform_data.c.data)
    .join(schema.waveform_data, isouter=True)
    .where(schema.waveform.c.stimulus_id == bindparam("of_stimulus"))
    .order_by(schema.waveform.c.id)
)


class Packed(NamedTuple):
    """The specification of a stimulus, and each channel with its samples encoded."""

    spec: JsonText
    waveforms: list[tuple[str, Channel, Encoded]]
    # Of those that are long, by channel.
    previews: Mapping[str, bytes]


def pack(response: Response) -> Packed:
    """Describe and encode a response: the slow part, to be done before the transaction."""
    if TIME in response.trace.channels:
        raise StoreError(f"A channel cannot be stored as {TIME!r}, the time axis: rename it.")
    channels = _waveforms(response.trace).items()
    waveforms = [(name, channel, encode(channel.raw)) for name, channel in channels]
    drawn = {name: preview_of(channel.raw) for name, channel in channels}
    previews = {name: data for name, data in drawn.items() if data is not None}
    return Packed(_spec_text(response.stimulus), waveforms, previews)


def _spec_text(stimulus: Stimulus) -> JsonText:
    """Return the JSON of a specification; of a long train in a third of the time of `to_json`."""
    if not isinstance(stimulus, PulseTrain):
        return JsonText(to_json(stimulus.to_spec()))
    ends: dict[tuple[object, ...], str] = {}
    pulses = []
    starts = to_json([pulse.start_s for pulse in stimulus.pulses])[1:-1].split(", ")
    for start_s, pulse in zip(starts, stimulus.pulses, strict=True):
        fields = _AFTER_START(pulse)
        key = (*fields, *map(type, fields))  # 1 and 1.0 are the same key, and not the same text
        end = ends.get(key)
        if end is None:
            end = to_json(dict(zip(Pulse.__slots__[1:], fields, strict=True)))[1:]
            if all(fields):  # two zeros may differ in their sign
                ends[key] = end
        pulses.append(f'{{"start_s": {start_s}, {end}')
    spec = to_json({**replace(stimulus, pulses=stimulus.pulses[:1]).to_spec(), "pulses": 0})
    return JsonText(spec.replace('"pulses": 0', f'"pulses": [{", ".join(pulses)}]', 1))


def _waveforms(trace: Trace) -> dict[str, Channel]:
    """Return the channels and, if it is uneven, the time axis."""
    if trace.uneven_time_s is None:
        return dict(trace.channels)
    time_s = np.asarray(trace.uneven_time_s, dtype=np.float64)
    return {**trace.channels, TIME: Channel(time_s, "time", "s")}


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
    for name, channel, encoded in packed.waveforms:
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
        if name in packed.previews:
            values = {"waveform_id": waveform_id, "n_bins": N_BINS, "data": packed.previews[name]}
            connection.execute(inserting(schema.preview), values)
    return stimulus_id


def _save_pulses(connection: Connection, stimulus_id: int, pulses: Sequence[PulseRow]) -> None:
    rows = [
        (
            stimulus_id,
            int(index),
            float(start_s),
            float(width_s),
            float(amplitude_v),
            None if fired is None else bool(fired),
            None if latency_s is None else float(latency_s),
        )
        for index, start_s, width_s, amplitude_v, fired, latency_s in map(_PULSE_FIELDS, pulses)
    ]
    if rows:
        add_rows(connection, schema.pulse, rows)


def read(connection: Connection, run_id: int) -> list[Response]:
    """See `Store.responses`."""
    asked = (
        select(schema.stimulus, schema.connection.c.spec.label("connection"))
        .join(schema.connection, isouter=True)
        .where(schema.stimulus.c.run_id == int(run_id))
        .order_by(schema.stimulus.c.ordinal)
    )
    responses = []
    for stimulus in connection.execute(asked).all():
        waveforms = connection.execute(_WAVEFORMS, {"of_stimulus": stimulus.id})
        trace = _trace(stimulus, waveforms)
        known = stimulus.connection
        connected = OPEN if known is None else connection_from_spec(known)
        responses.append(Response(stimulus_from_spec(stimulus.spec), trace, connected))
    return responses


def specs(connection: Connection, run_id: int) -> list[Any]:
    """Return the specifications of the stimuli of a run as they were saved."""
    stimulus = schema.stimulus.c
    asked = select(stimulus.spec).where(stimulus.run_id == int(run_id)).order_by(stimulus.ordinal)
    return list(connection.execute(asked).scalars())


def read_channel(connection: Connection, run_id: int, ordinal: int, channel: str) -> Trace:
    """Return one channel of one response, without reading the others."""
    stimulus, waveform = schema.stimulus.c, schema.waveform.c
    of_run = stimulus.run_id == int(run_id)
    asked = select(schema.stimulus).where(of_run, stimulus.ordinal == int(ordinal))
    found = connection.execute(asked).one_or_none()
    if found is None:
        run_row(connection, run_id)
        ordinals = connection.execute(select(stimulus.ordinal).where(of_run))
        raise no_such(f"response {ordinal} of run {run_id}", ordinals.scalars())
    wanted = _WAVEFORMS.where(waveform.channel.in_([channel, TIME]))
    rows = connection.execute(wanted, {"of_stimulus": found.id}).all()
    if channel == TIME or channel not in [row.channel for row in rows]:
        names = select(waveform.channel).where(
            waveform.stimulus_id == found.id, waveform.channel != TIME
        )
        known = connection.execute(names.order_by(waveform.id)).scalars()
        raise no_such(f"channel {channel!r} in response {ordinal} of run {run_id}", known)
    return _trace(found, rows)


def _trace(stimulus: Row[Any], waveforms: Iterable[Row[Any]]) -> Trace:
    run_id, ordinal = stimulus.run_id, stimulus.ordinal
    channels = {row.channel: _channel(row, run_id, ordinal) for row in waveforms}
    time = channels.pop(TIME, None)
    return Trace(
        channels,
        start_s=stimulus.start_s,
        interval_s=stimulus.interval_s,
        uneven_time_s=None if time is None else time.raw,
        notes=tuple(stimulus.notes),
    )


def digest(
    settings: Mapping[str, object], responses: Sequence[Response], specs: Sequence[object]
) -> str:
    """Return a hash of what a fit sees of a run; the same in every database that holds it.

    The stimuli are those `specs`, as they were saved: a newer labbench may say more of them.
    """
    parts = sha256(document_sha256(settings).encode())
    for response, spec in zip(responses, specs, strict=True):
        trace = response.trace
        for name, channel in _waveforms(trace).items():
            unit = [name, channel.raw.dtype.name, channel.quantity, channel.unit]
            scale = [channel.scale, channel.offset]
            limits = [channel.rail_low, channel.rail_high, channel.floor]
            parts.update(document_sha256([unit, scale, limits]).encode())
            parts.update(np.ascontiguousarray(channel.raw).tobytes())
        base = [spec, trace.start_s, trace.interval_s, trace.notes]
        if response.connection != OPEN:
            base.append(response.connection.to_spec())
        parts.update(document_sha256(base).encode())
    return parts.hexdigest()


def waveform_label(waveform_id: int, channel: str, ordinal: int, run_id: int) -> str:
    """Return the words that find a waveform again."""
    return f"Waveform {waveform_id} (channel {channel!r} of response {ordinal} of run {run_id})"


def samples_of(row: Row[Any], data: bytes | None, run_id: int, ordinal: int) -> NDArray[Any]:
    """Return the samples of a row of `schema.waveform`, (n,), in the dtype they came in."""
    label = waveform_label(row.id, row.channel, ordinal, run_id)
    if data is None:
        raise StoreError(f"{label} has lost its samples: restore the file from a backup.")
    return decode(Encoded(row.dtype, row.codec, row.crc32, data), row.n, label)


def _channel(row: Row[Any], run_id: int, ordinal: int) -> Channel:
    return Channel(
        samples_of(row, row.data, run_id, ordinal),
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
