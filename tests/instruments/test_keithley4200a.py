"""Our drivers of the 4200A: byte by byte, and in their roles on the simulated bench."""

from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvisa
from pymeasure.test import expected_protocol

from instruments.keithley4200a import Keithley4200A, Keithley4200ADriver, parse_reading
from instruments.keithley4200a_pulse import Keithley4200APulse, PulseDriver
from instruments.roles import PulseSource, Reading, SourceMeter
from instruments.simulated.bench import bench_of
from instruments.simulated.faults import Fault
from labbench.errors import InstrumentError, LinkError, ReadbackError, StimulusError
from labbench.stimulus import Pulse, PulseTrain, Waveform

FRAME = "TCPIP0::192.0.2.1::1225::SOCKET"
OPTIONS = ("*OPT?", "SMUPA1,SMUPA2,PMU1,PMU1RPM1-1")


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[pyvisa.ResourceManager]:
    path = tmp_path / "bench.toml"
    path.write_text(
        f"""[simulated]
[simulated.devices.load]
resistance_ohm = 1e4
[[simulated.instruments]]
address = "{FRAME}"
model = "4200A-SCS"
terminals = {{ 1 = "top", 5 = "top" }}
"""
    )
    manager = pyvisa.ResourceManager(f"{path}@labbench")
    yield manager
    manager.close()


@pytest.fixture
def meter(manager: pyvisa.ResourceManager) -> Keithley4200A:
    return Keithley4200A(FRAME, visa_library=manager.visalib)


@pytest.fixture
def source(manager: pyvisa.ResourceManager) -> Keithley4200APulse:
    clock = bench_of(manager).clock
    return Keithley4200APulse(
        FRAME, visa_library=manager.visalib, clock=clock, current_range_a=1e-3
    )


def test_settings_of_an_smu() -> None:
    pairs = [
        OPTIONS,
        ("US;DV2,0,1.23456789,1.00000001e-07", "ACK"),
        ("US;DI2,9,0.0123456789,5", "ACK"),
        ("IT3", "ACK"),
        ("RS7", "ACK"),
        ("US;TV2", "CBV-1.5"),
        ("US;TI2", "NBI 1.000000E-06"),
        ("*IDN?", "KEITHLEY INSTRUMENTS,KI4200A,1,V1.14"),
        (":ERROR:LAST:GET", ""),
        (":ERROR:LAST:GET", "Failure. (-992)"),
        (":ERROR:LAST:CLEAR", "ACK"),
    ]
    with expected_protocol(Keithley4200ADriver, pairs) as driver:
        driver.smu[2].voltage_setpoint = (0, 1.23456789, 1.00000001e-7)
        driver.smu[2].current_setpoint = (9, 0.0123456789, 5)
        driver.integration = 3
        driver.resolution = 7
        assert driver.smu[2].read_voltage() == ("C", -1.5)
        assert driver.smu[2].read_current() == ("N", 1e-6)
        assert driver.identity.startswith("KEITHLEY")
        assert driver.check_errors() == []
        with pytest.raises(InstrumentError, match="Failure"):
            driver.check_errors()


@pytest.mark.parametrize(
    ("name", "value", "command"),
    [
        ("output", True, ":PMU:OUTPUT:STATE 2, 1"),
        ("source_range_v", 40, ":PMU:SOURCE:RANGE 2, 40"),
        ("load_ohm", 1e6 / 3, ":PMU:LOAD 2, 333333.333"),
        ("current_range_a", 1e-6, ":PMU:MEASURE:RANGE 2, 2, 1e-06"),
    ],
)
def test_settings_of_a_pulse_channel(name: str, value: Any, command: str) -> None:
    with expected_protocol(PulseDriver, [OPTIONS, (command, "ACK")]) as driver:
        setattr(driver.pulse[2], name, value)


def test_queries_of_the_pulse_card() -> None:
    pairs = [
        OPTIONS,
        (":PMU:TEST:STATUS?", "1"),
        (":PMU:DATA:COUNT? 1", "2"),
        (":PMU:DATA:COUNT? 1", "2"),
        (":PMU:DATA:GET 1, 0, 2048", "1,1e-3,0,0;2,2e-3,5e-9,0"),
        (":PMU:DATA:COUNT? 1", "2"),
        (":PMU:DATA:GET 1, 0, 2048", "1,1e-3,0,0"),
    ]
    with expected_protocol(PulseDriver, pairs) as driver:
        assert driver.is_running is True
        assert driver.pulse[1].points == 2
        assert driver.pulse[1].read_points()[1].tolist() == [2, 2e-3, 5e-9, 0]
        with pytest.raises(LinkError, match="1 points instead of 2"):
            driver.pulse[1].read_points()


@pytest.mark.parametrize(
    ("name", "value"),
    [("output", 2), ("source_range_v", 20), ("load_ohm", 0.5), ("current_range_a", 3e-6)],
)
def test_impossible_settings_are_not_sent(name: str, value: Any) -> None:
    with (
        expected_protocol(PulseDriver, [OPTIONS]) as driver,
        pytest.raises(ValueError, match=f"{value:g} is n|2 is neither"),
    ):
        setattr(driver.pulse[1], name, value)


def test_reading() -> None:
    assert parse_reading("VAI 7.0000E+22\n") == ("V", inf)
    with pytest.raises(ValueError, match="no reading"):
        parse_reading("ACK")


