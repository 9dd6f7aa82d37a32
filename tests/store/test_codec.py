from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from labbench.errors import StoreError
from labbench.store.codec import ZLIB, ZSTD, decode, encode

samples = st.sampled_from(["i1", "<i2", ">i2", "<f8", ">f8"]).flatmap(
    lambda dtype: arrays(dtype, st.integers(0, 60))
)


@given(samples, st.sampled_from([ZSTD, ZLIB]))
def test_samples_come_back_bit_by_bit(values, codec):
    found = decode(encode(values, codec), values.size, "w")
    assert found.dtype == values.dtype.newbyteorder("=")
    assert found.tobytes() == values.astype(found.dtype).tobytes()


def test_strided_samples_come_back():
    values = np.arange(100, dtype=np.int16)[::3]
    np.testing.assert_array_equal(decode(encode(values), values.size, "w"), values)


def test_the_payload_of_a_nan_is_kept():
    values = np.array([0x7FF8000000000123], dtype=np.uint64).view(np.float64)
    assert decode(encode(values), 1, "w").tobytes() == values.tobytes()


@pytest.mark.parametrize("dtype", ["int32", "uint8", "float32", "bool"])
def test_other_types_are_refused(dtype):
    with pytest.raises(StoreError, match=f"not as {dtype}"):
        encode(np.zeros(3, dtype))


@given(st.integers(0, 10**6), st.integers(0, 7))
def test_every_flipped_bit_is_found(place, bit):
    stored = encode(np.arange(500, dtype=np.int16))
    data = bytearray(stored.data)
    data[place % len(data)] ^= 1 << bit
    with pytest.raises(StoreError, match="W 3 is damaged: its checksum"):
        decode(stored._replace(data=bytes(data)), 500, "W 3")


def test_a_wrong_count_or_codec_is_found():
    stored = encode(np.zeros(5))
    with pytest.raises(StoreError, match="6 samples"):
        decode(stored, 6, "W")
    with pytest.raises(StoreError, match="newer"):
        decode(stored._replace(codec="lz9"), 5, "W")


def test_a_waveform_with_noise_takes_little_room():
    rng = np.random.default_rng(1)
    counts = (1000 * (np.arange(100_000) % 2000 < 1000) + rng.normal(0, 20, 100_000)).astype("i2")
    assert len(encode(counts).data) < 1.2 * counts.size
