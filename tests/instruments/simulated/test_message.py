import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments.simulated.scpi.message import (
    ScpiError,
    block,
    complete_messages,
    number,
    split_message,
)

PARTS = st.one_of(
    st.text("ABC:;?* 01,.", min_size=1, max_size=12).map(str.encode),
    st.binary(max_size=30).map(block),
)


@given(
    messages=st.lists(st.lists(PARTS, min_size=1, max_size=3).map(b" ".join), max_size=5),
    rest=st.sampled_from([b"", b"VOLT", b"DATA #15ab\n"]),
    terminator=st.sampled_from([b"\n", b"\0"]),
    cut=st.integers(0, 200),
)
def test_a_stream_is_cut_where_messages_end_and_nowhere_else(
    messages: list[bytes], rest: bytes, terminator: bytes, cut: int
) -> None:
    stream = b"".join(message + terminator for message in messages) + rest.replace(b"\n", b"")
    whole, left = complete_messages(stream, terminator)
    assert whole == [message + terminator for message in messages]
    assert left == rest.replace(b"\n", b"")
    # The same in two pieces.
    first, waiting = complete_messages(stream[:cut], terminator)
    second, last = complete_messages(waiting + stream[cut:], terminator)
    assert (first + second, last) == (whole, left)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5", 1.5), (".5", 0.5), ("-2E-3", -2e-3), ("20 mV", 20e-3), ("3MHZ", 3e6),
        ("1 us", 1e-6), ("1MOHM", 1e6), ("#HFF", 255.0), ("#q17", 15.0), ("#B101", 5.0),
        ("INF", 9.9e37),
    ],
)  # fmt: skip
def test_numbers_with_units_and_to_other_bases(text: str, value: float) -> None:
    ((_, (parameter,)),) = split_message(f"X {text}".encode())
    assert number(parameter) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "code"), [("volt", -104), ("1 PARSEC", -131), ("#B12", -121), ("1..2", -104)]
)
def test_what_is_no_number(text: str, code: int) -> None:
    with pytest.raises(ScpiError) as caught:
        number(text)
    assert caught.value.code == code


def test_headers_go_on_where_the_last_one_stood() -> None:
    units = split_message(b'SOUR:VOLT 1;CURR 2;:OUTP ON;*WAI;:DISP:TEXT "a;b,c"')
    assert [header for header, _ in units] == [
        ":SOUR:VOLT", ":SOUR:CURR", ":OUTP", "*WAI", ":DISP:TEXT",
    ]  # fmt: skip
    assert units[-1][1] == ['"a;b,c"']