def test_source_meter_in_its_role(meter: Keithley4200A) -> None:
    assert isinstance(meter, SourceMeter)
    assert not meter.is_output_on
    meter.source_voltage(1.5, 1e-3)
    assert meter.is_output_on
    reading = meter.measure()
    assert (reading.voltage_v, reading.current_a) == pytest.approx((1.5, 1.5e-4), rel=1e-3)
    assert not reading.in_compliance
    meter.source_voltage(1.5, 1e-5)
    assert meter.measure() == Reading(
        pytest.approx(0.1, rel=1e-3), pytest.approx(1e-5, rel=1e-3), True
    )
    meter.safe()
    assert not meter.is_output_on
    with pytest.raises(StimulusError, match="a tenth of it above 21 V"):
        meter.source_voltage(100, 0.05)


def test_a_limit_that_does_not_act_switches_off(
    meter: Keithley4200A, manager: pyvisa.ResourceManager
) -> None:
    meter.source_voltage(1.0, 5e-5)
    meter.measure()
    bench_of(manager).ports[FRAME].add_fault(Fault(kind="compliance", value=1e-2, on="TV"))
    with pytest.raises(ReadbackError, match="A with a limit of 5e-05 A; its output is off"):
        meter.measure()
    assert not meter.is_output_on


def test_broken_links_and_refusals(meter: Keithley4200A, manager: pyvisa.ResourceManager) -> None:
    port = bench_of(manager).ports[FRAME]
    port.add_fault(Fault(kind="mute", on="TV"))
    meter.source_voltage(1.0, 1e-3)
    with pytest.raises(LinkError, match="TV1"):
        meter.measure()
    meter.safe()
    port.add_fault(Fault(kind="interlock", on="DV"))
    with pytest.raises(InstrumentError, match="interlock is open"):
        meter.source_voltage(60.0, 1e-3)


def test_pulse_source_in_its_role(
    source: Keithley4200APulse, manager: pyvisa.ResourceManager
) -> None:
    assert isinstance(source, PulseSource)
    edges: list[float] = []
    bench_of(manager).instruments[FRAME].edge_listeners.append(edges.append)
    train = PulseTrain((Pulse(1e-6, 2e-6, 1.5, 1e-7, 1e-7),), duration_s=1e-5, rest_s=1e-3)
    emitted = source.load(train)
    assert not source.is_output_on
    source.arm()
    source.trigger()
    trace = source.read()
    assert len(edges) == 1
    time_s = trace.uneven_time_s
    assert time_s is not None
    assert time_s[-1] == pytest.approx(1e-5, abs=1e-8)
    assert emitted.sample(time_s) == pytest.approx(train.sample(time_s), abs=1e-9)
    assert trace.channels["voltage"].values == pytest.approx(train.sample(time_s), abs=0.03)
    assert trace.channels["current"].values == pytest.approx(
        train.sample(time_s) / 10_050, abs=2e-6
    )
    source.safe()
    assert not source.is_output_on
    with pytest.raises(StimulusError, match="load one before arming"):
        source.arm()


def test_steps_become_edges(source: Keithley4200APulse) -> None:
    step = Waveform(np.array([1e-6, 1e-6, 2e-6]), np.array([0.0, 1.0, 1.0]), duration_s=3e-6)
    corner_s, level_v = source.load(step).breakpoints()
    assert corner_s == pytest.approx([0, 1e-6, 1.02e-6, 2e-6, 2.02e-6, 3e-6])
    assert level_v.tolist() == [0, 0, 1, 1, 0, 0]
    high = Waveform(np.array([0.0, 1e-6]), np.array([20.0, 20.0]), duration_s=3e-6)
    assert source.load(high).breakpoints()[0][1] == pytest.approx(1e-7)


def test_stimuli_beyond_the_card(source: Keithley4200APulse) -> None:
    many = Waveform(np.arange(3000) * 1e-6, np.arange(3000) % 2 * 1.0, duration_s=3e-3)
    with pytest.raises(StimulusError, match="segments, the pulse card has 2048"):
        source.load(many)
    with pytest.raises(StimulusError, match="50 V is beyond"):
        source.load(Waveform(np.array([0.0, 1e-6]), np.array([50.0, 0.0]), duration_s=1e-6))
    with pytest.raises(StimulusError, match="in A"):
        source.load(Waveform(np.array([0.0]), np.array([0.0]), duration_s=1e-6, unit="A"))


def test_long_stimuli_go_in_several_commands(source: Keithley4200APulse) -> None:
    ramp = Waveform(np.arange(900) * 1e-6, np.arange(900) % 2 * 0.1, duration_s=1e-3)
    source.load(ramp)
    source.arm()
    source.trigger()
    source.safe()
    assert not source.driver.is_running


@pytest.mark.parametrize("driver", [Keithley4200A, Keithley4200APulse])
def test_channels_that_are_not_there(manager: pyvisa.ResourceManager, driver: Any) -> None:
    with pytest.raises(InstrumentError, match=r"1, 2.*, not 7"):
        driver(FRAME, visa_library=manager.visalib, channel=7)


def test_a_sweep_goes_point_by_point(manager: pyvisa.ResourceManager) -> None:
    meter = Keithley4200A(FRAME, visa_library=manager.visalib, clock=bench_of(manager).clock)
    levels = np.linspace(0.0, 2.0, 11)
    found = meter.sweep(levels, 1.1e-4, 0.2)
    expected_a = np.minimum(levels / 1e4, 1.1e-4)
    np.testing.assert_allclose(found.current_a, expected_a, rtol=0.02, atol=1e-7)
    np.testing.assert_array_equal(found.in_compliance, levels > 1.1)
    # The readings come after the dwell.
    assert np.diff(found.time_s) == pytest.approx(0.24, rel=0.05)
    assert found.check is not None
    assert found.check.in_compliance
    assert not meter.is_output_on
    with pytest.raises(StimulusError, match="at least one level"):
        meter.sweep([], 1e-4, 0.1)
