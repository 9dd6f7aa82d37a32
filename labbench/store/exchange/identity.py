"""Which run this is, whatever database it lies in: a hash of what was recorded.

Ids, and all that may change after a run has ended (features, fits, notes), are left out, so that a
run is known again after its features were drawn anew. The columns are named here one by one: they
are part of a file format, and a new column must not turn a known run into another.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from labbench.store import schema
from labbench.store.codec import Encoded, decode
from labbench.store.document import to_json
from labbench.store.exchange.cells import Cells, to_cells
from labbench.store.responses import waveform_label

_RUN = ("procedure", "procedure_version", "settings", "seed", "state", "started_at", "ended_at")
_STIMULUS = ("ordinal", "spec", "start_s", "interval_s", "notes", "created_at")
_WAVEFORM = ("channel", "quantity", "unit", "n", "dtype", "scale", "offset")
_LIMITS = ("rail_low", "rail_high", "floor")


class Identity:
    """The hash of a run, from its parts in any order."""

    def __init__(self, device: str, run: Cells) -> None:
        self._parts = [_digest("run", [device, *(run[name] for name in _RUN)])]
        self._ordinals: dict[Any, Any] = {}

    def stimulus(self, stimulus: Cells) -> None:
        """Take in a stimulus."""
        self._ordinals[stimulus["id"]] = stimulus["ordinal"]
        self._parts.append(_digest("stimulus", [stimulus[name] for name in _STIMULUS]))

    def waveform(self, waveform: Cells, samples_sha256: str) -> None:
        """Take in a waveform of a stimulus that was taken in before."""
        ordinal = self._ordinals[waveform["stimulus_id"]]
        said = [waveform[name] for name in (*_WAVEFORM, *_LIMITS)]
        self._parts.append(_digest("waveform", [ordinal, *said, samples_sha256]))

    def sha256(self) -> str:
        """Return the hash of what was taken in."""
        return sha256("".join(sorted(self._parts)).encode()).hexdigest()


def _digest(kind: str, said: list[Any]) -> str:
    return sha256(to_json([kind, *said]).encode()).hexdigest()


def samples_sha256(raw: NDArray[Any]) -> str:
    """Return the hash of raw samples, the same on every computer."""
    little = np.ascontiguousarray(raw, dtype=raw.dtype.newbyteorder("<"))
    return sha256(little.tobytes()).hexdigest()


def read_samples(connection: Connection, waveform: Any, ordinal: int, run_id: int) -> NDArray[Any]:
    """Return the raw samples of a row of the table of waveforms, checked against its checksum."""
    data = schema.waveform_data
    label = waveform_label(waveform["id"], waveform["channel"], ordinal, run_id)
    blob = connection.scalar(select(data.c.data).where(data.c.waveform_id == waveform["id"]))
    packed = Encoded(waveform["dtype"], waveform["codec"], waveform["crc32"], blob or b"")
    return decode(packed, waveform["n"], label)


def find_run(
    connection: Connection, device: str, run: Cells, wanted: str, taken: Iterable[int] = ()
) -> int | None:
    """Return the id of a run that a database holds already.

    Parameters
    ----------
    connection : Connection
    device : str
    run : cells
        Of the run that is looked for.
    wanted : str
        Its hash.
    taken : iterable of int, optional
        Runs that were found to be others: planned runs may be alike in all but their ids.
    """
    table, others = schema.run, set(taken)
    asked = select(table).join(schema.device).where(schema.device.c.name == device)
    for row in connection.execute(asked).mappings().all():
        cells = to_cells(table, dict(row))
        if row["id"] in others or any(cells[name] != run[name] for name in _RUN):
            continue
        if _identify(connection, device, cells) == wanted:
            return int(row["id"])
    return None


def _identify(connection: Connection, device: str, run: Cells) -> str:
    identity, stimulus, waveform = Identity(device, run), schema.stimulus, schema.waveform
    run_id = int(run["id"] or 0)
    ordinals = {}
    for row in connection.execute(select(stimulus).where(stimulus.c.run_id == run_id)).mappings():
        identity.stimulus(to_cells(stimulus, dict(row)))
        ordinals[row["id"]] = row["ordinal"]
    asked = select(waveform).join(stimulus).where(stimulus.c.run_id == run_id)
    for row in connection.execute(asked).mappings().all():
        raw = read_samples(connection, row, ordinals[row["stimulus_id"]], run_id)
        identity.waveform(to_cells(waveform, dict(row)), samples_sha256(raw))
    return identity.sha256()
