"""Plain PyVISA scripts and stock pymeasure drivers against the simulated bench."""

import os
import subprocess
import sys
import time
from math import inf
from pathlib import Path

import pytest
import pyvisa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymeasure.instruments.agilent import Agilent33500
from pymeasure.instruments.keithley import Keithley2400
from pyvisa.constants import InterfaceType, StatusCode
from pyvisa.errors import VisaIOError

import instruments
from instruments.simulated.bench import bench_of, read_bench
from instruments.simulated.drawing import draw_device
from labbench.errors import BenchError
from labbench.model import read_card

from .conftest import AWG, SCOPE, SMU, bench_file


def test_resources_keep_their_interface(manager: pyvisa.ResourceManager) -> None:
    assert manager.list_resources()[:3] == (AWG, SCOPE, SMU)
    assert "TCPIP0::analyzer.sim::1225::SOCKET" in manager.list_resources("?*")
    assert manager.list_resources("GPIB?*") == (SMU, "GPIB0::7::INSTR")
    scope = manager.open_resource("TCPIP::scope.sim::INSTR")
    smu = manager.open_resource(SMU)
    assert isinstance(scope, pyvisa.resources.TCPIPInstrument)
    assert isinstance(smu, pyvisa.resources.GPIBInstrument)
    assert smu.interface_type == InterfaceType.gpib
    assert scope.resource_name == SCOPE
    with pytest.raises(VisaIOError, match="RSRC_NFOUND"):
        manager.open_resource("GPIB0::5::INSTR")


@pytest.mark.parametrize("address", [AWG, SCOPE, SMU])
def test_identity_status_and_errors(manager: pyvisa.ResourceManager, address: str) -> None:
    instrument = manager.open_resource(address)
    assert len(instrument.query("*IDN?").split(",")) == 4
    assert instrument.query("*TST?;*OPC?").strip() == "0;1"
    instrument.write("*CLS;*ESE 32;*SRE 32")
    instrument.write("NO:SUCH:HEADER 1")
    assert instrument.read_stb() == 4 + 32 + 64
    assert instrument.query("*ESR?").strip() == "32"
    assert instrument.query("SYST:ERR?").strip() == '-113,"Undefined header"'
    assert int(instrument.query("SYST:ERR?").split(",")[0]) == 0
    instrument.write("*OPC")
    assert int(instrument.query("*ESR?")) & 1
    instrument.write("*IDN?")
    assert instrument.stb & 16


def test_reading_without_a_question_times_out_in_virtual_time(
    manager: pyvisa.ResourceManager,
) -> None:
    clock = bench_of(manager).clock
    instrument = manager.open_resource(SMU, timeout=3000)
    started_s, before_s = time.monotonic(), clock.now()
    with pytest.raises(VisaIOError) as caught:
        instrument.read()
    assert caught.value.error_code == StatusCode.error_timeout
    assert clock.now() - before_s == pytest.approx(3.0)
    assert time.monotonic() - started_s < 1.0
    assert instrument.query("SYST:ERR?").startswith("-420")
    instrument.write("*IDN?")
    instrument.write("*ESE?")
    assert instrument.read().strip() == "0"
    assert instrument.query("SYST:ERR?").startswith("-410")
    instrument.write("*IDN?")
    instrument.clear()
    with pytest.raises(VisaIOError):
        instrument.read()


def test_reads_end_at_count_termination_or_end(manager: pyvisa.ResourceManager) -> None:
    instrument = manager.open_resource(AWG)
    name = instrument.query("*IDN?")
    instrument.write("*IDN?")
    assert instrument.read_bytes(7) == name[:7].encode()
    assert instrument.last_status == StatusCode.success_max_count_read
    instrument.read_termination = ","
    assert instrument.read() == name[7:].split(",")[0]
    instrument.read_termination = "\n"
    assert instrument.read() == name.split(",", 1)[1].rstrip("\n")


