"""The bytes of our own properties, one by one."""

from typing import Any

import numpy as np
import pytest
from pymeasure.test import expected_protocol

from instruments.infiniivision import InfiniiVision, InfiniiVisionDriver
from instruments.keithley2400 import Keithley2400, Keithley2400Driver
from instruments.keysight33500 import Keysight33500Driver
from instruments.link import LinkedInstrument
from instruments.roles import Reading
from labbench.errors import InstrumentError, LinkError

OK = ("SYST:ERR?", '+0,"No error"')
INIT_2400 = (":FORMAT:ELEMENTS VOLTAGE, CURRENT, RESISTANCE, TIME, STATUS", None)


@pytest.mark.parametrize(
    ("name", "value", "command", "query", "answer"),
    [
        ("shape", "ARB", "SOUR2:FUNC ARB", "SOUR2:FUNC?", "ARB"),
        ("arb_name", "X", "SOUR2:FUNC:ARB X", "SOUR2:FUNC:ARB?", '"X"'),
        ("arb_rate_hz", 1e6 / 3, "SOUR2:FUNC:ARB:SRAT 333333.333333", None, None),
        ("arb_filter", "STEP", "SOUR2:FUNC:ARB:FILT STEP", "SOUR2:FUNC:ARB:FILT?", "STEP"),
        ("amplitude_v", 0.123456789, "SOUR2:VOLT 0.123456789", "SOUR2:VOLT?", "+1.23456789E-01"),
        ("offset_v", 1e-6, "SOUR2:VOLT:OFFS 1e-06", "SOUR2:VOLT:OFFS?", "+1.0E-06"),
        ("is_burst_on", True, "SOUR2:BURS:STAT 1", "SOUR2:BURS:STAT?", "1"),
        ("burst_cycles", 1, "SOUR2:BURS:NCYC 1", "SOUR2:BURS:NCYC?", "+1.0000E+00"),
        ("trigger_source", "BUS", "TRIG2:SOUR BUS", "TRIG2:SOUR?", "BUS"),
        ("is_output_on", False, "OUTP2 0", "OUTP2?", "0"),
        ("output_load", "INF", "OUTP2:LOAD INF", None, None),
    ],
)
def test_generator(name: str, value: Any, command: str, query: str | None, answer: str) -> None:
    pairs = [(command, None), OK] + ([(query, answer)] if query else [])
    with expected_protocol(Keysight33500Driver, pairs) as driver:
        setattr(driver.channels[2], name, value)
        if query:
            assert getattr(driver.channels[2], name) == value


def test_generator_sync_source() -> None:
    pairs = [("OUTP:SYNC:SOUR CH2", None), OK, ("OUTP:SYNC:SOUR?", "CH2")]
    with expected_protocol(Keysight33500Driver, pairs) as driver:
        driver.sync_source = "CH2"
        assert driver.sync_source == "CH2"


def test_generator_uploads_big_endian_codes() -> None:
    pairs = [
        ("SOUR1:DATA:VOL:CLE", None),
        (b"SOUR1:DATA:ARB:DAC LABBENCH,#14\x00\x01\x80\x01", None),
        OK,
        ("SOUR1:FUNC:ARB LABBENCH", None),
        OK,
    ]
    with expected_protocol(Keysight33500Driver, pairs) as driver:
        driver.channels[1].upload(np.array([1, -32767], np.int16))


@pytest.mark.parametrize(
    ("name", "value", "command", "query", "answer"),
    [
        ("timebase_range_s", 50e-9, ":TIM:RANG 5e-08", ":TIM:RANG?", "+5.0E-08"),
        ("timebase_position_s", 0.0, ":TIM:POS 0", ":TIM:POS?", "+0.0E+00"),
        ("timebase_reference", "CENT", ":TIM:REF CENT", ":TIM:REF?", "CENT"),
        ("trigger_source", "EXT", ":TRIG:EDGE:SOUR EXT", ":TRIG:EDGE:SOUR?", "EXT"),
        ("trigger_level_v", 1.0, ":TRIG:EDGE:LEV 1", ":TRIG:EDGE:LEV?", "+1.0E+00"),
        ("trigger_sweep", "NORM", ":TRIG:SWE NORM", ":TRIG:SWE?", "NORM"),
        ("acquire_type", "HRES", ":ACQ:TYPE HRES", ":ACQ:TYPE?", "HRES"),
        ("record_points", 5000, ":WAV:POIN 5000", ":WAV:POIN?", "5000"),
        ("record_points", 4000000, ":WAV:POIN 4000000", ":WAV:POIN?", "+4000000"),
        ("points_mode", "RAW", ":WAV:POIN:MODE RAW", ":WAV:POIN:MODE?", "RAW"),
        ("trigger_slope", "NEG", ":TRIG:EDGE:SLOP NEG", ":TRIG:EDGE:SLOP?", "NEG"),
        ("trigger_holdoff_s", 1e-6, ":TRIG:HOLD 1e-06", ":TRIG:HOLD?", "+1.0E-06"),
        ("acquire_mode", "SEGM", ":ACQ:MODE SEGM", ":ACQ:MODE?", "SEGM"),
        ("segment_count", 25, ":ACQ:SEGM:COUN 25", ":ACQ:SEGM:COUN?", "25"),
        ("segment_index", 3, ":ACQ:SEGM:IND 3", ":ACQ:SEGM:IND?", "+3"),
    ],
)
def test_scope(name: str, value: Any, command: str, query: str, answer: str) -> None:
    with expected_protocol(InfiniiVisionDriver, [(command, None), OK, (query, answer)]) as driver:
        setattr(driver, name, value)
        assert getattr(driver, name) == value


