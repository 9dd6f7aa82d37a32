"""Our 2636B driver: its bytes one by one, and its role against the simulated instrument."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import pyvisa
from pymeasure.test import expected_protocol

from instruments.keithley2600 import Keithley2600, Keithley2600Driver
from instruments.keithley2600_channel import SourceMeterChannel
from instruments.roles import Reading, SourceMeter
from instruments.simulated.bench import SimulatedBench, bench_of
from instruments.simulated.faults import Fault
from labbench.bench.opening import DRIVERS
from labbench.errors import InstrumentError, LinkError, ReadbackError, StimulusError

INIT = ("format.data = format.ASCII format.asciiprecision = 10", None)
OK = ("print(errorqueue.next())", "0.000000000e+00\tQueue Is Empty\t0.000000000e+00\t1")
METER = "GPIB0::26::INSTR"
R_A_OHM, R_B_OHM = 1e4, 1e6

NUMBERS = {
    "source_voltage": "source.levelv",
    "source_current": "source.leveli",
    "limit_current": "source.limiti",
    "limit_voltage": "source.limitv",
    "limit_power": "source.limitp",
    "source_range_voltage": "source.rangev",
    "source_range_current": "source.rangei",
    "range_voltage": "measure.rangev",
    "range_current": "measure.rangei",
    "low_range_current": "measure.lowrangei",
    "nplc": "measure.nplc",
    "measure_delay": "measure.delay",
    "source_delay": "source.delay",
}
FLAGS = {
    "is_source_autorange_voltage": "source.autorangev",
    "is_source_autorange_current": "source.autorangei",
    "is_autorange_voltage": "measure.autorangev",
    "is_autorange_current": "measure.autorangei",
    "is_four_wire": "sense",
    "is_high_capacitance": "source.highc",
}
CHOICES = {
    "source_mode": ("source.func", "voltage", 1),
    "autozero": ("measure.autozero", "auto", 2),
    "off_mode": ("source.offmode", "high impedance", 2),
    "output": ("source.output", "on", 1),
}


@pytest.mark.parametrize(("name", "attribute"), NUMBERS.items())
def test_numbers_have_ten_digits(name: str, attribute: str) -> None:
    pairs = [
        INIT,
        (f"smub.{attribute} = 1.234567891e-01", None),
        OK,
        (f"print(smub.{attribute})", "1.234567891e-01"),
    ]
    with expected_protocol(Keithley2600Driver, pairs) as driver:
        setattr(driver.smub, name, 0.12345678912)
        assert getattr(driver.smub, name) == 0.1234567891
    with expected_protocol(Keithley2600Driver, [INIT]) as driver, pytest.raises(ValueError):
        setattr(driver.smub, name, -1e6)


@pytest.mark.parametrize(("name", "attribute"), FLAGS.items())
def test_flags(name: str, attribute: str) -> None:
    pairs = [INIT, (f"smua.{attribute} = 1", None), OK, (f"print(smua.{attribute})", "0.0e+00")]
    with expected_protocol(Keithley2600Driver, pairs) as driver:
        setattr(driver.smua, name, True)
        assert getattr(driver.smua, name) is False


@pytest.mark.parametrize("name", CHOICES)
def test_choices(name: str) -> None:
    attribute, word, number = CHOICES[name]
    pairs = [
        INIT,
        (f"smua.{attribute} = {number}", None),
        OK,
        (f"print(smua.{attribute})", f"{number:.9e}"),
    ]
    with expected_protocol(Keithley2600Driver, pairs) as driver:
        setattr(driver.smua, name, word)
        assert getattr(driver.smua, name) == word
        with pytest.raises(ValueError):
            setattr(driver.smua, name, "sideways")


def test_no_property_is_left_out() -> None:
    ours = {name for name, value in vars(SourceMeterChannel).items() if isinstance(value, property)}
    assert ours == {*NUMBERS, *FLAGS, *CHOICES, "is_limited"}


def test_measurements_and_errors() -> None:
    measure = (
        "do local i, v = smua.measure.iv() "
        "print(i, v, status.measurement.instrument.smua.condition) end"
    )
    pairs = [
        INIT,
        ("print(smua.source.compliance)", "true"),
        ("print(localnode.linefreq)", "6.000000000e+01"),
        (measure, "1.000000000e-07\t5.000000000e-01\t2.000000000e+00"),
        (measure, "9.910000000e+37\t5.000000000e-01\t1.280000000e+02"),
        ("smua.reset()", None),
        ("print(errorqueue.next())", "1.101000000e+03\tParameter too big\t2.0e+01\t1.0e+00"),
        OK,
        ("print(errorqueue.next())", "nonsense"),
    ]
    with expected_protocol(Keithley2600Driver, pairs) as driver:
        assert driver.smua.is_limited is True
        assert driver.line_frequency == 60
        assert driver.smua.measure() == Reading(0.5, 1e-7, True)
        assert driver.smua.measure() == Reading(0.5, float("inf"), False)
        driver.smua.reset()
        with pytest.raises(InstrumentError, match=r"1101 Parameter too big after 'smua.reset\(\)'"):
            driver.check_errors()
        with pytest.raises(LinkError, match="nonsense"):
            driver.check_errors()


def test_buffers_come_in_binary() -> None:
    ask = (
        "format.data = format.REAL64 format.byteorder = format.LITTLEENDIAN "
        f"printbuffer(1, 2, smua.nvbuffer1.readings) {INIT[0]}"
    )
    good = b"#0" + struct.pack("<2d", 1.5, 1e-12) + b"\n"
    with expected_protocol(Keithley2600Driver, [INIT, (ask.encode(), good)]) as driver:
        values = driver.read_buffer("smua.nvbuffer1.readings", 2)
        assert values.tolist() == [1.5, 1e-12]
    with (
        expected_protocol(Keithley2600Driver, [INIT, (ask.encode(), b"ni")]) as driver,
        pytest.raises(LinkError, match="in front"),
    ):
        driver.read_buffer("smua.nvbuffer1.readings", 2)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[pyvisa.ResourceManager]:
    path = tmp_path / "meter.toml"
    path.write_text(
        f"""visa = "@labbench"