def test_scpi_forms(manager: pyvisa.ResourceManager) -> None:
    awg = manager.open_resource(AWG)
    awg.write("OUTP1:LOAD INF;:SOURCE1:VOLTAGE:OFFSET 250 mV;:sour:volt 0.1;volt:unit VPP")
    assert float(awg.query("SOUR:VOLT:OFFS?")) == 0.25
    assert float(awg.query(":VOLTAGE?")) == pytest.approx(0.1)
    assert awg.query("BURS:NCYC?").strip() == "1"
    awg.write("SOUR1:BURS:NCYC 3;STAT 1")
    assert awg.query("SOUR1:BURS:NCYC?;STAT?").strip() == "3;1"
    for command, code in (
        ("SOUR3:VOLT 1", -114),
        ("SOUR1:VOLT", -109),
        ("SOUR1:PHAS 1,2", -108),
        ("SOUR1:PHAS 1000", -222),
        ("SOUR1:PHAS red", -104),
        ("SOUR1:VOLT 1 parsec", -131),
        ("SOUR1:FUNC WAVY", -224),
        ("SOUR1:DATA:ARB:DAC X,#9", -161),
        ("SOUR1:FUNC:ARB NONE", 785),
        ("*TRG", -211),
        ("SOUR1:AM:STAT ON", -221),
    ):
        awg.write(command)
        assert int(awg.query("SYST:ERR?").split(",")[0]) == code, command
    assert awg.query("OUTP1?").strip() == "0"
    awg.write("*RST")
    assert awg.query("SOUR1:BURS:NCYC?;STAT?").strip() == "1;0"


def test_the_declared_load_scales_the_level(manager: pyvisa.ResourceManager) -> None:
    awg = manager.open_resource(AWG)
    awg.write("OUTP1:LOAD 50;:VOLT 1;:VOLT:OFFS 0")
    awg.write("OUTP1:LOAD INF")
    assert float(awg.query("VOLT?")) == pytest.approx(2.0)


def test_stock_generator_driver() -> None:
    awg = Agilent33500(AWG, visa_library="@labbench")
    assert "33512B" in awg.id
    awg.ch_1.shape = "ARB"
    awg.ch_1.output_load = "INF"
    awg.ch_1.amplitude = 0.5
    awg.ch_1.burst_state = True
    awg.ch_1.burst_ncycles = 2
    awg.ch_1.data_volatile_clear()
    awg.ch_1.data_arb("test", range(0, 100, 10))
    awg.ch_1.arb_file = "test"
    assert awg.ch_1.shape == "ARB"
    assert awg.ch_1.amplitude == pytest.approx(0.5)
    assert awg.ch_1.burst_state is True
    assert awg.ch_1.burst_ncycles == 2
    assert awg.check_errors() == []
    awg.write("NONSENSE")
    assert awg.check_errors() == [[-113, '"Undefined header"']]
    awg.adapter.manager.close()


def test_stock_source_meter_driver_and_the_limit_that_a_reading_resets() -> None:
    smu = Keithley2400(SMU, visa_library="@labbench")
    smu.reset()
    smu.reset_data_format()
    smu.source_mode = "voltage"
    smu.source_voltage_range_auto_enabled = True
    smu.source_voltage = 0.25
    smu.compliance_current = 1e-6
    smu.current_nplc = 10
    smu.source_enabled = True
    assert smu.source_enabled is True
    assert smu.current_nplc == smu.voltage_nplc == 10
    assert smu.measure_all()["voltage"] == pytest.approx(0.25, abs=1e-4)
    assert smu.compliance_current == pytest.approx(1e-6)
    assert smu.current == pytest.approx(0.25 / 10.05e6, rel=0.2)
    assert smu.compliance_current == pytest.approx(1.05e-4)
    assert smu.check_errors() == []
    smu.source_enabled = False
    smu.write(":READ?")
    assert smu.next_error[0] == 803
    smu.adapter.manager.close()


def test_a_bench_is_shared_while_open_and_fresh_when_opened_again(tmp_path: Path) -> None:
    library = f"{bench_file(tmp_path, 'seed = 7')}@labbench"
    manager = pyvisa.ResourceManager(library)
    bench = bench_of(manager)
    assert bench_of(pyvisa.ResourceManager(library)) is bench
    manager.open_resource(SMU).write("*RST")
    assert bench.clock.now() > 0
    manager.close()
    with pytest.raises(BenchError, match="no simulated bench"):
        bench_of(manager)
    again = pyvisa.ResourceManager(library)
    assert bench_of(again).clock.now() == 0
    assert bench_of(again).truth == bench.truth
    again.close()


