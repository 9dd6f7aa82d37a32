"""The simulated 4200A: the stock driver as it is, sweeps, pulses and segments, errors, faults."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import pyvisa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymeasure.instruments.keithley import Keithley4200
from pymeasure.instruments.keithley.keithley4200 import StatusCode

from instruments.simulated.bench import SimulatedBench, bench_of
from instruments.simulated.faults import Fault

FRAME = "TCPIP0::192.0.2.1::1225::SOCKET"
LOAD_OHM = 1e4
Ask = Callable[[str], str]


def frame_file(folder: Path, devices: str = "", terminals: str = '1 = "top", 5 = "top"') -> Path:
    path = folder / "frame.toml"
    path.write_text(
        f"""[simulated]
seed = 3
{devices or f"[simulated.devices.load]{chr(10)}resistance_ohm = {LOAD_OHM}"}
[[simulated.instruments]]
address = "{FRAME}"
model = "4200A-SCS"
terminals = {{ {terminals} }}
"""
    )
    return path


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[pyvisa.ResourceManager]:
    manager = pyvisa.ResourceManager(f"{frame_file(tmp_path)}@labbench")
    yield manager
    manager.close()


@pytest.fixture
def bench(manager: pyvisa.ResourceManager) -> SimulatedBench:
    return bench_of(manager)


@pytest.fixture
def ask(manager: pyvisa.ResourceManager) -> Ask:
    frame = manager.open_resource(FRAME, write_termination="\0", read_termination="\0")
    frame.timeout = 60_000
    return lambda command: str(frame.query(command))


def told(ask: Ask, *commands: str) -> None:
    for command in commands:
        assert ask(command) == "ACK", command


def rows(answer: str) -> np.ndarray:
    return np.array([[float(v) for v in row.split(",")] for row in answer.split(";")])


def test_stock_driver(manager: pyvisa.ResourceManager) -> None:
    frame = Keithley4200(FRAME, visa_library=manager.visalib)
    assert frame.id == "KI4200A V1.14"
    assert frame.options[:4] == ["SMUPA1", "SMUPA2", "SMUPA3", "SMUPA4"]
    assert frame.status == StatusCode.NONE
    frame.smu1.voltage_setpoint = (0, 1.5, 1e-2)
    assert frame.smu1.voltage == pytest.approx(1.5, rel=1e-3)
    assert frame.smu1.current == pytest.approx(1.5 / LOAD_OHM, rel=1e-3)
    frame.smu1.current_setpoint = (6, 2e-5, 5)
    assert frame.smu1.voltage == pytest.approx(0.2, rel=1e-3)
    frame.smu1.disable()
    assert abs(frame.smu1.current) < 1e-12
    with pytest.raises(ValueError, match="Source level 300"):
        frame.smu1.voltage_setpoint = (0, 300, 1e-2)
    assert frame.status == StatusCode.SYNTAX_ERROR
    frame.clear()
    assert frame.status == StatusCode.NONE


def test_compliance_is_shown_and_kept(ask: Ask) -> None:
    told(ask, "US", "DV1,0,2,1e-5")
    assert ask("TI1").startswith(("CAI 1.0000E-05", "CAI 9.9"))
    assert ask("TV1").startswith("CAV 9.99")
    told(ask, "RI1,1e-4,3e-5")
    assert float(ask("TI1")[3:]) == pytest.approx(3e-5, rel=1e-3)


def test_fixed_range_overflows_and_range_codes_bind(ask: Ask) -> None:
    told(ask, "US", "DV1,0,1,1e-2", "RI1,1e-6")
    assert ask("TI1") == "VAI 7.0000E+22"
    told(ask, "RG1,1e-9")
    assert ask("TI1").startswith("NAI")
    assert ask("DV1,5,10,1e-3").startswith("Source level 10 does not fit the range 5")
    assert ask("DV1,7,1,1e-3").startswith("There is no voltage range 7")
    assert ask("DI1,3,1e-6,1").startswith("Source level 1e-06 does not fit")


def test_integration_time_and_resolution(ask: Ask, bench: SimulatedBench) -> None:
    told(ask, "US", "DV1,0,1,1e-2", "RS 7")
    for setting, plc in (("IT1", 0.1), ("IT2", 1.0), ("IT3", 10.0), ("IT4,1,1,2.5", 2.5)):
        told(ask, setting)
        before_s = bench.clock.now()
        answer = ask("TI1")
        assert bench.clock.now() - before_s == pytest.approx(plc / 50, abs=2e-3)
    assert len(answer) == len("NAI 1.000000E-04")
    spread = {}
    for setting in ("IT1", "IT3"):
        told(ask, setting)
        spread[setting] = np.std([float(ask("TV1")[3:]) for _ in range(40)])
    assert 5 < spread["IT1"] / spread["IT3"] < 20


def test_linear_sweep(ask: Ask) -> None:
    told(ask, "BC", "DR1", "DE", "CH1,'V1','I1',1,1", "SS", "VR1,0,1,0.25,1e-3", "DT 0.01")
    told(ask, "SM", "LI 'V1','I1'", "MD", "ME1")
    assert int(ask("SP")) == StatusCode.BUSY
    # Everything else waits for the end.
    volts = [float(each[1:]) for each in ask("DO 'V1'").split(",")]
    assert volts == pytest.approx([0, 0.25, 0.5, 0.75, 1.0], abs=1e-3)
    assert int(ask("SP")) == StatusCode.DATA_READY | StatusCode.SERVICE_REQUEST
    amperes = ask("DO 'I1'").split(",")
    assert {each[0] for each in amperes} == {"N"}
    assert float(amperes[4][1:]) == pytest.approx(1e-4, rel=1e-3)
    assert float(ask("RD 'I1', 5")) == float(amperes[4][1:])
    assert ask("RD 'I1', 6") == "0"
    times = np.array([float(each[1:]) for each in ask("DO 'CH1T'").split(",")])
    assert np.diff(times) == pytest.approx([0.031] * 4)
    assert ask("DO 'X'").startswith("There is no data of 'X'")
    told(ask, "MD", "ME3")
    assert len(ask("DO 'V1'").split(",")) == 5 + 5


def test_sweep_in_compliance_is_marked(ask: Ask) -> None:
    told(ask, "DE", "CH1,'V1','I1',1,1", "CH2,'V2','I2',1,3", "SS")
    told(ask, "VL1,1,5e-5,0,0.2,1,0.1", "VC2,0,1e-3", "MD", "ME1")
    assert [each[0] for each in ask("DO 'I1'").split(",")] == ["N", "N", "C", "N"]
    assert [each[0] for each in ask("DO 'I2'").split(",")] == ["N", "N", "T", "N"]


def test_stepped_and_ratio_and_sampled(ask: Ask) -> None:
    told(ask, "DE", "CH1,'V1','I1',1,1", "CH2,'V2','I2',1,2", "CH3,'V3','I3',1,4", "SS")
    told(ask, "VR2,0.01,1,1e-3", "VP 1,2,2,1e-3", "RT 2", "FS 0.5", "MD", "ME1")
    second = [float(each[1:]) for each in ask("DO 'V2'").split(",")]
    assert second == pytest.approx([1.0] * 21 + [3.0] * 21, abs=1e-3)
    third = [float(each[1:]) for each in ask("DO 'V3'").split(",")]
    assert third[:21] == pytest.approx(0.5 + 2 * np.geomspace(0.01, 1, 21), abs=1e-3)
    told(ask, "DE", "CH2", "CH3", "CH1,'V1','I1',2,3", "SS", "IC1,1e-5,1", "SM", "NR 4", "IN 0.5")
    told(ask, "MD", "ME1")
    times = [float(each[1:]) for each in ask("DO 'CH1T'").split(",")]
    assert np.diff(times) == pytest.approx([0.5] * 3, abs=1e-4)
    assert float(ask("RD 'V1', 4")) == pytest.approx(0.1, rel=1e-3)


def test_abort_keeps_what_was_read(ask: Ask, bench: SimulatedBench) -> None:
    told(ask, "DE", "CH1,'V1','I1',1,1", "SS", "VR1,0,1,0.01,1e-3", "DT 1", "MD", "ME1")
    bench.clock.sleep(5.0)
    told(ask, "ME4")
    assert len(ask("DO 'V1'").split(",")) == 4
    assert int(ask("SP")) == StatusCode.DATA_READY
    told(ask, "US")
    assert abs(float(ask("TV1")[3:])) < 1e-3


@pytest.mark.parametrize(
    ("commands", "words"),
    [
        (["XY"], "Command 'XY' not recognized here"),
        (["MD", "DV1,0,1,1e-3"], "Command 'DV' not recognized here"),
        (["US", "DV1,0,1"], "Parameter 4 is missing"),
        (["US", "DV5,0,1,1e-3"], "Parameter 1 is 5, not 1 to 4"),
        (["US", "DV1,0,1,0.2"], "Compliance 0.2 is not"),
        (["US", "DV1,0,100,0.05"], "Above 21 V the compliance is at most"),
        (["US", "DV1,0,x,1e-3"], "Parameter 3 is 'x', not a number"),
        (["US", "IT1.5"], "Parameter 1 is 1.5, not an integer"),
        (["MD", "ME1"], "No SMU is defined"),
        (["SS", "VR1,0,1,0.1,1e-3"], "No SMU is defined as VAR1 of voltage"),
        (["DE", "CH1,'V1','I1',1,1", "SS", "VR1,0,1,1e-5,1e-3"], "100001 points are more than"),
        ([":PMU:SWEEP:DC 1, 0, 5, 1e-12"], "points are more than 4096"),
        (["DE", "CH1,'V1','I1',1,1", "SS", "VR2,-1,1,1e-3"], "ends of one sign"),
        ([":PMU:EXECUTE"], "No channel of the pulse card is on"),
        ([":PMU:RPM:CONFIGURE PMU2-1, 0"], "There is no remote amplifier PMU2-1"),
        ([":PMU:MEASURE:RANGE 1, 2, 0.5"], "A range of 0.5 A is beyond 0.2 A"),
        ([":PMU:PULSE:TIMES 1, 1e-6, 9e-7, 1e-7, 1e-7, 1e-7"], "does not fit into its period"),
        ([":PMU:SARB:SEQ:TIME 1, 1, 1e-8"], "time_s needs values of 2e-08 to 40"),
        (["UL", "EX lib f()"], "There are no user libraries"),
    ],
)
def test_errors(ask: Ask, commands: list[str], words: str) -> None:
    told(ask, *commands[:-1])
    answer = ask(commands[-1])
    assert words in answer
    assert ask(":ERROR:LAST:GET") == answer
    assert int(ask("SP")) == StatusCode.SYNTAX_ERROR
    assert int(ask("SP")) == 0
    assert ask("*OPC?") == "1"
    told(ask, ":ERROR:LAST:CLEAR")
    assert ask(":ERROR:LAST:GET") == ""


def segments(ask: Ask, *lists: str) -> None:
    told(ask, ":PMU:INIT 1", ":PMU:RPM:CONFIGURE PMU1-1, 0", ":PMU:MEASURE:RANGE 1, 2, 1e-3")
    told(ask, *(f":PMU:SARB:SEQ:{each}" for each in lists))
    told(ask, ":PMU:SARB:WFM:SEQ:LIST 1, 1, 1", ":PMU:OUTPUT:STATE 1, 1")


def test_segments_are_measured_as_waveform(ask: Ask, bench: SimulatedBench) -> None:
    edges: list[float] = []
    bench.instruments[FRAME].edge_listeners.append(edges.append)
    segments(
        ask,
        "TIME 1, 1, 1e-6, 1e-7, 1e-6, 1e-7, 1e-6",
        "STARTV 1, 1, 0, 0, 2, 2, 0",
        "STOPV 1, 1, 0, 2, 2, 0, 0",
        "MEAS:TYPE 1, 1, 2, 2, 2, 2, 2",
    )
    told(ask, ":PMU:LOAD 1, 1e4", ":PMU:EXECUTE")
    assert len(edges) == 1
    assert ask(":PMU:TEST:STATUS?") == "1"
    assert ask(":PMU:DATA:COUNT? 1") == "640"
    assert ask(":PMU:TEST:STATUS?") == "0"
    data = np.vstack([rows(ask(f":PMU:DATA:GET 1, {n}, 300")) for n in (0, 300, 600)])
    volts, amperes, time_s, status = data.T
    assert np.diff(time_s) == pytest.approx(5e-9)
    expected = np.interp(time_s, [1e-6, 1.1e-6, 2.1e-6, 2.2e-6], [0, 2, 2, 0])
    assert volts == pytest.approx(expected, abs=0.02)
    assert amperes == pytest.approx(expected / LOAD_OHM, abs=2e-6)
    assert not status.any()
    assert rows(ask(":PMU:DATA:GET 1, 0, 2, T")).shape == (2, 1)


def test_output_resistance_and_compensation(ask: Ask) -> None:
    segments(
        ask, "TIME 1, 1, 1e-6, 1e-6, 1e-6", "STARTV 1, 1, 0, 1, 1", "STOPV 1, 1, 1, 1, 0",
        "MEAS:TYPE 1, 1, 0, 1, 0",
    )  # fmt: skip
    told(ask, ":PMU:LOAD 1, 50", ":PMU:EXECUTE")
    # What is meant for 50 Ohm is nearly twice as much at 10 kOhm.
    assert rows(ask(":PMU:DATA:GET 1"))[0, 0] == pytest.approx(2 * 1e4 / 10_050, abs=5e-3)
    told(ask, ":PMU:LLEC:CONFIGURE 1, 1", ":PMU:EXECUTE")
    assert rows(ask(":PMU:DATA:GET 1"))[0, 0] == pytest.approx(1.0, abs=5e-3)


def test_current_clips_at_its_range_unless_it_is_free(ask: Ask) -> None:
    segments(
        ask, "TIME 1, 1, 1e-6, 1e-6, 1e-6", "STARTV 1, 1, 0, 5, 5", "STOPV 1, 1, 5, 5, 0",
        "MEAS:TYPE 1, 1, 0, 2, 0",
    )  # fmt: skip
    told(ask, ":PMU:MEASURE:RANGE 1, 2, 1e-4", ":PMU:EXECUTE")
    data = rows(ask(":PMU:DATA:GET 1"))
    assert set(data[:, 1]) == {1e-4}
    assert set(data[:, 3]) == {1 << 11}
    told(ask, ":PMU:MEASURE:RANGE 1, 0, 0", ":PMU:EXECUTE")
    assert rows(ask(":PMU:DATA:GET 1"))[:, 1] == pytest.approx(5 / 10_050, abs=2e-6)


def test_pulse_sweep_means(ask: Ask) -> None:
    told(ask, ":PMU:INIT 0", ":PMU:MEASURE:RANGE 1, 2, 1e-3")
    told(ask, ":PMU:SWEEP:PULSE:AMPLITUDE 1, 0, 2, 1, 0.5, 1", ":PMU:PULSE:BURST:COUNT 3")
    told(ask, ":PMU:PULSE:TIMES 1, 1e-5, 2e-6, 1e-7, 1e-7, 1e-6", ":PMU:OUTPUT:STATE 1, 1")
    told(ask, ":PMU:MEASURE:MODE 1", ":PMU:EXECUTE")
    assert ask(":PMU:DATA:COUNT? 1") == "18"
    told(ask, ":PMU:MEASURE:MODE 3", ":PMU:EXECUTE")
    data = rows(ask(":PMU:DATA:GET 1"))
    assert data.shape == (6, 8)
    assert data[:, 0] == pytest.approx([0, 1, 2, 2, 1, 0], abs=0.02)
    assert data[:, 4] == pytest.approx([0.5] * 6, abs=0.02)
    assert rows(ask(":PMU:DATA:GET 1, 0, 2048, IH"))[2, 0] == pytest.approx(2e-4, rel=0.02)
    told(ask, ":PMU:MEASURE:PIV 1, 1, 0", ":PMU:EXECUTE")
    assert rows(ask(":PMU:DATA:GET 1")).shape == (6, 4)


def test_waveform_of_a_pulse_averaged(ask: Ask) -> None:
    told(ask, ":PMU:INIT 0", ":PMU:PULSE:TRAIN 1, 0, 1", ":PMU:MEASURE:MODE 4")
    told(ask, ":PMU:PULSE:TIMES 1, 1e-5, 2e-6, 1e-7, 1e-7", ":PMU:PULSE:BURST:COUNT 100")
    told(ask, ":PMU:SAMPLE:RATE 1e8", ":PMU:OUTPUT:STATE 1, 1", ":PMU:EXECUTE")
    data = rows(ask(":PMU:DATA:GET 1"))
    assert np.diff(data[:, 2]) == pytest.approx(1e-7, rel=1e-3) or len(data) <= 2048
    top = data[(data[:, 2] > 2e-7) & (data[:, 2] < 1.9e-6), 0]
    assert top.std() < 1e-3
    told(ask, ":PMU:MEASURE:MODE 2", ":PMU:PULSE:BURST:COUNT 1", ":PMU:EXECUTE")
    data = rows(ask(":PMU:DATA:GET 1"))
    assert np.diff(data[:, 2]) == pytest.approx(1e-8)


@pytest.mark.parametrize(
    ("lists", "words"),
    [
        (["TIME 1,1,1e-6,1e-6", "STARTV 1,1,0,1", "STOPV 1,1,0.5,0"], "Segment 2 does not start"),
        (["TIME 1,1,1e-6", "STARTV 1,1,0,1", "STOPV 1,1,1"], "lists of [1, 2]"),
        (["TIME 1,1,1e-6", "STARTV 1,1,0", "STOPV 1,1,11"], "11 V are beyond"),
        (
            [
                "TIME 1,1,1e-6",
                "STARTV 1,1,0",
                "STOPV 1,1,1",
                "MEAS:TYPE 1,1,2",
                "MEAS:STOP 1,1,2e-6",
            ],
            "measured outside of itself",
        ),
    ],
)
def test_segments_that_do_not_fit(ask: Ask, lists: list[str], words: str) -> None:
    segments(ask, *lists)
    assert words in ask(":PMU:EXECUTE")
    assert ask(":PMU:TEST:STATUS?") == "0"


def test_segments_are_added_and_counted(ask: Ask) -> None:
    for _ in range(8):
        told(ask, ":PMU:SARB:SEQ:TIME:ADD 1, 1, " + ",".join(["1e-6"] * 256))
    assert ask(":PMU:SARB:SEQ:TIME:ADD 1, 1, 1e-6").startswith("A channel has 2048 segments")


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=30))
def test_every_message_has_one_answer(ask: Ask, message: str) -> None:
    ask(message)
    assert ask("ID") == "KI4200A V1.14"


@pytest.mark.parametrize(
    ("kind", "value", "before", "command", "found"),
    [
        ("over_range", None, "DV1,0,1,1e-2", "TI1", "VAI 7.0000E+22"),
        ("interlock", None, "DV1,0,1,1e-2", "DV1,0,100,1e-3", "The safety interlock is open"),
        ("compliance", 1e-5, "DV1,0,1,1e-2", "TI1", "CAI"),
        ("queue_overflow", None, "DV1,0,1,1e-2", ":ERROR:LAST:GET", "Message buffer overflow"),
    ],
)
def test_faults(
    ask: Ask, bench: SimulatedBench, kind: str, value: float, before: str, command: str, found: str
) -> None:
    told(ask, "US", before)
    bench.ports[FRAME].add_fault(Fault(kind=kind, value=value))  # type: ignore[arg-type]
    assert ask(command).startswith(found)


def test_trip_opens_everything(ask: Ask, bench: SimulatedBench) -> None:
    told(ask, "US", "DV1,0,1,1e-2", ":PMU:OUTPUT:STATE 1, 1")
    bench.ports[FRAME].add_fault(Fault(kind="trip"))
    assert abs(float(ask("TV1")[3:])) < 1e-3
    assert ask(":PMU:EXECUTE").startswith("No channel")


def test_reset(ask: Ask) -> None:
    told(ask, "DE", "CH1,'V1','I1',1,3", "SS", "VC1,1,1e-3", "US", "DV1,0,1,1e-2", "IT3", "*RST")
    assert abs(float(ask("TV1")[3:])) < 1e-3
    told(ask, "MD")
    assert ask("ME1").startswith("No SMU is defined")
    assert ask("*IDN?").startswith("KEITHLEY INSTRUMENTS,KI4200A,")
