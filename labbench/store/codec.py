"""Samples to bytes and back, exactly: byte shuffle, compression, and a checksum of the result.

The shuffle puts the high bytes of all samples beside each other; they hardly change from sample
to sample, so that the compression finds them. SQLite cannot see a flipped byte inside of a BLOB:
only the checksum does.
"""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple

import numpy as np
import zstandard
from numpy.typing import NDArray

from labbench.errors import StoreError

ZSTD = "shuffle+zstd"
ZLIB = "shuffle+zlib"
_STORED_AS = {"int8": "i1", "int16": "<i2", "float64": "<f8"}


class Encoded(NamedTuple):
    """Samples as they are stored: their dtype, how they were packed, checksum and bytes."""

    dtype: str
    codec: str
    crc32: int
    data: bytes


def encode(samples: NDArray[Any], codec: str = ZSTD) -> Encoded:
    """Pack samples.

    Parameters
    ----------
    samples : (n,) int8, int16 or float64 array
        May be empty; every bit of a NaN is kept.
    codec : str
        "shuffle+zstd", or "shuffle+zlib" where only the standard library may be needed to read.

    Raises
    ------
    StoreError
        If the samples are of another type.
    """
    dtype = samples.dtype.name
    if dtype not in _STORED_AS:
        raise StoreError(
            f"Samples are stored as {', '.join(_STORED_AS)}, not as {dtype}: convert them first."
        )
    flat = np.ascontiguousarray(samples, dtype=_STORED_AS[dtype])
    shuffled = flat.view(np.uint8).reshape(flat.size, flat.itemsize).T.tobytes()
    if codec == ZSTD:
        data = zstandard.ZstdCompressor(level=3).compress(shuffled)
    elif codec == ZLIB:
        data = zlib.compress(shuffled, level=1)
    else:
        raise StoreError(f"No codec is called {codec!r}: {ZSTD} and {ZLIB} are.")
    return Encoded(dtype, codec, zlib.crc32(data), data)


def to_bytes(samples: NDArray[Any]) -> bytes:
    """Return samples as they are, without compression, in the byte order of the store."""
    return np.ascontiguousarray(samples, dtype=_STORED_AS[samples.dtype.name]).tobytes()


def from_bytes(data: bytes, dtype: str) -> NDArray[Any]:
    """Return the samples that `to_bytes` was given, (n,)."""
    stored = np.dtype(_STORED_AS[dtype])
    return np.frombuffer(data, dtype=stored).astype(stored.newbyteorder("="), copy=False)


def decode(stored: Encoded, n: int, label: str) -> NDArray[Any]:
    """Unpack samples.

    Parameters
    ----------
    stored : Encoded
    n : int
        How many samples there are.
    label : str
        Which waveform of which run this is, for the message.

    Returns
    -------
    (n,) int8, int16 or float64 array

    Raises
    ------
    StoreError
        If the bytes are not those that were stored, or were packed by a newer labbench.
    """
    found = zlib.crc32(stored.data)
    if found != stored.crc32:
        raise StoreError(
            f"{label} is damaged: its checksum is {found:08x} and was {stored.crc32:08x} when it "
            "was stored. Restore the file from a backup or repeat the run; "
            "`labbench db check` lists all that is damaged."
        )
    if stored.codec not in (ZSTD, ZLIB) or stored.dtype not in _STORED_AS:
        raise StoreError(
            f"{label} is packed as {stored.codec!r} of {stored.dtype!r}, which this labbench does "
            "not know: read it with a newer one."
        )
    dtype = np.dtype(_STORED_AS[stored.dtype])
    if stored.codec == ZSTD:
        plain = zstandard.ZstdDecompressor().decompress(stored.data)
    else:
        plain = zlib.decompress(stored.data)
    if len(plain) != n * dtype.itemsize:
        raise StoreError(
            f"{label} is damaged: {n} samples of {stored.dtype} were announced and "
            f"{len(plain)} bytes are there. Restore the file from a backup or repeat the run."
        )
    shuffled = np.frombuffer(plain, dtype=np.uint8).reshape(dtype.itemsize, n)
    flat = np.ascontiguousarray(shuffled.T).reshape(-1).view(dtype)
    return flat.astype(dtype.newbyteorder("="), copy=False)
