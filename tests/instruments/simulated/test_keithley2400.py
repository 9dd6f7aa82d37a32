"""The simulated 2400 from the manual's side, by plain messages."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import pyvisa
from pyvisa.constants import EventMechanism, EventType

from instruments.simulated.bench import bench_of
from instruments.simulated.faults import Fault

SMU = "GPIB0::24::INSTR"
RESISTOR = "devices = { r = { resistance_ohm = 1e6 } }"
Open = Callable[..., pyvisa.resources.MessageBasedResource]


@pytest.fixture
def open_meter(tmp_path: Path) -> Iterator[Open]:
    managers = []

    def opened(device: str = RESISTOR, node: str = "top") -> pyvisa.resources.MessageBasedResource:
        path = tmp_path / "bench.toml"
        path.write_text(
            f'[simulated]\n{device}\n[[simulated.instruments]]\naddress = "{SMU}"\n'
            f'model = "2400"\nterminals = {{ 1 = "{node}" }}\n'
        )
        managers.append(pyvisa.ResourceManager(f"{path}@labbench"))
        return managers[-1].open_resource(SMU, timeout=60_000)

    yield opened
    for manager in managers:
        manager.close()


@pytest.fixture
def meter(open_meter: Open) -> pyvisa.resources.MessageBasedResource:
    return open_meter()


def bench(meter):
    return bench_of(meter.visalib.resource_manager)


def ask(meter, question: str) -> str:
    return meter.query(question).strip()


def numbers(meter, question: str) -> list[float]:
    return [float(each) for each in ask(meter, question).split(",")]


def error(meter) -> int:
    return int(ask(meter, ":SYST:ERR?").split(",")[0])


def break_with(meter, kind: str, value: float | None = None) -> None:
    bench(meter).ports[SMU].add_fault(Fault(kind=kind, value=value))
    meter.write("*CLS")


def test_ohms_law_in_both_modes(meter) -> None:
    meter.write(":SOUR:FUNC VOLT;:SOUR:VOLT 1;:SENS:FUNC 'VOLT','CURR'")
    meter.write(":SENS:CURR:PROT 1e-3;:OUTP ON")
    volt, curr, ohm, _, status = numbers(meter, ":READ?")
    assert volt == pytest.approx(1.0, abs=1e-4)
    assert curr == pytest.approx(1e-6, rel=1e-3)
    assert ohm == 9.91e37
    assert int(status) == (1 << 2) + (1 << 11) + (1 << 12) + (1 << 14)
    meter.write(":SOUR:FUNC CURR")
    assert ask(meter, ":OUTP?") == "0"
    meter.write(":SOUR:CURR 2e-6;:OUTP ON;:SENS:RES:MODE MAN;:SENS:FUNC:ALL")
    volt, curr, ohm, _, status = numbers(meter, ":READ?")
    assert volt == pytest.approx(2.0, rel=1e-3)
    assert curr == pytest.approx(2e-6, rel=1e-3)
    assert ohm == pytest.approx(1e6, rel=1e-3)
    assert int(status) & (1 << 15)
    assert error(meter) == 0


def test_what_is_not_measured_is_programmed_or_no_number(meter) -> None:
    meter.write("*RST;:SOUR:VOLT 0.5;:OUTP ON")
    assert ask(meter, ":SENS:FUNC?") == '"CURR:DC"'
    volt, curr, ohm, *_ = numbers(meter, ":READ?")
    assert (volt, ohm) == (0.5, 9.91e37)
    assert curr == pytest.approx(5e-7, rel=1e-3)
    meter.write(":SENS:FUNC:OFF:ALL;:SENS:FUNC 'VOLT'")
    assert numbers(meter, ":READ?")[1] == 9.91e37
    assert ask(meter, ":SENS:FUNC:COUN?;OFF:COUN?") == "1;2"


@pytest.mark.parametrize("mode", ["VOLT", "CURR"])
def test_compliance_acts_and_shows(meter, mode: str) -> None:
    level, limit = (10.0, "CURR:PROT 1e-6") if mode == "VOLT" else (1e-4, "VOLT:PROT 2")
    meter.write(f":SOUR:FUNC {mode};:SOUR:{mode} {level};:SENS:{limit};:SENS:FUNC 'VOLT','CURR'")
    meter.write(":OUTP ON")
    limited = "CURR" if mode == "VOLT" else "VOLT"
    volt, curr, _, _, status = numbers(meter, ":READ?")
    assert int(status) & 8
    assert (volt, curr) == pytest.approx((1.0, 1e-6) if mode == "VOLT" else (2.0, 2e-6), rel=1e-3)
    assert ask(meter, f":SENS:{limited}:PROT:TRIP?") == "1"
    assert int(ask(meter, ":STAT:MEAS:COND?")) & (1 << 14)
    meter.write(f":SOUR:{mode} {level / 1000}")
    assert ask(meter, f":SENS:{limited}:PROT:TRIP?") == "0"


def test_a_fixed_measuring_range_limits_too(meter) -> None:
    meter.write(":SENS:CURR:PROT 1e-4;:SENS:CURR:RANG 1e-6;:SOUR:VOLT 10;:OUTP ON")
    _, curr, _, _, status = numbers(meter, ":READ?")
    assert curr == pytest.approx(1.05e-6, rel=1e-3)
    assert int(status) & ((1 << 16) | 8) == 1 << 16
    meter.write(":SENS:CURR:RANG 1e-3")
    assert ask(meter, ":SYST:ERR?") == '+824,"Cannot exceed compliance range"'
    assert ask(meter, ":SENS:CURR:RANG?") == "1.050000E-06"


def test_a_limit_too_small_for_its_range_is_passed_over(meter) -> None:
    meter.write(":SENS:CURR:PROT 1e-6;:SENS:CURR:PROT 5e-10")
    assert float(ask(meter, ":SENS:CURR:PROT?")) == 1e-6
    meter.write(":SENS:CURR:PROT 0.01;:SENS:CURR:RANG 0.01;:SENS:CURR:PROT 9e-6")
    assert float(ask(meter, ":SENS:CURR:PROT?")) == 0.01
    meter.write(":SENS:CURR:PROT 1e-5")
    assert float(ask(meter, ":SENS:CURR:PROT?")) == 1e-5
    assert error(meter) == 0


def test_measure_brings_the_limit_back(meter) -> None:
    meter.write(":SOUR:VOLT 0.1;:SENS:CURR:PROT 1e-6")
    assert numbers(meter, ":MEAS:CURR?")[1] == pytest.approx(1e-7, rel=1e-2)
    assert float(ask(meter, ":SENS:CURR:PROT?")) == 1.05e-4
    assert ask(meter, ":OUTP?;:CONF?") == '1;"CURR:DC"'


@pytest.mark.parametrize(
    ("commands", "code"),
    [
        (":READ?", 803),
        (":INIT", 803),
        (":FETC?", -230),
        (":TRAC:DATA?", -230),
        ("*TRG", -211),
        (":SOUR:VOLT 211", -222),
        (":SOUR:VOLT:RANG 2;LEV 5", -222),
        (":SENS:CURR:PROT 1.2", -222),
        (":SENS:CURR:NPLC 11", -222),
        (":SENS:CURR:PROT 1;:SOUR:VOLT 22", 826),
        (":SOUR:VOLT 100;:SENS:CURR:PROT 0.2", 826),
        (":SENS:VOLT:RANG 20", 823),
        (":SENS:FUNC 'RES';:SOUR:VOLT 1", 825),
        (":SENS:FUNC CURR", -151),
        (":SENS:FUNC 'WATT'", -224),
        (":FORM:ELEM PRES", -224),
        (":ARM:COUN INF;:OUTP ON;:READ?", 830),
        (":ARM:COUN 100;:TRIG:COUN 100;:OUTP ON;:INIT", -221),
        (":SOUR:LIST:VOLT " + ",".join("0" * 101), -223),
        (":OUTP", -109),
        (":ABOR 1", -108),
        (":SOUR:VOLT:BOGUS 1", -113),
    ],
)
def test_errors(meter, commands: str, code: int) -> None:
    meter.write(commands)
    assert error(meter) == code
    assert ask(meter, ":SYST:ERR?") == '0,"No error"'


def test_the_error_queue_holds_ten(meter) -> None:
    for _ in range(12):
        meter.write(":NO:SUCH")
    assert ask(meter, ":SYST:ERR:COUN?") == "10"
    assert ask(meter, ":STAT:QUE?") == '-113,"Undefined header"'
    assert [error(meter) for _ in range(10)] == [-113] * 8 + [-350, 0]
    meter.write(":NO:SUCH;:SYST:CLE")
    meter.write(":OUTP OFF;:READ?")
    assert ask(meter, ":SYST:ERR:CODE:ALL?") == "-113,+803"


@pytest.mark.parametrize(
    ("command", "question", "answer"),
    [
        (":SOUR:VOLT 1.23456789", ":SOUR:VOLT?", "1.234568E+00"),
        (":SOUR:VOLT MAX", ":SOURCE1:VOLTAGE:LEVEL:IMMEDIATE:AMPLITUDE?", "2.100000E+02"),
        ("*RST", ":SOUR:VOLT:RANG?;RANG? MAX", "2.100000E+01;2.100000E+02"),
        (":SOUR:VOLT:RANG UP", ":SOUR:VOLT:RANG?;RANG:AUTO?", "2.100000E+02;0"),
        (":SOUR:VOLT 1", ":SENS:VOLT:RANG?", "2.100000E+00"),
        (":SENS:VOLT:NPLC 0.1", ":SENS:CURR:NPLC?", "0.10"),
        (":SOUR:DEL 0.5", ":SOUR:DEL?;DEL:AUTO?", "0.50000;0"),
        (":TRIG:COUN 7", ":TRIG:SEQ1:COUN?", "7"),
        (":ARM:TIM 0.25", ":ARM:LAY1:TIM?", "0.250"),
        (":ARM:SOUR BUS", ":ARM:SEQ1:LAY1:SOUR?", "BUS"),
        (":TRIG:INP SOUR,SENS", ":TRIG:INP?", "SOUR,SENS"),
        (":FORM:ELEM TIME,CURR", ":FORM:ELEM?", "CURR,TIME"),
        (":FORM:DATA REAL,32", ":FORM?", "REAL,32"),
        (":FORM:BORD SWAP", ":FORM:BORD?", "SWAP"),
        (":SOUR:VOLT:STAR -1;STOP 1;STEP 0.5", ":SOUR:SWE:POIN?", "5"),
        (":SOUR:VOLT:STAR 0;STOP 1;:SOUR:SWE:POIN 11", ":SOUR:VOLT:STEP?", "1.000000E-01"),
        (":SOUR:VOLT:CENT 1;SPAN 4", ":SOUR:VOLT:STAR?;STOP?", "-1.000000E+00;3.000000E+00"),
        (":SOUR:LIST:VOLT 1,2;VOLT:APP 3", ":SOUR:LIST:VOLT:POIN?", "3"),
        (":SENS:RES:RANG 1500", ":SENS:RES:RANG?;RANG:AUTO?", "2.100000E+03;0"),
        (":SYST:AZER ONCE", ":SYST:AZER:STAT?", "0"),
        (":DISP:TEXT:DATA 'busy';STAT 1", ":DISP:WIND1:TEXT:DATA?;STAT?", '"busy";1'),
        (":OUTP:SMOD HIMP", ":OUTP:SMOD?", "HIMP"),
        (":SYST:POS SAV1", ":SYST:POS?;VERS?", "SAV1;1996.0"),
        (":STAT:MEAS:ENAB 512;:FORM:SREG HEX", ":STAT:MEAS:ENAB?", "#H200"),
        (":SOUR:VOLT 3;*SAV 2;*RST;*RCL 2", ":SOUR:VOLT?", "3.000000E+00"),
        (":*RST", ":ROUT:TERM?", "FRON"),
    ],
)
def test_settings_read_back(meter, command: str, question: str, answer: str) -> None:
    meter.write(command)
    assert ask(meter, question) == answer
    assert error(meter) == 0


def test_reset_leaves_the_buffer_and_the_status_alone(meter) -> None:
    meter.write(":TRAC:POIN 17;:SOUR:VOLT 1;:OUTP ON;:STAT:MEAS:ENAB 64;*RST")
    assert ask(meter, ":TRAC:POIN?;:SOUR:VOLT?;:OUTP?;:STAT:MEAS:ENAB?") == "17;0.000000E+00;0;64"


def test_a_recalled_setup_sources_its_level(meter) -> None:
    meter.write(":SOUR:VOLT 3;:OUTP ON;*SAV 1;*RST;*RCL 1")
    assert ask(meter, ":OUTP?") == "0"
    meter.write(":OUTP ON")
    assert numbers(meter, ":READ?")[1] == pytest.approx(3e-6, rel=1e-2)


def test_a_linear_sweep_takes_its_time(meter) -> None:
    meter.write(":SENS:CURR:PROT 1e-3;:SENS:FUNC 'CURR';:SENS:CURR:NPLC 1;:SOUR:DEL 0.01")
    meter.write(
        ":SOUR:VOLT:MODE SWE;STAR -1;STOP 1;STEP 0.5;:TRIG:COUN 5;:FORM:ELEM VOLT,CURR,TIME"
    )
    meter.write(":OUTP ON")
    before_s = bench(meter).clock.now()
    found = np.array(numbers(meter, ":READ?")).reshape(5, 3)
    assert np.allclose(found[:, 0], [-1, -0.5, 0, 0.5, 1])
    assert np.allclose(found[:, 1], found[:, 0] / 1e6, atol=1e-9)
    each_s = 0.01 + 3 * (0.02 + 185e-6)
    assert np.diff(found[:, 2]) == pytest.approx(each_s, rel=1e-4)
    assert bench(meter).clock.now() - before_s == pytest.approx(5 * each_s, rel=0.05)
    meter.write(":SOUR:SWE:DIR DOWN;SPAC LOG;:SOUR:VOLT:STAR 0.01;STOP 1;:SOUR:SWE:POIN 5")
    found = np.array(numbers(meter, ":READ?")).reshape(5, 3)
    assert np.allclose(found[:, 0], np.geomspace(1, 0.01, 5), rtol=1e-5)


def test_a_list_in_current_mode_and_abort_on_compliance(meter) -> None:
    meter.write(":SOUR:FUNC CURR;:SENS:FUNC 'VOLT';:SENS:VOLT:PROT 2;:FORM:ELEM VOLT")
    meter.write(":SOUR:CURR:MODE LIST;:SOUR:LIST:CURR 1e-7,1e-6,5e-6,1e-7;:TRIG:COUN 4;:OUTP ON")
    found = numbers(meter, ":READ?")
    assert found == pytest.approx([0.1, 1.0, 2.0, 0.1], rel=1e-3)
    meter.write(":SOUR:SWE:CAB EARL")
    assert len(numbers(meter, ":READ?")) == 3


def test_the_buffer_requests_service_when_it_is_full(meter) -> None:
    meter.write(":STAT:PRES;*CLS;*SRE 1;:STAT:MEAS:ENAB 512;:TRAC:CLE;:TRAC:POIN 4;:TRIG:COUN 4")
    meter.write(":TRAC:FEED SENS;FEED:CONT NEXT;:SOUR:VOLT 1;:OUTP ON;:FORM:ELEM VOLT,TIME")
    meter.enable_event(EventType.service_request, EventMechanism.queue)
    meter.write(":INIT")
    assert ask(meter, ":STAT:OPER:COND?") == "0"
    assert ask(meter, "*STB?") == "0"
    meter.write(":INIT")
    assert error(meter) == -213
    meter.wait_on_event(EventType.service_request, 10_000)
    assert meter.read_stb() == 65
    assert int(ask(meter, ":STAT:MEAS?")) & 512
    assert ask(meter, ":TRAC:FEED:CONT?;:TRAC:POIN:ACT?") == "NEV;4"
    assert ask(meter, ":STAT:OPER:COND?") == "1024"
    found = np.array(numbers(meter, ":TRAC:DATA?")).reshape(4, 2)
    assert found[0, 1] == 0.0
    meter.write(":TRAC:TST:FORM DELT")
    steps_s = np.array(numbers(meter, ":TRAC:DATA?")).reshape(4, 2)[:, 1]
    assert np.cumsum(steps_s) == pytest.approx(found[:, 1], abs=1e-5)
    meter.write(":TRAC:CLE")
    assert ask(meter, ":TRAC:POIN:ACT?;:TRAC:FREE?") == "0;60000, 0"


@pytest.mark.parametrize("order", ["NORM", "SWAP"])
def test_binary_readings(meter, order: str) -> None:
    meter.write(
        f":FORM:DATA REAL,32;BORD {order};ELEM VOLT,CURR;:TRIG:COUN 3;:SOUR:VOLT 2;:OUTP ON"
    )
    found = meter.query_binary_values(
        ":READ?", datatype="f", data_points=6, is_big_endian=order == "NORM"
    )
    assert found == pytest.approx([2.0, 2e-6] * 3, rel=1e-2)
    assert error(meter) == 0


def test_statistics_of_the_buffer(meter) -> None:
    meter.write(
        ":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 1,2,3;:TRIG:COUN 3;:TRAC:POIN 3;FEED:CONT NEXT"
    )
    meter.write(":OUTP ON;:INIT;*WAI")
    for name, volt in (("MEAN", 2), ("MAX", 3), ("MIN", 1), ("PKPK", 2), ("SDEV", 1)):
        found = numbers(meter, f":CALC3:FORM {name};:CALC3:DATA?")
        assert found[:2] == pytest.approx([volt, volt * 1e-6], rel=2e-2), name
        assert found[2] == 9.91e37


def test_bus_timer_and_line_triggers(meter) -> None:
    clock, smu = bench(meter).clock, bench(meter).instruments[SMU]
    edges = []
    smu.edge_listeners.append(edges.append)
    meter.write(":OUTP ON;:ARM:SOUR BUS;:ARM:OUTP TENT;:INIT")
    clock.sleep(10.0)
    assert ask(meter, ":STAT:OPER:COND?") == "64"
    meter.write("*TRG;*OPC")
    clock.sleep(1.0)
    assert int(ask(meter, "*ESR?")) & 1
    assert len(edges) == 1
    meter.write(":INIT")
    meter.assert_trigger()
    assert len(numbers(meter, ":FETC?")) == 5
    meter.write(":ARM:SOUR TIM;:ARM:TIM 0.5;:ARM:COUN 3;:FORM:ELEM TIME")
    assert np.diff(numbers(meter, ":READ?")) == pytest.approx(0.5, abs=1e-6)
    meter.write(":ARM:SOUR IMM;:ARM:COUN 1;:TRIG:COUN 2;:TRIG:SOUR TLIN;:INIT")
    assert ask(meter, ":STAT:OPER:COND?") == "32"
    for _ in range(2):
        smu.external_edge(clock.now() + 0.2)
        clock.sleep(1.0)
    assert np.diff(numbers(meter, ":FETC?")) == pytest.approx(1.0, abs=0.01)
    meter.assert_trigger()
    assert error(meter) == -211
    meter.write(":INIT;:ABOR")
    assert ask(meter, ":STAT:OPER:COND?") == "1024"


def test_filter_and_integration_take_time_and_quieten(meter) -> None:
    meter.write(":SOUR:VOLT 1;:SENS:CURR:PROT 1e-3;:OUTP ON;:TRIG:COUN 40;:FORM:ELEM CURR")

    def spread() -> tuple[float, float]:
        before_s = bench(meter).clock.now()
        found = np.array(numbers(meter, ":READ?"))
        return float(found.std()), bench(meter).clock.now() - before_s

    meter.write(":SENS:CURR:NPLC 0.01")
    fast, fast_s = spread()
    meter.write(":SENS:CURR:NPLC 1")
    slow, slow_s = spread()
    meter.write(":SENS:AVER ON;AVER:COUN 10")
    _, filtered_s = spread()
    assert fast > 3 * slow
    assert fast_s < slow_s < filtered_s / 5
    meter.write(":SYST:AZER OFF;:SENS:AVER OFF")
    assert spread()[1] < slow_s / 2


def test_auto_ohms_finds_its_range_and_gives_the_source_back(meter) -> None:
    meter.write(":SOUR:VOLT 0.3")
    found = numbers(meter, ":MEAS:RES?")
    assert found[1:3] == pytest.approx([1e-6, 1e6], rel=1e-3)
    assert int(found[4]) & (1 << 10)
    assert ask(meter, ":SENS:RES:RANG?") == "2.100000E+06"
    meter.write(":SENS:RES:MODE MAN;OCOM ON")
    found = numbers(meter, ":READ?")
    assert found[:3] == pytest.approx([0.3, 3e-7, 1e6], rel=1e-2)
    assert int(found[4]) & (1 << 17)
    assert error(meter) == 0


def test_limits_are_tested(meter) -> None:
    meter.write(":CALC2:FEED CURR;LIM2:UPP 1.5e-6;LOW 0.5e-6;STAT 1;:CALC2:LIM1:STAT 1")
    meter.write(":SOUR:VOLT 1;:OUTP ON;:READ?")
    meter.read()
    assert ask(meter, ":CALC2:LIM2:FAIL?;:CALC2:LIM1:FAIL?") == "0;0"
    assert int(ask(meter, ":STAT:MEAS:COND?")) & 32
    meter.write(":SENS:CURR:PROT 2e-6;:SOUR:VOLT 10;:READ?")
    meter.read()
    assert ask(meter, ":CALC2:LIM2:FAIL?;:CALC2:LIM1:FAIL?") == "1;1"
    assert int(ask(meter, ":STAT:MEAS:COND?")) & 0b100111 == 0b101
    meter.write(":CALC:MATH:NAME 'POWER';:CALC:STAT 1")
    assert numbers(meter, ":CALC:DATA?") == pytest.approx([10 * 2e-6], rel=1e-2)


def test_faults_of_its_own(meter) -> None:
    meter.write(":SOUR:VOLT 1;:OUTP ON")
    break_with(meter, "over_range")
    _, curr, _, _, status = numbers(meter, ":READ?")
    assert curr == 9.9e37
    assert int(status) & 1
    assert int(ask(meter, ":STAT:MEAS?")) & 128
    break_with(meter, "compliance", 3e-7)
    assert float(ask(meter, ":SENS:CURR:PROT?")) == 3e-7
    assert int(numbers(meter, ":READ?")[4]) & 8
    break_with(meter, "trip")
    assert ask(meter, ":OUTP?") == "0"
    break_with(meter, "interlock")
    meter.write(":OUTP ON")
    assert ask(meter, ":SYST:ERR?") == '+802,"OUTPUT blocked by output enable"'
    assert ask(meter, ":OUTP?;:OUTP:ENAB:TRIP?") == "0;0"
    bench(meter).ports[SMU].add_fault(Fault(kind="queue_overflow"))
    meter.write(":SYST:ERR:COUN?")
    assert meter.read().strip() == "10"


def test_a_memristor_in_both_modes(open_meter: Open) -> None:
    meter = open_meter('card = "memristor"', "input")
    meter.write(":SENS:RES:MODE MAN;:SENS:FUNC:ALL;:SENS:CURR:PROT 1e-3;:SOUR:VOLT 0.05;:OUTP ON")
    off_ohm = numbers(meter, ":READ?")[2]
    assert error(meter) == 0
    meter.write(":SOUR:FUNC CURR;:SENS:VOLT:PROT 0.06;:SOUR:CURR 1e-9;:OUTP ON")
    volt, curr, ohm, _, status = numbers(meter, ":READ?")
    assert volt == pytest.approx(curr * ohm, rel=1e-5)
    assert ohm == pytest.approx(off_ohm, rel=0.2) or int(status) & 8
    assert error(meter) == 0


def test_a_neuron_takes_no_current_source(open_meter: Open) -> None:
    meter = open_meter("seed = 0", "supply")
    meter.write(":SOUR:FUNC CURR;:OUTP ON")
    assert error(meter) == -221
    assert ask(meter, ":OUTP?") == "0"