[simulated.devices.a]
resistance_ohm = {R_A_OHM}
[simulated.devices.b]
resistance_ohm = {R_B_OHM}
[[simulated.instruments]]
address = "{METER}"
model = "2636B"
terminals = {{ 1 = "a.top", 2 = "b.top" }}
"""
    )
    manager = pyvisa.ResourceManager(f"{path}@labbench")
    yield manager
    manager.close()


@pytest.fixture
def bench(manager: pyvisa.ResourceManager) -> SimulatedBench:
    return bench_of(manager)


def role(manager: pyvisa.ResourceManager, channel: int = 1) -> Keithley2600:
    clock = bench_of(manager).clock
    return Keithley2600(METER, visa_library=manager.visalib, clock=clock, channel=channel)


def test_the_role_on_each_channel(manager: pyvisa.ResourceManager) -> None:
    for channel, ohm in ((1, R_A_OHM), (2, R_B_OHM)):
        smu = role(manager, channel)
        assert isinstance(smu, SourceMeter)
        assert "2636B" in smu.identity
        assert not smu.is_output_on
        smu.source_voltage(0.5, 1e-3)
        assert smu.is_output_on
        reading = smu.measure()
        assert reading.voltage_v == pytest.approx(0.5, rel=1e-3)
        assert reading.current_a == pytest.approx(0.5 / ohm, rel=1e-3)
        assert not reading.in_compliance
        smu.source_voltage(0.5, 1e-7)
        reading = smu.measure()
        assert reading.current_a == pytest.approx(1e-7, rel=1e-3)
        assert reading.in_compliance
        smu.safe()
        assert not smu.is_output_on
        assert smu.smu.source_voltage == 0
    assert DRIVERS["keithley2600"] == (SourceMeter, "instruments.keithley2600:Keithley2600")
    with pytest.raises(StimulusError, match="channels 1 and 2: asked for 3"):
        role(manager, 3)


@pytest.mark.parametrize(
    ("level_v", "limit_a"), [(201, 1e-3), (1, 0), (1, 1.6), (50, 0.2), (1, 1e-11)]
)
def test_what_it_cannot_force_is_refused(
    manager: pyvisa.ResourceManager, level_v: float, limit_a: float
) -> None:
    smu = role(manager)
    with pytest.raises(StimulusError, match="A 2636B forces up to 200 V"):
        smu.source_voltage(level_v, limit_a)
    assert not smu.is_output_on


def test_a_limit_that_is_not_taken_keeps_the_output_off(
    manager: pyvisa.ResourceManager, bench: SimulatedBench
) -> None:
    smu = role(manager)
    bench.ports[METER].add_fault(Fault(kind="refuse", on="limiti = "))
    with pytest.raises(ReadbackError, match=r"0.1 A at smua instead of 1e-06 A; its output is off"):
        smu.source_voltage(0.5, 1e-6)
    assert not smu.is_output_on


def test_a_limit_that_a_reading_changed_switches_the_output_off(
    manager: pyvisa.ResourceManager, bench: SimulatedBench
) -> None:
    smu = role(manager)
    smu.source_voltage(0.5, 1e-6)
    bench.ports[METER].add_fault(Fault(kind="compliance", on="measure", value=0.05))
    with pytest.raises(ReadbackError, match=r"0.05 A at smua instead of 1e-06 A"):
        smu.measure()
    assert not smu.is_output_on


def test_safe_says_if_the_output_stays_on(
    manager: pyvisa.ResourceManager, bench: SimulatedBench
) -> None:
    smu = role(manager)
    smu.source_voltage(0.5, 1e-3)
    bench.ports[METER].add_fault(Fault(kind="refuse", on="output = 0"))
    with pytest.raises(ReadbackError, match="output of smua is still on"):
        smu.safe()
    smu.source_voltage(0.5, 1e-3)
    bench.ports[METER].add_fault(Fault(kind="refuse", on="levelv = 0"))
    with pytest.raises(ReadbackError, match=r"level of smua is 0.5 V, 0 A"):
        smu.safe()
    smu.safe()
    assert not smu.is_output_on


def test_linear_and_list_sweeps(manager: pyvisa.ResourceManager) -> None:
    smu = role(manager, 2)
    smu.source_voltage(0, 1e-3)
    channel = smu.smu
    channel.nplc = 0.1
    found = channel.sweep_linear(0, 1, 21)
    np.testing.assert_allclose(found.voltage_v, np.linspace(0, 1, 21), atol=1e-3)
    np.testing.assert_allclose(found.current_a, found.voltage_v / R_B_OHM, atol=2e-9)
    assert np.all(np.diff(found.time_s) > 0)
    assert not found.in_compliance.any()
    levels = np.sin(np.linspace(0, 6, 130))
    channel.limit_current = 5e-7
    found = channel.sweep_list(levels)
    expected_a = np.clip(levels / R_B_OHM, -5e-7, 5e-7)
    np.testing.assert_allclose(found.current_a, expected_a, atol=2e-9)
    np.testing.assert_array_equal(found.in_compliance, np.abs(levels) > 0.5)
    assert channel.source_voltage == 0
    with pytest.raises(InstrumentError, match="Parameter too big"):
        channel.sweep_list([0, 500])
    with pytest.raises(StimulusError, match="1 to 50000 points: asked for 0"):
        channel.sweep_list([])


@pytest.mark.parametrize("dwell_s", [2e-4, 2e-2])
def test_a_sweep_of_the_role(
    manager: pyvisa.ResourceManager, bench: SimulatedBench, dwell_s: float
) -> None:
    smu = role(manager, 2)
    levels = np.linspace(-1, 1, 41)
    before = smu.smu.nplc, smu.smu.source_delay, smu.smu.autozero
    found = smu.sweep(levels, 5.1e-7, dwell_s)
    np.testing.assert_array_equal(found.level_v, levels)
    np.testing.assert_allclose(
        found.current_a, np.clip(levels / R_B_OHM, -5.1e-7, 5.1e-7), atol=2e-9
    )
    np.testing.assert_array_equal(found.in_compliance, np.abs(levels) > 0.51)
    assert np.diff(found.time_s) == pytest.approx(dwell_s, rel=0.05)
    assert found.check is not None
    assert found.check.read_back == pytest.approx(5.1e-7)
    assert found.check.in_compliance
    assert not smu.is_output_on
    assert (smu.smu.nplc, smu.smu.source_delay, smu.smu.autozero) == before
    assert smu.smu.off_mode == "high impedance"
    with pytest.raises(StimulusError, match="forces up to 200 V"):
        smu.sweep([0.0, 300.0], 1e-6, dwell_s)


def test_a_sweep_that_never_ends_is_told(manager: pyvisa.ResourceManager) -> None:
    smu = role(manager)
    smu.driver.write("smua.trigger.arm.stimulus = trigger.EVENT_ID smua.trigger.initiate()")
    with pytest.raises(InstrumentError, match="still works"):
        smu.driver.wait_until_zero("status.operation.sweeping.condition", longest_s=2.0)
    smu.safe()
    smu.driver.wait_until_zero("status.operation.sweeping.condition")


@pytest.mark.parametrize("count", [1, 6])
def test_pulses(manager: pyvisa.ResourceManager, bench: SimulatedBench, count: int) -> None:
    smu = role(manager)
    smu.source_voltage(0.1, 1e-2)
    channel = smu.smu
    channel.nplc = 0.01
    channel.source_range_voltage = 2
    channel.range_current = 1e-3
    terminal = bench.instruments[METER]._terminals[1]
    terminal.watch(bench.clock.now())
    levels = [1.0, 1.5, 0.5, 2.0, 1.0, 1.2][:count]
    found = channel.pulses(levels, 1e-3, 5e-3)
    np.testing.assert_allclose(found.voltage_v, levels, rtol=1e-3)
    np.testing.assert_allclose(found.current_a, np.array(levels) / R_A_OHM, rtol=1e-2)
    np.testing.assert_allclose(np.diff(found.time_s), 5e-3, atol=2e-6)
    assert channel.source_voltage == pytest.approx(0.1)
    corner_s, level_v = terminal.line.corner_s, terminal.line.level
    at_v = np.interp(corner_s[0] + np.arange(0, 1, 1e-4), corner_s, level_v)
    assert np.sum(at_v > 0.2) == pytest.approx(10 * count, abs=count)
    with pytest.raises(StimulusError, match="has no room for a reading"):
        channel.pulses([1.0], 1e-4, 1e-3)