@pytest.mark.parametrize(
    ("name", "value", "command", "query", "answer"),
    [
        ("range_v", 0.8, ":CHAN3:RANG 0.8", ":CHAN3:RANG?", "+8.0E-01"),
        ("offset_v", 0.25, ":CHAN3:OFFS 0.25", ":CHAN3:OFFS?", "+2.5E-01"),
        ("is_displayed", True, ":CHAN3:DISP 1", ":CHAN3:DISP?", "1"),
        ("coupling", "DC", ":CHAN3:COUP DC", ":CHAN3:COUP?", "DC"),
        ("is_bandwidth_limited", True, ":CHAN3:BWL 1", ":CHAN3:BWL?", "1"),
        ("impedance_ohm", 50, ":CHAN3:IMP FIFT", ":CHAN3:IMP?", "FIFT"),
        ("probe_attenuation", 10.0, ":CHAN3:PROB 10", ":CHAN3:PROB?", "+1.0E+01"),
    ],
)
def test_scope_channel(name: str, value: Any, command: str, query: str, answer: str) -> None:
    with expected_protocol(InfiniiVisionDriver, [(command, None), OK, (query, answer)]) as driver:
        setattr(driver.channels[3], name, value)
        assert getattr(driver.channels[3], name) == value


def test_scope_record() -> None:
    pairs = [
        (":WAV:SOUR CHAN1", None),
        (":WAV:PRE?", "1,3,3,1,1.0E-06,-5.0E-04,0,1.0E-05,2.5E-01,32768"),
        (":WAV:DATA?", b"#16\x01\x00\x00\x80\xff\xff\n"),
        (":AER?", "+1"),
        (":OPER:COND?", "+8"),
    ]
    with expected_protocol(InfiniiVision, pairs) as scope:
        channel, start_s, interval_s = scope._read_channel(1)
        assert scope.driver.is_armed is True
        assert scope.driver.is_running is True
    assert (start_s, interval_s) == (-5e-4, 1e-6)
    assert channel.values[1] == pytest.approx(0.25)
    assert channel.is_censored.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("name", "query", "answer", "value"),
    [
        ("segments_acquired", ":WAV:SEGM:COUN?", "+12", 12),
        ("time_tag_s", ":WAV:SEGM:TTAG?", "+1.5E-03", 1.5e-3),
        ("acquired_points", ":ACQ:POIN?", "+2000000", 2_000_000),
        ("sample_rate_hz", ":ACQ:SRAT?", "+2.5E+09", 2.5e9),
    ],
)
def test_scope_state(name: str, query: str, answer: str, value: Any) -> None:
    with expected_protocol(InfiniiVisionDriver, [(query, answer)]) as driver:
        assert getattr(driver, name) == value


def test_source_meter_settings() -> None:
    pairs = [
        INIT_2400,
        (":SOURCE:VOLTAGE 1.23456789", None),
        OK,
        (":SOURCE:VOLTAGE?", "1.234568E+00"),
        (":SENSE:CURRENT:PROTECTION 1.00000001e-07", None),
        OK,
        (":SENSE:CURRENT:PROTECTION?", "1.000000E-07"),
    ]
    with expected_protocol(Keithley2400Driver, pairs) as driver:
        driver.source_voltage = 1.23456789
        assert driver.source_voltage == 1.234568
        driver.compliance_current = 1.00000001e-7
        assert driver.compliance_current == 1e-7


def test_source_meter_reads_by_read_and_overflow_is_infinite() -> None:
    def reading(text: str) -> list[tuple[str, str | None]]:
        return [
            (":SENSE:RESISTANCE:MODE MAN", None),
            (":SENSE:FUNCTION:ALL", None),
            (":READ?", text),
        ]

    pairs = [
        INIT_2400,
        *reading("5.0E-01,1.0E-06,9.91E37,1.0,16392"),
        *reading("5.0E-01,9.9E37,9.91E37,1.0,16385"),
    ]
    with expected_protocol(Keithley2400, pairs) as meter:
        assert meter.measure() == Reading(0.5, 1e-6, True)
        assert meter.measure() == Reading(0.5, np.inf, False)


def test_errors_of_the_queue_name_the_command() -> None:
    pairs = [
        (":TIM:RANG 1", None),
        ("SYST:ERR?", '-222,"Data out of range"'),
        ("SYST:ERR?", '-221,"Settings conflict"'),
        OK,
    ]
    with (
        expected_protocol(InfiniiVisionDriver, pairs) as driver,
        pytest.raises(InstrumentError, match=r"-222.*-221.*after ':TIM:RANG 1'"),
    ):
        driver.timebase_range_s = 1.0


@pytest.mark.parametrize("answer", [b"\xff\xfe\xfd", b"gibberish"])
def test_garbage_is_a_broken_link(answer: bytes) -> None:
    with (
        expected_protocol(LinkedInstrument, [("SYST:ERR?", answer)], name="x") as driver,
        pytest.raises(LinkError, match="SYST:ERR"),
    ):
        driver.check_errors()


def test_an_answer_that_is_no_block_is_a_broken_link() -> None:
    with (
        expected_protocol(InfiniiVisionDriver, [(":WAV:DATA?", b"12")]) as driver,
        pytest.raises(LinkError, match="without a block"),
    ):
        driver.read_words()
