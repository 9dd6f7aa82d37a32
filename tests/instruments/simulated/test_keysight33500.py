"""What the simulated 33500B/33600A emits and answers, against closed forms and the manual."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instruments.simulated.generators.waveforms import pseudo_random_bits
from instruments.simulated.instrument import FaultUnknownError

from .generator_bench import Pad, pads

CALM = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def pad(tmp_path: Path) -> Iterator[Pad]:
    yield from pads(tmp_path, "33622A")


def test_continuous_shapes_follow_their_formulas(pad: Pad) -> None:
    assert pad.send("VOLT 2", "VOLT:OFFS 0.5", "OUTP1 ON") == []
    phase = np.linspace(0.0, 2.0, 201)[1:-1]

    def shape(*commands: str) -> np.ndarray:
        assert pad.send(*commands) == []
        # A new setting begins the waveform anew.
        pad.awg.write(commands[-1])
        start_s = pad.watch()
        return pad.seen(start_s + phase * 1e-3) - 0.5

    turns = phase % 1.0
    assert np.abs(shape("FUNC SIN") - np.sin(2 * np.pi * phase)).max() < 2e-4
    assert np.abs(shape("PHAS 90") - np.cos(2 * np.pi * phase)).max() < 2e-4
    pad.send("PHAS 0")
    off_edges = np.abs(turns[:, None] - [0.0, 0.2, 1.0]).min(axis=1) > 1e-3
    square = shape("FUNC:SQU:DCYC 20", "FUNC SQU")
    assert np.allclose(square[off_edges], np.where(turns < 0.2, 1, -1)[off_edges], atol=1e-6)
    triangle = 1 - 4 * np.abs((turns + 0.25) % 1.0 - 0.5)
    assert np.abs(shape("FUNC TRI") - triangle).max() < 1e-6
    ramp = shape("FUNC:RAMP:SYMM 25", "FUNC RAMP")
    corners = ([0.0, 0.125, 0.875, 1.0], [0.0, 1.0, -1.0, 0.0])
    assert np.abs(ramp - np.interp(turns, *corners)).max() < 1e-6
    assert np.abs(shape("FUNC DC")).max() < 1e-9


@CALM
@given(
    period_s=st.floats(1e-6, 1e-3),
    duty=st.floats(0.2, 0.8),
    leading=st.floats(0.01, 0.1),
    trailing=st.floats(0.01, 0.1),
)
def test_pulses_have_their_width_and_edges(
    pad: Pad, period_s: float, duty: float, leading: float, trailing: float
) -> None:
    up_s, down_s = max(3e-9, leading * period_s), max(3e-9, trailing * period_s)
    up_s, down_s, width_s = min(up_s, 1e-6), min(down_s, 1e-6), duty * period_s
    assert pad.send("*RST", "FUNC PULS", "FUNC:PULS:TRAN 3e-9", "FUNC:PULS:WIDT 3e-8") == []
    assert pad.send(f"FUNC:PULS:PER {period_s:.12g}", f"FUNC:PULS:WIDT {width_s:.12g}") == []
    pad.send(f"FUNC:PULS:TRAN:LEAD {up_s:.12g}", f"FUNC:PULS:TRAN:TRA {down_s:.12g}")
    pad.send("VOLT 1", "TRIG1:SOUR BUS", "BURS:STAT 1", "OUTP1 ON")
    start_s = pad.watch() + 1e-3  # each message takes a millisecond
    assert pad.send("*TRG") == []
    middle_up_s, slope = start_s + up_s / 1.6, 0.8 / up_s
    times = np.array([
        middle_up_s - 0.3 / slope, middle_up_s, middle_up_s + 0.3 / slope,
        middle_up_s + width_s - 0.3 / (0.8 / down_s), middle_up_s + width_s,
        middle_up_s + width_s + 0.3 / (0.8 / down_s),
    ])  # fmt: skip
    order = np.argsort(times)
    seen = np.empty(6)
    seen[order] = pad.seen(times[order])
    # Times beyond a second are known to 1e-16 of it only.
    slack = 1e-4 + 1e-14 / min(up_s, down_s)
    assert seen == pytest.approx([-0.3, 0.0, 0.3, 0.3, 0.0, -0.3], abs=slack)


def test_bursts_by_count_timer_gate_and_infinity(pad: Pad) -> None:
    assert pad.send("FUNC SQU", "VOLT 2", "BURS:NCYC 3", "TRIG1:SOUR BUS", "BURS:STAT ON") == []
    pad.send("TRIG1:DEL 0.01", "OUTP1 ON")
    edges: list[float] = []
    pad.instrument.edge_listeners.append(edges.append)
    start_s = pad.watch() + 1e-3
    pad.awg.write("*TRG")
    assert pad.ask("STAT:OPER:COND?") == "0"
    pad.awg.write("TRIG1")
    assert pad.errors() == ['-211,"Trigger ignored"']
    seen = pad.seen(start_s + np.arange(0.25e-3, 16e-3, 0.5e-3))
    assert edges == [pytest.approx(start_s + 0.01)]
    assert seen[:20].max() == pytest.approx(-1.0)
    assert (seen > 0).astype(int)[20:].tolist() == [1, 0] * 3 + [0] * 6
    assert pad.ask("*OPC?") == "1"
    assert pad.ask("STAT:OPER:COND?") == "32"
    assert pad.send("TRIG1:DEL 0", "TRIG1:TIM 5e-3", "TRIG1:SOUR TIM") == []
    start_s = pad.watch()
    seen = pad.seen(start_s + np.arange(0.25e-3, 20e-3, 0.5e-3))
    # The errors were asked for a millisecond after the last setting.
    assert (np.diff((seen > 0).astype(int)) > 0).sum() in (11, 12)
    assert pad.send("TRIG1:SOUR EXT", "BURS:MODE GAT") == []
    start_s = pad.watch()
    pad.instrument.external_edge(start_s + 1e-3)
    pad.instrument.external_edge(start_s + 3.2e-3)
    seen = pad.seen(start_s + np.arange(0.25e-3, 8e-3, 0.5e-3))
    assert (seen > 0).astype(int).tolist() == [0, 0] + [1, 0] * 3 + [0] * 8
    pad.send("BURS:MODE TRIG", "TRIG1:SOUR BUS", "BURS:NCYC INF")
    assert float(pad.ask("BURS:NCYC?")) == 9.9e37
    assert pad.send("*TRG") == []
    pad.clock.sleep(0.5)
    start_s = pad.watch()
    assert pad.seen(start_s + np.arange(0, 2e-3, 1e-4)).max() == pytest.approx(1.0)
    pad.awg.write("ABOR")
    start_s = pad.watch()
    assert pad.seen(start_s + np.arange(0, 2e-3, 1e-4)).max() == pytest.approx(-1.0)


def test_arbs_play_exactly_their_codes(pad: Pad) -> None:
    codes = np.array([0, 32767, -32767, 16384, 0, 100, 200, 300, 0], ">i2")
    pad.awg.write_raw(b"DATA:ARB:DAC mine,#218" + codes.tobytes() + b"\n")
    pad.send("FUNC ARB", "FUNC:ARB mine", "FUNC:ARB:SRAT 1e6", "VOLT 1", "TRIG1:SOUR BUS")
    assert pad.send("BURS:STAT 1", "OUTP1 ON") == []
    assert pad.ask("FUNC:ARB?") == '"MINE"'
    assert pad.ask("FUNC:ARB:POIN?") == "9"
    assert float(pad.ask("FUNC:ARB:FREQ?")) == pytest.approx(1e6 / 9)
    assert pad.ask("DATA:ATTR:POIN? mine") == "9"
    for word, late_s in (("NORM", 0.0), ("OFF", 0.5e-6)):
        assert pad.send(f"FUNC:ARB:FILT {word}") == []
        start_s = pad.watch() + 1e-3
        pad.awg.write("*TRG")
        seen = pad.seen(start_s + 1e-6 * np.arange(9) + late_s)
        assert seen == pytest.approx(codes / 32767 / 2, abs=1e-6)
    assert pad.send("DATA:ARB:DAC mine,1,2,3,4,5,6,7,8")[0].startswith("+786")
    assert pad.send("OUTP1 OFF", "DATA:VOL:CLE") == []
    assert pad.ask("FUNC:ARB?") == '"INT:\\BUILTIN\\EXP_RISE.ARB"'


def test_sequences_repeat_and_wait(pad: Pad) -> None:
    low, high = ",".join(["-32767"] * 8), ",".join(["32767"] * 8)
    pad.send(f"DATA:ARB:DAC low,{low}", f"DATA:ARB:DAC high,{high}", "FUNC:ARB:SRAT 8e3")
    block = '"s","low",2,repeat,maintain,4,"high",0,once,maintain,4'
    pad.awg.write(f"DATA:SEQ #{len(str(len(block)))}{len(block)}{block}")
    assert pad.send("FUNC:ARB s", "FUNC:ARB:FILT OFF", "VOLT 2", "FUNC ARB", "OUTP1 ON") == []
    pad.awg.write("PHAS 0")
    start_s = pad.watch()
    seen = pad.seen(start_s + np.arange(0.5e-3, 9e-3, 1e-3))
    assert seen == pytest.approx([-1, -1, 1] * 3)
    block = '"w","high",0,onceWaitTrig,maintain,4,"low",0,onceWaitTrig,maintain,4'
    pad.awg.write(f"DATA:SEQ #{len(str(len(block)))}{len(block)}{block}")
    assert pad.send("TRIG1:SOUR BUS", "FUNC:ARB w") == []
    start_s = pad.watch() + 1e-3
    assert pad.send("*TRG") == []
    assert pad.seen(start_s + np.array([0.5e-3, 0.9e-3])) == pytest.approx([-1, -1])


def test_noise_and_pseudo_random_bits(pad: Pad) -> None:
    assert pad.send("VOLT 2", "FUNC:NOIS:BAND 1e5", "FUNC NOIS", "OUTP1 ON") == []
    start_s = pad.watch()
    seen = pad.seen(start_s + 5e-6 * np.arange(2000))
    assert seen.std() == pytest.approx(1 / 4.6, rel=0.2)
    assert abs(seen.mean()) < 0.03
    assert pad.send("FUNC:PRBS:DATA PN7", "FUNC:PRBS:BRAT 1e4", "FUNC PRBS") == []
    pad.awg.write("FUNC:PRBS:BRAT 1e4")
    start_s = pad.watch()
    seen = pad.seen(start_s + 1e-4 * (np.arange(127) + 0.5))
    assert (seen > 0).tolist() == pseudo_random_bits(7).tolist()
    assert pad.send("FUNC:PRBS:DATA PN31")[0].startswith("-221")


@pytest.mark.parametrize("order", [3, 5, 7, 9, 11, 15])
def test_sequences_are_maximal(order: int) -> None:
    bits = pseudo_random_bits(order)
    words = {tuple(np.roll(bits, -k)[:order]) for k in range(bits.size)}
    assert len(words) == 2**order - 1


def test_levels_limit_each_other(pad: Pad) -> None:
    assert pad.send("VOLT 2", "VOLT:OFFS 4") == []
    assert pad.send("VOLT 4") == ['-221,"Settings conflict; offset changed due to amplitude"']
    assert float(pad.ask("VOLT:OFFS?")) == pytest.approx(3.0)
    assert pad.send("VOLT:OFFS 4") == ['-222,"Data out of range; value clipped to upper limit"']
    assert float(pad.ask("VOLT:OFFS?")) == pytest.approx(3.0)
    assert pad.send("VOLT:LOW -1", "VOLT:HIGH 1") == []
    assert float(pad.ask("VOLT?")) == pytest.approx(2.0)
    assert pad.send("VOLT:HIGH -2")[0].endswith('low level changed due to high level"')
    assert pad.send("VOLT 1", "VOLT:OFFS 0", "VOLT:UNIT VRMS") == []
    assert float(pad.ask("VOLT?")) == pytest.approx(1 / np.sqrt(8))
    assert pad.send("VOLT 0 DBM") == []
    assert float(pad.ask("VOLT?")) == pytest.approx(np.sqrt(0.05))
    assert pad.send("VOLT:UNIT DBM", "OUTP1:LOAD INF")[0].endswith('due to high-Z load"')
    assert pad.ask("VOLT:UNIT?") == "VPP"
    assert pad.ask("OUTP1:LOAD?") == "9.9E+37"
    assert pad.send("VOLT:LIM:HIGH 1", "VOLT:LIM:LOW -1", "VOLT:LIM:STAT ON") == []
    assert pad.send("VOLT 3") == ['-222,"Data out of range; value clipped to upper limit"']
    assert float(pad.ask("VOLT?")) == pytest.approx(2.0)


def test_limits_follow_shape_and_model(pad: Pad, tmp_path: Path) -> None:
    assert float(pad.ask("FREQ? MAX")) == 120e6
    assert pad.send("FREQ 120e6", "VOLT 4") == []
    assert pad.send("FUNC RAMP")[0].endswith('frequency reduced for ramp function"')
    assert float(pad.ask("FREQ?")) == 800e3
    assert pad.send("FUNC PULS", "FUNC:PULS:PER 1e-6", "FUNC:PULS:WIDT 5e-7") == []
    assert float(pad.ask("FUNC:PULS:DCYC?")) == pytest.approx(50.0)
    assert pad.send("FUNC:PULS:HOLD DCYC", "FREQ 2e6") == []
    assert float(pad.ask("FUNC:PULS:WIDT?")) == pytest.approx(2.5e-7)
    assert pad.send("FUNC:PULS:WIDT 1")[0].startswith("-222")
    (tmp_path / "small").mkdir()
    for small in pads(tmp_path / "small", "33512B"):
        assert float(small.ask("FREQ? MAX")) == 20e6
        assert float(small.ask("FUNC:ARB:SRAT? MAX")) == 160e6
        assert small.send("FUNC:PULS:TRAN 1e-9")[0].startswith("-222")
        assert float(small.ask("FUNC:PULS:TRAN?")) == 8.4e-9


def test_apply_save_recall_and_refusals(pad: Pad) -> None:
    assert pad.send("APPL:SQU 5 KHZ, 3.0, -0.5") == []
    numbers = pad.ask("APPL?").strip('"').split(" ")[1].split(",")
    assert [float(n) for n in numbers] == pytest.approx([5e3, 3.0, -0.5])
    assert pad.ask("OUTP1?") == "1"
    assert pad.send("*SAV 1", "*RST") == []
    assert pad.ask("FUNC?;:FREQ?;:OUTP?") == "SIN;+1.0000000000000E+03;0"
    assert pad.send("*RCL 1") == []
    assert float(pad.ask("FREQ?")) == 5e3
    assert pad.send("*RCL 3")[0].startswith("-221")
    for command in ("AM:STAT ON", "FM:STAT ON", "SWE:STAT ON", "FREQ:MODE SWE"):
        assert pad.send(command)[0].startswith('-221,"Settings conflict; '), command
    assert pad.ask("AM:STAT?") == "0"
    assert pad.send("AM:DEPT 50", "FM:DEV 5", "SWE:TIME 2", "LIST:FREQ 1,2,3") == []
    assert pad.ask("LIST:FREQ:POIN?") == "3"


def test_faults(pad: Pad) -> None:
    pad.send("OUTP1 ON", "STAT:QUES:ENAB 1", "*SRE 8")
    pad.instrument.fail("trip", None)
    assert pad.ask("OUTP1?") == "0"
    assert pad.ask("STAT:QUES:COND?") == "1"
    assert pad.awg.read_stb() == 8 + 64
    assert pad.send("OUTP1 ON") == []
    assert pad.ask("STAT:QUES:COND?") == "0"
    pad.instrument.fail("queue_overflow", None)
    found = pad.errors()
    assert len(found) == 20
    assert found[-1] == '-350,"Queue overflow"'
    with pytest.raises(FaultUnknownError):
        pad.instrument.fail("interlock", None)


def test_a_fast_sine_takes_no_time_while_nobody_looks(pad: Pad) -> None:
    assert pad.send("FREQ 50e6", "VOLT 2", "OUTP1 ON") == []
    pad.clock.sleep(3600.0)
    start_s = pad.watch()
    seen = pad.seen(start_s + np.linspace(0.0, 1e-6, 1001))
    assert np.ptp(seen) == pytest.approx(2.0, rel=1e-2)


def test_triggers_are_counted_once_initiated(pad: Pad) -> None:
    pad.send("INIT1:CONT OFF", "TRIG1:COUN 2", "TRIG1:SOUR BUS", "BURS:STAT 1", "OUTP1 ON")
    assert pad.send("*TRG") == ['-211,"Trigger ignored"']
    assert pad.send("INIT1") == []
    for expected in ([], [], ['-211,"Trigger ignored"']):
        assert pad.send("*TRG") == expected
        pad.clock.sleep(0.01)
    assert pad.send("INIT1:CONT ON", "*TRG") == []
    assert pad.send("INIT1") == ['-213,"Init ignored"']


def test_every_setting_answers_its_limits(pad: Pad) -> None:
    for header in (
        "FREQ", "VOLT", "VOLT:OFFS", "VOLT:HIGH", "VOLT:LOW", "PHAS", "FUNC:SQU:DCYC",
        "FUNC:RAMP:SYMM", "FUNC:PULS:WIDT", "FUNC:PULS:PER", "FUNC:PULS:TRAN:LEAD", "OUTP1:LOAD",
        "FUNC:ARB:SRAT", "FUNC:ARB:PER", "FUNC:ARB:PTP", "FUNC:NOIS:BAND", "FUNC:PRBS:BRAT",
        "BURS:NCYC", "BURS:INT:PER", "TRIG1:DEL", "TRIG1:COUN", "TRIG1:TIM", "AM:DEPT", "SWE:TIME",
    ):  # fmt: skip
        low, now, high = (float(pad.ask(f"{header}?{word}")) for word in (" MIN", "", " MAX"))
        assert low <= now <= high, header
        for word in ("MIN", "MAX"):
            expected = float(pad.ask(f"{header}? {word}"))
            pad.send(f"{header} {word}")
            assert float(pad.ask(f"{header}?")) == pytest.approx(expected, rel=1e-6), header
            pad.send("*RST")
    assert pad.errors() == []
