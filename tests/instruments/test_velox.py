"""Our driver of the prober: byte by byte, and in its role on the simulated bench."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pyvisa
from pymeasure.test import expected_protocol

from instruments.keithley4200a import Keithley4200A
from instruments.roles import Prober
from instruments.simulated.bench import bench_of
from instruments.simulated.faults import Fault
from instruments.velox import Velox, VeloxDriver
from labbench.errors import InstrumentError, LinkError, ReadbackError

PROBER = "GPIB0::28::INSTR"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[pyvisa.ResourceManager]:
    path = tmp_path / "bench.toml"
    path.write_text(
        f"""[simulated]
[simulated.wafer]
columns = 2
rows = 2
sites = 2
[[simulated.instruments]]
address = "{PROBER}"
model = "Velox"
"""
    )
    manager = pyvisa.ResourceManager(f"{path}@labbench")
    yield manager
    manager.close()


@pytest.mark.parametrize(
    ("name", "query", "answer", "value"),
    [
        ("chuck_position_um", "ReadChuckPosition Y H", "0: 1.00 2.50 9700.00", [1.0, 2.5, 9700.0]),
        ("chuck_heights_um", "ReadChuckHeights Y", "0: -1 0 1 2 3", [-1, 0, 1, 2, 3]),
        ("dies", "GetNumSelectedDies", "0: 12", 12),
        ("version", "ReportSoftwareVersion", "0: 3.4.1", 3.4),
        ("identity", "*IDN?", "FormFactor,Velox,1,3", "FormFactor,Velox,1,3"),
    ],
)
def test_properties(name: str, query: str, answer: str, value: Any) -> None:
    if name == "version":
        value = "3.4.1"
    with expected_protocol(VeloxDriver, [(query, answer)]) as driver:
        assert getattr(driver, name) == value


def test_answers_with_codes() -> None:
    pairs = [
        ("SetChuckIndex 100.000000 200.000000 Y", "0:"),
        ("StepNextDie 1 2 0", "0: 1 2 0 1"),
        ("StepNextDie", "703: End of wafer."),
        ("StepNextDie 9 9 0", "702: Die does not exist."),
        ("StepNextDie 1 1 0", "0: somewhere"),
        ("Anything", "x: y"),
    ]
    with expected_protocol(VeloxDriver, pairs) as driver:
        driver.chuck.index = (100, 200)
        assert driver.step_to(1, 2, 0) == (1, 2, 0)
        driver.wafermap.step_next_die()
        assert driver.wafermap.end_reached
        with pytest.raises(InstrumentError, match="702: Die does not exist"):
            driver.step_to(9, 9, 0)
        assert driver.error_code == 702
        with pytest.raises(LinkError, match="no place on a wafer"):
            driver.step_to(1, 1, 0)
        with pytest.raises(LinkError, match="x: y"):
            driver.ask("Anything")


def test_role(manager: pyvisa.ResourceManager) -> None:
    prober, wafer = Velox(PROBER, visa_library=manager.visalib), bench_of(manager).wafer
    assert isinstance(prober, Prober)
    assert wafer is not None
    prober.move_to_die(2, 2, 1)
    assert not prober.is_in_contact
    prober.contact()
    assert prober.is_in_contact
    assert wafer.touched == (2, 2, 1)
    prober.move_to_die(1, 1)
    assert wafer.touched is None
    prober.contact()
    prober.safe()
    assert wafer.touched is None
    with pytest.raises(InstrumentError, match="702: Die does not exist: column 3"):
        prober.move_to_die(3, 1)


def test_moves_that_did_not_happen_are_seen(manager: pyvisa.ResourceManager) -> None:
    prober = Velox(PROBER, visa_library=manager.visalib)
    port = bench_of(manager).ports[PROBER]
    prober.driver.ask("SetChuckHeight C R")
    with pytest.raises(InstrumentError, match="21: Contact height is not set"):
        prober.contact()
    prober.driver.ask("SetChuckHeight C V Y 9000")
    port.add_fault(Fault(kind="interlock", on="MoveChuckSep"))
    with pytest.raises(InstrumentError, match="chamber door is open"):
        prober.safe()


def test_elsewhere_is_an_error() -> None:
    pairs = [
        ("MoveChuckSeparation 100", "0:"),
        ("ReadChuckHeights Y", "0: 10000 0 100 300 100"),
        ("ReadChuckPosition Y H", "0: 0 0 9700"),
        ("StepNextDie 1 2 0", "0: 1 1 0 1"),
    ]
    with (
        expected_protocol(Velox, pairs) as prober,
        pytest.raises(ReadbackError, match="the prober is at 1, 1, 0"),
    ):
        prober.move_to_die(1, 2)


def test_a_meter_finds_what_the_wafer_is(tmp_path: Path) -> None:
    frame = "TCPIP0::192.0.2.1::1225::SOCKET"
    path = tmp_path / "bench.toml"
    path.write_text(
        f"""[simulated]
seed = 2
[simulated.wafer]
columns = 4
rows = 3
opens = 0.3
shorts = 0.3
short_ohm = 50.0
[[simulated.instruments]]
address = "{PROBER}"
model = "Velox"
[[simulated.instruments]]
address = "{frame}"
model = "4200A-SCS"
terminals = {{ 1 = "input" }}
"""
    )
    manager = pyvisa.ResourceManager(f"{path}@labbench")
    bench = bench_of(manager)
    prober = Velox(PROBER, visa_library=manager.visalib)
    meter = Keithley4200A(frame, visa_library=manager.visalib)
    wafer = bench.wafer
    assert wafer is not None
    meter.source_voltage(0.05, 1e-2)
    states = set()
    for die in wafer.dies:
        prober.move_to_die(*die)
        prober.contact()
        current_a = abs(meter.measure().current_a)
        # A good neuron lets its gate charge at first; 50 Ohm carry a milliampere.
        state = wafer.truth(die).state
        states.add(state)
        assert (current_a > 5e-4) == (state == "short")
        if state == "open":
            assert current_a < 1e-13
    assert states == {"good", "open", "short"}
    meter.safe()
    prober.safe()
    manager.close()