@pytest.mark.parametrize("last", ["", "manager.close()"])
def test_a_program_that_ends_with_open_instruments_ends_quietly(last: str) -> None:
    program = f"""
import pyvisa
from instruments.keysight33500 import Keysight33500
manager = pyvisa.ResourceManager("@labbench")
awg = Keysight33500({AWG!r}, visa_library=manager.visalib)
{last}
"""
    root = Path(instruments.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""


def test_the_hidden_device_is_drawn_within_the_spread() -> None:
    nominal = read_card("b1")
    assert draw_device(nominal, 0.0, 1).values == nominal.values
    drawn = draw_device(nominal, 0.3, 1)
    known = [name for name, value in nominal.values.items() if 0 < value < inf]
    ratios = {name: drawn[name] / nominal[name] for name in known}
    moved = {name for name, ratio in ratios.items() if ratio != 1.0}
    assert len(moved) == 10
    assert {"mu_per_v_s", "gate_capacitance_f"} <= moved
    assert all(1 / 1.3 <= ratio <= 1.3 for ratio in ratios.values())
    assert draw_device(nominal, 0.3, 2).values != drawn.values


@pytest.mark.parametrize(
    ("simulated", "words"),
    [
        ("sede = 1", "simulated.sede: Extra inputs"),
        ("seed = -1\nspread = -0.1", "simulated.seed.*simulated.spread"),
        ('card = "none"', "has no device"),
        ("seed = ", "not valid TOML"),
    ],
)
def test_a_wrong_bench_is_refused_in_one_line(tmp_path: Path, simulated: str, words: str) -> None:
    path = bench_file(tmp_path, simulated)
    with pytest.raises(BenchError, match=words) as caught:
        pyvisa.ResourceManager(f"{path}@labbench")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('1 = "supply"', '1 = "inlet"', "touches 'inlet'.*has input, supply, gate, output"),
        ('1 = "supply"', '2 = "supply"', "no terminal 2"),
        (SMU, AWG, "Two simulated instruments"),
        (SMU, "somewhere", "not a VISA resource name"),
        ('"2400"', '"2401"', "no simulated '2401'.*known are"),
    ],
)
def test_a_wrong_instrument_is_refused(tmp_path: Path, before: str, after: str, words: str) -> None:
    path = bench_file(tmp_path, "seed = 1")
    path.write_text(path.read_text().replace(before, after, 1))
    with pytest.raises(BenchError, match=words):
        read_bench(path)


def test_a_missing_or_real_bench_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="cannot be read"):
        read_bench(tmp_path / "none.toml")
    (tmp_path / "real.toml").write_text('visa = "@py"')
    with pytest.raises(BenchError, match=r"has no \[simulated\] part"):
        read_bench(tmp_path / "real.toml")


WORDS = (
    "SOUR1 VOLT OFFS FUNC ARB DATA DAC VOL:CLE OUTP LOAD TRIG BURS NCYC CHAN1 RANG TIM WAV PRE? "
    "DATA? SING DIG AER? OPER:COND? SENS CURR PROT READ? FORM:ELEM MEAS:CURR? SYST:ERR? *RST *TRG "
    "*OPC? *WAI *ESE *STB? MIN MAX DEF INF ON OFF 1 -3 1e9 nan 5mV 'x' \" #13abc #0 #9 ; , : ? * é"
)


@given(
    words=st.lists(st.sampled_from(WORDS.split()), max_size=12),
    joint=st.sampled_from([":", " ", "", ",", ";"]),
)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_message_breaks_an_instrument(
    manager: pyvisa.ResourceManager, words: list[str], joint: str
) -> None:
    for instrument in bench_of(manager).instruments.values():
        for text in (joint.join(words), " ".join(words)):
            instrument.message(text.encode("latin-1") + b"\r\n")
        instrument.device_clear()
        instrument.message(b"*IDN?" + instrument.terminator)
        said = instrument.answers[-1].strip(b"\n\0").decode()
        assert said == instrument.identity


def test_a_long_list_of_numbers_is_taken_in_time(manager: pyvisa.ResourceManager) -> None:
    awg = manager.open_resource(AWG)
    started_s = time.monotonic()
    awg.write("DATA:ARB:DAC long," + ",".join(str(n % 1000) for n in range(60_000)))
    awg.write("FUNC:ARB long")
    assert awg.query("SYST:ERR?").startswith("+0")
    assert time.monotonic() - started_s < 5.0


def test_an_untouched_script_finds_the_bench_by_the_environment() -> None:
    script = (
        "import pyvisa; print(pyvisa.ResourceManager().open_resource('GPIB::24').query('*IDN?'))"
    )
    environment = os.environ | {"PYVISA_LIBRARY": "@labbench"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert "MODEL 2400" in done.stdout, done.stderr
    assert done.stderr == ""


def test_the_bench_of_the_readme_can_be_built(tmp_path: Path) -> None:
    readme = Path(__file__).parents[2].joinpath("README.md").read_text("utf-8")
    example = readme.split("```toml\n", 1)[1].split("```", 1)[0]
    assert "[simulated]" in example
    (tmp_path / "bench.toml").write_text(example, "utf-8")
    bench = read_bench(tmp_path / "bench.toml")
    assert bench.circuit.nodes == ("input", "supply", "gate", "output")
    assert len(bench.instruments) == 2
