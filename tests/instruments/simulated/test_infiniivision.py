"""Acquisition of the simulated InfiniiVision: triggers, records, what the link sees of them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pyvisa.constants import EventMechanism, EventType
from pyvisa.errors import VisaIOError

from instruments.simulated.bench import bench_of
from instruments.simulated.faults import Fault

from .infiniivision_bench import ADDRESS, ScopeBench, scope_bench


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[ScopeBench]:
    with scope_bench(tmp_path) as made:
        made.write(":CHAN1:RANG 4;:TIM:RANG 1e-3;:TRIG:SWE NORM")
        yield made


@pytest.mark.parametrize(
    ("slope", "level", "expected"),
    [("POS", 0.5, 0.0), ("NEG", 0.5, 5e-4), ("EITH", 0.5, 0.0), ("POS", 0.25, -2.5e-7)],
)
def test_an_edge_in_a_voltage_triggers(
    lab: ScopeBench, slope: str, level: float, expected: float
) -> None:
    lab.write(f":TRIG:SLOP {slope};LEV {level}", ":WAV:POIN:MODE RAW;:WAV:POIN 100000", ":SING")
    middle_s = lab.square(1e-3, 0.0, 1.0, 20) + 0.5e-6
    assert lab.ask("*OPC?") == "1"
    record = lab.instrument.record
    assert record is not None
    assert record.triggers_s[0] - middle_s == pytest.approx(expected, abs=2e-7)
    time_s, level_v = lab.volts()
    assert abs(level_v[np.abs(time_s) < 1e-8].mean() - level) < 0.05
    assert time_s[0] == pytest.approx(-5e-4)


def test_the_samples_before_the_trigger_must_be_there(lab: ScopeBench) -> None:
    """An edge while the memory is still filling is not taken; the next one is."""
    lab.write(":TIM:RANG 10e-3;POS 0", ":TRIG:LEV 0.5", ":SING")
    start_s = lab.square(4e-3, 0.0, 1.0, 10)
    assert lab.ask(":AER?") == "+0"
    lab.ask("*OPC?")
    assert lab.ask(":AER?;:AER?") == "+1;+0"
    acquired_s = lab.instrument.record.triggers_s[0]
    assert acquired_s - start_s == pytest.approx(4e-3, abs=1e-5)


def test_noise_on_an_edge_does_not_trigger_but_a_deep_swing_does(lab: ScopeBench) -> None:
    """A ripple smaller than the hysteresis around the level is no edge."""
    lab.first.drive(lab.bench.clock.now() + np.array([0, 1e-3]), [0.0, 0.6])
    lab.write(":TRIG:LEV 0.5")
    lab.bench.clock.sleep(2e-3)
    lab.write(":SING")
    now_s = lab.bench.clock.now()
    lab.first.drive(now_s + 1e-3 * np.arange(1, 9), [0.6, 0.45, 0.6, 0.45, 0.6, 0.2, 0.6, 0.6])
    lab.ask("*OPC?")
    crossed_s = now_s + 6e-3 + 0.75e-3
    assert lab.instrument.record.triggers_s[0] == pytest.approx(crossed_s, abs=2e-5)


@pytest.mark.parametrize(("qualifier", "width_s"), [("GRE", 3e-4), ("LESS", 1e-4), ("RANG", 2e-4)])
def test_pulses_are_told_by_their_width(lab: ScopeBench, qualifier: str, width_s: float) -> None:
    lab.write(
        ":TRIG:MODE GLIT;GLIT:SOUR CHAN1;LEV 0.5;POL POS;GRE 2.5e-4;LESS 1.5e-4",
        f":TRIG:GLIT:RANG 2.5e-4,1.5e-4;QUAL {qualifier}",
        ":SING",
    )
    start_s = lab.bench.clock.now() + 1e-3
    times, levels, ends = [], [], {}
    for number, width in enumerate((2e-4, 3e-4, 1e-4)):
        at_s = start_s + number * 1e-3
        times += [at_s, at_s + 1e-6, at_s + width, at_s + width + 1e-6]
        levels += [0.0, 1.0, 1.0, 0.0]
        ends[width] = at_s + width
    lab.first.drive(times, levels)
    lab.ask("*OPC?")
    assert lab.instrument.record.triggers_s[0] == pytest.approx(ends[width_s], abs=2e-6)


def test_auto_triggers_by_itself_and_normal_never(lab: ScopeBench) -> None:
    lab.scope.timeout = 500
    lab.write(":TRIG:SWE NORM")
    lab.scope.write(":DIG CHAN1")
    with pytest.raises(VisaIOError, match="TMO"):
        lab.scope.query("*OPC?")
    lab.scope.clear()
    assert lab.ask(":OPER:COND?") == "+0"
    lab.write(":TRIG:SWE AUTO")
    assert lab.ask(":DIG;*OPC?") == "1"
    assert lab.ask(":TER?;:TER?") == "+1;+0"


def test_digitize_holds_everything_behind_it(lab: ScopeBench) -> None:
    """The next question is answered after the record is complete, however soon it comes."""
    lab.square(1e-3, -1.0, 1.0, 100)
    before_s = lab.bench.clock.now()
    lab.scope.write(":DIG CHAN1")
    lab.scope.write(":WAV:POIN 500;:MEAS:VPP? CHAN1")
    assert float(lab.scope.read()) == pytest.approx(2.0, abs=0.15)
    assert lab.bench.clock.now() - before_s > 1e-3


def test_force_and_line(lab: ScopeBench) -> None:
    lab.write(":SING")
    lab.bench.clock.sleep(0.1)
    assert lab.ask(":OPER:COND?") == "+40"
    lab.write(":TRIG:FORC")
    assert lab.ask("*OPC?;:OPER:COND?") == "1;+0"
    lab.write(":TRIG:SOUR LINE", ":SING")
    lab.ask("*OPC?")
    cycles = lab.instrument.record.triggers_s[0] * 50
    assert cycles == pytest.approx(round(cycles), abs=1e-6)
    lab.scope.write(":TRIG:FORC")
    assert lab.error().startswith("-211")


def test_holdoff_keeps_a_burst_from_triggering_twice(lab: ScopeBench) -> None:
    lab.write(":TIM:RANG 1e-5;:TRIG:HOLD 2.5e-3;LEV 0.5", ":ACQ:MODE SEGM;SEGM:COUN 4", ":SING")
    start_s = lab.square(1e-3, 0.0, 1.0, 30)
    lab.ask("*OPC?")
    elapsed_s = np.array(lab.instrument.record.triggers_s) - start_s
    assert np.diff(elapsed_s) == pytest.approx([3e-3] * 3, abs=1e-6)


def test_segments_and_their_time_tags(lab: ScopeBench) -> None:
    lab.write(":TIM:RANG 1e-4;:TRIG:LEV 0.5", ":ACQ:MODE SEGM;SEGM:COUN 10", ":WAV:POIN 1000")
    lab.scope.write(":SING")
    lab.square(1e-3, 0.0, 1.0, 25)
    assert lab.ask(":WAV:SEGM:COUN?") == "+0"
    lab.bench.clock.sleep(5e-3)
    assert 0 < int(lab.ask(":WAV:SEGM:COUN?")) < 10
    lab.ask("*OPC?")
    assert lab.ask(":WAV:SEGM:COUN?") == "+10"
    tags, records = [], []
    for segment in range(1, 11):
        lab.write(f":ACQ:SEGM:IND {segment}")
        tags.append(float(lab.ask(":WAV:SEGM:TTAG?")))
        records.append(lab.volts()[1])
    assert tags == pytest.approx(list(np.arange(10) * 1e-3), abs=1e-7)
    assert np.std([r[510:].mean() for r in records]) < 2e-3
    assert not np.array_equal(records[0], records[1])
    lab.scope.write(":ACQ:SEGM:IND 11")
    assert lab.error().startswith("-222")


def test_stopping_early_keeps_the_segments_there_are(lab: ScopeBench) -> None:
    lab.write(":TIM:RANG 1e-4;:TRIG:LEV 0.5", ":ACQ:MODE SEGM;SEGM:COUN 100", ":SING")
    lab.square(1e-3, 0.0, 1.0, 3)
    lab.bench.clock.sleep(0.01)
    lab.write(":STOP")
    assert lab.ask(":WAV:SEGM:COUN?;:RST?") == "+3;STOP"
    assert lab.words().size == 1000


def test_a_record_is_what_it_is(lab: ScopeBench) -> None:
    """A second read is the same, also after other settings, and fewer points are some of them."""
    lab.square(1e-3, -1.0, 1.0, 30)
    lab.ask(":DIG CHAN1;*OPC?")
    lab.write(":WAV:POIN 4000")
    first = lab.words()
    lab.write(":CHAN1:RANG 1;OFFS 0.3;:WAV:POIN 1000")
    assert np.array_equal(lab.words(), first[::4])
    lab.bench.clock.sleep(100.0)
    lab.write(":WAV:POIN 4000")
    assert np.array_equal(lab.words(), first)
    assert all(t.watched_from_s == np.inf for t in lab.instrument._terminals.values())


def test_running_goes_on_with_the_latest(lab: ScopeBench) -> None:
    lab.square(1e-2, -1.0, 1.0, 10)
    lab.write(":RUN")
    lab.bench.clock.sleep(0.05)
    assert lab.ask(":RST?;:OPER:COND?").startswith("RUN;+")
    first_s = lab.instrument.record.triggers_s[0]
    lab.bench.clock.sleep(0.02)
    lab.volts()
    assert lab.instrument.record.triggers_s[0] > first_s
    lab.write(":STOP")
    assert lab.ask(":RST?") == "STOP"
    before = lab.words()
    lab.bench.clock.sleep(0.1)
    assert np.array_equal(lab.words(), before)


@pytest.mark.parametrize(
    ("kind", "bits", "noise"),
    [("NORM", 8, 4e-3), ("HRES", 12, 2e-3), ("AVER", 10, 1e-3)],
)
def test_resolution_and_noise(lab: ScopeBench, kind: str, bits: int, noise: float) -> None:
    """Noise is a part of full scale, over a floor; averaging takes it down and adds bits."""
    lab.write(f":TRIG:SWE AUTO;:ACQ:TYPE {kind};COUN 16;:CHAN1:RANG 4", ":WAV:POIN 10000")
    lab.ask(":DIG;*OPC?")
    words = lab.words()
    assert np.all(words % (1 << (16 - bits)) == 0)
    step = 1 / (1 << bits)
    assert words.std() / 65536 == pytest.approx(np.hypot(noise, step / 12**0.5), rel=0.1)
    head = lab.ask(":WAV:PRE?").split(",")
    assert [int(x) for x in head[:4]] == [
        1, {"NORM": 0, "AVER": 2, "HRES": 3}[kind], words.size, 16 if kind == "AVER" else 1,
    ]  # fmt: skip
    lab.write(":CHAN1:RANG 0.008")
    lab.ask(":DIG;*OPC?")
    assert lab.volts()[1].std() > 0.9 * 1e-4 * noise / 4e-3


def test_peak_detection_sees_what_lies_between(lab: ScopeBench) -> None:
    """A pulse far shorter than the points are apart is caught, by at least one of the peaks."""
    lab.write(":TIM:RANG 0.1;:ACQ:TYPE PEAK;:TRIG:LEV 0.5;:WAV:POIN 200", ":SING")
    start_s = lab.bench.clock.now() + 0.06
    corners_s = start_s + np.array([0, 1e-6, 4e-4, 4.01e-4])
    lab.first.drive(corners_s, [0.0, 1.0, 1.0, 0.0])
    lab.ask("*OPC?")
    low, high = lab.volts()[1].reshape(-1, 2).T
    assert high.max() > 0.9
    assert np.all(high >= low)
    assert low.max() < 0.2


def test_what_lies_beyond_the_range_is_marked(lab: ScopeBench) -> None:
    lab.square(1e-3, -3.0, 3.0, 30)
    lab.ask(":DIG;*OPC?")
    assert set(lab.words()[[100, -100]]) <= {0x0001, 0xFFFF}
    lab.write(":WAV:FORM BYTE")
    raw = lab.scope.query_binary_values(":WAV:DATA?", datatype="B", container=np.array)
    assert {raw.min(), raw.max()} == {1, 255}


def test_all_formats_say_the_same(lab: ScopeBench) -> None:
    lab.square(1e-3, -1.0, 1.0, 30)
    lab.ask(":DIG;*OPC?")
    _, level_v = lab.volts()
    lab.write(":WAV:FORM ASC")
    text = lab.ask(":WAV:DATA?")
    assert text[:2] == "#8"
    assert len(text) == 10 + int(text[2:10])
    spoken_v = np.array([float(x) for x in text[10:].split(",")])
    assert spoken_v == pytest.approx(level_v, abs=1e-4)
    for unsigned, datatype in ((1, "B"), (0, "b")):
        lab.write(f":WAV:FORM BYTE;UNS {unsigned}")
        raw = lab.scope.query_binary_values(":WAV:DATA?", datatype=datatype, container=np.array)
        head = [float(x) for x in lab.ask(":WAV:PRE?").split(",")]
        assert (raw - head[9]) * head[7] + head[8] == pytest.approx(level_v, abs=1e-4)
    lab.write(":WAV:FORM WORD;BYT MSBF;UNS 0")
    raw = lab.scope.query_binary_values(
        ":WAV:DATA?", datatype="h", is_big_endian=True, container=np.array
    )
    assert raw * head[7] / 256 + float(lab.ask(":WAV:YOR?")) == pytest.approx(level_v, abs=1e-4)
    assert lab.ask(":WAV:YREF?;XREF?") == "+0;+0"


def test_points_are_limited_by_mode_memory_and_rate(lab: ScopeBench) -> None:
    lab.write(":TRIG:SWE AUTO;:CHAN2:DISP 0", ":TIM:RANG 1e-2;:WAV:POIN MAX")
    lab.ask(":DIG CHAN1;*OPC?")
    assert lab.ask(":WAV:POIN?;:ACQ:POIN?") == "+62500;+4000000"
    lab.write(":WAV:POIN:MODE RAW")
    assert lab.ask(":WAV:POIN?") == "+4000000"
    lab.ask(":DIG CHAN1,CHAN2;*OPC?")
    assert lab.ask(":ACQ:POIN?") == "+2000000"
    lab.write(":TIM:RANG 1e-6")
    lab.ask(":DIG CHAN1;*OPC?")
    assert lab.ask(":ACQ:POIN?;SRAT?;SRAT? MAX") == "+5000;+5.00000E+09;+5.00000E+09"
    assert lab.words().size == 5000
    for wrong in ("99", "100.5", "9000000"):
        lab.scope.write(f":WAV:POIN {wrong}")
        assert lab.error().startswith("-222")


@pytest.mark.parametrize(("model", "limit", "hz"), [
    ("DSOX3024T", 0, 200e6), ("DSOX4024A", 1, 20e6), ("MSOX3104T", 0, 1e9),
])  # fmt: skip
def test_a_step_takes_the_time_of_the_bandwidth(
    tmp_path: Path, model: str, limit: int, hz: float
) -> None:
    with scope_bench(tmp_path, model) as lab:
        lab.write(
            f":CHAN1:RANG 2;BWL {limit}", ":TIM:RANG 4e-7", ":TRIG:SWE NORM;LEV 0.3",
            ":WAV:POIN:MODE RAW;:WAV:POIN MAX", ":ACQ:TYPE AVER;COUN 64", ":SING",
        )  # fmt: skip
        lab.square(1e-4, 0.0, 0.6, 100, edge_s=1e-11)
        lab.ask("*OPC?")
        rise_s = float(lab.ask(":MEAS:RIS? CHAN1"))
        assert rise_s == pytest.approx(np.log(9) / (2 * np.pi * hz), rel=0.25, abs=1.5e-10)


def test_coupling_inversion_and_termination(lab: ScopeBench) -> None:
    lab.first.connect("voltage", 50.0)
    lab.first.drive([lab.bench.clock.now() + 1e-4], [1.0])
    lab.bench.clock.sleep(1e-3)
    lab.write(":TRIG:SWE AUTO")

    def mean_v() -> float:
        lab.ask(":DIG CHAN1;*OPC?")
        return float(lab.ask(":MEAS:VAV? DISP,CHAN1"))

    assert mean_v() == pytest.approx(1.0, abs=5e-3)
    lab.write(":CHAN1:INV 1")
    assert mean_v() == pytest.approx(-1.0, abs=5e-3)
    lab.write(":CHAN1:INV 0;IMP FIFT")
    assert mean_v() == pytest.approx(0.5, abs=5e-3)
    lab.write("*RST;:CHAN1:RANG 4")
    assert mean_v() == pytest.approx(1.0, abs=5e-3)
    lab.write(":CHAN1:COUP AC")
    assert mean_v() == pytest.approx(0.0, abs=5e-3)


def test_service_is_requested_by_the_trigger_and_by_completion(lab: ScopeBench) -> None:
    lab.write("*CLS;*SRE 1;:TRIG:LEV 0.5")
    lab.scope.enable_event(EventType.service_request, EventMechanism.queue)
    lab.write(":SING")
    start_s = lab.square(1e-3, 0.0, 1.0, 30)
    lab.scope.wait_on_event(EventType.service_request, 1000)
    assert lab.bench.clock.now() >= start_s
    assert lab.scope.read_stb() & 65 == 65
    lab.ask(":TER?")
    lab.write("*CLS;*SRE 32;*ESE 1", ":SING", "*OPC")
    lab.scope.wait_on_event(EventType.service_request, 1000)
    assert lab.ask("*ESR?") == "1"
    lab.write("*SRE 128;:OPEE 8", "*CLS", ":SING")
    assert lab.scope.read_stb() & 128
    assert int(lab.ask(":OPER?")) & 8
    assert lab.ask(":OPER?;:OPEE?") == "+0;+8"


def test_faults(lab: ScopeBench) -> None:
    port = bench_of(lab.manager).ports[ADDRESS]
    port.add_fault(Fault(kind="over_range", on=":DIG"))
    lab.write(":TRIG:SWE AUTO")
    lab.ask(":DIG;*OPC?")
    assert set(lab.words()) == {0xFFFF}
    lab.ask(":DIG;*OPC?")
    assert 0xFFFF not in lab.words()
    port.add_fault(Fault(kind="queue_overflow", on="RST"))
    lab.scope.write("*RST")
    errors = [lab.error() for _ in range(31)]
    assert errors[29].startswith("-350")
    assert errors[30] == '+0,"No error"'
