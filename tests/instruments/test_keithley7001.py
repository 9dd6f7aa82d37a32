"""Our driver of the switch system: byte by byte, and in its role on the simulated bench."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import pyvisa
from pymeasure.test import expected_protocol

from instruments.keithley7001 import Keithley7001, Keithley7001Driver
from instruments.roles import SwitchMatrix
from instruments.simulated.bench import SimulatedBench, bench_of
from instruments.simulated.faults import Fault
from labbench.errors import InstrumentError, LinkError, ReadbackError

MATRIX = "GPIB0::7::INSTR"
NONE = ("SYST:ERR?", '0,"No error"')
STATE = ":ROUTE:CLOSE:STATE?"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[pyvisa.ResourceManager]:
    path = tmp_path / "bench.toml"
    path.write_text(
        f"""[[simulated.instruments]]
address = "{MATRIX}"
model = "7001"
"""
    )
    manager = pyvisa.ResourceManager(f"{path}@labbench")
    yield manager
    manager.close()


@pytest.fixture
def matrix(manager: pyvisa.ResourceManager) -> Keithley7001:
    return Keithley7001(MATRIX, visa_library=manager.visalib)


@pytest.fixture
def bench(manager: pyvisa.ResourceManager) -> SimulatedBench:
    return bench_of(manager)


def test_bytes() -> None:
    pairs = [
        (":ROUTE:CLOSE (@1!2!10)", None),
        ("*OPC?", "1"),
        NONE,
        (STATE, "(@1!1!4, 1!2!8:1!2!10,2!1!3)"),
        (":ROUTE:OPEN (@1!1!4)", None),
        ("*OPC?", "1"),
        NONE,
        (STATE, "(@1!2!8:1!2!10,2!1!3)"),
        (STATE, "(@2!1!3)"),
    ]
    with expected_protocol(Keithley7001, pairs) as matrix:
        matrix.close_channel(2, 10)
        matrix.open_channel(1, 4)
        assert matrix.closed == set()


def test_settings() -> None:
    pairs = [
        (":ROUTE:CONFIGURE:SLOT1:CTYPE?", "C7012"),
        (":ROUTE:CONFIGURE:SLOT1:STIME 0.0125", None),
        NONE,
        (":ROUTE:CONFIGURE:SLOT1:STIME?", "0.013"),
    ]
    with expected_protocol(Keithley7001Driver, pairs) as driver:
        assert driver.card == "C7012"
        driver.settling_s = 0.0125
        assert driver.settling_s == 0.013


@pytest.mark.parametrize(
    "answer", ["", "(@1!1)", "(@1!1!1:1!2!1)", "1!1!1", "(@1!1!1:1!1!2:1!1!3)"]
)
def test_what_is_no_list_is_an_error(answer: str) -> None:
    with (
        expected_protocol(Keithley7001, [(STATE, answer)]) as matrix,
        pytest.raises(LinkError, match="STATE"),
    ):
        _ = matrix.closed


def test_the_safe_end_is_read_back() -> None:
    pairs = [(":ROUTE:OPEN ALL", None), ("*OPC?", "1"), (STATE, "(@2!4!1)")]
    with (
        expected_protocol(Keithley7001, pairs) as matrix,
        pytest.raises(ReadbackError, match="2!4!1 is still closed"),
    ):
        matrix.safe()


def test_role(matrix: Keithley7001, bench: SimulatedBench) -> None:
    assert isinstance(matrix, SwitchMatrix)
    assert "MODEL 7001" in matrix.identity
    assert matrix.driver.card == "C7012"
    assert matrix.closed == set()
    for column in (3, 4, 5, 9):
        matrix.close_channel(2, column)
    matrix.close_channel(4, 10)
    assert matrix.closed == {(2, 3), (2, 4), (2, 5), (2, 9), (4, 10)}
    before_s = bench.clock.now()
    matrix.open_channel(2, 4)
    assert bench.clock.now() - before_s >= 3e-3, "it waits for the relay"
    assert matrix.closed == {(2, 3), (2, 5), (2, 9), (4, 10)}
    with pytest.raises(InstrumentError, match=r"-222,.*after ':ROUTE:CLOSE"):
        matrix.close_channel(5, 1)
    matrix.safe()
    assert matrix.closed == set()


def test_a_question_without_its_answer_does_not_fool_the_safe_end(matrix: Keithley7001) -> None:
    matrix.close_channel(1, 1)
    matrix.driver.write(STATE)
    matrix.safe()
    assert matrix.closed == set()


def test_a_relay_that_is_not_obeyed_is_seen(matrix: Keithley7001, bench: SimulatedBench) -> None:
    bench.ports[MATRIX].add_fault(Fault(kind="refuse", on=":ROUTE:(CLOSE|OPEN) ", times=0))
    with pytest.raises(ReadbackError, match="row 1 and column 2 were to be connected"):
        matrix.close_channel(1, 2)
    bench.instruments["GPIB0::7::INSTR"].message(b":CLOS (@1!1!1)")
    with pytest.raises(ReadbackError, match="row 1 and column 1 were to be disconnected"):
        matrix.open_channel(1, 1)
    with pytest.raises(ReadbackError, match="1!1!1 is still closed"):
        matrix.safe()
