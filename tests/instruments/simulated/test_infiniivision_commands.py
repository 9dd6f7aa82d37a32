"""The command set of the simulated InfiniiVision, and stock drivers that use it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pymeasure.instruments.keysight import KeysightDSOX1102G

from .infiniivision_bench import ADDRESS, ScopeBench, scope_bench


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[ScopeBench]:
    with scope_bench(tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("command", "value", "answer"),
    [
        (":CHANnel2:RANGe", "1.6", "+1.60000E+00"),
        (":CHAN2:SCAL", "200 mV", "+2.00000E-01"),
        (":CHAN2:OFFSet", "-0.5", "-5.00000E-01"),
        (":CHAN2:OFFSet", "1000", "+5.00000E+01"),
        (":CHAN3:COUPling", "ac", "AC"),
        (":CHAN3:IMPedance", "FIFTY", "FIFT"),
        (":CHAN3:BWLimit", "ON", "1"),
        (":CHAN3:INVert", "1", "1"),
        (":CHAN3:LABel", '"GATE"', '"GATE"'),
        (":CHAN3:UNITs", "AMPere", "AMP"),
        (":CHAN3:PROBe:SKEW", "1 ns", "+1.00000E-09"),
        (":CHAN3:VERNier", "1", "1"),
        (":TIMebase:RANGe", "2E-6", "+2.00000E-06"),
        (":TIM:SCAL", "MIN", "+2.00000E-09"),
        (":TIM:DEL", "1e-3", "+1.00000E-03"),
        (":TIM:REF", "LEFT", "LEFT"),
        (":TIM:MODE", "ROLL", "ROLL"),
        (":TRIG:SWEep", "NORMal", "NORM"),
        (":TRIG:SLOP", "EITHer", "EITH"),
        (":TRIG:EDGE:COUP", "LFReject", "LFR"),
        (":TRIG:EDGE:REJ", "HFR", "HFR"),
        (":TRIG:HOLD", "MIN", "+4.00000E-08"),
        (":TRIG:NREJ", "ON", "1"),
        (":ACQuire:TYPE", "HRESolution", "HRES"),
        (":ACQ:COUNt", "64", "64"),
        (":ACQ:MODE", "SEGMented", "SEGM"),
        (":WAVeform:FORMat", "ASCii", "ASC"),
        (":WAV:BYT", "LSBFirst", "LSBF"),
        (":WAV:POIN:MODE", "RAW", "RAW"),
        (":WAV:SOUR", "CHANNEL2", "CHAN2"),
        (":MEAS:SOUR", "CHAN2,CHAN1", "CHAN2,CHAN1"),
        (":MARK:X2P", "1e-3", "+1.00000E-03"),
        (":EXT:RANG", "1.6", "+1.60000E+00"),
        (":MTEenable", "256", "+256"),
        (":OPEE", "#H28", "+40"),
    ],
)
def test_settings_are_kept(lab: ScopeBench, command: str, value: str, answer: str) -> None:
    lab.write(f"{command} {value}")
    assert lab.ask(f"{command}?") == answer


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (":CHAN1:RANG 41", -222),
        (":CHAN1:RANG", -109),
        (":CHAN1:RANG 1,2", -108),
        (":CHAN5:RANG 1", -114),
        (":CHAN1:COUP XY", -224),
        (":CHAN1:PROB 1e5", -222),
        (":TIM:RANG 1e-9", -222),
        (":TRIG:LEV 31", -222),
        (":TRIG:LEV 8.1,EXT", -222),
        (":ACQ:COUN 1", -222),
        (":ACQ:SEGM:COUN 1001", -222),
        (":DIG CHAN7", -224),
        (":TIM:MODE XY;:DIG", -221),
        (":TRIG:MODE TV;:SING", -221),
        (":WAV:DATA?", -230),
        (":SYST:SET 1", -104),
        ("*RCL 5", -314),
        (":NOSUCH", -113),
    ],
)
def test_what_cannot_be_is_an_error(lab: ScopeBench, command: str, code: int) -> None:
    lab.scope.write(command)
    assert lab.error().split(",")[0] == str(code)
    assert lab.error() == '+0,"No error"'


def test_settings_that_hang_together(lab: ScopeBench) -> None:
    lab.write(":CHAN1:RANG 4;OFFS 1;:TRIG:LEV 0.5,CHAN1", ":CHAN1:PROB 10")
    assert lab.ask(":CHAN1:RANG?;SCAL?;OFFS?") == "+4.00000E+01;+5.00000E+00;+1.00000E+01"
    assert lab.ask(":TRIG:LEV? CHAN1") == "+5.00000E+00"
    assert lab.ask(":CHAN1:RANG? MAX;RANG? MIN") == "+4.00000E+02;+8.00000E-02"
    lab.write(":TIM:SCAL 1e-4")
    assert lab.ask(":TIM:RANG?") == "+1.00000E-03"
    lab.write(":BLAN CHAN1", ":VIEW CHAN3")
    assert lab.ask(":CHAN1:DISP?;:CHAN3:DISP?") == "0;1"


def test_reset_and_setups(lab: ScopeBench) -> None:
    fresh = lab.scope.query_binary_values(":SYST:SET?", datatype="s", container=bytes)
    lab.write(":CHAN1:RANG 4;IMP FIFT;:TIM:RANG 1e-5;:ACQ:TYPE HRES", "*SAV 3")
    changed = lab.scope.query_binary_values(":SYST:SET?", datatype="s", container=bytes)
    assert lab.first.cable != lab.instrument._terminals[1]
    assert lab.instrument._terminals[1].load_ohm == 50.0
    lab.write("*RST")
    assert lab.scope.query_binary_values(":SYST:SET?", datatype="s", container=bytes) == fresh
    assert lab.instrument._terminals[1].load_ohm == np.inf
    lab.write("*RCL 3")
    assert lab.ask(":CHAN1:RANG?;IMP?;:TIM:RANG?") == "+4.00000E+00;FIFT;+1.00000E-05"
    lab.write("*RST")
    lab.scope.write_binary_values(":SYST:SET ", changed, datatype="B")
    assert lab.ask(":ACQ:TYPE?;:CHAN1:IMP?") == "HRES;FIFT"
    assert lab.ask("*LRN?").startswith(":SYST:SET #8")


def test_measurements_of_a_sine(lab: ScopeBench) -> None:
    lab.write(":CHAN1:RANG 4;:CHAN2:RANG 2;DISP 1;:TIM:RANG 5e-3;:ACQ:TYPE HRES")
    lab.sine(1e3, 1.5, 0.1)
    lab.bench.clock.sleep(1e-3)
    lab.write(":TRIG:SWE NORM;LEV 0;SLOP POS", ":SING")
    lab.ask("*OPC?")

    def figure(name: str, source: str = "CHAN1") -> float:
        return float(lab.ask(f":MEAS:{name}? {source}"))

    expected = {
        "FREQ": 1e3, "PER": 1e-3, "COUN": 1e3, "VPP": 3.0, "VMAX": 1.5, "VMIN": -1.5,
        "PWID": 5e-4, "NWID": 5e-4, "DUTY": 50.0, "RIS": 2.95e-4, "FALL": 2.95e-4,
    }  # fmt: skip
    found = {name: figure(name) for name in expected}
    assert found == pytest.approx(expected, rel=0.04)
    assert figure("VRMS", "DISP,AC,CHAN1") == pytest.approx(1.5 / 2**0.5, rel=0.01)
    assert figure("VAV", "CYCL,CHAN2") == pytest.approx(0.0, abs=0.01)
    assert figure("DEL", "CHAN1,CHAN2") == pytest.approx(2.5e-4, abs=1e-5)
    assert figure("PHAS", "CHAN1,CHAN2") == pytest.approx(90, abs=4)
    assert figure("VTIM", "2.5e-4,CHAN1") == pytest.approx(1.5, abs=0.03)
    first_s, second_s = (float(lab.ask(f":MEAS:TEDG? +{k},CHAN1")) for k in (1, 2))
    assert second_s - first_s == pytest.approx(1e-3, rel=0.01)
    assert first_s == pytest.approx(-2e-3, abs=2e-5)
    lab.write(":MEAS:SOUR CHAN1;:MEAS:VPP;:MEAS:FREQ")
    shown = [float(x) for x in lab.ask(":MEAS:RES?").split(",")]
    assert shown == [figure("VPP"), figure("FREQ")]
    assert lab.ask(":MEAS:VPP? CHAN3") == "+9.90000E+37"


def test_flat_lines_have_no_edges(lab: ScopeBench) -> None:
    lab.ask(":DIG CHAN1;*OPC?")
    for name in ("FREQ", "PER", "RIS", "PWID", "DUTY", "TEDG? +1;:MEAS:FALL"):
        assert set(lab.ask(f":MEAS:{name}?").split(";")) == {"+9.90000E+37"}


def test_autoscale_finds_the_signal(lab: ScopeBench) -> None:
    lab.write(":CHAN2:DISP 1")
    lab.sine(1e3, 1.5, 1.0)
    lab.bench.clock.sleep(1e-3)
    lab.write(":AUT")
    assert float(lab.ask(":CHAN1:RANG?")) == pytest.approx(1.6 * 3.0, rel=0.25)
    assert float(lab.ask(":TIM:RANG?")) == pytest.approx(4e-3, rel=0.1)
    assert lab.ask(":RST?") == "RUN"


@pytest.mark.parametrize(("hz", "amplitude_v", "length_s"), [(1e5, 0.02, 0.05), (40, 0.5, 1.0)])
def test_autoscale_finds_small_fast_and_slow_signals(
    lab: ScopeBench, hz: float, amplitude_v: float, length_s: float
) -> None:
    lab.write(":BLAN", ":CHAN3:DISP 1")
    lab.sine(hz, amplitude_v, length_s)
    lab.bench.clock.sleep(1e-3)
    lab.write(":AUT")
    assert lab.ask(":CHAN1:DISP?;:CHAN2:DISP?;:CHAN3:DISP?") == "1;1;0"
    assert lab.ask(":TRIG:SOUR?") == "CHAN1"
    assert float(lab.ask(":CHAN1:RANG?")) == pytest.approx(3.2 * amplitude_v, rel=0.02)
    assert float(lab.ask(":TIM:RANG?")) == pytest.approx(4 / hz, rel=0.02)
    lab.write("*RST", ":AUT;:STOP")
    assert float(lab.ask(":MEAS:VPP? CHAN1")) == pytest.approx(2 * amplitude_v, rel=0.1)


def test_autoscale_without_a_signal_keeps_what_is_displayed(lab: ScopeBench) -> None:
    lab.write(":CHAN1:DISP 0;:CHAN3:DISP 1", ":AUT")
    assert lab.ask(":CHAN1:DISP?;:CHAN3:DISP?") == "0;1"


def test_thresholds_of_transitions(lab: ScopeBench) -> None:
    start_s = lab.square(1e-3, 0.0, 1.0, 20, edge_s=1e-4)
    lab.write(":CHAN1:RANG 2;OFFS 0.5", ":TIM:RANG 1e-3", ":TRIG:LEV 0.5;SWE NORM", ":DIG CHAN1")
    assert lab.bench.clock.now() > start_s
    for thresholds, rise_s in (
        ("STAN", 8e-5), ("PERC,80,50,20", 6e-5), ("ABS,0.7,0.5,0.3,CHAN1", 4e-5),
    ):  # fmt: skip
        lab.write(f":MEAS:DEF THR,{thresholds}")
        assert float(lab.ask(":MEAS:RIS? CHAN1")) == pytest.approx(rise_s, rel=0.04)
    assert lab.ask(":MEAS:DEF? THR,CHAN1").startswith("THR,ABS,+7.0")
    assert lab.ask(":MEAS:DEF? THR,CHAN2").startswith("THR,PERC,+8.0")
    lab.write(":MEAS:DEF THR,ABS,3,2,1.5")
    assert lab.ask(":MEAS:RIS? CHAN1") == "+9.90000E+37"
    for wrong, code in (("THR,PERC,10,50,90", "-222"), ("THR", "-109"), ("GATE,1", "-224")):
        lab.scope.write(f":MEAS:DEF {wrong}")
        assert lab.error().startswith(code)


def test_more_figures(lab: ScopeBench) -> None:
    lab.square(1e-3, 0.0, 1.0, 30)
    lab.write(":CHAN1:RANG 2;OFFS 0.5", ":TIM:RANG 3.1e-3", ":TRIG:LEV 0.5;SWE NORM", ":DIG CHAN1")
    assert float(lab.ask(":MEAS:VAMP? CHAN1")) == pytest.approx(1.0, rel=0.007)
    assert float(lab.ask(":MEAS:SDEV? CYCL,CHAN1")) == pytest.approx(0.5, rel=0.02)
    assert float(lab.ask(":MEAS:VRAT? CHAN1,CHAN1")) == 0.0
    assert float(lab.ask(":MEAS:PPUL? CHAN1")) in (2, 3)
    assert 2e-3 < float(lab.ask(":MEAS:BWID? CHAN1")) < 3.1e-3


@pytest.mark.parametrize(
    ("kind", "head"), [("PNG", b"\x89PNG"), ("BMP", b"BM"), ("BMP8bit", b"BM")]
)
def test_the_screen_can_be_fetched(lab: ScopeBench, kind: str, head: bytes) -> None:
    empty = bytes(lab.scope.query_binary_values(f":DISP:DATA? {kind},GRAY", "B"))
    lab.sine(1e3, 1.0, 0.1)
    lab.write(":CHAN1:RANG 4", ":DIG CHAN1")
    drawn = bytes(lab.scope.query_binary_values(f":DISPlay:DATA? {kind}, COLor", "B"))
    assert empty.startswith(head)
    assert drawn.startswith(head)
    assert drawn != empty
    lab.scope.write(":DISP:DATA? JPG")
    assert lab.error().startswith("-224")


def test_polling_the_status_byte_lets_time_pass(lab: ScopeBench) -> None:
    lab.write(":TIM:RANG 0.1", "*CLS;*ESE 1;*SRE 32")
    lab.scope.write(":SING;*OPC")
    polls = 1
    while not lab.scope.read_stb() & 64:
        polls += 1
        assert polls < 1000
    assert int(lab.ask("*ESR?")) & 1


def test_an_example_in_the_style_of_the_guide(lab: ScopeBench) -> None:
    """Set up, digitize, scale by the preamble, as programs for this family do."""
    scope = lab.scope
    lab.write("*CLS", "*RST", ":TRIGger:MODE EDGE", ":TRIGger:EDGE:SOURce CHANnel1")
    lab.write(":TRIGger:EDGE:LEVel 0.3", ":TRIGger:EDGE:SLOPe POSitive")
    lab.write(":CHANnel1:SCALe 0.5", ":CHANnel1:OFFSet 0.25", ":TIMebase:SCALe 0.0002")
    lab.write(":ACQuire:TYPE NORMal")
    lab.square(1e-3, 0.0, 1.0, 200)
    scope.write(":DIGitize CHANnel1")
    lab.write(":WAVeform:POINts:MODE RAW", ":WAVeform:POINts 10240", ":WAVeform:SOURce CHANnel1")
    lab.write(":WAVeform:FORMat BYTE")
    x_increment, x_origin, y_increment, y_origin, y_reference = (
        float(lab.ask(f":WAVeform:{name}?"))
        for name in ("XINCrement", "XORigin", "YINCrement", "YORigin", "YREFerence")
    )
    values = np.array(scope.query_binary_values("WAVeform:DATA?", datatype="B"))
    level_v = (values - y_reference) * y_increment + y_origin
    time_s = x_origin + np.arange(values.size) * x_increment
    assert values.size == 10240
    assert level_v[(time_s > 1e-4) & (time_s < 4e-4)].mean() == pytest.approx(1.0, abs=0.02)
    assert level_v[(time_s < -1e-4) & (time_s > -4e-4)].mean() == pytest.approx(0.0, abs=0.02)
    assert float(lab.ask(":MEASure:VAMPlitude?")) == pytest.approx(1.0, abs=0.05)


@pytest.mark.filterwarnings("ignore:It is not known whether:FutureWarning")
def test_stock_pymeasure_driver(lab: ScopeBench) -> None:
    scope = KeysightDSOX1102G(ADDRESS, visa_library=lab.manager.visalib)
    scope.factory_reset()
    scope.ch1.setup(vertical_range=4, offset=0.5, coupling="dc", display=True)
    scope.ch2.setup(
        bwlimit=True, coupling="ac", display=True, invert=True, label="GATE",
        probe_attenuation=10, scale=0.5,
    )  # fmt: skip
    found = scope.ch2.current_configuration
    assert (found["CHAN"], found["COUP"], found["BWL"], found["INV"]) == (2, "AC", True, True)
    assert (found["RANG"], found["PROB"]) == (4.0, 10.0)
    scope.timebase_setup(mode="main", offset=0.0, horizontal_range=5e-3)
    assert scope.timebase == {"REF": "CENT", "MAIN:RANG": 5e-3, "POS": 0.0, "MODE": "MAIN"}
    lab.square(1e-3, -1.0, 1.0, 3000)
    for kind in ("normal", "average", "hresolution", "peak"):
        scope.acquisition_type = kind
        assert scope.acquisition_type == kind
        scope.digitize("channel1")
        # Its documented race: no delay before the next question.
        level_v, head = scope.download_data("channel1", points=2000)
        assert level_v.size == head["points"] == 2000
        assert level_v.max() == pytest.approx(1.0, abs=0.1)
        assert head["xincrement"] * 2000 == pytest.approx(5e-3)
    scope.acquisition_mode = "realtime"
    for name in ("run", "stop", "single", "autoscale", "clear_status", "default_setup"):
        getattr(scope, name)()
    assert lab.error() == '+0,"No error"'
    setup = scope.system_setup
    assert setup.startswith("#8")
    scope.system_setup = setup
    assert lab.error() == '+0,"No error"'
