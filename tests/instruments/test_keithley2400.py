"""Our driver of the 2400: what it sends, and what it makes of a simulated one."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import pyvisa
from pymeasure.test import expected_protocol

from instruments.keithley2400 import Keithley2400, Keithley2400Driver
from instruments.roles import ComplianceCheck
from instruments.simulated.bench import bench_of
from instruments.simulated.faults import Fault
from labbench.errors import InstrumentError, LinkError, ReadbackError, StimulusError

SMU = "GPIB0::24::INSTR"
OK = ("SYST:ERR?", '0,"No error"')
INIT = (":FORMAT:ELEMENTS VOLTAGE, CURRENT, RESISTANCE, TIME, STATUS", None)


@pytest.mark.parametrize(
    ("name", "value", "command", "query", "answer"),
    [
        ("source_voltage", 0.123456789, ":SOURCE:VOLTAGE 0.123456789", ":SOURCE:VOLTAGE?", None),
        (
            "compliance_current", 1e-7, ":SENSE:CURRENT:PROTECTION 1e-07",
            ":SENSE:CURRENT:PROTECTION?", "1.000000E-07",
        ),
        (
            "source_voltage_shape", "LIST", ":SOURCE:VOLTAGE:MODE LIST",
            ":SOURCE:VOLTAGE:MODE?", "LIST",
        ),
        ("buffer_points", 2500, ":TRACE:POINTS 2500", ":TRACE:POINTS?", "2500"),
        ("transfer_format", "binary", ":FORMAT:DATA REAL,32", ":FORMAT:DATA?", "REAL,32"),
        ("byte_order", "SWAP", ":FORMAT:BORDER SWAP", ":FORMAT:BORDER?", "SWAP"),
    ],
)  # fmt: skip
def test_controls(name: str, value: object, command: str, query: str, answer: str | None) -> None:
    pairs = [INIT, (command, None), OK, (query, answer or str(value))]
    with expected_protocol(Keithley2400Driver, pairs) as driver:
        setattr(driver, name, value)
        assert getattr(driver, name) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("source_voltage", 211.0),
        ("compliance_current", 1.06),
        ("source_voltage_shape", "RAMP"),
        ("buffer_points", 2501),
        ("transfer_format", "hex"),
        ("byte_order", "BIG"),
    ],
)
def test_controls_refuse(name: str, value: object) -> None:
    with expected_protocol(Keithley2400Driver, [INIT]) as driver, pytest.raises(ValueError):
        setattr(driver, name, value)


def test_measurements_and_lists() -> None:
    pairs = [
        INIT,
        (":SENSE:CURRENT:PROTECTION:TRIPPED?", "1"),
        (":TRACE:POINTS:ACTUAL?", "12"),
        (":SOURCE:LIST:VOLTAGE " + ",".join(["0.123456789"] * 100), None),
        (":SOURCE:LIST:VOLTAGE:APPEND 0.123456789", None),
        OK,
    ]
    with expected_protocol(Keithley2400Driver, pairs) as driver:
        assert driver.is_limit_tripped is True
        assert driver.buffer_count == 12
        driver.upload_levels(np.full(101, 0.123456789))


def test_the_buffer_is_read_in_both_formats() -> None:
    row = [0.5, 1e-6, 9.91e37, 0.25, 16392.0]
    for order, code in (("NORM", ">f4"), ("SWAP", "<f4")):
        block = b"#0" + np.array(row * 2).astype(code).tobytes() + b"\n"
        pairs = [
            INIT,
            (":FORMAT:DATA?", "REAL,32"),
            (":FORMAT:BORDER?", order),
            (":TRACE:POINTS:ACTUAL?", "2"),
            (b":TRACE:DATA?", block),
        ]
        with expected_protocol(Keithley2400Driver, pairs) as driver:
            assert driver.read_buffer() == pytest.approx(np.array([row, row]), rel=1e-6)
    text = ",".join(f"{value:+.6E}" for value in row)
    with expected_protocol(
        Keithley2400Driver, [INIT, (":FORMAT:DATA?", "ASC"), (":TRACE:DATA?", text)]
    ) as driver:
        assert driver.read_buffer() == pytest.approx(np.array([row]))
    pairs = [
        INIT, (":FORMAT:DATA?", "REAL,32"), (":FORMAT:BORDER?", "SWAP"),
        (":TRACE:POINTS:ACTUAL?", "1"), (b":TRACE:DATA?", b"+1"),
    ]  # fmt: skip
    with (
        expected_protocol(Keithley2400Driver, pairs) as driver,
        pytest.raises(LinkError, match="without a block"),
    ):
        driver.read_buffer()


@pytest.fixture
def meter(tmp_path: Path) -> Iterator[Keithley2400]:
    path = tmp_path / "bench.toml"
    path.write_text(
        "[simulated]\ndevices = { r = { resistance_ohm = 1e6 } }\n[[simulated.instruments]]\n"
        f'address = "{SMU}"\nmodel = "2400"\nterminals = {{ 1 = "top" }}\n'
    )
    manager = pyvisa.ResourceManager(f"{path}@labbench")
    clock = bench_of(manager).clock
    yield Keithley2400(SMU, visa_library=manager.visalib, clock=clock)
    manager.close()


def port(meter: Keithley2400):
    manager = meter.driver.adapter.connection.visalib.resource_manager
    return bench_of(manager).ports[SMU]


def test_what_became_of_a_limit_is_kept(meter: Keithley2400) -> None:
    assert meter.compliance is None
    check = meter.source_voltage(0.5, 1.0000000004e-6)
    assert check == ComplianceCheck("A", 1.0000000004e-6, "1e-06", 1e-6, False)
    assert meter.source_voltage(5.0, 1e-6).in_compliance
    meter.source_voltage(0.5, 1e-6)
    assert not meter.measure().in_compliance
    assert meter.compliance == ComplianceCheck("A", 1e-6, "1e-06", 1e-6, False)
    port(meter).add_fault(Fault(kind="compliance", on="READ", value=1e-3))
    with pytest.raises(ReadbackError, match=r"0\.001 A instead of 1e-06 A; its output is off"):
        meter.measure()
    assert not meter.is_output_on
    assert meter.compliance == ComplianceCheck("A", 1e-6, "1e-06", 1e-3, False)


@pytest.mark.parametrize("transfer", ["binary", "ascii"])
def test_a_sweep_goes_through_the_buffer(meter: Keithley2400, transfer: str) -> None:
    levels = np.linspace(-1.0, 2.0, 120)
    found = meter.sweep(levels, 1.5e-6, 0.13, transfer=transfer)
    assert found.voltage_v[levels < 1.4] == pytest.approx(levels[levels < 1.4], abs=1e-3)
    assert found.current_a == pytest.approx(np.minimum(levels, 1.5) * 1e-6, abs=3e-9)
    assert np.array_equal(found.in_compliance, levels > 1.5)
    assert np.diff(found.time_s) == pytest.approx(0.13, rel=0.2)
    assert found.check == meter.compliance
    assert meter.driver.current_nplc == 1.0
    assert not meter.is_output_on
    assert meter.compliance is not None
    assert meter.compliance.in_compliance
    meter.source_voltage(0.1, 1e-6)
    assert meter.measure().voltage_v == pytest.approx(0.1, abs=1e-4)


def test_the_whole_buffer(meter: Keithley2400) -> None:
    found = meter.sweep(np.zeros(2500), 1e-6, 1e-3)
    assert found.time_s.shape == (2500,)


def test_sweeps_that_cannot_be(meter: Keithley2400) -> None:
    for levels in (np.zeros(2501), np.zeros(0), [300.0], np.zeros((2, 2))):
        with pytest.raises(StimulusError):
            meter.sweep(levels, 1e-6, 1e-3)
    port(meter).add_fault(Fault(kind="trip", on="INIT"))
    with pytest.raises(InstrumentError, match=r"not filled its buffer of 2 readings"):
        meter.sweep([0.1, 0.2], 1e-6, 1e-3)
    assert not meter.is_output_on
