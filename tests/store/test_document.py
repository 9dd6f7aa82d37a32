from __future__ import annotations

import json
from math import inf, nan
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labbench.errors import StoreError
from labbench.store.document import document_sha256, from_json, to_json

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def refuse(word: str) -> None:
    raise AssertionError(word)


@given(documents)
def test_documents_come_back_as_valid_json(document):
    text = to_json(document)
    json.loads(text, parse_constant=refuse)
    assert from_json(text) == document


def test_numbers_of_numpy_and_nan_are_kept():
    given_document = MappingProxyType(
        {"n": np.int64(3), "x": np.float32(0.5), "v": np.array([1.0, -inf]), "t": (nan,)}
    )
    found = from_json(to_json(given_document))
    assert found["n"] == 3
    assert found["x"] == 0.5
    assert found["v"] == [1.0, -inf]
    assert np.isnan(found["t"][0])


def test_the_order_is_kept_but_does_not_change_the_hash():
    assert list(from_json(to_json({"b": 1, "a": 2}))) == ["b", "a"]
    assert document_sha256({"b": 1, "a": 2}) == document_sha256({"a": 2, "b": 1})


def test_what_is_no_document_is_refused():
    with pytest.raises(StoreError, match="no object"):
        to_json({"x": object()})
